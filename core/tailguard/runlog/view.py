"""One state of the run log, open to be asked. Questions on one subject are in `views`; nobody outside `runlog` speaks SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, FromClause, Select, func, select, text

from tailguard.domain.facts import AttemptRefused, Fact, PolicyInForce
from tailguard.errors import TailguardError
from tailguard.policy.model import Policy
from tailguard.policy.reading import parse_policy
from tailguard.runlog.schema import COMMIT, ENTRY, ENUMS, FIELDS, TABLES

F = TypeVar("F", bound=Fact)
T = TypeVar("T")


@dataclass(frozen=True)
class Recorded(Generic[F]):
    """A fact with the id of its row, when and by whom it was recorded, and by whose clock."""

    id: str
    recorded: datetime
    actor: str
    clock: str
    fact: F


class LogView:
    """The log as it is while it is open. `connection` is for `runlog` alone."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._answers: dict[Any, Any] | None = None

    @contextmanager
    def cached(self) -> Iterator[None]:
        """While many questions are asked of one state of the log, the same question is asked of the database once."""
        self._answers = {}
        try:
            yield
        finally:
            self._answers = None

    def answer(self, question: Any, ask: Callable[[], T]) -> T:
        """What `ask` returns; while `cached`, what it returned when the question was first asked."""
        if self._answers is None:
            return ask()
        if question not in self._answers:
            self._answers[question] = ask()
        answer: T = self._answers[question]
        return answer

    def recorded(
        self,
        kind: type[F],
        /,
        *,
        newest_by: tuple[str, ...] = (),
        of_lineage: str | None = None,
        since: datetime | None = None,
        **equal: Any,
    ) -> list[Recorded[F]]:
        """All facts of a kind whose columns equal the given values (or are among them, for a tuple), oldest first.

        `newest_by` keeps the newest row of each combination of those columns, `of_lineage` those of a lineage's runs, `since`
        those recorded at that time or later. The log selects, so that a long history costs what is asked of it.
        """
        query = rows_of(kind, equal, newest_by=newest_by, of_lineage=of_lineage, since=since)
        question = (kind, newest_by, of_lineage, since, tuple(sorted(equal.items())))
        return list(self.answer(question, lambda: self._facts(kind, query)))

    def newest(self, kind: type[F], /, **equal: Any) -> Recorded[F] | None:
        """The newest fact of a kind whose columns equal the given values, or None."""
        return self._end(kind, equal, newest_first=True)

    def oldest(self, kind: type[F], /, **equal: Any) -> Recorded[F] | None:
        """The oldest fact of a kind whose columns equal the given values, or None."""
        return self._end(kind, equal, newest_first=False)

    def plain_rows(
        self,
        kind: type[Fact],
        equal: Mapping[str, Any],
        *,
        of_lineage: str | None = None,
        since: datetime | None = None,
    ) -> list[tuple[Any, ...]]:
        """Like `recorded`, for tables: id, time, actor, clock, then the fact's fields in their order."""
        return [tuple(row) for row in self.connection.execute(rows_of(kind, equal, of_lineage=of_lineage, since=since))]

    def prefetch(self, runs: Sequence[str], *kinds: type[Fact]) -> None:
        """Ask for many runs at once what will be asked run by run (`recorded(kind, run=...)`), while `cached`."""
        if self._answers is None:
            return
        for kind in kinds:
            by_run: dict[str, list[Recorded[Any]]] = {run: [] for run in runs}
            for row in self._facts(kind, rows_of(kind, {"run": tuple(runs)})):
                by_run[row.fact.run].append(row)  # type: ignore[attr-defined]
            self._answers.update({(kind, (), None, None, (("run", run),)): rows for run, rows in by_run.items()})

    def as_of(self, now: datetime) -> tuple[datetime, str]:
        """The time that `now` means for this log: a demo's history ends with its newest row, whatever the wall clock says."""
        newest = self.connection.execute(
            select(ENTRY.c.recorded, ENTRY.c.clock)
            .where(
                ENTRY.c.kind.not_in((COMMIT, TABLES[AttemptRefused].name))
            )  # an attempt that came to nothing moves no clock
            .order_by(ENTRY.c.recorded.desc())
            .limit(1)
        ).first()
        if newest is not None and newest.clock != "system":
            return newest.recorded, str(newest.clock)
        return now, "system"

    def size(self) -> int:
        """How many entries the log holds."""
        return int(self.connection.execute(select(func.count()).select_from(ENTRY)).scalar_one())

    def policy(self) -> Policy | None:
        """The newest policy that the log has seen."""
        newest = self.newest(PolicyInForce)
        return parse_policy(newest.fact.text, "the policy in the log") if newest else None

    def days_of(self, kinds: Sequence[str]) -> list[tuple[datetime, str]]:
        """The first and the newest row of each day on which there is a row of these kinds: time and id, oldest first."""
        names = {f"kind{position}": kind for position, kind in enumerate(kinds)}
        rows = self.connection.execute(
            text(
                "SELECT recorded, id FROM (SELECT recorded, id, "  # noqa: S608  names of parameters; values are bound
                "row_number() OVER (PARTITION BY date_trunc('day', recorded) ORDER BY recorded DESC, id) AS last_, "
                "row_number() OVER (PARTITION BY date_trunc('day', recorded) ORDER BY recorded, id) AS first_ "
                f"FROM entry WHERE kind IN ({', '.join(f':{name}' for name in names)})) AS t "
                "WHERE last_ = 1 OR first_ = 1 ORDER BY recorded"
            ),
            names,
        ).all()
        return list({row[0]: (row[0], row[1]) for row in rows}.values())

    def _facts(self, kind: type[F], query: Select[Any]) -> list[Recorded[F]]:
        return [recorded_row(kind, row) for row in self.connection.execute(query)]

    def _end(self, kind: type[F], equal: Mapping[str, Any], *, newest_first: bool) -> Recorded[F] | None:
        def ask() -> Recorded[F] | None:
            row = self.connection.execute(rows_of(kind, equal, newest_first=newest_first)).first()
            return recorded_row(kind, row) if row else None

        return self.answer((kind, newest_first, tuple(sorted(equal.items()))), ask)


def latest(rows: Sequence[Recorded[F]]) -> Recorded[F] | None:
    """The newest of some facts, which are oldest first, or None."""
    return rows[-1] if rows else None


def recorded_row(kind: type[F], row: Any) -> Recorded[F]:
    """A row of `rows_of` as a fact."""
    identity, when, actor, clock, *values = row
    try:
        return Recorded(identity, when, actor, clock, fact_of(kind, values))
    except ValueError as error:
        raise TailguardError(
            f"Row {identity} of the run log was changed: {error}. `tailguard verify` lists what else was; restore the log "
            "from a backup."
        ) from error


def fact_of(kind: type[F], values: Sequence[Any]) -> F:
    """A fact from the values of its fields, in their order, as tables have them."""
    named = dict(zip(FIELDS[kind], values, strict=True))
    for name, enum in ENUMS[kind]:
        named[name] = enum(named[name])
    return kind(**named)


def rows_of(
    kind: type[Fact],
    equal: Mapping[str, Any],
    *,
    newest_by: tuple[str, ...] = (),
    of_lineage: str | None = None,
    since: datetime | None = None,
    limit: int = 1,
    newest_first: bool | None = None,
    chain: str | None = None,
) -> Select[Any]:
    """The question behind `recorded`: id, time, actor, clock, then the fact's fields in their order. `limit` rows of each
    combination of `newest_by` are kept; with `newest_first` (or its contrary) one row at that end. `chain`
    keeps the facts of one chain."""
    table = TABLES[kind]
    chosen = select(ENTRY.c.id, ENTRY.c.recorded, ENTRY.c.actor, ENTRY.c.clock, ENTRY.c.chain, ENTRY.c.seq)
    chosen = chosen.where(ENTRY.c.kind == table.name)
    if since is not None:
        chosen = chosen.where(ENTRY.c.recorded >= since)
    if chain is not None:
        chosen = chosen.where(ENTRY.c.chain == chain)
    if newest_first is not None and not equal:
        chosen = chosen.order_by(*_by_age(ENTRY, newest_first)).limit(1)
    # Materialized: the entries of one kind are few, and the log would otherwise look through all of them for each fact's id.
    entry = chosen.cte("chosen").prefix_with("MATERIALIZED")
    query = select(
        entry.c.id, entry.c.recorded, entry.c.actor, entry.c.clock, *(table.c[field.name] for field in fields(kind))
    )
    query = query.join(table, table.c.id == entry.c.id)
    for name, value in equal.items():
        column = table.c[name]
        query = query.where(column.in_(value) if isinstance(value, tuple) else column == value)
    if of_lineage is not None:
        query = query.where(table.c.run.startswith(f"{of_lineage}/", autoescape=True))
    if newest_first is not None:
        return query.order_by(*_by_age(entry, newest_first)).limit(1)
    if newest_by:
        rank = func.row_number().over(partition_by=[table.c[name] for name in newest_by], order_by=_by_age(entry, True))
        inner = query.add_columns(rank.label("place"), entry.c.chain, entry.c.seq).subquery()
        kept = list(inner.c)[: 4 + len(fields(kind))]
        return select(*kept).where(inner.c.place <= limit).order_by(*_by_age(inner, False))
    return query.order_by(*_by_age(entry, False))


def _by_age(entry: FromClause, newest_first: bool) -> list[Any]:
    columns = (entry.c.recorded, entry.c.chain, entry.c.seq)
    return [column.desc() for column in columns] if newest_first else list(columns)
