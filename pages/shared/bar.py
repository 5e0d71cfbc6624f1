"""The bar above each page, and what is chosen: lineage, period, run. Choices are kept in the URL, so that they can be shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import streamlit as st

from pages.shared import entrance, opened, reads
from pages.shared.words import plain
from tailguard.domain.gates import Mode

PERIODS = {"All time": None, "12 months": 365, "6 months": 183, "3 months": 92}


def show() -> None:
    """Lineage and period, kept in the URL, and the mode of the lineage."""
    names = reads.lineage_names()
    wanted = st.query_params.get("lineage", "")
    period = st.query_params.get("period", "")
    left, middle, right = st.columns([2, 2, 5], vertical_alignment="bottom")
    chosen = left.selectbox("Lineage", names, index=names.index(wanted) if wanted in names else 0, key="lineage")
    span = middle.selectbox(
        "Period", list(PERIODS), index=list(PERIODS).index(period) if period in PERIODS else 0, key="period"
    )
    st.query_params["lineage"] = chosen
    if span == "All time":
        st.query_params.pop("period", None)
    else:
        st.query_params["period"] = span
    mode = reads.lineage(chosen).mode
    gates = "enforce: gates stop" if mode == Mode.ENFORCE else "observe: gates only report"
    with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
        st.badge(gates, color="green" if mode == Mode.ENFORCE else "orange")
        if reads.status().clock != "system":
            st.badge(
                f"{reads.status().clock} clock", color="gray", help="This history was made with a clock of its own."
            )
        here = opened.workspace()
        st.badge(plain(here.actor), color="gray", help=plain(entrance.roles(here)))
        entrance.sign_out()
    if not entrance.configured():
        st.caption(
            plain(
                f"No sign-in is configured: this page answers on this machine alone, and whoever opens it is {here.actor}."
            ),
            help="A team signs in with its OpenID provider: see README, Sign-in and roles.",
        )


def choice(label: str, options: Sequence[str], key: str, *, words: Callable[[str], str] = str) -> str:
    """One of a few, kept in the URL; `words` says how each is shown."""
    wanted = st.query_params.get(key, "")
    start = wanted if wanted in options else options[0]
    chosen = st.segmented_control(label, options, default=start, key=key, required=True, format_func=words)
    st.query_params[key] = str(chosen or start)
    return str(chosen or start)


MOST_CHOICES = 200


def run_choice(label: str, newest: Sequence[str], key: str) -> str:
    """One run, kept in the URL. The newest are listed; an older one is typed, or comes with a link."""
    offered = list(newest[:MOST_CHOICES])
    wanted = st.query_params.get(key, "")
    if wanted and wanted not in offered and reads.generation(wanted):
        offered.append(wanted)
    older = len(newest) > MOST_CHOICES or reads.course(lineage(), None).runs > len(newest)
    chosen = st.selectbox(
        label, offered, index=offered.index(wanted) if wanted in offered else 0, key=key, accept_new_options=older,
        help="Type the name of an older run." if older else None,
    )  # fmt: skip
    if chosen is None or (chosen not in offered and reads.generation(chosen) is None):
        st.warning(f"There is no run {plain(str(chosen))}. A run is named {plain(lineage())}/NUMBER.", icon="⚠️")
        st.stop()
    st.query_params[key] = chosen
    return str(chosen)


MOST_LINEAGES = 4


def beside(name: str) -> list[str]:
    """The chosen lineage, and those to draw beside it."""
    return [name, *(lineage for lineage in reads.lineage_names() if lineage != name)][:MOST_LINEAGES]


def left_out(shown: Sequence[str]) -> str:
    """How many lineages a chart leaves out."""
    more = len(reads.lineage_names()) - len(shown)
    return f"; {more} more lineages are chosen in the bar" if more > 0 else ""


def number(key: str, default: int) -> int:
    """A whole number from the URL, 0 or more."""
    text = st.query_params.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 7 else default


def lineage() -> str:
    """The lineage chosen in the bar."""
    return str(st.session_state["lineage"])


def since() -> datetime | None:
    """The beginning of the chosen period, or None for all time."""
    days = PERIODS[st.session_state.get("period", "All time")]
    return reads.status().as_of - timedelta(days=days) if days else None


def drawn_note(name: str, since: datetime | None) -> str:
    """What a chart leaves out of a long history."""
    course = reads.course(name, since)
    if course.complete:
        return f"{course.runs:,} runs"
    return (
        f"{len(course.points):,} of {course.runs:,} runs are drawn: of each stretch the newest, the largest ratio, "
        "and one that did not pass"
    )
