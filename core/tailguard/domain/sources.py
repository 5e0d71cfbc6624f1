"""Sources: what is agreed about a producer of batches, and when its word is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A source's contract in force: who owns it, under which licence, what it declares, who signed it and when."""

    source: str
    owner: str
    licence: str
    declared: str
    since: datetime
    note: str
    row: str
    signed_by: str | None = None
    signed: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """What a source has shown so far: shares (0 to 1) of its records that were demoted to unknown and that were duplicates,
    how often reviewers agreed with its declaration (1 where none looked), and whether its contract is signed."""

    demoted: float
    duplicates: float
    agreement: float
    signed: bool
