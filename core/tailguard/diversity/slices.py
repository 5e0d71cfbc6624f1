"""The comparison slice by slice: those that gate, those that are shown, and the tests that secondary measures share with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tailguard.diversity.decision import Limits
from tailguard.diversity.estimates import coverage, density, usable
from tailguard.diversity.sides import Side, chosen
from tailguard.domain.measures import BY_SLICE, Measure
from tailguard.domain.verdict import MeasureComparison, SliceComparison

Flags = NDArray[np.bool_]


def gating(ours: Side, theirs: Side, limits: Limits) -> list[MeasureComparison]:
    """The measures of the slices that the limits name, each against the margin of its slice.

    All of them share the error rate (Bonferroni): the more slices gate, the wider each interval, so that one slice of many is
    not blocked by chance. A slice without prompts has no measure; `guards` says so.
    """
    alpha = limits.alpha / max(1, sum(map(len, limits.slices.values())))
    compared = []
    for name, own in limits.slices.items():
        inside = theirs.judged.outputs.slice_of == name
        if inside.any():
            limits_inside = Limits({**limits.margins, **own}, alpha)
            compared += [
                replace(_MEASURED[measure](ours, theirs, inside, limits_inside), slice=name)
                for measure in BY_SLICE
                if measure in own
            ]
    return compared


def slices(ours: Side, theirs: Side, limits: Limits) -> tuple[SliceComparison, ...]:
    """Usable answers and vocabulary within each slice that has enough prompts; nothing where there is one slice only."""
    outputs = theirs.judged.outputs
    names = sorted(set(outputs.slice_of.tolist()))
    if len(names) < 2:
        return ()
    tail = np.array([prompt in ours.judged.outputs.tail | outputs.tail for prompt in outputs.ids])
    results = []
    for name in names:
        inside = outputs.slice_of == name
        prompts, marked = int(inside.sum()), bool(tail[inside].any())
        for measure in BY_SLICE:
            compared = _MEASURED[measure](ours, theirs, inside, limits)
            if math.isfinite(compared.high):
                change = compared.delta, compared.low, compared.high
                p = _p(compared, prompts - 1, limits.alpha)
                results.append(SliceComparison(name, marked, prompts, measure, *change, p, False))
    corrected = holm([result.p_holm for result in results])
    return tuple(replace(result, p_holm=p, lost=p < limits.alpha) for result, p in zip(results, corrected, strict=True))


def _usable(ours: Side, theirs: Side, inside: Flags, limits: Limits) -> MeasureComparison:
    return usable(Measure.USABLE, ours, theirs, inside, limits)


def _type_density(ours: Side, theirs: Side, inside: Flags, limits: Limits) -> MeasureComparison:
    return density(Measure.TYPE_DENSITY, chosen(ours.words, inside), chosen(theirs.words, inside), limits)


def _type_coverage(ours: Side, theirs: Side, inside: Flags, limits: Limits) -> MeasureComparison:
    return coverage(Measure.TYPE_COVERAGE, chosen(ours.words, inside), chosen(theirs.words, inside), limits)


_MEASURED = {
    Measure.USABLE: _usable, Measure.TYPE_DENSITY: _type_density, Measure.TYPE_COVERAGE: _type_coverage,
}  # fmt: skip


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
