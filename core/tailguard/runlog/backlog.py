"""Held records that nobody has decided: which, in which run, since when, and how many waited at each moment.

The rule is by record: one is held from the first run that held it until a person decided it, in whatever run or batch they found
it. What is counted for people is counted here, so that it agrees with the queue. Runs of before version 8 of the log did not
name the records that they held: theirs are counted by batch, which is exact where every run that read the batch held the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

BANDS = ("under a week", "1 to 4 weeks", "over 4 weeks")
_LIMITS = (np.timedelta64(7, "D"), np.timedelta64(28, "D"))
_TIME = "datetime64[us]"

_RULE = """
WITH held_e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'records_held'),
decision_e AS MATERIALIZED (SELECT id, recorded, chain, seq FROM entry WHERE kind = 'review_decision'),
taken_e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'batch_taken'),
answers AS (
    SELECT d.record, d.batch, d.origin, e.recorded,
        row_number() OVER (PARTITION BY d.record ORDER BY e.recorded DESC, e.chain DESC, e.seq DESC) AS place
    FROM review_decision d JOIN decision_e e ON e.id = d.id
), decided AS (
    SELECT record, batch, recorded FROM answers WHERE place = 1 AND origin <> 'unknown'
), named AS (
    SELECT h.run, h.batch, h.id, e.recorded, unnest(string_to_array(h.records, ' ')) AS record
    FROM records_held h JOIN held_e e ON e.id = h.id
), first_held AS (
    SELECT run, id, recorded, record, row_number() OVER (PARTITION BY record ORDER BY recorded, id) AS place FROM named
), record AS (
    SELECT f.run, f.id, f.recorded AS since, f.record, d.recorded AS decided
    FROM first_held f LEFT JOIN decided d ON d.record = f.record WHERE f.place = 1
), answered AS (
    SELECT batch, recorded, row_number() OVER (PARTITION BY batch ORDER BY recorded) AS place FROM decided
), answers_of AS (
    SELECT batch, count(*) AS records FROM decided GROUP BY batch
), taken AS (
    SELECT b.run, b.batch, b.held, b.id, e.recorded AS since, count(*) OVER (PARTITION BY b.batch) AS times
    FROM batch_taken b JOIN taken_e e ON e.id = b.id WHERE b.held > 0
), unnamed AS (
    SELECT t.*, coalesce(a.records, 0) AS answers, coalesce(max(t.held) OVER (
        PARTITION BY t.batch ORDER BY t.since, t.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS counted
    FROM taken t LEFT JOIN answers_of a ON a.batch = t.batch
    WHERE NOT EXISTS (SELECT 1 FROM records_held h WHERE h.run = t.run AND h.batch = t.batch)
), named_again AS (
    SELECT r.record, u.held, row_number() OVER (PARTITION BY u.batch ORDER BY r.decided NULLS LAST, r.since, r.record) AS place
    FROM (SELECT batch, max(held) AS held FROM unnamed GROUP BY batch) u
    JOIN (SELECT DISTINCT batch, record FROM named) n ON n.batch = u.batch JOIN record r ON r.record = n.record
), spell AS (
    SELECT since, decided, count(*) AS records, min(id) AS id FROM record r
    WHERE NOT EXISTS (SELECT 1 FROM named_again n WHERE n.record = r.record AND n.place <= n.held) GROUP BY since, decided
    UNION ALL
    SELECT u.since, a.recorded, 1, u.id FROM unnamed u
    JOIN answered a ON a.batch = u.batch AND a.place > u.counted AND a.place <= u.held
    UNION ALL
    SELECT since, CAST(NULL AS TIMESTAMP), held - greatest(answers, counted), id FROM unnamed
    WHERE held > greatest(answers, counted)
), stretch AS (
    SELECT since, id FROM (SELECT since, id, max(coalesce(decided, CAST('infinity' AS TIMESTAMP))) OVER (
        ORDER BY since, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS waited_until FROM spell) s
    WHERE waited_until IS NULL OR waited_until < since
)
"""
"""`record` has a row for each record that was ever named: the first run that held it, and when it was decided, if it is. `unnamed`
are the batches whose records were not: of one that several runs read, the first counts, and a later one with what it held beyond
that (`counted`). Records of such a batch that a later run named (`named_again`) are those that were counted so, as many as were.
A `spell` is so many records that waited from `since` until `decided`. A `stretch` begins where something waits and nothing did."""


@dataclass(frozen=True)
class Undecided:
    """What a reviewer's queue is made of: each record that waits by id, with the first run that held it and since when; and the
    runs that did not name what they held and may have records that wait."""

    records: dict[str, tuple[str, datetime]]
    unnamed: frozenset[str]

    @property
    def runs(self) -> frozenset[str]:
        """Runs whose held records have to be read; all others are decided whole, or hold nothing that another one has not."""
        return self.unnamed | {run for run, _ in self.records.values()}


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


def undecided(connection: Connection) -> Undecided:
    """Every held record that nobody has decided."""
    named = _ask(connection, "SELECT record, run, since FROM record WHERE decided IS NULL")
    unnamed = _ask(connection, "SELECT DISTINCT run FROM unnamed WHERE times > 1 OR held > answers")
    return Undecided({record: (run, since) for record, run, since in named}, frozenset(run for (run,) in unnamed))


def waiting_now(connection: Connection) -> HeldTotal | None:
    """What waits for a person; None where nothing does."""
    found = _ask(
        connection,
        """
        SELECT w.records, w.oldest, s.since, s.id
        FROM (SELECT sum(records) AS records, min(since) AS oldest FROM spell WHERE decided IS NULL) w, stretch s
        WHERE w.records > 0 ORDER BY s.since DESC, s.id LIMIT 1
        """,
    )
    return HeldTotal(int(found[0][0]), *found[0][1:]) if found else None


def _ask(connection: Connection, what: str) -> list[Any]:
    return list(connection.execute(text(_RULE + what)))


def backlog(connection: Connection, now: datetime) -> list[Backlog]:
    """A point for each band at each time that records came or were decided, a week and four weeks after, and now."""
    found = _ask(connection, "SELECT since, decided, sum(records) FROM spell GROUP BY since, decided")
    if not found:
        return []
    since, decided = (np.array([row[column] for row in found], dtype=_TIME) for column in (0, 1))
    records = np.array([int(row[2]) for row in found])
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
