"""Expected types in a fixed budget, for all prompts and for many random halves of them: the kernel of the comparison.

A half needs the counts of each type over its prompts. They are summed for many halves at once, so that a thousand prompts
and ten thousand halves take about a second a side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Halves = NDArray[np.uint8]

_CAP = 256
"""A type with so many occurrences in a half is in a sample of a sixteenth of it but for one case in ten million."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Bag:
    """How often each type stands in each prompt: type i has the entries `starts[i]` to `starts[i + 1]`.

    Types that stand in one prompt only are most; they are counted together: `lone` has prompt, occurrences, and how many.
    `totals[prompt]` is the size of a prompt in units, whether or not they are among the types.
    """

    starts: Ints
    prompts: NDArray[np.int32]
    counts: NDArray[np.int32]
    lone: NDArray[np.int32]
    totals: Ints


def bag(units: Ints, prompts: Ints, totals: Ints) -> Bag:
    """Count units (numbers from 0) by type and prompt."""
    keys, counts = np.unique(units * len(totals) + prompts, return_counts=True)
    types, where = keys // len(totals), (keys % len(totals)).astype(np.int32)
    counts = np.minimum(counts, _CAP).astype(np.int32)
    _, first, entries = np.unique(types, return_index=True, return_counts=True)
    single = first[entries == 1]
    pairs, times = np.unique(where[single] * np.int64(_CAP + 1) + counts[single], return_counts=True)
    shared = np.repeat(entries > 1, entries)
    return Bag(
        np.concatenate([[0], np.cumsum(entries[entries > 1])]).astype(np.int64),
        where[shared],
        counts[shared],
        np.stack([pairs // (_CAP + 1), pairs % (_CAP + 1), times], axis=1).astype(np.int32),
        totals,
    )


def halves(prompts: int, *, resamples: int, rng: np.random.Generator) -> Halves:
    """Random halves of the prompts without replacement: prompts x resamples, 1 where a prompt is in."""
    first = np.zeros((resamples, prompts), dtype=np.uint8)
    first[:, : prompts // 2] = 1
    return np.ascontiguousarray(rng.permuted(first, axis=1, out=first).T)


def richness(bag: Bag, chosen: Halves, *, budget: int) -> Floats:
    """Expected types in `budget` units drawn without replacement (Hurlbert 1971), for each column of `chosen`."""
    largest = int(bag.totals.sum()) + 1
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])
    return np.asarray(
        _richness(bag.starts, bag.prompts, bag.counts, bag.lone, bag.totals, chosen, budget, log_factorial)
    )


@njit()
def _richness(  # noqa: PLR0912  a kernel is one long loop
    starts: Ints,
    prompts: NDArray[np.int32],
    counts: NDArray[np.int32],
    lone: NDArray[np.int32],
    totals: Ints,
    chosen: Halves,
    budget: int,
    log_factorial: Floats,
) -> Floats:
    resamples = chosen.shape[1]
    out = np.zeros(resamples)
    block = np.zeros((chosen.shape[0], _AT_ONCE), np.int32)
    summed = np.zeros(_AT_ONCE, np.int32)
    spectrum = np.zeros((_AT_ONCE, _CAP + 1), np.int32)
    for first in range(0, resamples, _AT_ONCE):
        width = min(_AT_ONCE, resamples - first)
        block[:, :] = 0
        for prompt in range(chosen.shape[0]):
            for at in range(width):
                block[prompt, at] = chosen[prompt, first + at]
        spectrum[:, :] = 0
        for kind in range(len(starts) - 1):
            begin, end = starts[kind], starts[kind + 1]
            summed[:] = 0
            for entry in range(begin, end):
                times = counts[entry]
                row = block[prompts[entry]]
                for at in range(_AT_ONCE):
                    summed[at] += times * row[at]
            for at in range(_AT_ONCE):
                spectrum[at, min(summed[at], _CAP)] += 1
        for entry in range(len(lone)):
            row = block[lone[entry, 0]]
            times, many = lone[entry, 1], lone[entry, 2]
            for at in range(_AT_ONCE):
                spectrum[at, times] += many * row[at]
        for at in range(width):
            size = 0
            for prompt in range(chosen.shape[0]):
                size += totals[prompt] * block[prompt, at]
            drawn = min(budget, size)
            expected = 0.0
            base = log_factorial[size - drawn] - log_factorial[size]
            for times in range(1, _CAP + 1):
                if spectrum[at, times]:
                    left = size - times
                    missed = 0.0
                    if left >= drawn and times < _CAP:
                        missed = np.exp(log_factorial[left] - log_factorial[left - drawn] + base)
                    expected += spectrum[at, times] * (1.0 - missed)
            out[first + at] = expected
    return out
