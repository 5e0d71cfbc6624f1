"""Diversity of a bag of counts, as ecology measures it: Hill numbers, sample coverage, and both at equal size or coverage.

Sources: M. O. Hill, "Diversity and evenness", Ecology 54 (1973); A. Chao, "Nonparametric estimation of the number of
classes in a population", Scandinavian Journal of Statistics 11 (1984); A. Chao and L. Jost, "Coverage-based rarefaction
and extrapolation", Ecology 93 (2012); A. Chao et al., Ecological Monographs 84 (2014), for Hill numbers of a smaller
sample; J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991).
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from tailguard.diversity.metrics import Counts

_UNLIKELY = 40.0
"""Terms of a hypergeometric distribution beyond so many standard deviations are below what a double can add."""


def hill_number(counts: Counts, *, q: float) -> float:
    """The Hill number of order q >= 0 (effective number of types; Hill 1973): q = 0 counts types, 1 is exp(Shannon), 2 is
    1 / Simpson. 0 for an empty sample. Raises ValueError for a negative order."""
    if q < 0:
        raise ValueError(f"The order of a Hill number is 0 or more, found {q}.")
    shares = counts[counts > 0] / max(1, counts.sum())
    if not len(shares):
        return 0.0
    if q == 1:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    return float((shares**q).sum() ** (1 / (1 - q)))


def chao1(counts: Counts) -> float:
    """Chao's (1984) lower bound on the number of types, bias-corrected: S + f1 (f1 - 1) / (2 (f2 + 1))."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return float((counts > 0).sum() + once * (once - 1) / (2 * (twice + 1)))


def hapax_share(counts: Counts) -> float:
    """The share (0 to 1) of types that occur once. It moves with size alone: never compare it at unequal sizes."""
    return float((counts == 1).sum() / max(1, (counts > 0).sum()))


def coverage_at(counts: Counts, *, sample_size: int) -> float:
    """Expected sample coverage (0 to 1) of a random sample of `sample_size` units (Chao and Jost 2012, equation 4a).

    At the full size it is their estimate 1 - f1/n ((n-1) f1) / ((n-1) f1 + 2 f2). Raises ValueError beyond the full size.
    """
    total = int(counts.sum())
    if not 0 <= sample_size <= total:
        raise ValueError(f"A sample of {sample_size} units cannot come from {total} units.")
    if sample_size == total:
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        if not once:
            return 1.0
        pairs = (total - 1) * once
        rest = pairs / (pairs + 2 * twice) if twice else (total - 1) * (once - 1) / ((total - 1) * (once - 1) + 2)
        return float(1 - once / total * rest)
    values, times = np.unique(counts[counts > 0], return_counts=True)
    left = total - values
    possible = left >= sample_size
    log_missed = (
        gammaln(left + 1)
        - gammaln(np.where(possible, left - sample_size, 0) + 1)
        - gammaln(total)
        + gammaln(total - sample_size)
    )
    return float(1 - (times * values / total * np.where(possible, np.exp(log_missed), 0.0)).sum())


def size_at_coverage(counts: Counts, *, coverage: float) -> int:
    """The smallest sample size whose expected coverage is at least `coverage` (0 to 1), or the full size."""
    low, high = 0, int(counts.sum())
    while low < high:
        middle = (low + high) // 2
        if coverage_at(counts, sample_size=middle) >= coverage:
            high = middle
        else:
            low = middle + 1
    return low


def hill_at_size(counts: Counts, *, q: int, sample_size: int) -> float:
    """Hill number of order 1 or 2 of the expected abundances in a sample of `sample_size` units (Chao et al. 2014).

    Raises ValueError for another order, or a sample beyond the full size.
    """
    total = int(counts.sum())
    if q not in (1, 2) or not 0 < sample_size <= total:
        raise ValueError(f"Orders 1 and 2, samples of 1 to {total} units; found order {q}, {sample_size} units.")
    values, times = np.unique(counts[counts > 0], return_counts=True)
    if q == 2:
        pairs = float((times * values * (values - 1.0)).sum()) / (total * max(1, total - 1))
        return 1 / (1 / sample_size + (sample_size - 1) / sample_size * pairs)
    entropy = 0.0
    log_all = gammaln(total + 1) - gammaln(sample_size + 1) - gammaln(total - sample_size + 1)
    for value, many in zip(values.tolist(), times.tolist(), strict=True):
        mean = value * sample_size / total
        reach = _UNLIKELY * (mean**0.5 + 1)
        k = np.arange(max(1, int(mean - reach)), min(value, sample_size, int(mean + reach) + 1) + 1)
        k = k[sample_size - k <= total - value]
        log_share = (
            gammaln(value + 1)
            - gammaln(k + 1)
            - gammaln(value - k + 1)
            + gammaln(total - value + 1)
            - gammaln(sample_size - k + 1)
            - gammaln(total - value - sample_size + k + 1)
            - log_all
        )
        shares = k / sample_size
        entropy -= many * float((np.exp(log_share) * shares * np.log(shares)).sum())
    return float(np.exp(entropy))


def hill_at_equal_coverage(samples: Sequence[Counts], *, q: int) -> tuple[float, ...]:
    """Hill numbers (order 1 or 2) of several samples, each rarefied to the smallest of their coverages (Chao and Jost 2012)."""
    target = min(coverage_at(sample, sample_size=int(sample.sum())) for sample in samples)
    return tuple(
        hill_at_size(sample, q=q, sample_size=max(1, size_at_coverage(sample, coverage=target))) for sample in samples
    )


def jensen_shannon(first: Counter[str], second: Counter[str]) -> float:
    """Jensen-Shannon divergence (0 to 1, base 2) of two bags of units (Lin 1991). It depends on size: compare equal sizes."""
    return KnownBag(second).jensen_shannon(first)


class KnownBag:
    """A bag of units that many others are compared with: its units are put in order once."""

    def __init__(self, known: Counter[str]) -> None:
        self._units = sorted(known)
        self._positions = {unit: position for position, unit in enumerate(self._units)}
        self._counts = np.array([known[unit] for unit in self._units], dtype=np.float64)

    def jensen_shannon(self, other: Counter[str]) -> float:
        """The divergence of another bag from this one."""
        shared = [unit for unit in other if unit in self._positions]
        counts = np.zeros(len(self._units))
        counts[[self._positions[unit] for unit in shared]] = [other[unit] for unit in shared]
        new = sorted(other.keys() - self._positions.keys())
        before = [bisect(self._units, unit) for unit in new]
        p, q = np.insert(counts, before, [other[unit] for unit in new]), np.insert(self._counts, before, 0.0)
        p, q = p / max(1.0, p.sum()), q / max(1.0, q.sum())
        middle = (p + q) / 2

        def kullback(side: Counts) -> float:
            there = side > 0
            return float((side[there] * np.log2(side[there] / middle[there])).sum())

        return (kullback(p) + kullback(q)) / 2
