"""Hashes of five consecutive words, and the look-up of a text's grams among those of all logged outputs.

A text that was edited keeps the grams between its edits. Long outputs are remembered by the quarter of their grams whose
hash ends in two zero bits, the same quarter wherever a gram stands (modulo sampling: U. Manber, "Finding similar files in
a large file system", USENIX 1994), so a copied passage is found wherever it lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

WORDS = 5
"""Words in a gram."""
WHOLE = 96
"""An output with at most this many grams is remembered by all of them, a longer one by every fourth."""
EXACT, NEAR, PARTIAL = 1, 2, 3
"""Kinds of match. 0 is none."""
COMMON = 16
"""A gram is remembered for at most so many outputs: one that stands in more says little about which it came from."""
MOST_SPANS = 8

_PRIME = np.uint64(1099511628211)
_BASIS = np.uint64(14695981039346656037)
_A = np.uint64(0xFF51AFD7ED558CCD)
_B = np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)

_LONGEST_GAP = 40
_PASSAGE_WORDS = 20
_PASSAGE_HITS = 10
_SAMPLED_HITS = 4
_COPY_HITS = 3
_DENSITY = 0.2
_COPY_SHARE = 0.5
_COPY_WORDS = 12
_SHORT_COPY_SHARE = 0.8


@njit()
def words(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    hashes: NDArray[np.uint64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> int:
    """Hashes and byte places (from `start`) of the words of data[start:stop]; returns how many.

    A word is a run of letters and digits, without case and apostrophes; each CJK character is one.
    """
    count = 0
    value = _BASIS
    begin = -1
    at = start
    while at <= stop:
        byte = data[at] if at < stop else np.uint8(32)
        width = 1
        inside = 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57
        silent = byte == 39 and begin >= 0
        single = False
        if byte >= 128:
            inside = True
            if byte == 0xE2 and at + 2 < stop and data[at + 1] == 0x80:
                inside = False
                width = 3
                silent = begin >= 0 and (data[at + 2] == 0x98 or data[at + 2] == 0x99)
            elif byte == 0xC2 and at + 1 < stop and data[at + 1] < 0xC0:
                inside = False
                width = 2
            elif 0xE3 <= byte <= 0xED and at + 2 < stop:
                single = True
                width = 3
        if begin >= 0 and (single or not (inside or silent)):
            hashes[count] = value
            begins[count] = begin - start
            ends[count] = at - start
            count += 1
            begin = -1
            value = _BASIS
        if inside:
            if begin < 0:
                begin = at
            for inner in range(at, min(at + width, stop)):
                letter = data[inner]
                if 65 <= letter <= 90:
                    letter += np.uint8(32)
                value = (value ^ np.uint64(letter)) * _PRIME
            if single:
                hashes[count] = value
                begins[count] = begin - start
                ends[count] = at + width - start
                count += 1
                begin = -1
                value = _BASIS
        at += width
    return count


@njit()
def _gram(hashes: NDArray[np.uint64], at: int) -> np.uint64:
    value = _BASIS
    for position in range(at, at + WORDS):
        value = (value ^ hashes[position]) * _A
        value ^= value >> _33
    value *= _B
    return value ^ (value >> _33)


@njit()
def remembered(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.bool_]]:
    """The grams by which texts are remembered, the number of the text that each stands in, and which texts are whole."""
    longest = 0
    for text in range(offsets.size - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    hashes = np.empty(longest + 1, np.uint64)
    begins = np.empty(longest + 1, np.int64)
    ends = np.empty(longest + 1, np.int64)
    total = 0
    grams = np.empty(data.size // 3 + offsets.size, np.uint64)
    owners = np.empty(data.size // 3 + offsets.size, np.uint32)
    complete = np.zeros(offsets.size - 1, np.bool_)
    for text in range(offsets.size - 1):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends) - WORDS + 1
        complete[text] = count <= WHOLE
        for at in range(count):
            value = _gram(hashes, at)
            if complete[text] or value & np.uint64(3) == 0:
                if total == grams.size:
                    grams = np.concatenate((grams, np.empty(grams.size + 64, np.uint64)))
                    owners = np.concatenate((owners, np.empty(owners.size + 64, np.uint32)))
                grams[total] = value
                owners[total] = text
                total += 1
    return grams[:total], owners[:total], complete


@njit()
def every(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """All grams of texts, one text after the other."""
    longest = 0
    for text in range(offsets.size - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    hashes = np.empty(longest + 1, np.uint64)
    begins = np.empty(longest + 1, np.int64)
    ends = np.empty(longest + 1, np.int64)
    grams = np.empty(data.size, np.uint64)
    total = 0
    for text in range(offsets.size - 1):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends) - WORDS + 1
        for at in range(count):
            grams[total] = _gram(hashes, at)
            total += 1
    return grams[:total].copy()


@njit()
def look_up(  # noqa: PLR0912, PLR0915  a kernel is one long loop
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    grams: NDArray[np.uint64],
    owners: NDArray[np.uint32],
    prefix: NDArray[np.int64],
    complete: NDArray[np.bool_],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """For each text: kind of match, output that most of it comes from, share of its words that match, and the byte spans.

    `grams` is sorted, `prefix[i]` the first place whose gram has at least the leading bits i, `complete[o]` whether output o
    is remembered by all of its grams. Spans have shape (texts, MOST_SPANS, 2), -1 where there is none.
    """
    n = offsets.size - 1
    kinds = np.zeros(n, np.uint8)
    best_owner = np.full(n, -1, np.int64)
    shares = np.zeros(n)
    spans = np.full((n, MOST_SPANS, 2), -1, np.int64)
    longest = 0
    for text in range(n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    hashes = np.empty(longest + 1, np.uint64)
    begins = np.empty(longest + 1, np.int64)
    ends = np.empty(longest + 1, np.int64)
    covered = np.zeros(longest + 1, np.bool_)
    matches = np.empty(COMMON * (longest + 1), np.uint64)
    bits = 0
    while (1 << bits) < prefix.size - 1:
        bits += 1
    shift = np.uint64(64 - bits)
    for text in range(n):
        count = words(data, offsets[text], offsets[text + 1], hashes, begins, ends)
        hits = 0
        for at in range(count - WORDS + 1):
            value = _gram(hashes, at)
            position = prefix[value >> shift]
            stop = prefix[(value >> shift) + np.uint64(1)]
            while position < stop and grams[position] < value:
                position += 1
            taken = 0
            while position < stop and grams[position] == value and taken < COMMON:
                matches[hits] = (np.uint64(owners[position]) << np.uint64(32)) | np.uint64(at)
                hits += 1
                taken += 1
                position += 1
        if hits < _COPY_HITS:
            continue
        ordered = np.sort(matches[:hits])
        covered[:count] = False
        best_matched = np.int64(0)
        first = 0
        while first < hits:
            owner = np.int64(ordered[first] >> np.uint64(32))
            last = first
            while last + 1 < hits and np.int64(ordered[last + 1] >> np.uint64(32)) == owner:
                last += 1
            if last - first + 1 >= _COPY_HITS:
                matched = _passages(ordered, first, last, complete[owner], count, covered)
                if matched > best_matched:
                    best_matched = matched
                    best_owner[text] = owner
            first = last + 1
        if best_matched:
            total = 0
            for at in range(count):
                total += covered[at]
            shares[text] = total / count
            kinds[text] = NEAR if total >= _COPY_SHARE * count else PARTIAL
            _spans_of(covered, count, begins, ends, spans[text])
    return kinds, best_owner, shares, spans


@njit()
def _passages(
    matches: NDArray[np.uint64], first: int, last: int, complete: bool, count: int, covered: NDArray[np.bool_]
) -> np.int64:
    """Marks the words of one output's passages in a text as covered; returns how many words they span."""
    mask = np.uint64(0xFFFFFFFF)
    rate = 1.0 if complete else 0.25
    needed = _PASSAGE_HITS if complete else _SAMPLED_HITS
    matched = np.int64(0)
    begin = first
    for at in range(first, last + 1):
        here = np.int64(matches[at] & mask)
        ends_here = at == last or np.int64(matches[at + 1] & mask) - here > _LONGEST_GAP
        if not ends_here:
            continue
        start = np.int64(matches[begin] & mask)
        length = here - start + WORDS
        hits = at - begin + 1
        passage = hits >= needed and length >= _PASSAGE_WORDS
        covers_most = length >= _COPY_SHARE * count and length >= _COPY_WORDS
        copy = hits >= _COPY_HITS and (covers_most or length >= _SHORT_COPY_SHARE * count)
        if (passage or copy) and hits >= _DENSITY * rate * length:
            matched += length
            covered[start : here + WORDS] = True
        begin = at + 1
    return matched


@njit()
def _spans_of(
    covered: NDArray[np.bool_], count: int, begins: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.int64]
) -> None:
    span = 0
    at = 0
    while at < count and span < MOST_SPANS:
        if covered[at]:
            out[span, 0] = begins[at]
            while at + 1 < count and covered[at + 1]:
                at += 1
            out[span, 1] = ends[at]
            span += 1
        at += 1
