"""The review queue in figures: how many records wait in how many groups, and how much was decided lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import ReviewDecision
from tailguard.plays.provenance.quarantine import Waiting
from tailguard.runlog.view import LogView

RECENT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class QueueSummary:
    """A reviewer's queue. A group is a set of near-duplicates; `near_duplicates` are the records of the `larger_groups`, those with
    more than one record, and one answer settles each of these groups. `oldest` is None where nothing waits."""

    records: int
    groups: int
    larger_groups: int
    near_duplicates: int
    oldest: datetime | None


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Decisions on held records: all of them, and those of the last week."""

    total: int
    last_week: int


def summary(queue: Sequence[Waiting]) -> QueueSummary:
    """The queue of one reviewer."""
    sizes = list(Counter(record.cluster for record in queue).values())
    return QueueSummary(
        records=len(queue),
        groups=len(sizes),
        larger_groups=sum(size > 1 for size in sizes),
        near_duplicates=sum(size for size in sizes if size > 1),
        oldest=min((record.since for record in queue), default=None),
    )


def group_of(queue: Sequence[Waiting], record: Waiting) -> list[Waiting]:
    """The records of a queue that are near-duplicates of one of them, that one included, in the queue's order."""
    return [other for other in queue if other.cluster == record.cluster]


def decided(view: LogView, now: datetime) -> Decided:
    """How many decisions there are at `now`."""
    rows = view.recorded(ReviewDecision)
    return Decided(total=len(rows), last_week=sum(row.recorded >= now - RECENT for row in rows))
