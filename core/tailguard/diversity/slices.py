"""The comparison slice by slice, corrected for the number of slices, and the tests that secondary measures share with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import t as student

from tailguard.diversity.decision import Limits
from tailguard.diversity.estimates import coverage, density, usable
from tailguard.diversity.sides import Side, chosen
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import MeasureComparison, SliceComparison


def slices(ours: Side, theirs: Side, limits: Limits) -> tuple[SliceComparison, ...]:
    """Usable answers and vocabulary within each slice that has enough prompts; nothing where there is one slice only."""
    outputs = theirs.judged.outputs
    slice_of = np.array([outputs.slices.get(prompt, "all") for prompt in outputs.ids])
    names = sorted(set(slice_of.tolist()))
    if len(names) < 2:
        return ()
    tail = np.array([prompt in ours.judged.outputs.tail | outputs.tail for prompt in outputs.ids])
    results = []
    for name in names:
        inside = slice_of == name
        words = chosen(ours.words, inside), chosen(theirs.words, inside)
        for compared in (
            usable(Measure.USABLE, ours, theirs, inside, limits),
            density(Measure.TYPE_DENSITY, *words, limits),
            coverage(Measure.TYPE_COVERAGE, *words, limits),
        ):
            if math.isfinite(compared.high):
                prompts = int(inside.sum())
                p = _p(compared, prompts - 1, limits.alpha)
                results.append(
                    SliceComparison(
                        name, bool(tail[inside].any()), prompts, compared.measure, compared.delta, compared.low,
                        compared.high, p, False,
                    )
                )  # fmt: skip
    corrected = holm([result.p_holm for result in results])
    return tuple(replace(result, p_holm=p, lost=p < limits.alpha) for result, p in zip(results, corrected, strict=True))


def _p(compared: MeasureComparison, freedom: int, alpha: float) -> float:
    scaled = (lambda value: value) if compared.measure.in_points else math.log1p
    error = (scaled(compared.high) - scaled(compared.low)) / (2 * float(student.ppf(1 - alpha, freedom)))
    return p_of_loss(scaled(compared.delta), error, freedom)


def p_of_loss(estimate: float, error: float, freedom: int) -> float:
    """One-sided p-value of "nothing was lost" for an estimated change (below 0: a loss) with its standard error."""
    if error <= 0:
        return 0.0 if estimate < 0 else 1.0
    return float(student.cdf(estimate / error, freedom))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction of p-values; in the given order."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    corrected, largest = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, values[at] * (len(values) - rank)))
        corrected[at] = largest
    return corrected
