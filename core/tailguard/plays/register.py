"""The register of overrides: which are open, which wait for a decision, and which need attention soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import OverrideUsed
from tailguard.plays.status import OverrideStatus
from tailguard.runlog.view import LogView

EXPIRES_SOON = timedelta(days=7)
RECENT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Register:
    """Overrides by what has to be done about them. `requested` wait for a decision; all other groups are among the open ones:
    they end within EXPIRES_SOON, were never used, match nothing any more, or no meeting has reviewed them in time."""

    open: tuple[OverrideStatus, ...]
    requested: tuple[OverrideStatus, ...]
    expiring: tuple[OverrideStatus, ...]
    unused: tuple[OverrideStatus, ...]
    orphaned: tuple[OverrideStatus, ...]
    overdue: tuple[OverrideStatus, ...]


def register(overrides: Sequence[OverrideStatus], now: datetime) -> Register:
    """The register at `now`, in the order of the overrides."""
    current = tuple(override for override in overrides if override.state == "open")
    return Register(
        open=current,
        requested=tuple(override for override in overrides if override.state == "requested"),
        expiring=tuple(override for override in current if override.expires - now < EXPIRES_SOON),
        unused=tuple(override for override in current if not override.uses),
        orphaned=tuple(override for override in current if override.orphan),
        overdue=tuple(override for override in current if override.review_by and override.review_by < now),
    )


def recent_uses(view: LogView, now: datetime) -> int:
    """How many times an override was used in the last 30 days before `now`."""
    return sum(row.recorded > now - RECENT for row in view.recorded(OverrideUsed, since=now - RECENT))
