"""Origins and tags: where a record comes from, on what evidence, and how much of it counts as synthetic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tailguard.domain.reasons import Reason


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


WHOLE_SHARE = {Origin.HUMAN: 0.0, Origin.AI: 1.0, Origin.MIXED: 0.5, Origin.UNKNOWN: 1.0}
"""How much of a record counts as synthetic (0 to 1) where nothing finer is known: half of a mixed one, all of an unknown."""

Spans = tuple[tuple[int, int], ...]
"""Places in a text, (start, stop) in characters."""


@dataclass(frozen=True)
class Tag:
    """What is held true of one record: origin, evidence, the reason in words, and who or what said so.

    `share` (0 to 1) is how much of it counts as synthetic, `spans` where that part stands if it is known. A record that is
    `held_for` a reason waits for a person and does not advance. A tag is never edited: a new decision is a new tag.
    """

    record: str
    origin: Origin
    evidence: Evidence
    reason: str
    by: str
    share: float
    spans: Spans = ()
    held_for: Reason | None = None

    @property
    def held(self) -> bool:
        """Whether it waits for a person."""
        return self.held_for is not None

    @property
    def digest(self) -> str:
        """SHA-256 (first 32 hex digits) of the whole tag: changing one byte of it changes this."""
        return _digest(
            self.record, self.origin, self.evidence, self.reason, self.by, self.held, self.share, spans_text(self.spans)
        )


def spans_text(spans: Spans) -> str:
    """Spans as they are kept in a record's row: `12-80 95-130`."""
    return " ".join(f"{start}-{stop}" for start, stop in spans)


def spans_of(text: str) -> Spans:
    """What `spans_text` wrote."""
    return tuple((int(start), int(stop)) for start, _, stop in (part.partition("-") for part in text.split()))


def digest_of_row(row: Mapping[str, Any]) -> str:
    """The digest that the tag in a record's row, or in a ledger's, has to have."""
    return _digest(
        row["id"], row["origin"], row["evidence"], row["reason"], row["by"], row["held"], row["share"], row["spans"]
    )


def _digest(*content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()[:32]
