"""Texts as one run of UTF-8 bytes with offsets, the form in which the kernels read them; and back from bytes to characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Packed:
    """Text `i` is `data[offsets[i]:offsets[i + 1]]`, UTF-8."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def characters(self, text: int, at: int) -> int:
        """How many characters of a text stand before its byte `at` (counted from the text's own beginning)."""
        start = int(self.offsets[text])
        return len(self.data[start : start + at].tobytes().decode("utf-8", "replace"))


def pack(texts: Sequence[str]) -> Packed:
    """Half a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=offsets[1:])
    return Packed(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)
