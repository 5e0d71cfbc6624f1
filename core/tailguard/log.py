"""Your own run log as data frames: every fact by its kind, and the runs with what they came to.

    import tailguard

    tailguard.log.runs(lineage="main")[["run", "verdict", "ratio_records", "ceiling"]]
    tailguard.log.frame("Measurement", lineage="main", since=datetime(2026, 10, 1))

`kinds()` lists the kinds; each is a class of `tailguard.log.facts`, whose docstring says what a row of it means.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd

from tailguard.domain import facts
from tailguard.domain.facts import FACTS, Composition, Fact, GateDecision, RunStarted
from tailguard.domain.runs import number_of
from tailguard.errors import InputError
from tailguard.runlog.schema import table_name
from tailguard.runlog.view import LogView
from tailguard.workspace import Workspace, default_actor, find_workspace

__all__ = ["facts", "frame", "kinds", "runs"]

AnyPath = str | os.PathLike[str]


def kinds() -> dict[str, type[Fact]]:
    """Every kind of fact that a log can hold, by name; a class's docstring and fields say what its rows mean."""
    return {kind.__name__: kind for kind in FACTS}


def frame(
    kind: type[Fact] | str,
    *,
    workspace: AnyPath | None = None,
    lineage: str | None = None,
    since: datetime | None = None,
) -> pd.DataFrame:
    """All facts of a kind, oldest first.

    Args:
        kind: A class of `tailguard.log.facts` or its name: `"GateDecision"`, or `"gate_decision"` as the log's table has it.
        workspace: The workspace's folder. Default: the nearest one from the current folder upwards.
        lineage: Only facts of this lineage.
        since: Only facts recorded at this time or later. A time without a zone is UTC.

    Returns:
        A column for each field of the kind, then `recorded` (when), `actor` (who) and `row` (its id in the hash chain), and,
        where facts name a run, the run's `lineage` and `number`. Times are UTC, shares 0 to 1. Empty columns keep their types.

    Raises:
        InputError: There is no such kind, lineage or log, or the kind does not belong to a lineage.
    """
    with _opened(workspace).log.reading() as view:
        return _frame(view, _kind(kind), lineage, since)


def runs(
    *, workspace: AnyPath | None = None, lineage: str | None = None, since: datetime | None = None
) -> pd.DataFrame:
    """A row for each run, oldest first: when and from what it was started, what it was trained on, what the gate said.

    Args:
        workspace: The workspace's folder. Default: the nearest one from the current folder upwards.
        lineage: Only runs of this lineage.
        since: Only runs that were started at this time or later. A time without a zone is UTC.

    Returns:
        `run`, `lineage`, `number`, `parent`, `mode`, `started`, `actor`; of the newest training set `records`, `tokens`,
        `ratio_records`, `ratio_tokens` and `ceiling`; of the newest decision of the diversity gate `verdict` and `reason`.
        What a run has not come to yet is missing.

    Raises:
        InputError: There is no such lineage or log.
    """
    with _opened(workspace).log.reading() as view:
        started = _frame(view, RunStarted, lineage, since)
        sets = _frame(view, Composition, lineage, None)
        decisions = _frame(view, GateDecision, lineage, None)
    decisions = decisions[decisions["gate"] == "diversity"]
    started = started.rename(columns={"recorded": "started"})
    runs = started[["run", "lineage", "number", "parent", "mode", "started", "actor"]]
    for of_run, columns in (
        (sets, ["records", "tokens", "ratio_records", "ratio_tokens", "ceiling"]),
        (decisions, ["verdict", "reason"]),
    ):
        runs = runs.merge(of_run.drop_duplicates("run", keep="last")[["run", *columns]], on="run", how="left")
    return runs.astype({"records": "Int64", "tokens": "Int64"})


def rows(
    view: LogView,
    kind: type[Fact],
    equal: Mapping[str, Any],
    *,
    lineage: str | None = None,
    since: datetime | None = None,
) -> pd.DataFrame:
    """Facts of a kind whose columns equal the given values, as the log holds them: times are UTC without a zone.

    With `lineage` (of a kind that names a run) the run's lineage and number are columns too.
    """
    own = [field.name for field in fields(kind)]
    frame = pd.DataFrame(
        view.plain_rows(kind, equal, of_lineage=lineage, since=since),
        columns=["row", "recorded", "actor", "clock", *own],
    )
    frame = frame[[*own, "recorded", "actor", "row"]]
    return frame.assign(lineage=lineage, number=frame["run"].map(number_of).astype(int)) if lineage else frame


def _opened(workspace: AnyPath | None) -> Workspace:
    return Workspace(find_workspace(Path.cwd()) if workspace is None else Path(workspace), default_actor())


def _kind(kind: type[Fact] | str) -> type[Fact]:
    if kind in FACTS:
        return kind
    asked = kind if isinstance(kind, str) else getattr(kind, "__name__", repr(kind))
    known = kinds()
    for name, fact in known.items():
        if asked in (name, table_name(fact)):
            return fact
    raise InputError(f"The run log has no kind {asked!r}. {_meant(asked, known)}")


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{f'Did you mean {near[0]!r}? ' if near else ''}Known: {', '.join(known) or 'none'}."


def _frame(view: LogView, kind: type[Fact], lineage: str | None, since: datetime | None) -> pd.DataFrame:
    """The rows of a kind with the types that its fields have, also where there are none, and times in UTC."""
    types = {**get_type_hints(kind), "recorded": datetime, "actor": str, "row": str}
    if since is not None and since.tzinfo is not None:
        since = since.astimezone(UTC).replace(tzinfo=None)
    if lineage is not None and "run" not in types and "lineage" not in types:
        raise InputError(f"{kind.__name__} does not belong to a lineage: ask for it without one.")
    of_run = lineage if "run" in types else None
    frame = rows(view, kind, {"lineage": lineage} if lineage and not of_run else {}, since=since, lineage=of_run)
    if lineage is not None and frame.empty:
        known = sorted({started.fact.lineage for started in view.recorded(RunStarted)})
        if lineage not in known:
            raise InputError(f"The run log has no lineage {lineage!r}. {_meant(lineage, known)}")
    if "run" in types:
        names = frame["run"].astype("str").str
        frame = frame.assign(
            lineage=names.replace(_NUMBER, "", regex=True), number=names.replace(_LINEAGE, "", regex=True)
        )
        types.update(lineage=str, number=int)
    frame = frame.astype({name: _column_type(types[name]) for name in frame.columns})
    return frame.assign(**{str(name): frame[name].dt.tz_localize("UTC") for name in frame.select_dtypes("datetime")})


_LINEAGE, _NUMBER = re.compile(r"^.*/"), re.compile(r"/[^/]*$")


def _column_type(python_type: Any) -> str:
    """Types that hold what is missing, where a field may be None."""
    kinds = {str: "str", int: "int64", float: "float64", bool: "bool", datetime: "datetime64[us]"}
    options = get_args(python_type)
    if not options:
        return "str" if issubclass(python_type, StrEnum) else kinds[python_type]
    (present,) = (option for option in options if option is not type(None))
    return {"int64": "Int64", "bool": "boolean"}.get(kinds[present], kinds[present])
