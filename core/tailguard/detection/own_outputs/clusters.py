"""Groups of near-duplicates within one set of texts, so that a person decides on a group and not on each copy.

Without compiled code: the queue of people is small, and the dashboard that shows it should not carry a compiler in memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORDS = 5
"""Words in a gram."""
NEIGHBOURS = 4
"""Texts that share a gram are compared with so many of those after them; a chain of copies still meets."""
SHARED = 0.5
"""Share of the smaller text's grams that two texts of one group have in common."""

_WORD = re.compile(r"[\u3041-\ud7a3]|[^\W_\u3041-\ud7a3]+(?:['\u2019][^\W_\u3041-\ud7a3]+)*")
_PRIME = np.uint64(1099511628211)


def clusters(texts: Sequence[str]) -> list[int]:
    """For each text the place of the first text of its group; a text without a near-duplicate is a group by itself."""
    grams, owners = _grams(texts)
    unique = np.unique(np.stack([grams, owners], axis=1), axis=0)
    sizes = np.bincount(unique[:, 1].astype(np.int64), minlength=len(texts))
    leader = np.arange(len(texts))
    for first, second in _pairs(unique, sizes):
        _join(leader, int(first), int(second))
    return [_leader(leader, text) for text in range(len(texts))]


def _grams(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Every five words in a row as one number, and the place of the text that they stand in."""
    numbers: dict[str, int] = {}
    words: list[int] = []
    ends = []
    for text in texts:
        words += [numbers.setdefault(word, len(numbers) + 1) for word in _WORD.findall(text.casefold())]
        ends.append(len(words))
    owners = np.repeat(np.arange(len(texts), dtype=np.uint64), np.diff([0, *ends]))
    wide = np.array(words, dtype=np.uint64)
    complete = owners[: 1 - WORDS] == owners[WORDS - 1 :]
    grams = np.zeros(len(complete), dtype=np.uint64)
    for step in range(WORDS):
        grams = (grams ^ wide[step : step + len(complete)]) * _PRIME
        grams ^= grams >> np.uint64(29)
    return grams[complete], owners[: 1 - WORDS][complete]


def _pairs(unique: NDArray[np.uint64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of texts that share enough of their grams, shape (pairs, 2)."""
    pair_blocks = []
    for step in range(1, NEIGHBOURS + 1):
        same = unique[step:, 0] == unique[:-step, 0]
        pair_blocks.append(np.stack([unique[:-step, 1][same], unique[step:, 1][same]], axis=1).astype(np.int64))
    pairs, shared = np.unique(np.concatenate(pair_blocks), axis=0, return_counts=True)
    return pairs[shared >= SHARED * np.minimum(sizes[pairs[:, 0]], sizes[pairs[:, 1]])]


def _leader(leader: NDArray[np.int64], text: int) -> int:
    while leader[text] != text:
        text = int(leader[text])
    return text


def _join(leader: NDArray[np.int64], first: int, second: int) -> None:
    first_leader, second_leader = _leader(leader, first), _leader(leader, second)
    leader[max(first_leader, second_leader)] = min(first_leader, second_leader)
