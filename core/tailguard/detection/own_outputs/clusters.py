"""Groups of near-duplicates within one set of texts, so that a person decides on a group and not on each copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 4
"""Texts that share a gram are compared with so many of those after them; a chain of copies still meets."""
SHARED = 0.5
"""Share of the smaller text's grams that two texts of one group have in common."""


def clusters(texts: Sequence[str]) -> list[int]:
    """For each text the place of the first text of its group; a text without a near-duplicate is a group by itself."""
    if not texts:
        return []
    from tailguard.detection.own_outputs.grams import remembered
    from tailguard.detection.texts import pack

    packed = pack(texts)
    grams, owners, _ = remembered(packed.data, packed.offsets)
    unique = np.unique(np.stack([grams, owners.astype(np.uint64)], axis=1), axis=0)
    sizes = np.bincount(unique[:, 1].astype(np.int64), minlength=len(texts))
    leader = np.arange(len(texts))
    for first, second in _pairs(unique, sizes):
        _join(leader, int(first), int(second))
    return [_leader(leader, place) for place in range(len(texts))]


def _pairs(unique: NDArray[np.uint64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of texts that share enough of their grams, shape (pairs, 2)."""
    found = []
    for step in range(1, NEIGHBOURS + 1):
        same = unique[step:, 0] == unique[:-step, 0]
        found.append(np.stack([unique[:-step, 1][same], unique[step:, 1][same]], axis=1).astype(np.int64))
    pairs, shared = np.unique(np.concatenate(found), axis=0, return_counts=True)
    return pairs[shared >= SHARED * np.minimum(sizes[pairs[:, 0]], sizes[pairs[:, 1]])]


def _leader(leader: NDArray[np.int64], place: int) -> int:
    while leader[place] != place:
        place = int(leader[place])
    return place


def _join(leader: NDArray[np.int64], first: int, second: int) -> None:
    one, other = _leader(leader, first), _leader(leader, second)
    leader[max(one, other)] = min(one, other)
