"""A long history in few rows: what pages draw and plays count over all runs, selected and summed in the log itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from tailguard.domain.facts import OwnOutputFound

BUCKETS = 120
"""A history of more than twice as many runs is drawn by so many stretches: the newest run of each, the one with the largest
ratio, and the newest that did not pass."""


@dataclass(frozen=True)
class RunPoint:
    """One run of a lineage as charts draw it. Fields that it has not reached are None; ratios and ceiling are shares."""

    run: str
    number: int
    parent: str | None
    started: datetime
    records: int | None
    ratio_records: float | None
    ratio_tokens: float | None
    ceiling: float | None
    confident: int | None
    distinct: int | None
    verdict: str | None
    reason: str | None
    overrides: str


@dataclass(frozen=True)
class History:
    """The runs of a lineage in a period: how many there are, how many were judged and how many did not pass, and those to draw."""

    runs: int
    judged: int
    stopped: int
    points: tuple[RunPoint, ...]


_RUNS = """
WITH started_e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'run_started'),
composition_e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'composition'),
gate_e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'gate_decision'),
started AS (
    SELECT r.run, r.number, r.parent, e.recorded AS started FROM run_started r JOIN started_e e ON e.id = r.id
    WHERE r.lineage = :lineage AND e.recorded >= :since
), sets AS (
    SELECT c.*, row_number() OVER (PARTITION BY c.run ORDER BY e.recorded DESC, e.seq DESC) AS place
    FROM composition c JOIN composition_e e ON e.id = c.id WHERE c.lineage = :lineage
), verdicts AS (
    SELECT g.*, row_number() OVER (PARTITION BY g.run ORDER BY e.recorded DESC, e.seq DESC) AS place
    FROM gate_decision g JOIN gate_e e ON e.id = g.id WHERE g.lineage = :lineage AND g.gate = 'diversity'
), batches AS (
    SELECT run, sum(confident) AS confident, sum(read - duplicates) AS distinct_ FROM batch_taken
    WHERE run LIKE :runs ESCAPE '\\' GROUP BY run
), used AS (
    SELECT run, string_agg(DISTINCT override, ', ' ORDER BY override) AS overrides FROM override_used
    WHERE run LIKE :runs ESCAPE '\\' GROUP BY run
), full_ AS (
    SELECT s.run, s.number, s.parent, s.started, c.records, c.ratio_records, c.ratio_tokens, c.ceiling, b.confident, b.distinct_,
        v.verdict, v.reason, coalesce(u.overrides, '') AS overrides,
        CASE WHEN v.verdict IS NOT NULL AND v.verdict <> 'PASS' THEN 1 ELSE 0 END AS stopped,
        ntile(:buckets) OVER (ORDER BY s.number) AS bucket
    FROM started s
    LEFT JOIN sets c ON c.run = s.run AND c.place = 1
    LEFT JOIN verdicts v ON v.run = s.run AND v.place = 1
    LEFT JOIN batches b ON b.run = s.run
    LEFT JOIN used u ON u.run = s.run
), ranked AS (
    SELECT *, count(*) OVER () AS runs, count(verdict) OVER () AS judged, sum(stopped) OVER () AS all_stopped,
        row_number() OVER (PARTITION BY bucket ORDER BY number DESC) AS newest,
        row_number() OVER (
            PARTITION BY bucket ORDER BY coalesce(greatest(ratio_records, ratio_tokens), -1) DESC, number
        ) AS largest,
        row_number() OVER (PARTITION BY bucket ORDER BY stopped DESC, number DESC) AS halted
    FROM full_
)
SELECT run, number, parent, started, records, ratio_records, ratio_tokens, ceiling, confident, distinct_, verdict, reason,
    overrides, runs, judged, all_stopped
FROM ranked WHERE runs <= :all_drawn OR newest = 1 OR largest = 1 OR (halted = 1 AND stopped = 1) ORDER BY number
"""


def history(connection: Connection, lineage: str, since: datetime | None) -> History:
    """The runs of a lineage since a time, reduced to what a chart can show."""
    rows = connection.execute(
        text(_RUNS),
        {
            "lineage": lineage,
            "runs": _runs_of(lineage),
            "since": since or datetime(1, 1, 1),
            "buckets": BUCKETS,
            "all_drawn": 2 * BUCKETS,
        },
    ).all()
    points = []
    for run, number, parent, started, records, by_records, by_tokens, ceiling, confident, distinct, *gate in (
        row[:13] for row in rows
    ):
        size = (records, by_records, by_tokens, ceiling)
        points.append(RunPoint(run, number, parent, started, *size, _whole(confident), _whole(distinct), *gate))
    return History(*((int(rows[0][13]), int(rows[0][14]), int(rows[0][15])) if rows else (0, 0, 0)), tuple(points))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _runs_of(lineage: str) -> str:
    return lineage.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "/%"


@dataclass(frozen=True)
class Passed:
    """Source and run pairs are many, what flows where is not: sources that fed lineages, lineages that were trained, and lineages
    whose text came back in a source."""

    fed: tuple[tuple[str, str], ...]
    trained: tuple[str, ...]
    came_back: tuple[tuple[str, str, datetime], ...]


def passed(connection: Connection, least: int) -> Passed:
    """What the log has seen flow, each edge once; text that came back from `least` records in one batch on. Edges of our own text
    bear the time at which they were first seen, with any number of records."""
    lineage = "regexp_replace({0}, '/[^/]*$', '')"
    fed = connection.execute(
        text(f"SELECT DISTINCT source, {lineage.format('run')} FROM batch_taken ORDER BY 1, 2")  # noqa: S608  names of our own columns
    ).all()
    trained = connection.execute(text("SELECT DISTINCT lineage FROM generation ORDER BY 1")).all()
    back = connection.execute(
        text(
            f"WITH e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'own_output_found') "  # noqa: S608  names of our own columns
            f"SELECT {lineage.format('o.generation')}, o.source, min(e.recorded), max(o.records) FROM own_output_found o "
            "JOIN e ON e.id = o.id GROUP BY 1, 2 HAVING max(o.records) >= :least ORDER BY 1, 2"
        ),
        {"least": least},
    ).all()
    return Passed(
        tuple((row[0], row[1]) for row in fed),
        tuple(row[0] for row in trained),
        tuple((row[0], row[1], row[2]) for row in back),
    )


@dataclass(frozen=True)
class Teeth:
    """What the self-tests of a run's gate showed: the smallest planted loss that was blocked (a share, None where none was), the
    newest row of them, and when."""

    run: str
    smallest: float | None
    row: str
    when: datetime


def teeth(connection: Connection) -> list[Teeth]:
    """The planted collapses of each run, oldest run first."""
    rows = connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'canary_result') "
            "SELECT run, smallest, id, recorded FROM (SELECT c.run, e.id, e.recorded, e.seq, "
            "min(CASE WHEN c.verdict = 'BLOCK' THEN c.loss END) OVER (PARTITION BY c.run) AS smallest, "
            "row_number() OVER (PARTITION BY c.run ORDER BY e.recorded DESC, e.seq DESC) AS place, "
            "min(e.recorded) OVER (PARTITION BY c.run) AS first_ "
            "FROM canary_result c JOIN e ON e.id = c.id WHERE c.kind = 'planted') AS t WHERE place = 1 ORDER BY first_, run"
        )
    ).all()
    return [Teeth(*row) for row in rows]


@dataclass(frozen=True)
class Untested:
    """Candidates that a gate judged without a planted collapse: how many, and the first; and whether any gate ever blocked."""

    candidates: int
    first: str
    since: datetime


def never_blocked(connection: Connection) -> Untested | None:
    """Candidates without a self-test where no gate ever blocked one; None where a gate did, or all were tested."""
    blocked = connection.execute(
        text("SELECT count(*) FROM gate_decision WHERE gate = 'diversity' AND verdict = 'BLOCK'")
    ).scalar_one()
    if blocked:
        return None
    rows = connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'gate_decision') "
            "SELECT e.id, e.recorded, count(*) OVER () FROM gate_decision g JOIN e ON e.id = g.id WHERE g.gate = 'diversity' "
            "AND NOT EXISTS (SELECT 1 FROM canary_result c WHERE c.run = g.run AND c.kind = 'planted') ORDER BY e.recorded LIMIT 1"
        )
    ).first()
    return Untested(int(rows[2]), rows[0], rows[1]) if rows else None


def days_of(connection: Connection, kinds: Sequence[str]) -> list[tuple[datetime, str]]:
    """The first and the newest row of each day on which there is a row of these kinds: time and id, oldest first."""
    names = {f"kind{place}": kind for place, kind in enumerate(kinds)}
    rows = connection.execute(
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


@dataclass(frozen=True)
class Return:
    """Our own text in a batch that did not declare it: the newest time in a source, and how many batches had it so far."""

    id: str
    recorded: datetime
    fact: OwnOutputFound
    times: int


def undeclared_returns(connection: Connection, least: int) -> list[Return]:
    """Our own text that came back undeclared, `least` records in a batch or more: one row a source, writer's lineage and kind."""
    columns = ", ".join(f"o.{one.name}" for one in fields(OwnOutputFound))
    rows = connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded, chain, seq FROM entry WHERE kind = 'own_output_found') "  # noqa: S608  names of our own columns
            f"SELECT * FROM (SELECT e.id, e.recorded, {columns}, count(*) OVER w AS times, row_number() OVER "
            "(PARTITION BY o.source, o.kind, regexp_replace(o.generation, '/[^/]*$', '') "
            "ORDER BY e.recorded DESC, e.chain, e.seq DESC) AS place "
            "FROM own_output_found o JOIN e ON e.id = o.id WHERE o.records >= :least AND NOT EXISTS (SELECT 1 FROM batch_taken b "
            "WHERE b.run = o.run AND b.batch = o.batch AND b.declared = 'ai') "
            "WINDOW w AS (PARTITION BY o.source, o.kind, regexp_replace(o.generation, '/[^/]*$', ''))) AS t "
            "WHERE place = 1 ORDER BY recorded"
        ),
        {"least": least},
    ).all()
    return [Return(row[0], row[1], OwnOutputFound(*row[2:-2]), int(row[-2])) for row in rows]


@dataclass(frozen=True)
class NotPassed:
    """A run whose gate did not say PASS, and when it was started."""

    run: str
    lineage: str
    when: datetime


def not_passed(connection: Connection, lineages: Sequence[str]) -> list[NotPassed]:
    """Runs of these lineages whose newest verdict is not PASS, oldest first."""
    if not lineages:
        return []
    names = {f"lineage{place}": name for place, name in enumerate(lineages)}
    rows = connection.execute(
        text(
            "WITH s AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'run_started'), "  # noqa: S608  names of parameters; values are bound
            "e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'gate_decision') "
            "SELECT r.run, r.lineage, s.recorded FROM run_started r JOIN s ON s.id = r.id "
            "JOIN (SELECT g.run, g.verdict, row_number() OVER "
            "(PARTITION BY g.run ORDER BY e.recorded DESC, e.seq DESC) AS place FROM gate_decision g JOIN e ON e.id = g.id "
            f"WHERE g.lineage IN ({', '.join(f':{name}' for name in names)}) AND g.gate = 'diversity') AS v "
            "ON v.run = r.run AND v.place = 1 AND v.verdict <> 'PASS' "
            "ORDER BY s.recorded, r.run"
        ),
        names,
    ).all()
    return [NotPassed(*row) for row in rows]
