"""Verdicts that wait for the quality owner's sign-off: the report, and the answer to it, in one dialog."""

from __future__ import annotations

import base64
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, components, documents, opened, reads
from pages.shared.actions import Values
from pages.shared.words import plain
from tailguard.domain.facts import ReportKept
from tailguard.domain.roles import Right
from tailguard.domain.wording import counted, duration
from tailguard.plays.lineages import PendingSignOff
from tailguard.plays.monitoring.gates import SignOffs
from tailguard.release import sign_off

_REVIEWED = "reviewed"
"""The run whose dialog is open: it stays open while the page is drawn anew, and closes with an answer."""
_REPORT_HEIGHT = 340


def pending(waiting: tuple[PendingSignOff, ...]) -> None:
    """A line for each verdict that waits, with the dialog behind its button."""
    actions.show_answer("sign-off")
    for verdict in waiting:
        with st.container(border=True):
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.markdown(_summary(verdict))
            right.button(
                "Review",
                key=f"review-{verdict.run}",
                on_click=partial(st.session_state.__setitem__, _REVIEWED, verdict.run),
                width="stretch",
                help="The full report, to approve or to decline",
            )
    for verdict in waiting:
        if verdict.run == st.session_state.get(_REVIEWED):
            _review(verdict)


def _summary(verdict: PendingSignOff) -> str:
    heading = f"{verdict.run}: waiting for sign-off since {verdict.since.day} {verdict.since:%b %Y}"
    icon = components.ICONS[verdict.verdict]
    return f"**{icon} {plain(heading)}**  \n{plain(f'{verdict.verdict}: {verdict.reason}.')}"


def _close() -> None:
    st.session_state.pop(_REVIEWED, None)


@st.dialog("Sign-off", width="large", on_dismiss=_close)
def _review(verdict: PendingSignOff) -> None:
    """The report of one verdict, and the form that answers it."""
    if _REVIEWED not in st.session_state:  # it was answered just now
        components.again()
    st.markdown(_summary(verdict))
    _report(verdict.run)
    actions.show_answer("sign-off")
    with components.where_readable(), st.form("sign-off", border=False):
        forbidden = opened.why_not(Right.SIGN_OFF)
        st.text_area("Note: what you looked at, or why not", key="sign_off_note", height=68, disabled=bool(forbidden))
        with st.container(horizontal=True):
            for label, approved in (("Approve", True), ("Decline", False)):
                actions.submit(
                    label,
                    partial(_answer, verdict.run, approved),
                    key=f"sign-off-{label.lower()}-{verdict.run}",
                    then=_close,
                    type="primary" if approved else "secondary",
                    disabled=bool(forbidden),
                )
        if forbidden:
            st.caption(plain(forbidden))


def _answer(run: str, approved: bool, values: Values) -> str:
    """The quality owner's answer to a verdict."""
    seconds = sign_off.sign_off(opened.workspace(), run, approved=approved, note=values["sign_off_note"])
    return f"{run} is {'approved' if approved else 'declined'}, {duration(seconds)} after its verdict."


def _report(run: str) -> None:
    """The full report, against the reference that is chosen. It stands in a frame of no origin: it holds what models wrote."""
    kinds = list(dict.fromkeys(reads.facts(ReportKept, run=run)["reference_kind"]))
    if not kinds:
        st.info("It was compared with no other generation, so there is no report.", icon="ℹ️")
        return
    against = st.segmented_control("Report against", kinds, default=kinds[0], key=f"report-{run}") or kinds[0]
    with components.where_readable(), st.spinner("Reading the report …"):
        content = base64.b64encode(documents.report(run, against)).decode()
        st.iframe(
            f"data:text/html;charset=utf-8;base64,{content}",
            height=_REPORT_HEIGHT,
            alt=f"Report of {run} against {against}",
        )


def by_verdict(waiting: tuple[PendingSignOff, ...], given: SignOffs) -> dict[str, str]:
    """Where each verdict stands that a sign-off is asked for or was given: the newest answer, or that it waits; by its row."""
    said = {
        answer.fact.decision: f"{'approved' if answer.fact.approved else 'declined'} by {answer.actor}"
        for answer in given.answers
    }
    return said | {verdict.row: "waits" for verdict in waiting}


def answers(given: SignOffs) -> None:
    """What the quality owner answered, and how long that took."""
    if given.median_seconds is None:
        return
    declined = f", {given.declined} declined" if given.declined else ""
    median = duration(given.median_seconds)
    components.rows(
        pd.DataFrame(
            [
                {
                    "run": answer.fact.run,
                    "answer": "approved" if answer.fact.approved else "declined",
                    "note": answer.fact.note,
                    "by": answer.actor,
                    "recorded": answer.recorded,
                    "time to decide": duration(answer.fact.seconds),
                    "row": answer.id,
                }
                for answer in reversed(given.answers)
            ]
        ),
        title=f"{counted(len(given.answers), 'sign-off')}{declined}; median time to decide {median}",
        formula=(
            "Time to decide runs from the verdict to the answer. The newest answer counts until the generation ships; "
            "`tailguard sign-off approve` and `decline` change one."
        ),
        key="sign-offs",
    )
