"""How large a share of a pool is model-made. Estimated from all scores, never counted from verdicts.

Two estimators that fail differently: PACC (A. Bella et al., "Quantification via probability estimators", ICDM 2010)
adjusts the mean posterior by the class means; SLD (M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a
classifier to new a priori probabilities", Neural Computation 14, 2002) re-estimates the prior by expectation maximisation.
Both take posteriors of being model-made (0 to 1) and agree with QuaPy's on the same input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.ports import ShareEstimate

Floats = NDArray[np.float64]

DRAWS = 100
"""Bootstrap draws of an interval."""
BINS = 256
"""Posteriors are counted in so many bins before they are drawn from, so that a draw costs the same for any pool."""
TOLERANCE = 1e-9
_TOLERANCE_OF_A_DRAW = 1e-5
MOST_STEPS = 1000
APART = 0.02
"""Share (0 to 1) between two intervals from which the methods are said to differ."""
FEWEST = 20
"""Records of a pool below which no share is estimated: an interval would say nothing."""


@dataclass(frozen=True)
class Shares:
    """The two estimates of one pool with 90 % bootstrap intervals; they `disagree` when these lie more than APART."""

    pacc: ShareEstimate
    sld: ShareEstimate
    records: int

    @property
    def disagree(self) -> bool:
        return max(self.pacc.low, self.sld.low) - min(self.pacc.high, self.sld.high) > APART


def pacc(pool: Floats, *, human: Floats, ai: Floats, weights: Floats | None = None) -> float:
    """The share at which the pool's mean posterior is that of the mixture, clipped to 0 to 1.

    `human` and `ai` are posteriors of texts of known class that the classifier was not fitted on. Raises ValueError where
    the two classes have the same mean.
    """
    gap = float(ai.mean() - human.mean())
    if gap <= 0:
        raise ValueError("the classifier does not tell the two classes apart")
    return float(np.clip((np.average(pool, weights=weights) - human.mean()) / gap, 0.0, 1.0))


def sld(pool: Floats, *, prior: float, weights: Floats | None = None) -> float:
    """The prior under which the pool's re-weighted posteriors have that very mean.

    `prior` (0 to 1, exclusive) is the share of model-made texts under which the posteriors are calibrated.
    """
    share = prior
    for _ in range(MOST_STEPS):
        made = pool * (share / prior)
        other = (1 - pool) * ((1 - share) / (1 - prior))
        total = made + other
        updated = float(np.average(np.divide(made, total, out=np.zeros_like(made), where=total > 0), weights=weights))
        if abs(updated - share) < TOLERANCE:
            return updated
        share = updated
    return share


def adjusted_share(pool: Floats, *, human: Floats, ai: Floats) -> ShareEstimate | None:
    """PACC with a normal 90 % interval from the variances of the three means; None when the classes do not differ."""
    gap = float(ai.mean() - human.mean())
    if gap <= 0 or not len(pool):
        return None
    share = float(pool.mean() - human.mean()) / gap
    variance = (
        pool.var() / len(pool) + (share**2) * ai.var() / len(ai) + ((1 - share) ** 2) * human.var() / len(human)
    ) / gap**2
    half = 1.645 * float(np.sqrt(variance))
    low, middle, high = (float(min(max(value, 0.0), 1.0)) for value in (share - half, share, share + half))
    return ShareEstimate(middle, low, high, _surprise(pool, human))


def shares(pool: Floats, *, human: Floats, ai: Floats, seed: int) -> Shares | None:
    """Both estimates with intervals from a bootstrap over the calibration texts and the pool.

    None for a pool of fewer than FEWEST records, or where the classifier does not tell the classes apart. The posteriors
    are taken to be calibrated at equal parts of both classes.
    """
    if len(pool) < FEWEST or ai.mean() <= human.mean():
        return None
    rng = np.random.default_rng(seed)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts, _ = np.histogram(pool, edges)
    sums, _ = np.histogram(pool, edges, weights=pool)
    filled = counts > 0
    values, counts = sums[filled] / counts[filled], counts[filled]
    drawn_pacc = np.empty(DRAWS)
    weights = rng.multinomial(len(pool), counts / len(pool), size=DRAWS).astype(np.float64)
    for draw in range(DRAWS):
        some_human, some_ai = rng.choice(human, len(human)), rng.choice(ai, len(ai))
        if some_ai.mean() <= some_human.mean():
            some_human, some_ai = human, ai
        drawn_pacc[draw] = pacc(values, human=some_human, ai=some_ai, weights=weights[draw])
    drawn_sld = _sld_of_draws(values, weights)
    surprise = _surprise(pool, human)
    return Shares(
        _estimate(pacc(pool, human=human, ai=ai), drawn_pacc, surprise),
        _estimate(sld(values, prior=0.5, weights=counts.astype(np.float64)), drawn_sld, surprise),
        len(pool),
    )


def _sld_of_draws(values: Floats, weights: Floats) -> Floats:
    """`sld` at a prior of one half for each row of weights, shape (draws,): all draws take their steps together."""
    share = np.full(len(weights), 0.5)
    total = weights.sum(axis=1)
    for _ in range(MOST_STEPS):
        made, other = np.outer(share, values), np.outer(1 - share, 1 - values)
        updated = (weights * made / (made + other)).sum(axis=1) / total
        if np.abs(updated - share).max() < _TOLERANCE_OF_A_DRAW:
            return np.asarray(updated)
        share = updated
    return share


def _surprise(pool: Floats, human: Floats) -> float:
    return float(pool.mean() - human.mean()) / float(np.sqrt(human.var() * (1 / len(pool) + 1 / len(human))))


def _estimate(share: float, drawn: Floats, surprise: float) -> ShareEstimate:
    low, high = (float(value) for value in np.quantile(drawn, [0.05, 0.95]))
    return ShareEstimate(share, min(low, share), max(high, share), surprise)
