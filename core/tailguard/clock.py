"""The system's clock. Everything that needs the time takes a clock as an argument, so that a run can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class SystemClock:
    """The time of this machine, in UTC without a zone."""

    name: str = "system"

    def now(self) -> datetime:
        """Now, to the microsecond."""
        return datetime.now(UTC).replace(tzinfo=None)
