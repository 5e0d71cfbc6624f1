"""How many held records waited at each moment, by how long they had waited then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from tailguard.domain.facts import ReviewDecision
from tailguard.domain.tags import Origin
from tailguard.runlog.history import held_batches
from tailguard.runlog.queries import recorded, review_decisions

BANDS = ("under a week", "1 to 4 weeks", "over 4 weeks")
_LIMITS = (np.timedelta64(7, "D"), np.timedelta64(28, "D"))
_TIME = "datetime64[us]"


@dataclass(frozen=True)
class Backlog:
    """Waiting records at one moment, in one band of age (one of BANDS)."""

    moment: datetime
    band: str
    records: int


MOMENTS = 160
"""A longer history is looked at so many times, evenly, and now."""


def backlog(connection: Connection, now: datetime) -> list[Backlog]:
    """A point for each band at each time that records came or were decided, a week and four weeks after, and now."""
    arrived = held_batches(connection)
    if not arrived:
        return []
    decided: dict[str, dict[str, datetime]] = defaultdict(dict)
    for decision in recorded(connection, ReviewDecision):
        record = decided[decision.fact.batch]
        if decision.fact.origin == Origin.UNKNOWN:
            record.pop(decision.fact.record, None)
        else:
            record[decision.fact.record] = decision.recorded
    done = {batch: np.array(sorted(times.values()), dtype=_TIME) for batch, times in decided.items() if times}
    times = np.array([one.when for one in arrived], dtype=_TIME)
    moments = {np.datetime64(now, "us"), *times, *(time for found in done.values() for time in found)}
    moments |= {time + limit for time in times for limit in _LIMITS if time + limit < np.datetime64(now, "us")}
    points = []
    settled = [(place, done[one.batch]) for place, one in enumerate(arrived) if one.batch in done]
    for moment in _thinned(sorted(moments)):
        left = np.array([one.held for one in arrived])
        for place, when in settled:
            left[place] = max(0, left[place] - np.searchsorted(when, moment, side="right"))
        left[times > moment] = 0
        bands = np.searchsorted(np.array(_LIMITS), moment - times, side="right")
        for number, band in enumerate(BANDS):
            points.append(Backlog(moment.astype(datetime), band, int(left[bands == number].sum())))
    return points


def oldest_waiting(connection: Connection) -> datetime | None:
    """Since when the oldest held record waits that nobody has decided; None where none does."""
    settled = Counter(one.fact.batch for one in review_decisions(connection).values())
    return next((one.when for one in held_batches(connection) if settled[one.batch] < one.held), None)


def _thinned(moments: Sequence[np.datetime64]) -> Sequence[np.datetime64]:
    if len(moments) <= 2 * MOMENTS:
        return moments
    step = (moments[-1] - moments[0]) / MOMENTS
    return [*(moments[0] + number * step for number in range(MOMENTS)), moments[-1]]
