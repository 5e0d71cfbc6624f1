"""Windows of a text: stretches of whole sentences, for finding a passage that is not by the hand that wrote the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

WORDS = 70
"""Fewest words of a window; it ends with the sentence."""


@njit()
def windows(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the windows of the chosen texts begin and end in `data`, shape (windows, 2), and each window's text.

    A sentence ends with `.`, `!` or `?` before white space, or with a line break before another. What is left at the end
    joins the last window when it is shorter than half of one.
    """
    places = np.empty((64, 2), np.int64)
    owners = np.empty(64, np.int64)
    count = 0
    for text in chosen:
        begin = offsets[text]
        stop = offsets[text + 1]
        words = 0
        first = count
        inside = False
        for at in range(begin, stop + 1):
            byte = data[at] if at < stop else np.uint8(32)
            space = byte in (32, 9, 10, 13)
            if inside and space:
                words += 1
            inside = not space
            ends = at == stop or (
                space and at > begin and (data[at - 1] in (46, 33, 63) or (byte == 10 and data[at - 1] == 10))
            )
            if (ends and words >= WORDS) or at == stop:
                if at == stop and count > first and words < WORDS // 2:
                    places[count - 1, 1] = stop
                elif words:
                    if count == owners.size:
                        larger = np.empty((2 * count, 2), np.int64)
                        larger[:count] = places
                        places = larger
                        more = np.empty(2 * count, np.int64)
                        more[:count] = owners
                        owners = more
                    places[count, 0] = begin
                    places[count, 1] = at
                    owners[count] = text
                    count += 1
                begin = at
                words = 0
    return places[:count], owners[:count]
