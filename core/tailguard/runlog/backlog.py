"""How many held records waited at each moment, by how long they had waited then."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from tailguard.domain.facts import BatchTaken, ReviewDecision
from tailguard.domain.tags import Origin
from tailguard.runlog.queries import recorded

BANDS = ("under a week", "1 to 4 weeks", "over 4 weeks")
_LIMITS = (timedelta(days=7), timedelta(days=28))


@dataclass(frozen=True)
class Backlog:
    """Waiting records at one moment, in one band of age (one of BANDS)."""

    moment: datetime
    band: str
    records: int


def backlog(connection: Connection, now: datetime) -> list[Backlog]:
    """A point for each band at each time that records came or were decided, a week and four weeks after, and now."""
    arrived: dict[str, tuple[datetime, int]] = {}
    for one in recorded(connection, BatchTaken):
        if one.fact.held:
            arrived[f"{one.fact.run} {one.fact.batch}"] = (one.recorded, one.fact.held)
    decided: dict[str, dict[str, datetime]] = defaultdict(dict)
    for decision in recorded(connection, ReviewDecision):
        record = decided[decision.fact.batch]
        if decision.fact.origin == Origin.UNKNOWN:
            record.pop(decision.fact.record, None)
        else:
            record[decision.fact.record] = decision.recorded
    done = {batch: sorted(times.values()) for batch, times in decided.items()}
    moments = {now, *(time for times in done.values() for time in times)}
    for time, _ in arrived.values():
        moments |= {time, *(time + limit for limit in _LIMITS if time + limit < now)}
    points = []
    for moment in sorted(moments):
        counts = dict.fromkeys(BANDS, 0)
        for name, (time, held) in arrived.items():
            if time <= moment:
                batch = name.rpartition(" ")[2]
                left = held - sum(when <= moment for when in done.get(batch, ()))
                counts[_band(moment - time)] += max(0, left)
        points += [Backlog(moment, band, count) for band, count in counts.items()]
    return points


def _band(age: timedelta) -> str:
    return BANDS[sum(age >= limit for limit in _LIMITS)]
