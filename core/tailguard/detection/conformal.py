"""Class-conditional conformal plausibility, and the share of model-made texts in a pool.

Sources: V. Vovk, "Conditional validity of inductive conformal predictors", ACML (2012), for the label-conditional
calibration; A. Bella et al., "Quantification via probability estimators", ICDM (2010), for the adjusted mean (PACC).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.ports import ShareEstimate

Floats = NDArray[np.float64]


def human_p_values(scores: Floats, human: Floats) -> Floats:
    """How exceptional each score would be among human texts: the share of calibration scores at least as high."""
    ordered = np.sort(human)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return (above + 1) / (len(ordered) + 1)


def ai_p_values(scores: Floats, ai: Floats) -> Floats:
    """How exceptional each score would be among model-made texts: the share of calibration scores at most as high."""
    below = np.searchsorted(np.sort(ai), scores, side="right")
    return (below + 1) / (len(ai) + 1)


def adjusted_share(scores: Floats, *, human: Floats, ai: Floats) -> ShareEstimate | None:
    """PACC: the pool's mean score between the two classes' means; None when the classes do not differ.

    Means are over calibration texts that the detector was not fitted on; the interval is normal, with the variance of
    all three means. Counting flags instead would report the detector's error rate as synthetic text.
    """
    gap = float(ai.mean() - human.mean())
    if gap <= 0 or not len(scores):
        return None
    share = float(scores.mean() - human.mean()) / gap
    variance = (
        scores.var() / len(scores) + (share**2) * ai.var() / len(ai) + ((1 - share) ** 2) * human.var() / len(human)
    ) / gap**2
    half = 1.645 * float(np.sqrt(variance))
    low, middle, high = (float(min(max(value, 0.0), 1.0)) for value in (share - half, share, share + half))
    surprise = float(scores.mean() - human.mean()) / float(np.sqrt(human.var() * (1 / len(scores) + 1 / len(human))))
    return ShareEstimate(middle, low, high, surprise)


def share_is_excessive(hits: int, trials: int, *, expected: float) -> bool:
    """Whether `hits` of `trials` are too many for a rate of `expected` (0 to 1), at a chance below one in a million.

    Uses the Chernoff bound on the binomial tail, so the chance is at most, not about, one in a million.
    """
    if not trials or hits / trials <= expected:
        return False
    observed = min(hits / trials, 1 - 1e-12)
    divergence = observed * np.log(observed / expected) + (1 - observed) * np.log((1 - observed) / (1 - expected))
    return bool(trials * divergence > np.log(1e6))
