"""Which records were taken in already: a set of 64-bit prints in one array, about 13 bytes a record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit


class Seen:
    """Prints that were seen. Two records share a print by chance once in 10 billion pairs of 100 million records."""

    def __init__(self) -> None:
        self._slots = np.zeros(1 << 16, np.uint64)
        self._count = 0

    def add(self, prints: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Adds prints; returns which of them were new, the first of equal ones among them."""
        while self._count + len(prints) > 0.6 * len(self._slots):
            larger = np.zeros(2 * len(self._slots), np.uint64)
            _insert(larger, self._slots[self._slots != 0])
            self._slots = larger
        new = _insert(self._slots, np.maximum(prints, np.uint64(1)))
        self._count += int(new.sum())
        return new


@njit()
def _insert(slots: NDArray[np.uint64], prints: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Open addressing with linear steps; 0 marks an empty slot."""
    new = np.zeros(prints.size, np.bool_)
    mask = np.uint64(slots.size - 1)
    for at in range(prints.size):
        slot = prints[at] & mask
        while slots[slot] != 0 and slots[slot] != prints[at]:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] == 0:
            slots[slot] = prints[at]
            new[at] = True
    return new
