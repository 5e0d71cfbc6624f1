"""Runs of words (n-grams) counted in compiled loops: repeats within an answer, copies between answers, pairs, variety.

Answers are given as one array of word numbers and the offsets between which each answer stands. A run is known by a 64-bit
hash of its word numbers, so that two runs are taken for the same by mistake about once in 10**19.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FREE = np.uint64(0)


@njit(inline="always")
def _hash(units: Ints, first: int, length: int) -> np.uint64:
    """A hash of `length` units from `first` on (Stafford's mix of each step); never 0."""
    value = np.uint64(length)
    for step in range(length):
        value += np.uint64(units[first + step] + 1) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(30)
        value *= np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(27)
        value *= np.uint64(0x94D049BB133111EB)
        value ^= value >> np.uint64(31)
    return value if value != np.uint64(0) else np.uint64(1)


@njit(inline="always")
def _slot(keys: NDArray[np.uint64], key: np.uint64) -> np.int64:
    """Where a key stands in an open-addressed table, or the free slot that it would take."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != np.uint64(0) and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@njit()
def _table_size(entries: int) -> int:
    size = 64
    while size < 2 * entries + 2:
        size *= 2
    return size


@njit()
def numbered_pairs(units: Ints, offsets: Ints) -> Ints:
    """The number of the pair of each unit and the one after it; -1 at the end of an answer."""
    keys = np.zeros(_table_size(len(units)), np.uint64)
    numbers = np.zeros(len(keys), np.int64)
    pairs = np.full(len(units), -1, np.int64)
    count = 0
    for answer in range(len(offsets) - 1):
        for at in range(offsets[answer], offsets[answer + 1] - 1):
            key = _hash(units, at, 2)
            slot = _slot(keys, key)
            if keys[slot] == np.uint64(0):
                keys[slot] = key
                numbers[slot] = count
                count += 1
            pairs[at] = numbers[slot]
    return pairs


@njit()
def repeated_share(units: Ints, offsets: Ints, *, n: int, window: int) -> Floats:
    """The largest share (0 to 1) of runs of `n` units that came before in the same `window` of an answer; shorter answers are
    one window, longer ones have windows that overlap by half. 0 under `n` units."""
    shares = np.zeros(len(offsets) - 1)
    keys = np.zeros(_table_size(window), np.uint64)
    for answer in range(len(offsets) - 1):
        first, last = offsets[answer], offsets[answer + 1]
        begin = first
        while True:
            end = min(begin + window, last)
            if last - end < window // 2:
                end = min(last, begin + window + window // 2)
                if 2 * (end - begin) > len(keys) - 2:
                    keys = np.zeros(_table_size(end - begin), np.uint64)
            runs = end - begin - n + 1
            if runs > 0:
                keys[:] = _FREE
                distinct = 0
                for at in range(begin, end - n + 1):
                    key = _hash(units, at, n)
                    slot = _slot(keys, key)
                    if keys[slot] == np.uint64(0):
                        keys[slot] = key
                        distinct += 1
                shares[answer] = max(shares[answer], 1 - distinct / runs)
            if end >= last:
                break
            begin += window // 2
    return shares


@njit()
def copied_share(units: Ints, offsets: Ints, asked: Ints, asked_offsets: Ints, prompts: Ints, *, n: int) -> Floats:
    """Share (0 to 1) of an answer's runs of `n` units that stand in its prompt. `asked` has the prompts' units with offsets,
    `prompts` the number of each answer's prompt; 0 where either has fewer than `n` units."""
    shares = np.zeros(len(offsets) - 1)
    for answer in range(len(offsets) - 1):
        first, last = asked_offsets[prompts[answer]], asked_offsets[prompts[answer] + 1]
        runs = offsets[answer + 1] - offsets[answer] - n + 1
        if runs <= 0 or last - first < n:
            continue
        keys = np.zeros(_table_size(last - first), np.uint64)
        for at in range(first, last - n + 1):
            key = _hash(asked, at, n)
            keys[_slot(keys, key)] = key
        copied = 0
        for at in range(offsets[answer], offsets[answer + 1] - n + 1):
            copied += keys[_slot(keys, _hash(units, at, n))] != np.uint64(0)
        shares[answer] = copied / runs
    return shares


@njit()
def shared_share(units: Ints, offsets: Ints, prompts: Ints, *, n: int) -> Floats:
    """Share (0 to 1) of an answer's runs of `n` units that stand in answers to other prompts; `prompts` as above."""
    keys = np.zeros(_table_size(len(units)), np.uint64)
    owner = np.zeros(len(keys), np.int64)
    for answer in range(len(offsets) - 1):
        prompt = prompts[answer]
        for at in range(offsets[answer], offsets[answer + 1] - n + 1):
            key = _hash(units, at, n)
            slot = _slot(keys, key)
            if keys[slot] == np.uint64(0):
                keys[slot] = key
                owner[slot] = prompt
            elif owner[slot] != prompt:
                owner[slot] = -1
    shares = np.zeros(len(offsets) - 1)
    for answer in range(len(offsets) - 1):
        runs = offsets[answer + 1] - offsets[answer] - n + 1
        if runs > 0:
            shared = 0
            for at in range(offsets[answer], offsets[answer + 1] - n + 1):
                shared += owner[_slot(keys, _hash(units, at, n))] == -1
            shares[answer] = shared / runs
    return shares


@njit()
def repeats_in_others(units: Ints, offsets: Ints, *, n: int) -> Ints:
    """For each text, in how many other texts its distinct runs of `n` units stand, summed over the runs."""
    keys = np.zeros(_table_size(len(units)), np.uint64)
    texts = np.zeros(len(keys), np.int64)
    newest = np.full(len(keys), -1, np.int64)
    slots = np.empty(len(units), np.int64)
    ends = np.zeros(len(offsets), np.int64)
    used = 0
    for text in range(len(offsets) - 1):
        for at in range(offsets[text], offsets[text + 1] - n + 1):
            key = _hash(units, at, n)
            slot = _slot(keys, key)
            keys[slot] = key
            if newest[slot] != text:
                newest[slot] = text
                texts[slot] += 1
                slots[used] = slot
                used += 1
        ends[text + 1] = used
    repeats = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        for at in range(ends[text], ends[text + 1]):
            repeats[text] += texts[slots[at]] - 1
    return repeats


@njit()
def variety_within(units: Ints, offsets: Ints, prompts: Ints, count: int, *, n: int) -> Floats:
    """How much the answers to one prompt differ, for each of `count` prompts: 1 where no run of `n` units stands in two of them,
    0 where all are the same, nan where fewer than two have a unit. Answers stand in the order of their prompts.

    W = (D / S - 1 / k) / (1 - 1 / k), with D the distinct runs of all k answers together and S the sum of each one's distinct
    runs; an answer shorter than `n` is one run.
    """
    result = np.full(count, np.nan)
    longest = 0
    first = 0
    while first < len(prompts):
        last = first
        while last < len(prompts) and prompts[last] == prompts[first]:
            last += 1
        longest = max(longest, offsets[last] - offsets[first])
        first = last
    keys = np.zeros(_table_size(longest + 1), np.uint64)
    newest = np.zeros(len(keys), np.int64)
    first = 0
    while first < len(prompts):
        last = first
        while last < len(prompts) and prompts[last] == prompts[first]:
            last += 1
        keys[:] = _FREE
        samples = distinct = summed = 0
        for answer in range(first, last):
            begin, end = offsets[answer], offsets[answer + 1]
            if begin == end:
                continue
            samples += 1
            length = min(n, end - begin)
            for at in range(begin, end - length + 1):
                key = _hash(units, at, length)
                slot = _slot(keys, key)
                if keys[slot] == np.uint64(0):
                    keys[slot] = key
                    distinct += 1
                    newest[slot] = -1
                if newest[slot] != answer:
                    newest[slot] = answer
                    summed += 1
        if samples > 1:
            result[prompts[first]] = (distinct / summed - 1 / samples) / (1 - 1 / samples)
        first = last
    return result
