"""What pages share: the bar, the verdict sentence, cards, rows behind a number, captions and empty states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages.shared import actions, charts, entrance, reads, takeaway
from pages.shared.words import marked, on_chart, paragraphs, plain, unseen
from tailguard.domain import glossary
from tailguard.domain.stages import ORDER
from tailguard.errors import TailguardError

__all__ = ["marked", "on_chart", "paragraphs", "plain", "unseen"]

PERIODS = {"All time": None, "12 months": 365, "6 months": 183, "3 months": 92}
ICONS = {"PASS": "✔", "BLOCK": "✖", "INCONCLUSIVE": "◆", "NOT COMPARABLE": "■"}
SEVERITY = {"high": "▲ high", "middle": "◆ middle", "low": "○ low"}

Rows = pd.DataFrame | Callable[[], pd.DataFrame]
"""Rows of the log, or what fetches them when somebody asks."""


@dataclass(frozen=True)
class Card:
    """One figure: label, value, what it is held against, its formula in words, and the rows of the log that it is made from."""

    label: str
    value: str
    against: str = ""
    help: str = ""
    rows: Rows | None = None
    term: str = ""


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
    gates = "enforce: gates stop" if mode == "enforce" else "observe: gates only report"
    with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
        st.badge(gates, color="green" if mode == "enforce" else "orange")
        if reads.status().clock != "system":
            st.badge(
                f"{reads.status().clock} clock", color="gray", help="This history was made with a clock of its own."
            )
        here = reads.workspace()
        st.badge(plain(here.actor), color="gray", help=plain(entrance.roles(here)))
        entrance.sign_out()
    if not entrance.configured():
        st.caption(
            plain(
                f"No sign-in is configured: this page answers on this machine alone, and whoever opens it is {here.actor}."
            ),
            help="A team signs in with its OpenID provider: see README, Sign-in and roles.",
        )


@contextmanager
def where_readable() -> Iterator[None]:
    """A part of a page that reads the store or the policy: where it cannot, a sentence in its place says what is missing."""
    try:
        yield
    except TailguardError as error:
        st.warning(plain(str(error)), icon="⚠️")


def choice(label: str, options: Sequence[str], key: str) -> str:
    """One of a few words, kept in the URL."""
    wanted = st.query_params.get(key, "")
    start = wanted if wanted in options else options[0]
    chosen = st.segmented_control(label, options, default=start, key=key, required=True)
    st.query_params[key] = str(chosen or start)
    return str(chosen or start)


MOST_CHOICES = 200


def run_choice(label: str, newest: Sequence[str], key: str) -> str:
    """One run, kept in the URL. The newest are listed; an older one is typed, or comes with a link."""
    offered = list(newest[:MOST_CHOICES])
    wanted = st.query_params.get(key, "")
    if wanted and wanted not in offered and reads.generation(wanted):
        offered.append(wanted)
    older = len(newest) > MOST_CHOICES or reads.counted(lineage()).runs > len(newest)
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
    return [name, *(one for one in reads.lineages() if one != name)][:MOST_LINEAGES]


def left_out(shown: Sequence[str]) -> str:
    """How many lineages a chart leaves out."""
    more = len(reads.lineages()) - len(shown)
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


def verdict(sentence: str, *, state: str = "") -> None:
    """The page's answer in one sentence, with a word and an icon before any colour."""
    icon = f"{ICONS[state]} {state.capitalize()}: " if state in ICONS else ""
    st.markdown(f"#### {plain(icon + sentence)}", help=_meanings(glossary.terms_in(sentence)))


def section(heading: str) -> None:
    """The heading of a part of a page."""
    st.subheader(plain(heading), help=_meanings(glossary.terms_in(heading)))


def remark(text: str) -> None:
    """A quiet remark in Markdown, with what its words mean."""
    st.caption(text, help=_meanings(glossary.terms_in(text)))


def _meanings(terms: Sequence[str]) -> str | None:
    """What terms mean, for whoever hovers."""
    return "  \n".join(glossary.meaning(term) for term in terms) or None


def cards(found: Sequence[Card]) -> None:
    """Up to four figures in a row; each opens to its formula and the rows behind it."""
    row = st.container(horizontal=True, gap="medium")  # so far apart that cards wrap before their figures are cut
    for card in found:
        terms = dict.fromkeys([*([card.term] if card.term else []), *glossary.terms_in(f"{card.label} {card.against}")])
        told = [*([card.help] if card.help else []), *map(glossary.meaning, terms)]
        with row.container(border=True, height="stretch", gap="xsmall"):
            st.markdown(f":small[{plain(card.label)}]", help="  \n".join(told) or None)
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
        table(_fetched(card.rows), key=f"rows-{card.label}")


MOST_ROWS = 1000
"""So many rows of a table are sent to the browser; files hold all."""

DAY = st.column_config.DateColumn(format="DD MMM YYYY")
"""A column of times of which the day is enough."""


def table(
    frame: pd.DataFrame | Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]],
    *,
    key: str,
    columns: Mapping[str, Any] | None = None,
    height: int | None = None,
) -> None:
    """Rows, with the meaning of each heading one hover away, and all of them to take away as CSV or Parquet."""
    whole = frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)
    config: dict[str, Any] = {
        str(name): st.column_config.Column(help=glossary.TERMS[glossary.COLUMNS[str(name)]])
        for name in whole.columns
        if str(name) in glossary.COLUMNS
    }
    config |= {
        str(name): st.column_config.DatetimeColumn(
            format="DD MMM YYYY HH:mm", help=glossary.TERMS.get(glossary.COLUMNS.get(str(name), ""))
        )
        for name in whole.columns
        if pd.api.types.is_datetime64_any_dtype(whole[name])
    }
    st.dataframe(
        _shown(whole.head(MOST_ROWS)),
        hide_index=True,
        key=key,
        column_config={**config, **(columns or {})},
        height=height or "auto",
        alt=f"Table {key}, {len(whole):,} rows",
    )
    with st.container(horizontal=True, horizontal_alignment="left", gap="small"):
        if len(whole) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} of {len(whole):,} rows; a file has all.")
        _take(key, {
            "CSV": ("csv", "text/csv", lambda: takeaway.as_csv(whole)),
            "Parquet": ("parquet", "application/vnd.apache.parquet", lambda: takeaway.as_parquet(whole)),
        })  # fmt: skip


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Long texts cut, characters that nobody sees made visible, and an empty cell where there is no text."""
    shown = frame.copy(deep=False)
    for name in frame.columns:
        if frame[name].dtype == object or str(frame[name].dtype) == "str":
            shown[name] = _cells(frame[name])
    return shown


def _cells(column: pd.Series) -> pd.Series:
    text = pd.api.types.infer_dtype(column) in {"string", "empty"}
    return pd.Series([_cell(value) for value in (column.fillna("") if text else column)], index=column.index)


_LONGEST_CELL = 2000


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    return unseen(value if len(value) <= _LONGEST_CELL else f"{value[:_LONGEST_CELL]} … ({len(value):,} characters)")


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
    figure = reads.drawn_once(repr(state), lambda: takeaway.untitled(charts.legible(make(), theme)))
    title = unescape(str(figure.layout.meta or key))
    st.markdown(f"**{plain(title)}**")  # Plotly would cut it on a narrow screen
    st.plotly_chart(figure, key=key, config=_MODE_BAR, alt=title)
    with st.container(horizontal=True, horizontal_alignment="left", gap="small", vertical_alignment="center"):
        if note or terms:
            found = terms or glossary.terms_in(note)
            st.caption(plain(note or "What the words mean"), help=_meanings(found), width="content")
        _take(key, {
            form.upper(): (form, kind, partial(takeaway.as_image, figure, form)) for form, kind in takeaway.IMAGES.items()
        })  # fmt: skip


_MODE_BAR = {"displaylogo": False, "modeBarButtonsToRemove": ["toImage", "lasso2d", "select2d"]}


def _take(key: str, forms: Mapping[str, tuple[str, str, Callable[[], bytes]]]) -> None:
    """Buttons that make a file when they are pressed."""
    for label, (suffix, kind, made) in forms.items():
        drawn = suffix in takeaway.IMAGES
        missing = drawn and takeaway.browser() is None
        st.download_button(
            f"⤓ {label}",
            made,
            file_name=takeaway.file_name(key, suffix),
            mime=kind,
            key=f"take-{key}-{suffix}",
            type="tertiary",
            on_click="ignore",
            disabled=missing,
            help=takeaway.NO_BROWSER if missing else f"Take this {'chart' if drawn else 'table'} away as {label}",
        )


def criteria(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of the log that say whether something `held`, with the outcome in words."""
    return found.assign(outcome=["✔ held" if one else "✖ not held" for one in found["held"]])


def drawn_note(name: str, since: datetime | None) -> str:
    """What a chart leaves out of a long history."""
    found = reads.counted(name, since)
    if len(found.points) == found.runs:
        return f"{found.runs:,} runs"
    return (
        f"{len(found.points):,} of {found.runs:,} runs are drawn: of each stretch the newest, the largest ratio, "
        "and one that did not pass"
    )


def rows(found: Rows, *, title: str, formula: str, key: str) -> None:
    """The rows of the log behind a figure, and how the figure is made from them; they are sent once this is opened."""
    part = st.expander(title, key=f"open-{key}", on_change="rerun")
    if part.open:
        with part:
            remark(formula)
            table(_fetched(found), key=key)


def _fetched(found: Rows) -> pd.DataFrame:
    return found if isinstance(found, pd.DataFrame) else found()


def caption(run: str | None = None) -> None:
    """The page's last line: page, run, time, and whose clock."""
    found = reads.status()
    parts = [str(st.session_state["title"]), *([f"run {run}"] if run else [])]
    parts += [f"as of {found.as_of:%d %b %Y %H:%M} UTC", f"{found.clock} clock", f"team {found.team}"]
    st.caption(plain(" · ".join(parts)))


def begin(title: str) -> None:
    """A page's title; without a run in the log it also says what is missing, and the page ends there."""
    entrance.enter(reads.local())
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
        bar()
    if missing := reads.missing():
        st.info(plain(missing), icon="ℹ️")


def waiting() -> dict[str, int]:
    """How much waits for a decision, by page."""
    found = reads.watched()
    return {
        "Quarantine": reads.waiting_now()[0],
        "Overrides": sum(one.state == "requested" for one in found.status.overrides),
        "Loops": len(found.loops.unguarded),
        "Plays": sum(one.state != "running" for one in found.plays),
        "Drill": sum(one.closed is None for one in found.incidents),
    }


def has_runs() -> bool:
    """Whether there is anything to show."""
    return reads.problem() is None and reads.has_log() and bool(reads.lineages())


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
    return reads.version(), st.context.theme.type


@st.fragment(run_every="2s")
def refresh_while_writing() -> None:
    """A thin line while a run is at work, and a fresh page whenever the log has grown or the theme was changed.

    Never within the drawing of a page: a button that was pressed for it would be forgotten.
    """
    if not st.session_state.pop("is_drawn", False) and _state() != st.session_state["drawn_from"]:
        again()
    reads.settle()
    for one in reads.at_work():
        place = ORDER.index(one.stage) + (one.share or 0.0) if one.stage in ORDER else 0.0
        st.progress(min(1.0, place / len(ORDER)), text=plain(f"{one.text} (stage {int(place) + 1} of {len(ORDER)})"))


def again() -> None:
    """Draw the whole page anew. Where somebody has clicked in the meantime, that goes first: a rerun would take its place."""
    st.empty()  # Streamlit looks here for what was clicked
    st.rerun()
