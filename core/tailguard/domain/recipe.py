"""What a person asks of a composition: how much synthetic text, with or without anchor and earlier human text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A request. The policy's ceiling is checked against what comes of it, never silently put into it.

    `synthetic_share` (0 to 1) is the share of synthetic records to aim at; None takes what fits under the ceiling.
    `anchor` and `earlier_human` say whether the frozen anchor and the previous set's human records are included.
    """

    synthetic_share: float | None = None
    anchor: bool = True
    earlier_human: bool = True


@dataclass(frozen=True)
class Ratio:
    """Share of synthetic text in a set, counted in records and in tokens (both 0 to 1)."""

    records: float
    tokens: float

    @property
    def highest(self) -> float:
        """The larger of the two, which is the one that a ceiling is held against."""
        return max(self.records, self.tokens)


def synthetic_allowed(human: float, ceiling: float) -> float:
    """How much synthetic text fits beside `human` so that its share is at most `ceiling` (infinite at ceiling 1)."""
    return float("inf") if ceiling >= 1 else human * ceiling / (1 - ceiling)
