"""Overrides: dated, approved exceptions to one gate for one run, and how they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.gates import Gate

LONGEST = timedelta(days=366)
"""No override lasts longer, whatever a policy says."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """An exception as it stands now.

    `review_by` is when a review has to have justified it; `renews` names the override that this one is to follow;
    `orphan` says why it matches nothing any more, if it does not.
    """

    id: str
    gate: Gate
    lineage: str
    run: str
    reason: str
    requested_by: str
    requested: datetime
    expires: datetime
    decision: str | None
    decided_by: str | None
    decided: datetime | None
    note: str | None
    used: tuple[datetime, ...]
    review_by: datetime | None = None
    renews: str | None = None
    orphan: str | None = None

    @property
    def void(self) -> str | None:
        """What is wrong with its dates or its reason, or None. A void override opens nothing, and is shown."""
        if not self.reason.strip():
            return "it has no reason"
        if self.expires <= self.requested:
            return "it ends before it begins"
        if self.expires - self.requested > LONGEST:
            return f"it would last longer than {LONGEST.days} days"
        if self.decision == "approved" and self.decided_by == self.requested_by:
            return f"{self.requested_by} approved their own request"
        return None

    def state(self, now: datetime) -> str:
        """`requested`, `open`, `refused`, `closed`, `expired` or `void`; expiry and a missed review come by themselves."""
        if self.void:
            return "void"
        if self.decision in ("refused", "closed"):
            return self.decision
        if now >= self.expires:
            return "expired"
        if self.decision == "approved" and self.review_by is not None and now >= self.review_by:
            return "closed"
        return "open" if self.decision == "approved" else "requested"

    def missed_review(self, now: datetime) -> bool:
        """Whether it is closed because a review was due and none justified it, and the log does not say so yet."""
        return self.state(now) == "closed" and self.decision == "approved"


def live_override(overrides: Sequence[Override], *, gate: Gate, run: str, now: datetime) -> Override | None:
    """The override that lets `run` through `gate` now, if there is one."""
    for override in overrides:
        if override.gate == gate and override.run == run and override.state(now) == "open":
            return override
    return None


def agenda(overrides: Sequence[Override], *, now: datetime, soon: timedelta) -> list[Override]:
    """What a meeting reviews, in order: what waits for a decision, what ends soon, what was never used, what was used most,
    then the oldest."""
    current = [override for override in overrides if override.state(now) in ("requested", "open")]

    def rank(override: Override) -> tuple[int, float, str]:
        if override.state(now) == "requested":
            return 0, override.requested.timestamp(), override.id
        if override.expires - now <= soon:
            return 1, override.expires.timestamp(), override.id
        if not override.used:
            return 2, override.requested.timestamp(), override.id
        return 3, -len(override.used), f"{override.requested.isoformat()} {override.id}"

    return sorted(current, key=rank)
