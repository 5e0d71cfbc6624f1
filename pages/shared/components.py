"""What pages share: how they begin and end, the verdict sentence, cards, charts, rows behind a number, and empty states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape

import plotly.graph_objects as go
import streamlit as st

from pages.shared import actions, bar, cache, charts, entrance, opened, reads, tables, takeaway
from pages.shared.words import meanings, plain
from tailguard.domain import glossary
from tailguard.domain.stages import ORDER
from tailguard.errors import TailguardError
from tailguard.plays.finding import Severity

ICONS = {"PASS": "✔", "BASELINE": "★", "BLOCK": "✖", "INCONCLUSIVE": "◆", "NOT COMPARABLE": "■"}
SEVERITY = {Severity.HIGH: "▲ high", Severity.MEDIUM: "◆ medium", Severity.LOW: "○ low"}


@dataclass(frozen=True)
class Card:
    """One figure: label, value, what it is held against, its formula in words, and the rows of the log that it is made from."""

    label: str
    value: str
    against: str = ""
    help: str = ""
    rows: tables.Rows | None = None
    term: str = ""


@contextmanager
def where_readable() -> Iterator[None]:
    """A part of a page that reads the store or the policy: where it cannot, a sentence in its place says what is missing."""
    try:
        yield
    except TailguardError as error:
        st.warning(plain(str(error)), icon="⚠️")


def verdict(sentence: str, *, state: str = "") -> None:
    """The page's answer in one sentence, with a word and an icon before any colour."""
    icon = f"{ICONS[state]} {state.capitalize()}: " if state in ICONS else ""
    st.markdown(f"#### {plain(icon + sentence)}", help=meanings(glossary.terms_in(sentence)))


def section(heading: str) -> None:
    """The heading of a part of a page."""
    st.subheader(plain(heading), help=meanings(glossary.terms_in(heading)))


def remark(text: str) -> None:
    """A quiet remark in Markdown, with what its words mean."""
    st.caption(text, help=meanings(glossary.terms_in(text)))


def cards(items: Sequence[Card]) -> None:
    """Up to four figures in a row; each opens to its formula and the rows behind it."""
    row = st.container(horizontal=True, gap="medium")  # so far apart that cards wrap before their figures are cut
    for card in items:
        terms = dict.fromkeys([*([card.term] if card.term else []), *glossary.terms_in(f"{card.label} {card.against}")])
        help_lines = [*([card.help] if card.help else []), *map(glossary.meaning, terms)]
        with row.container(border=True, height="stretch", gap="xsmall"):
            st.markdown(f":small[{plain(card.label)}]", help="  \n".join(help_lines) or None)
            st.metric(card.label, card.value, label_visibility="collapsed")
            st.caption(plain(card.against))
            if card.rows is not None and st.button(
                "Rows and formula",
                key=f"open-{card.label}",
                type="tertiary",
                help=f"What {card.label.lower()} is made from",
            ):
                _opened(card)


@st.dialog("Where this figure comes from", width="large")
def _opened(card: Card) -> None:
    """A figure's formula and rows."""
    st.markdown(f"**{plain(card.label)}: {plain(card.value)}**")
    st.markdown(plain(card.help))
    if card.term:
        st.caption(glossary.meaning(card.term))
    if card.rows is not None:
        tables.table(tables.fetched(card.rows), key=f"rows-{card.label}")


def chart(
    make: Callable[[], go.Figure], *, key: str, terms: Sequence[str] = (), note: str = "", by: tuple[object, ...] = ()
) -> None:
    """A chart, what its words mean, and the chart to take away as PNG or SVG.

    It is drawn once for each state of the log and of the page's address, and each theme; `by` is what else it depends on.
    """
    theme = st.context.theme.type
    state = (
        st.session_state["title"],
        key,
        theme,
        st.session_state.get("lineage"),
        st.session_state.get("period"),
        *by,
        *sorted(st.query_params.to_dict().items()),
    )
    figure = cache.chart(repr(state), lambda: takeaway.untitled(charts.legible(make(), theme)))
    title = unescape(str(figure.layout.meta or key))
    st.markdown(f"**{plain(title)}**")  # Plotly would cut it on a narrow screen
    st.plotly_chart(figure, key=key, config=_MODE_BAR, alt=title)
    with st.container(horizontal=True, horizontal_alignment="left", gap="small", vertical_alignment="center"):
        if note or terms:
            explained = terms or glossary.terms_in(note)
            st.caption(plain(note or "What the words mean"), help=meanings(explained), width="content")
        tables.offer(key, {
            form.upper(): (form, kind, partial(takeaway.as_image, figure, form)) for form, kind in takeaway.IMAGES.items()
        })  # fmt: skip


_MODE_BAR = {"displaylogo": False, "modeBarButtonsToRemove": ["toImage", "lasso2d", "select2d"]}


def rows(data: tables.Rows, *, title: str, formula: str, key: str) -> None:
    """The rows of the log behind a figure, and how the figure is made from them; they are sent once this is opened."""
    part = st.expander(title, key=f"open-{key}", on_change="rerun")
    if part.open:
        with part:
            remark(formula)
            tables.table(tables.fetched(data), key=key)


def caption(run: str | None = None) -> None:
    """The page's last line: page, run, time, and whose clock."""
    status = reads.status()
    parts = [str(st.session_state["title"]), *([f"run {run}"] if run else [])]
    parts += [f"as of {status.as_of:%d %b %Y %H:%M} UTC", f"{status.clock} clock", f"team {status.team}"]
    st.caption(plain(" · ".join(parts)))


def begin(title: str) -> None:
    """A page's title; without a run in the log it also says what is missing, and the page ends there."""
    entrance.enter(opened.local())
    st.title(title)
    if st.session_state.get("title") != title:
        actions.forget_answer()
    st.session_state["title"] = title
    if not has_runs():
        _nothing_yet()
        st.stop()
    if "navigation" not in st.session_state:
        # A link to a page that is the first visit of a fresh server: Streamlit knows the pages folder, but has not run
        # app.py yet. It runs the page alone, without navigation; app.py leads back here.
        st.switch_page("app.py", query_params={**st.query_params.to_dict(), "page": title.lower()})
    if "lineage" not in st.session_state:  # Streamlit's AppTest runs a page alone even after app.py
        bar.show()
    if missing := opened.missing():
        st.info(plain(missing), icon="ℹ️")


def waiting() -> dict[str, int]:
    """How much waits for a decision, by page."""
    watched = reads.watched()
    return {
        "Gates": sum(len(line.pending_sign_offs) for line in watched.status.lineages),
        "Quarantine": held.records if (held := reads.waiting()) else 0,
        "Overrides": len(reads.register().requested),
        "Loops": len(watched.loops.unguarded),
        "Plays": sum(status.state != "running" for status in watched.plays),
        "Drill": sum(incident.closed is None for incident in watched.incidents),
    }


def has_runs() -> bool:
    """Whether there is anything to show."""
    return reads.problem() is None and reads.has_log() and bool(reads.lineage_names())


def _nothing_yet() -> None:
    """What is missing, why it matters, and the one command that fills it."""
    if trouble := reads.problem():
        st.error(plain(trouble), icon="✖")
        return
    st.info(
        "**No run is in the log yet.** Every figure here is read from runs that Tailguard recorded; without one there is "
        "nothing to trust. Fill it with `tailguard run`, or look at a year of two lineages with `tailguard demo`.",
        icon="ℹ️",
    )


def empty(what: str, why: str, command: str) -> None:
    """A part of a page that has nothing to show yet."""
    st.info(f"**{what}** {why} `{command}`", icon="ℹ️")


def page_begins() -> None:
    """What a page is drawn from, noted as its drawing begins."""
    st.session_state["drawn_from"] = _state()
    st.session_state["is_drawn"] = True


def _state() -> tuple[object, ...]:
    """The state of the log, and the theme: the words of charts are as dark as it asks for."""
    return cache.version(), st.context.theme.type


@st.fragment(run_every="2s")
def refresh_while_writing() -> None:
    """A thin line while a run is in progress, and a fresh page whenever the log has grown or the theme was changed.

    Never within the drawing of a page: a button that was pressed for it would be forgotten.
    """
    if not st.session_state.pop("is_drawn", False) and _state() != st.session_state["drawn_from"]:
        again()
    cache.freeze_gc()
    for run in reads.active_runs():
        position = ORDER.index(run.stage) + (run.share or 0.0) if run.stage in ORDER else 0.0
        st.progress(
            min(1.0, position / len(ORDER)), text=plain(f"{run.text} (stage {int(position) + 1} of {len(ORDER)})")
        )


def again() -> None:
    """Draw the whole page anew. Where somebody has clicked in the meantime, that goes first: a rerun would take its place."""
    st.empty()  # Streamlit looks here for what was clicked
    st.rerun()
