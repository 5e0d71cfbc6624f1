"""What pages share: the bar, the verdict sentence, cards, rows behind a number, captions and empty states."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import pandas as pd
import streamlit as st

from pages.shared import reads
from tailguard.domain.stages import ORDER
from tailguard.errors import TailguardError

PERIODS = {"All time": None, "12 months": 365, "6 months": 183, "3 months": 92}
ICONS = {"PASS": "✔", "BLOCK": "✖", "INCONCLUSIVE": "◆", "NOT COMPARABLE": "■"}
SEVERITY = {"high": "▲ high", "middle": "◆ middle", "low": "○ low"}


@dataclass(frozen=True)
class Card:
    """One figure: label, value, what it is held against, and a help text with its formula."""

    label: str
    value: str
    against: str = ""
    help: str = ""
    trend: Sequence[float] = ()


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text from records, names and reasons, so that Markdown shows it and does not obey it.

    Control characters and marks that turn the direction of writing are shown as a replacement character.
    """
    shown = _UNSEEN.sub("\ufffd", text.replace("\n", " "))
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:^&@])", r"\\\1", shown)


def unseen(text: str) -> str:
    """Text in a list of choices: control characters and marks that turn the direction of writing become visible."""
    return _UNSEEN.sub("\ufffd", text)


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A record's text as Markdown that shows it as it is, with the suspicious spans marked."""
    parts, at = [], 0
    for start, stop in sorted(spans):
        if start >= at:
            parts += [paragraphs(text[at:start]), f":orange-background[{plain(text[start:stop])}]"]
            at = stop
    return "".join([*parts, paragraphs(text[at:])])


def title(text: str) -> str:
    """Names and slices in a chart's title, shown and not obeyed."""
    return escape(_UNSEEN.sub("\ufffd", text))


def paragraphs(text: str) -> str:
    """Plain text with its line breaks kept."""
    return "  \n".join(plain(line) for line in text.split("\n"))


def bar() -> None:
    """Lineage and period, kept in the URL, and the mode of the lineage."""
    names = reads.lineages()
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
    told = "enforce: gates stop" if mode == "enforce" else "observe: gates only report"
    with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
        st.badge(told, color="green" if mode == "enforce" else "orange")
        if reads.status().clock != "system":
            st.badge(
                f"{reads.status().clock} clock", color="gray", help="This history was made with a clock of its own."
            )
        st.badge(plain(reads.workspace().actor), color="gray")


def choice(label: str, options: Sequence[str], key: str) -> str:
    """One of a few words, kept in the URL."""
    wanted = st.query_params.get(key, "")
    start = wanted if wanted in options else options[0]
    chosen = st.segmented_control(label, options, default=start, key=key, required=True)
    st.query_params[key] = str(chosen or start)
    return str(chosen or start)


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


def verdict(sentence: str, *, state: str = "") -> None:
    """The page's answer in one sentence, with a word and an icon before any colour."""
    icon = f"{ICONS[state]} {state.capitalize()}: " if state in ICONS else ""
    st.markdown(f"#### {plain(icon + sentence)}")


def cards(found: Sequence[Card]) -> None:
    """Up to four figures in a row."""
    for column, card in zip(st.columns(len(found)), found, strict=True):
        column.metric(
            card.label,
            card.value,
            delta=card.against or None,
            delta_color="off",
            delta_arrow="off",
            help=card.help or None,
            border=True,
            height="stretch",
            chart_data=list(card.trend) or None,
        )


def rows(frame: pd.DataFrame, *, title: str, formula: str, key: str) -> None:
    """The rows of the log behind a figure, and how the figure is made from them."""
    with st.expander(title):
        st.caption(formula)
        st.dataframe(frame, hide_index=True, key=key)


def caption(run: str | None = None) -> None:
    """Run, time, and whose clock."""
    found = reads.status()
    parts = [f"Run {run}"] if run else []
    parts += [f"as of {found.as_of:%d %b %Y %H:%M} UTC", f"{found.clock} clock", f"team {found.team}"]
    st.caption(plain(" · ".join(parts)))


def begin(title: str) -> None:
    """A page's title; without a run in the log it also says what is missing, and the page ends there."""
    st.title(title)
    if not has_runs():
        _nothing_yet()
        st.stop()
    if "navigation" not in st.session_state:
        # A link to a page that is the first visit of a fresh server: Streamlit knows the pages folder, but has not run
        # app.py yet. It runs the page alone, without navigation; app.py leads back here.
        st.switch_page("app.py", query_params={**st.query_params.to_dict(), "page": title.lower()})
    if "lineage" not in st.session_state:  # Streamlit's AppTest runs a page alone even after app.py
        bar()


def has_runs() -> bool:
    """Whether there is anything to show."""
    return reads.problem() is None and bool(reads.lineages())


def _nothing_yet() -> None:
    """What is missing, why it matters, and the one command that fills it."""
    trouble = reads.problem()
    if trouble and "newer Tailguard" in trouble:
        st.error(plain(trouble), icon="✖")
        return
    st.info(
        "**No run is in the log yet.** Every figure here is read from runs that Tailguard recorded; without one there is "
        "nothing to trust. Fill it with `tailguard run`, or look at a year of two lineages with `tailguard demo`.",
        icon="ℹ️",
    )
    if trouble:
        st.caption(plain(trouble))


def empty(what: str, why: str, command: str) -> None:
    """A part of a page that has nothing to show yet."""
    st.info(f"**{what}** {why} `{command}`", icon="ℹ️")


@st.fragment(run_every="2s")
def refresh_while_writing() -> None:
    """A thin line while a run is at work, and a fresh page whenever the log has grown."""
    shown = st.session_state.setdefault("shown_version", reads.version())
    now = reads.version()
    if now != shown:
        st.session_state["shown_version"] = now
        st.rerun(scope="app")
    if reads.problem():
        return
    for line in reads.status().lineages:
        newest = line.generations[-1] if line.generations else None
        if newest and newest.working_on:
            step = ORDER.index(newest.working_on)
            st.progress(
                step / len(ORDER),
                text=plain(f"{newest.run} is at {newest.working_on}, stage {step + 1} of {len(ORDER)}"),
            )


def act(work: Callable[[], str]) -> None:
    """Do it, and say what came of it after the page has read the log again."""
    try:
        st.session_state["answer"] = ("success", work())
    except TailguardError as error:
        st.session_state["answer"] = ("error", str(error))
    st.rerun()


def said(word: str, work: Callable[[], object]) -> Callable[[], str]:
    """Work that says one word when it is done."""

    def both() -> str:
        work()
        return word

    return both


def told() -> None:
    """What came of the last thing that somebody did."""
    if answer := st.session_state.pop("answer", None):
        (st.success if answer[0] == "success" else st.error)(plain(answer[1]))
