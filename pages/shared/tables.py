"""Tables of pages: their headings explained, long texts cut, and all rows to take away as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.shared import takeaway
from pages.shared.words import unseen
from tailguard.domain import glossary
from tailguard.domain.measures import Measure
from tailguard.domain.own_output import match_label
from tailguard.domain.reasons import Reason
from tailguard.domain.stages import Requirement, waiver_label

Rows = pd.DataFrame | Callable[[], pd.DataFrame]
"""Rows of the log, or what fetches them when somebody asks."""


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
    all_rows = frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)
    config: dict[str, Any] = {
        str(name): st.column_config.Column(help=glossary.TERMS[glossary.COLUMNS[str(name)]])
        for name in all_rows.columns
        if str(name) in glossary.COLUMNS
    }
    config |= {
        str(name): st.column_config.DatetimeColumn(
            format="DD MMM YYYY HH:mm", help=glossary.TERMS.get(glossary.COLUMNS.get(str(name), ""))
        )
        for name in all_rows.columns
        if pd.api.types.is_datetime64_any_dtype(all_rows[name])
    }
    st.dataframe(
        _shown(all_rows.head(MOST_ROWS)),
        hide_index=True,
        key=key,
        column_config={**config, **(columns or {})},
        height=height or "auto",
        alt=f"Table {key}, {len(all_rows):,} rows",
    )
    with st.container(horizontal=True, horizontal_alignment="left", gap="small"):
        if len(all_rows) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} of {len(all_rows):,} rows; a file has all.")
        offer(key, {
            "CSV": ("csv", "text/csv", lambda: takeaway.as_csv(all_rows)),
            "Parquet": ("parquet", "application/vnd.apache.parquet", lambda: takeaway.as_parquet(all_rows)),
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


def offer(key: str, forms: Mapping[str, tuple[str, str, Callable[[], bytes]]]) -> None:
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


def criteria(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the log that say whether something `held`, with the outcome in words."""
    return rows.assign(outcome=["✔ met" if met else "✖ missed" for met in rows["met"]])


def exit_criteria(rows: pd.DataFrame) -> pd.DataFrame:
    """Exit criteria with what they require, and what waived them, in words."""
    waived = [waiver_label(waived_by) if waived_by else "" for waived_by in rows["waived_by"]]
    return rows.assign(name=[Requirement(name).label for name in rows["name"]], waived_by=waived)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Comparisons by measure: its name, and whether its change is in points or a share of the reference's value."""
    measures = [Measure(measure) for measure in rows["measure"]]
    return rows.assign(
        measure=[measure.within(part) for measure, part in zip(measures, rows["slice"], strict=True)],
        **{"change in": ["points" if measure.in_points else "share of the reference" for measure in measures]},
    )


def own_output(rows: pd.DataFrame) -> pd.DataFrame:
    """Matches with our own output, their kind in words."""
    return rows.assign(kind=[match_label(kind) for kind in rows["kind"]])


def fetched(rows: Rows) -> pd.DataFrame:
    return rows if isinstance(rows, pd.DataFrame) else rows()


def reasons(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts of records by reason, the reason in words."""
    return rows.assign(reason=[Reason(reason).label for reason in rows["reason"]])
