"""Near-duplicates among records: one-permutation MinHash, banded look-up, and a check of every candidate.

A text is the set of its runs of five words. P. Li, A. Owen and C.-H. Zhang, "One permutation hashing" (NIPS 2012): one pass
puts each run into one of 128 bins by its hash and keeps the least of each bin; two texts' resemblance (A. Broder, 1997) is
the share of equal bins among those that either fills. Bins that stay empty are filled for the look-up alone, from another
bin chosen by a fixed sequence (A. Shrivastava, "Optimal densification", ICML 2017); resemblance is never estimated from
filled bins, which would flag short texts twice as often as they are alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.detection.own_outputs.grams import WORDS, words
from tailguard.kernels import njit

BINS = 128
BANDS, ROWS = 21, 6
"""A pair that resembles each other by .8 shares one of 21 bands of 6 bins 99.8 times of 100, by .6 in 63 of 100."""
EMPTY = np.uint16(0xFFFF)
NONE = -1

Signatures = NDArray[np.uint16]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_OTHER = np.uint64(0xBF58476D1CE4E5B9)
_BASE = np.uint64(0xD6E8FEB86659FD93)
_LEAVES = np.uint64(pow(0xD6E8FEB86659FD93, WORDS, 2**64))
_29 = np.uint64(29)
_32 = np.uint64(32)
_57 = np.uint64(57)
_LOW = np.uint64(0xFFFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def signatures(texts: Sequence[str]) -> Signatures:
    """One row of BINS a text; EMPTY where no run of words fell."""
    from tailguard.detection.texts import pack

    packed = pack(texts)
    return _signatures(packed.data, packed.offsets)


def near_duplicates(
    rows: Signatures, order: NDArray[np.int64], *, standing: int, threshold: float
) -> NDArray[np.int64]:
    """For each text the one it repeats (an index), or NONE.

    The first `standing` texts are there already and are not judged. The others are taken in `order` (indices): a text that
    resembles one that is kept by at least `threshold` is its duplicate, else it is kept. So the answer depends on `order`
    alone, not on how the texts arrived.
    """
    size = 1 << max(10, (3 * BANDS * len(rows) // 2).bit_length())
    tags, owners = np.zeros(size, np.uint32), np.full(size, NONE, np.int32)
    answer = np.full(len(rows), NONE, np.int64)
    everything = np.concatenate([np.arange(standing, dtype=np.int64), np.asarray(order, dtype=np.int64)])
    _link(rows, everything, standing, threshold, tags, owners, _donors(), answer)
    return answer


def resemblance(row: Signatures, other: Signatures) -> float:
    """Estimated Jaccard resemblance (0 to 1) of two rows."""
    return float(_resemblance(row, other))


_SEQUENCE = 512


def _donors() -> NDArray[np.uint8]:
    """For each bin, the bins that are asked in turn when it is empty."""
    return np.random.default_rng(0).integers(0, BINS, (BINS, _SEQUENCE), dtype=np.uint8)


@njit()
def _signatures(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint16]:
    texts = offsets.size - 1
    out = np.full((texts, BINS), EMPTY, np.uint16)
    longest = 1
    for text in range(texts):
        longest = max(longest, offsets[text + 1] - offsets[text])
    hashes = np.zeros(longest + 1, np.uint64)
    begins = np.zeros(longest + 1, np.int64)
    ends = np.zeros(longest + 1, np.int64)
    minima = np.zeros(BINS, np.uint64)
    for text in range(texts):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends)
        if not count:
            continue
        minima[:] = _ALL
        if count < WORDS:
            value = np.uint64(count)
            for at in range(count):
                value = (value ^ hashes[at]) * _MIX
                value ^= value >> _29
            minima[np.int64(value >> _57)] = value
        rolling = np.uint64(0)
        for at in range(count):
            rolling = rolling * _BASE + hashes[at]
            if at >= WORDS:
                rolling -= hashes[at - WORDS] * _LEAVES
            if at < WORDS - 1:
                continue
            value = rolling * _MIX
            value ^= value >> _32
            value *= _OTHER
            home = np.int64(value >> _57)
            minima[home] = min(minima[home], value)
        row = out[text]
        for bin_ in range(BINS):
            if minima[bin_] != _ALL:
                row[bin_] = np.uint16(min(minima[bin_] & _LOW, np.uint64(0xFFFE)))
    return out


@njit()
def _resemblance(row: NDArray[np.uint16], other: NDArray[np.uint16]) -> float:
    filled = equal = 0
    for bin_ in range(BINS):
        first, second = row[bin_], other[bin_]
        filled += (first != EMPTY) | (second != EMPTY)
        equal += (first == second) & (first != EMPTY)
    return equal / filled if filled else 0.0


@njit()
def _link(  # noqa: PLR0912  a kernel is one long loop
    rows: NDArray[np.uint16],
    order: NDArray[np.int64],
    standing: int,
    threshold: float,
    tags: NDArray[np.uint32],
    owners: NDArray[np.int32],
    donors: NDArray[np.uint8],
    answer: NDArray[np.int64],
) -> None:
    mask = np.uint64(tags.size - 1)
    full = np.zeros(BINS, np.uint16)
    places = np.zeros(BANDS, np.int64)
    keys = np.zeros(BANDS, np.uint32)
    for text in order:
        row = rows[text]
        any_filled = False
        for bin_ in range(BINS):
            full[bin_] = row[bin_]
            any_filled |= row[bin_] != EMPTY
        if not any_filled:
            continue
        for bin_ in range(BINS):
            asked = 0
            while full[bin_] == EMPTY and asked < _SEQUENCE:
                full[bin_] = row[donors[bin_, asked]]
                asked += 1
        best = NONE
        for band in range(BANDS):
            key = np.uint64(band + 1)
            for bin_ in range(band * ROWS, band * ROWS + ROWS):
                key = (key ^ np.uint64(full[bin_])) * _MIX
                key ^= key >> _29
            tag = np.uint32(key >> _32)
            at = np.int64(key & mask)
            while owners[at] != NONE and tags[at] != tag:
                at = (at + 1) & np.int64(mask)
            places[band] = at
            keys[band] = tag
            owner = owners[at]
            asked = owner != NONE and text >= standing and owner != best and best == NONE
            if asked and _resemblance(row, rows[owner]) >= threshold:
                best = owner
                break
        if best != NONE:
            answer[text] = best
            continue
        for band in range(BANDS):
            at = places[band]
            while owners[at] != NONE and tags[at] != keys[band]:
                at = (at + 1) & np.int64(mask)
            if owners[at] == NONE:
                owners[at] = text
                tags[at] = keys[band]
