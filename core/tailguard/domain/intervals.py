"""Intervals for shares."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimated share (0 to 1) with a 90 % interval."""

    share: float
    low: float
    high: float


def wilson(hits: int, trials: int) -> Interval | None:
    """Share of hits with its 90 % score interval (E. B. Wilson, JASA 22, 1927); None without trials."""
    if not trials:
        return None
    z, share = 1.6449, hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))
