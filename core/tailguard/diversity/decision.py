"""From an estimated change and its error to an interval and a verdict on one measure.

A change is a log ratio of two statistics, or a difference of two shares in points. Sources: S. Wellek, "Testing statistical
hypotheses of equivalence and noninferiority" (2010); B. Efron and C. Stein, Annals of Statistics 9 (1981), for the jackknife;
A. Agresti and Y. Min, Statistics in Medicine 24 (2005), for the pseudo-prompts; the rule of three for what nobody has seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tailguard.domain.measures import MARGINS, Measure
from tailguard.domain.verdict import MeasureComparison, Verdict

Floats = NDArray[np.float64]

FEWEST_PROMPTS = 20
"""Fewer prompts say nothing of the prompts that were not asked."""
POWER = 0.8
_MOST_PROMPTS = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a policy allows: the largest loss of each measure that passes, the error rate alpha (both 0 to 1), and the slices that
    gate, each with margins of its own."""

    margins: Mapping[Measure, float] = field(default_factory=lambda: MARGINS)
    alpha: float = 0.05
    slices: Mapping[str, Mapping[Measure, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measure's values on both sides, its estimated change with the standard error, and how many prompts it rests on.

    `change` and `error` are those of a log ratio, or of a difference where the measure is in points. The interval reaches at least
    `floor` to either side of the change.
    """

    measure: Measure
    reference: float
    candidate: float
    change: float
    error: float
    prompts: int
    floor: float = 0.0


def jackknifed(values: Floats) -> float:
    """The standard error of a statistic from its values with each prompt left out (Efron and Stein 1981)."""
    return float(np.sqrt((len(values) - 1) * np.var(values)))


def mean_difference(measure: Measure, ours: Floats, theirs: Floats, *, samples: int, alpha: float) -> Estimate:
    """The mean difference of two shares (0 to 1) of a prompt's `samples` answers.

    Prompts of which none differs would have no spread, though others may: so half a prompt that differs is added to either side
    (Agresti and Min 2005; with several samples, that differs in as much as one sample adds to the variance), and the interval
    reaches at least as far as a share of prompts that none of these would have shown (1 - alpha^(1/n)).
    """
    difference = ours - theirs
    prompts = len(difference)
    squares = float((difference**2).sum()) + 1 / samples
    mean = float(difference.sum()) / (prompts + 2)
    error = math.sqrt(max(squares / (prompts + 2) - mean**2, 0.0) / (prompts + 2))
    return Estimate(
        measure=measure,
        reference=float(theirs.mean()),
        candidate=float(ours.mean()),
        change=float(difference.mean()),
        error=error,
        prompts=prompts,
        floor=unseen(prompts, alpha),
    )


def unseen(prompts: int, alpha: float) -> float:
    """The largest share of prompts that could be wrong though none of these is, at error rate alpha."""
    return -math.expm1(math.log(alpha) / prompts)


def decide(estimate: Estimate, limits: Limits) -> MeasureComparison:
    """PASS when the whole interval is above -margin, BLOCK when it is below, else INCONCLUSIVE."""
    measure, prompts = estimate.measure, estimate.prompts
    margin = limits.margins[measure]
    reach = float(student.ppf(1 - limits.alpha, prompts - 1))
    half = max(reach * estimate.error, estimate.floor)
    shown, limit = (_share, -margin) if measure.in_points else (math.expm1, math.log1p(-margin))
    low, high = shown(estimate.change - half), shown(estimate.change + half)
    verdict = Verdict.PASS if low > -margin else Verdict.BLOCK if high < -margin else Verdict.INCONCLUSIVE
    return MeasureComparison(
        measure,
        estimate.reference,
        estimate.candidate,
        shown(estimate.change),
        low,
        high,
        margin,
        verdict,
        -shown(-max(estimate.floor, (reach + float(student.ppf(POWER, prompts - 1))) * estimate.error)),
        _prompts_to_settle(estimate, half, abs(estimate.change - limit)) if verdict is Verdict.INCONCLUSIVE else None,
        prompts,
        1 - 2 * limits.alpha,
    )


def _share(difference: float) -> float:
    return min(1.0, max(-1.0, difference))


def _prompts_to_settle(estimate: Estimate, half: float, gap: float) -> int | None:
    """As many prompts as make the interval end at the margin, were the change the same; None where that is beyond a million."""
    gap = max(gap, 1e-9)
    wanted = estimate.prompts * (half / gap) ** 2
    if half == estimate.floor:  # which falls with the number of prompts, not with its root: see `unseen`
        wanted = estimate.prompts * math.log1p(-half) / math.log1p(-gap)
    return math.ceil(wanted) + 1 if wanted < _MOST_PROMPTS else None


def undecided(measure: Measure, reference: float, candidate: float, limits: Limits, prompts: int) -> MeasureComparison:
    """INCONCLUSIVE, as there is too little to measure."""
    return MeasureComparison(
        measure, reference, candidate, 0.0, -1.0, math.inf, limits.margins[measure], Verdict.INCONCLUSIVE, 1.0, None,
        prompts,
        1 - 2 * limits.alpha,
    )  # fmt: skip
