"""Expected types in a fixed budget, of all prompts and with each prompt left out in turn: what the comparison stands on.

Two budgets (SCIENCE: rarefaction in two currencies). In words, a sample of m of all words: how rich is the text, word for word
(density; Hurlbert 1971)? In prompts, a sample of m prompts: what do so many answers hold between them, however long they are
(coverage; N. J. Gotelli and R. K. Colwell, Ecology Letters 4, 2001)? Leaving each prompt out gives the jackknife's
pseudo-values (B. Efron and C. Stein, Annals of Statistics 9, 1981), whose spread over prompts is the statistic's error; it is
exact to compute, as leaving out a prompt changes the counts of its own types only, so nothing is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from tailguard.kernels import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Units:
    """Units (numbers of words, or of pairs of words) in the order of their prompts; those of prompt i stand between `starts[i]`
    and `starts[i + 1]`. Only those that `counted` are types that the statistic is about; all of them are text."""

    units: Ints
    starts: Ints
    counted: Flags


@dataclass(frozen=True, eq=False)
class Rarefied:
    """Expected types in a budget: with all prompts, and with each of them left out."""

    value: float
    without: Floats
    budget: int


def by_words(units: Units, *, budget: int) -> Rarefied:
    """Expected counted types in `budget` units drawn without replacement."""
    return _rarefied(units, np.diff(units.starts), budget, once=False)


def by_prompts(units: Units, *, budget: int) -> Rarefied:
    """Expected counted types in the text of `budget` prompts drawn without replacement."""
    return _rarefied(units, np.ones(len(units.starts) - 1, dtype=np.int64), budget, once=True)


def _rarefied(units: Units, sizes: Ints, budget: int, *, once: bool) -> Rarefied:
    log_factorial = gammaln(np.arange(int(sizes.sum()) + 1, dtype=np.float64) + 1)
    value, without = _leave_one_out(units.units, units.starts, units.counted, sizes, budget, once, log_factorial)
    return Rarefied(float(value), without, budget)


@njit()
def _seen(times: int, size: int, budget: int, log_factorial: Floats) -> float:
    """Probability that a type that stands `times` times among `size` is among `budget` of them (Hurlbert 1971, equation 14)."""
    if times == 0:
        return 0.0
    left = size - times
    if left < budget:
        return 1.0
    missed: float = np.exp(
        log_factorial[left] - log_factorial[left - budget] + log_factorial[size - budget] - log_factorial[size]
    )
    return 1.0 - missed


@njit()
def _leave_one_out(  # noqa: PLR0912  a kernel is one long loop
    units: Ints, starts: Ints, counted: Flags, sizes: Ints, budget: int, once: bool, log_factorial: Floats
) -> tuple[float, Floats]:
    """`sizes` is each prompt's part of the population; with `once` a type counts once a prompt."""
    prompts = len(sizes)
    types = 0
    for at in range(len(units)):
        types = max(types, units[at] + 1)
    inside = np.zeros(types, np.int64)  # how often a type stands in the prompt at hand
    total = np.zeros(types, np.int64)
    for prompt in range(prompts):
        for at in range(starts[prompt], starts[prompt + 1]):
            if counted[at]:
                unit = units[at]
                total[unit] += 1 if not once or inside[unit] == 0 else 0
                inside[unit] = 1
        for at in range(starts[prompt], starts[prompt + 1]):
            inside[units[at]] = 0
    size = sizes.sum()
    cap = 1  # a type that occurs so often is in every sample, but for one in 10**13
    while cap < size and _seen(cap, size, budget, log_factorial) < 1 - 1e-13:
        cap += 1
    spectrum = np.zeros(cap + 1, np.int64)
    for unit in range(types):
        spectrum[min(total[unit], cap)] += 1
    seen = np.zeros(cap + 1)
    seen[cap] = 1.0
    value = float(spectrum[cap])
    for times in range(1, cap):
        value += spectrum[times] * _seen(times, size, budget, log_factorial)
    without = np.zeros(prompts)
    for prompt in range(prompts):
        left = size - sizes[prompt]
        drawn = min(budget, left)
        expected = float(spectrum[cap])
        for times in range(1, cap):
            seen[times] = _seen(min(times, left), left, drawn, log_factorial)
            expected += spectrum[times] * seen[times]
        for at in range(starts[prompt], starts[prompt + 1]):
            if counted[at]:
                inside[units[at]] += 1
        for at in range(starts[prompt], starts[prompt + 1]):
            unit = units[at]
            if inside[unit]:
                gone = 1 if once else inside[unit]
                expected += seen[min(total[unit] - gone, cap)] - seen[min(total[unit], cap)]
                inside[unit] = 0
        without[prompt] = expected
    return value, without
