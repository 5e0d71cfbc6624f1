"""How a text can be our own: what the index of logged outputs tells of a match."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MatchKind(StrEnum):
    """What a text has of a text that one of our generations wrote, by the key that the log holds."""

    EXACT_COPY = "exact-copy"
    NEAR_DUPLICATE = "near-duplicate"
    PASSAGE = "passage"


_LABELS: Mapping[str, str] = {
    MatchKind.EXACT_COPY: "exact copy",
    MatchKind.NEAR_DUPLICATE: "near-duplicate",
    MatchKind.PASSAGE: "contains a passage",
}


def match_label(kind: str) -> str:
    """A kind of match in words, to go on with `of`: `near-duplicate`, `contains a passage`."""
    return _LABELS.get(kind, kind)
