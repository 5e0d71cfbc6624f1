"""Held records that nobody has decided: which, in which run, since when, and how many waited at each moment.

The rule is by record: one is held from the first run that held it until a person decided it, in whatever run or batch they found
it. What is counted for people is counted here, so that it agrees with the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import text

from tailguard.runlog.view import LogView

BANDS = ("under a week", "1 to 4 weeks", "over 4 weeks")
_LIMITS = (np.timedelta64(7, "D"), np.timedelta64(28, "D"))
_TIME = "datetime64[us]"

_RULE = """
WITH held_e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'records_held'),
decision_e AS MATERIALIZED (SELECT id, recorded, chain, seq FROM entry WHERE kind = 'review_decision'),
answers AS (
    SELECT d.record, d.origin, e.recorded,
        row_number() OVER (PARTITION BY d.record ORDER BY e.recorded DESC, e.chain DESC, e.seq DESC) AS place
    FROM review_decision d JOIN decision_e e ON e.id = d.id
), decided AS (
    SELECT record, recorded FROM answers WHERE place = 1 AND origin <> 'unknown'
), named AS (
    SELECT h.run, h.id, e.recorded, unnest(string_to_array(h.records, ' ')) AS record
    FROM records_held h JOIN held_e e ON e.id = h.id
), first_held AS (
    SELECT run, id, recorded, record, row_number() OVER (PARTITION BY record ORDER BY recorded, id) AS place FROM named
), record AS (
    SELECT f.run, f.id, f.recorded AS since, f.record, d.recorded AS decided
    FROM first_held f LEFT JOIN decided d ON d.record = f.record WHERE f.place = 1
), spell AS (
    SELECT since, decided, count(*) AS records, min(id) AS id FROM record GROUP BY since, decided
), stretch AS (
    SELECT since, id FROM (SELECT since, id, max(coalesce(decided, CAST('infinity' AS TIMESTAMP))) OVER (
        ORDER BY since, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS waited_until FROM spell) s
    WHERE waited_until IS NULL OR waited_until < since
)
"""
"""`record` has a row for each record that was ever held: the first run that held it, and when it was decided, if it is. A `spell`
is so many records that waited from `since` until `decided`. A `stretch` begins where something waits and nothing did."""


@dataclass(frozen=True)
class HeldSince:
    """The first run that held a record, and when."""

    run: str
    since: datetime


@dataclass(frozen=True)
class Backlog:
    """Waiting records at one moment, in one band of age (one of BANDS)."""

    moment: datetime
    band: str
    records: int


@dataclass(frozen=True)
class HeldTotal:
    """How many held records nobody has decided, and since when the oldest of them waits.

    `unbroken_since` is from when on something waited at every moment, and `row` the row of the log with which that began.
    """

    records: int
    since: datetime
    unbroken_since: datetime
    row: str


MOMENTS = 160
"""A longer history is looked at so many times, evenly, and now."""


def undecided(view: LogView) -> dict[str, HeldSince]:
    """Every held record that nobody has decided, by its id."""
    rows = _ask(view, "SELECT record, run, since FROM record WHERE decided IS NULL")
    return {record: HeldSince(run, since) for record, run, since in rows}


def waiting_now(view: LogView) -> HeldTotal | None:
    """What waits for a person; None where nothing does."""
    rows = _ask(
        view,
        """
        SELECT w.records, w.oldest, s.since, s.id
        FROM (SELECT sum(records) AS records, min(since) AS oldest FROM spell WHERE decided IS NULL) w, stretch s
        WHERE w.records > 0 ORDER BY s.since DESC, s.id LIMIT 1
        """,
    )
    return HeldTotal(int(rows[0][0]), *rows[0][1:]) if rows else None


def _ask(view: LogView, what: str) -> list[Any]:
    return list(view.connection.execute(text(_RULE + what)))


def backlog(view: LogView, now: datetime) -> list[Backlog]:
    """A point for each band at each time that records came or were decided, a week and four weeks after, and now."""
    rows = _ask(view, "SELECT since, decided, sum(records) FROM spell GROUP BY since, decided")
    if not rows:
        return []
    since, decided = (np.array([row[column] for row in rows], dtype=_TIME) for column in (0, 1))
    records = np.array([int(row[2]) for row in rows])
    until = np.where(np.isnat(decided), np.datetime64(datetime.max), decided)
    present = np.datetime64(now, "us")
    moments = {present, *since, *decided[~np.isnat(decided)]}
    moments |= {time + limit for time in since for limit in _LIMITS if time + limit < present}
    points = []
    for moment in _thinned(sorted(moments)):
        left = np.where((since <= moment) & (moment < until), records, 0)
        bands = np.searchsorted(np.array(_LIMITS), moment - since, side="right")
        for number, band in enumerate(BANDS):
            points.append(Backlog(moment.astype(datetime), band, int(left[bands == number].sum())))
    return points


def _thinned(moments: Sequence[np.datetime64]) -> Sequence[np.datetime64]:
    if len(moments) <= 2 * MOMENTS:
        return moments
    step = (moments[-1] - moments[0]) / MOMENTS
    return [*(moments[0] + number * step for number in range(MOMENTS)), moments[-1]]
