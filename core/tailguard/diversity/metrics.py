"""Diversity of texts at equal size: rarefied richness, distinct-n and rare-type richness, with their counts.

A count of types grows with the amount of text, so nothing here is reported at its own size: every statistic is the
expected value in a random sample of m units drawn without replacement, which is flat for an unchanging source.
Sources: H. L. Sanders (1968) and S. H. Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), for
rarefaction; J. Li et al., "A diversity-promoting objective function", NAACL (2016), for distinct-n.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

Counts = NDArray[np.int64]


def words(text: str) -> list[str]:
    """The words of a text, case-folded: runs of letters, inner apostrophes kept; digits and punctuation are dropped."""
    return _WORD.findall(text.casefold())


def bigrams(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbouring pairs of `tokens`, in order; a text of one word has none."""
    return list(pairwise(tokens))


def type_counts(units: Iterable[object]) -> Counts:
    """How often each distinct unit occurs, in no particular order."""
    return np.fromiter(Counter(units).values(), dtype=np.int64)


def seen_probability(counts: Counts, *, total: int, sample_size: int) -> NDArray[np.float64]:
    """Probability (0 to 1) that a type with `counts` occurrences among `total` units is in a sample of `sample_size`.

    Hypergeometric, without replacement: 1 - C(total - count, m) / C(total, m) (Hurlbert 1971, equation 14).
    Raises ValueError unless 0 <= sample_size <= total and every count is at most total.
    """
    if not 0 <= sample_size <= total or counts.max(initial=0) > total:
        raise ValueError(f"A sample of {sample_size} units, or a count above it, cannot come from {total} units.")
    left = total - counts
    possible = left >= sample_size
    log_factorial = _log_factorials(total)
    log_missed = (
        log_factorial[left]
        - log_factorial[np.where(possible, left - sample_size, 0)]
        - log_factorial[total]
        + log_factorial[total - sample_size]
    )
    return np.where(possible, -np.expm1(np.minimum(log_missed, 0.0)), 1.0)


_table = np.zeros(1)


def _log_factorials(largest: int) -> NDArray[np.float64]:
    """ln 0! to ln largest! (more may stand behind), kept between calls."""
    global _table  # noqa: PLW0603  a table that only grows
    if len(_table) <= largest:
        _table = gammaln(np.arange(2 * largest + 2, dtype=np.float64) + 1)
    return _table


def rarefied_richness(counts: Counts, *, sample_size: int) -> float:
    """S(m): the expected number of types in `sample_size` units drawn without replacement (Hurlbert 1971)."""
    return float(seen_probability(counts, total=int(counts.sum()), sample_size=sample_size).sum())


def distinct_n(units: Sequence[object], *, sample_size: int) -> float:
    """Distinct-n at a fixed budget: expected share (0 to 1) of distinct units in a sample of `sample_size` of them."""
    return rarefied_richness(type_counts(units), sample_size=sample_size) / sample_size
