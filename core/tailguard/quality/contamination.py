"""Which records share a long run of words with the evaluation suite, and must not be trained on.

T. Brown et al., "Language models are few-shot learners" (2020), appendix C: 13 words in a row in common. A prompt that is
shorter than that counts as a whole from eight words on; shorter ones are phrases that anybody writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.detection.own_outputs.grams import words
from tailguard.detection.texts import pack
from tailguard.kernels import njit

FEWEST_WORDS = 8

_MIX = np.uint64(0xFF51AFD7ED558CCD)
_33 = np.uint64(33)
_48 = np.uint64(48)


class Contamination:
    """The word runs of a suite's prompts, by their ids. `found` tells which prompt each text shares one with."""

    def __init__(self, prompts: Mapping[str, str], *, length: int) -> None:
        self._ids = tuple(prompts)
        packed = pack(list(prompts.values()))
        runs, owners, self._sizes = _runs(packed.data, packed.offsets, FEWEST_WORDS, length)
        order = np.argsort(runs, kind="stable")
        self._runs, self._owners = runs[order], owners[order]
        self._likely = np.zeros(1 << 16, dtype=bool)
        self._likely[(self._runs >> _48).astype(np.int64)] = True

    def found(self, texts: Sequence[str]) -> list[str | None]:
        """For each text the id of a prompt that it shares a long run with (the one whose run stands first), or None."""
        if not len(self._runs):
            return [None] * len(texts)
        packed = pack(texts)
        owners = _shared(packed.data, packed.offsets, self._sizes, self._runs, self._owners, self._likely)
        return [self._ids[owner] if owner >= 0 else None for owner in owners]


@njit()
def _hash(hashes: NDArray[np.uint64], at: int, size: int) -> np.uint64:
    value = np.uint64(size)
    for position in range(at, at + size):
        value = (value ^ hashes[position]) * _MIX
        value ^= value >> _33
    return value


@njit()
def _runs(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], fewest: int, length: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    hashes, begins, ends = _room(offsets)
    runs = np.empty(data.size + 1, np.uint64)
    owners = np.empty(data.size + 1, np.int64)
    used = np.zeros(length + 1, np.bool_)
    total = 0
    for text in range(offsets.size - 1):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends)
        size = min(length, count)
        if size < fewest:
            continue
        used[size] = True
        for at in range(count - size + 1):
            runs[total] = _hash(hashes, at, size)
            owners[total] = text
            total += 1
    return runs[:total].copy(), owners[:total].copy(), np.flatnonzero(used)


@njit()
def _shared(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    sizes: NDArray[np.int64],
    runs: NDArray[np.uint64],
    owners: NDArray[np.int64],
    likely: NDArray[np.bool_],
) -> NDArray[np.int64]:
    hashes, begins, ends = _room(offsets)
    matches = np.full(offsets.size - 1, -1, np.int64)
    for text in range(offsets.size - 1):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends)
        for size in sizes:
            for at in range(count - size + 1):
                value = _hash(hashes, at, size)
                if matches[text] < 0 and likely[np.int64(value >> _48)]:
                    position = np.searchsorted(runs, value)
                    if position < runs.size and runs[position] == value:
                        matches[text] = owners[position]
    return matches


@njit()
def _room(offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Space for the words of the longest text."""
    longest = 1
    for text in range(offsets.size - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    return np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
