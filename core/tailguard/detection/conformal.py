"""Class-conditional conformal p-values, robust over groups of calibration texts.

Source: V. Vovk, "Conditional validity of inductive conformal predictors", ACML (2012). A p-value is taken within each group
(a family of domains or generators) and the largest one counts, so that a class is excluded only where the score is
exceptional in every group; the error then holds for the worst known group and not only on average.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def human_p_values(scores: Floats, groups: Mapping[str, Floats]) -> Floats:
    """How exceptional each score would be among human texts: the share of calibration scores at least as high."""
    p_values = np.zeros(len(scores))
    for group in groups.values():
        ordered = np.sort(group)
        above = len(ordered) - np.searchsorted(ordered, scores, side="left")
        np.maximum(p_values, (above + 1) / (len(ordered) + 1), out=p_values)
    return p_values


def ai_p_values(scores: Floats, groups: Mapping[str, Floats]) -> Floats:
    """How exceptional each score would be among model-made texts: the share of calibration scores at most as high."""
    return human_p_values(-scores, {name: -group for name, group in groups.items()})


def share_is_excessive(hits: int, trials: int, *, expected: float) -> bool:
    """Whether `hits` of `trials` are too many for a rate of `expected` (0 to 1), at a chance below one in a million.

    Uses the Chernoff bound on the binomial tail, so the chance is at most, not about, one in a million.
    """
    if not trials or hits / trials <= expected:
        return False
    observed = min(hits / trials, 1 - 1e-12)
    divergence = observed * np.log(observed / expected) + (1 - observed) * np.log((1 - observed) / (1 - expected))
    return bool(trials * divergence > np.log(1e6))
