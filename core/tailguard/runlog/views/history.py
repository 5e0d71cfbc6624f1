"""A long history in few rows: what pages draw over all runs, selected and summed in the log itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from tailguard.runlog.view import LogView

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
        CASE WHEN v.verdict IS NOT NULL AND v.verdict NOT IN ('PASS', 'BASELINE') THEN 1 ELSE 0 END AS stopped,
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


def history(view: LogView, lineage: str, since: datetime | None) -> History:
    """The runs of a lineage since a time, reduced to what a chart can show."""
    rows = view.connection.execute(
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
