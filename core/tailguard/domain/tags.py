"""Origins and tags: where a record comes from, and on what evidence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Who wrote a record. `UNKNOWN` is a holding state and counts as synthetic; it is never a pass."""

    HUMAN = "human"
    AI = "ai"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """What a tag rests on, strongest first."""

    OWN_OUTPUT = "own output"
    DECLARATION = "declaration"
    REVIEW = "review"
    DETECTOR = "detector"
    NONE = "none"


SYNTHETIC_WEIGHT = {Origin.HUMAN: 0.0, Origin.AI: 1.0, Origin.MIXED: 0.5, Origin.UNKNOWN: 1.0}
"""How much of a record counts as synthetic in a ratio (0 to 1)."""


@dataclass(frozen=True)
class Tag:
    """Origin, evidence and reason of one record. `held` records wait for a person and do not advance."""

    record: str
    origin: Origin
    evidence: Evidence
    reason: str
    held: bool

    @property
    def digest(self) -> str:
        """Digest of the whole tag: changing one byte of it changes this."""
        content = [self.record, self.origin, self.evidence, self.reason, self.held]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()[:32]
