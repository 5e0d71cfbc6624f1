"""How far texts repeat each other: self-BLEU, self-repetition and the compression ratio. Higher is less diverse.

Sources: Y. Zhu et al., "Texygen", SIGIR (2018), for self-BLEU; K. Papineni et al., "BLEU", ACL (2002); B. Chen and C.
Cherry, WMT (2014), smoothing method 1; N. Salkar et al., "Self-repetition in abstractive neural summarizers", AACL (2022);
C. Shaib et al., "Standardizing the measurement of text diversity" (2024), for the compression ratio.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.grams import repeats_in_others
from tailguard.diversity.lexical import numbered
from tailguard.kernels import njit

Floats = NDArray[np.float64]
_ORDERS = 4
_EPSILON = 0.1


def self_bleu(texts: Sequence[Sequence[str]]) -> Floats:
    """BLEU-4 (0 to 1) of each text against all others as references, texts given as their words; Zhu et al. average it.

    Exact in linear time: the clipped count of an n-gram needs only its two largest counts in any text and the owner of the
    largest. Chen and Cherry's method 1 (epsilon .1) for orders without a match. nan where there is only one text.
    """
    ids, starts, _ = numbered(texts)
    if len(texts) < 2:
        return np.full(len(texts), np.nan)
    lengths = np.diff(starts)
    return np.asarray(_self_bleu(ids, starts, np.sort(lengths)))


def self_repetition(texts: Sequence[Sequence[str]], *, n: int = 4) -> float:
    """Mean over texts of ln(1 + how often its distinct n-grams stand in other texts) (Salkar et al. 2022, as Shaib's code)."""
    if not texts:
        return float("nan")
    ids, starts, _ = numbered(texts)
    return float(np.log1p(repeats_in_others(ids, starts, n=n)).mean())


def compression_ratio(texts: Sequence[str]) -> float:
    """Size of the joined texts over their size after DEFLATE at level 9 (Shaib et al. 2024); nan of nothing.

    Their code compresses twice (a gzip stream into a gzip file), which lowers the value; this is the definition.
    """
    joined = " ".join(texts).encode()
    return len(joined) / len(zlib.compress(joined, 9)) if joined else float("nan")


@njit()
def _mixed(value: np.uint64) -> np.uint64:
    value ^= value >> np.uint64(30)
    value *= np.uint64(0xBF58476D1CE4E5B9)
    value ^= value >> np.uint64(27)
    value *= np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit()
def _self_bleu(ids: NDArray[np.int64], starts: NDArray[np.int64], sorted_lengths: NDArray[np.int64]) -> Floats:  # noqa: PLR0912, PLR0915  a kernel is one long loop
    texts = len(starts) - 1
    size = 64
    while size < 2 * _ORDERS * len(ids) + 2:
        size *= 2
    mask = np.uint64(size - 1)
    keys = np.zeros(size, np.uint64)
    largest = np.zeros(size, np.int32)
    second = np.zeros(size, np.int32)
    owner = np.full(size, -1, np.int32)
    counting = np.zeros(size, np.int32)
    counter = np.full(size, -1, np.int32)
    slots = np.empty(_ORDERS * len(ids), np.int64)
    used = 0
    for text in range(texts):
        first, last = starts[text], starts[text + 1]
        begin = used
        for order in range(1, _ORDERS + 1):
            for at in range(first, last - order + 1):
                key = np.uint64(order)
                for step in range(order):
                    key = _mixed(key + np.uint64(ids[at + step] + 1) * np.uint64(0x9E3779B97F4A7C15))
                if key == np.uint64(0):
                    key = np.uint64(1)
                slot = key & mask
                while keys[slot] != np.uint64(0) and keys[slot] != key:
                    slot = (slot + np.uint64(1)) & mask
                keys[slot] = key
                position = np.int64(slot)
                if counter[position] != text:
                    counter[position] = text
                    counting[position] = 0
                counting[position] += 1
                slots[used] = position
                used += 1
        for at in range(begin, used):
            position = slots[at]
            times = counting[position]
            if owner[position] == text:
                largest[position] = times if times > largest[position] else largest[position]
            elif times > largest[position]:
                second[position] = largest[position]
                largest[position] = times
                owner[position] = text
            elif times > second[position]:
                second[position] = times
    out = np.zeros(texts)
    used = 0
    for text in range(texts):
        first, last = starts[text], starts[text + 1]
        length = last - first
        logs = 0.0
        unigrams = True
        begin = used
        for order in range(1, _ORDERS + 1):
            grams = max(0, length - order + 1)
            for at in range(used, used + grams):
                counter[slots[at]] = -2
                counting[slots[at]] = 0
            for at in range(used, used + grams):
                counting[slots[at]] += 1
            matched = 0
            for at in range(used, used + grams):
                position = slots[at]
                if counter[position] == -2:
                    counter[position] = -3
                    best = second[position] if owner[position] == text else largest[position]
                    matched += counting[position] if counting[position] < best else best
            used += grams
            if order == 1 and matched == 0:
                unigrams = False
            logs += np.log((matched if matched else _EPSILON) / max(1, grams)) / _ORDERS
        if not unigrams or begin == used:
            continue
        # The reference whose length is closest; the shorter among equals. One entry of this length is the text itself.
        at = np.searchsorted(sorted_lengths, length)
        closest = -1
        if at + 1 < texts and sorted_lengths[at + 1] == length:
            closest = length
        else:
            below = sorted_lengths[at - 1] if at > 0 else -1
            above = sorted_lengths[at + 1] if at + 1 < texts else -1
            shorter = above < 0 or (below >= 0 and length - below <= above - length)
            closest = below if shorter else above
        penalty = 1.0 if length > closest else np.exp(1.0 - closest / length)
        out[text] = penalty * np.exp(logs)
    return out
