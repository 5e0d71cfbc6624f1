"""Whether a source's texts still look like those that the detector was calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 50
TOLERANCE = 0.15
"""Kolmogorov-Smirnov distance (0 to 1) that is let pass whatever the size: no two sources write alike."""
_CHANCE = 1.63
"""Times the root of 1/n + 1/m: the distance that two samples of one distribution exceed once in a hundred."""


@dataclass(frozen=True)
class Drift:
    """Distance of a source's scores from the nearest calibration group, and what is allowed at this size."""

    records: int
    distance: float
    limit: float

    @property
    def drifted(self) -> bool:
        return self.distance > self.limit


def drift(scores: NDArray[np.float64], groups: Mapping[str, NDArray[np.float64]]) -> Drift | None:
    """Two-sample Kolmogorov-Smirnov distance to the nearest group of human calibration scores.

    None for fewer than FEWEST scores, or where there is no group. Scores that are not numbers are left out.
    """
    scores = np.sort(scores[~np.isnan(scores)])
    if len(scores) < FEWEST or not groups:
        return None
    distance, group = min(
        ((_distance(scores, np.sort(group)), group) for group in groups.values()), key=lambda pair: pair[0]
    )
    chance = _CHANCE * float(np.sqrt(1 / len(scores) + 1 / len(group)))
    return Drift(len(scores), distance, TOLERANCE + chance)


def _distance(sample: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    both = np.concatenate([sample, other])
    return float(
        np.abs(
            np.searchsorted(sample, both, side="right") / len(sample)
            - np.searchsorted(other, both, side="right") / len(other)
        ).max()
    )
