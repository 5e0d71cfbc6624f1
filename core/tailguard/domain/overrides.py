"""Overrides: dated, approved exceptions to one gate for one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

GATES = ("ratio", "diversity")
"""Gates that an override can open. The intake gate has none: what is unknown is decided, not excused."""


@dataclass(frozen=True)
class Override:
    """An exception as it stands now."""

    id: str
    gate: str
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

    def state(self, now: datetime) -> str:
        """`requested`, `open`, `refused`, `closed` or `expired`; expiry comes by itself."""
        if self.decision in ("refused", "closed"):
            return self.decision
        if now >= self.expires:
            return "expired"
        return "open" if self.decision == "approved" else "requested"


def live_override(overrides: Sequence[Override], *, gate: str, run: str, now: datetime) -> Override | None:
    """The override that lets `run` through `gate` now, if there is one."""
    for override in overrides:
        if override.gate == gate and override.run == run and override.state(now) == "open":
            return override
    return None
