"""Sources: what is agreed about a producer of batches, and when its word is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Contract:
    """A source's contract as it stands: who owns it, under which licence, what it declares, who signed it and when."""

    source: str
    owner: str
    licence: str
    declared: str
    since: datetime
    note: str
    row: str
    signed_by: str | None = None
    signed: datetime | None = None
