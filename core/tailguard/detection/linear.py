"""A logistic regression over hashed grams, fitted by AdaGrad (J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011) text by text.

The built-in detector's two linear parts and a team's own part are fitted here. A text's margin is the sum of its grams'
weights over the square root of their number, so that long texts do not drown short ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.detection import features
from tailguard.kernels import njit


@njit()
def grams_of(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    codes: NDArray[np.uint16],
    zipf: NDArray[np.uint8],
    words: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The word grams (or the character grams) of texts, one after the other, and where each text's begin."""
    n = offsets.size - 1
    longest = 0
    for text in range(n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    plain = np.empty(longest + 8, np.uint8)
    char_grams = np.empty(3 * longest + 8, np.int32)
    word_grams = np.empty(4 * longest + 8, np.int32)
    style = np.empty(features.STYLE, np.float32)
    starts = np.zeros(n + 1, np.int64)
    room = 1 << 16
    grams = np.empty(room, np.int32)
    for text in range(n):
        size = features.plain(data, offsets[text], offsets[text + 1], plain)
        n_char, n_word, _ = features.scan(plain, size, keys, codes, zipf, char_grams, word_grams, style)
        count = n_word if words else n_char
        while starts[text] + count > room:
            room *= 2
            larger = np.empty(room, np.int32)
            larger[: starts[text]] = grams[: starts[text]]
            grams = larger
        grams[starts[text] : starts[text] + count] = word_grams[:count] if words else char_grams[:count]
        starts[text + 1] = starts[text] + count
    return grams[: starts[n]], starts


@njit(fastmath=True)
def fit(
    grams: NDArray[np.int32],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
    bits: int,
    epochs: int,
    rate: float,
    dropout: float,
    seed: int,
) -> NDArray[np.float32]:
    """Weights of 2**bits grams. `rows` are the texts to fit on, `labels` (0 human, 1 model-made) and `weights` are theirs.

    `dropout` (0 to 1) leaves each gram out of a step with that chance, so that no single one is relied on.
    """
    fitted = np.zeros(1 << bits, np.float32)
    squares = np.full(1 << bits, 1e-2, np.float32)
    intercept, intercept_square = 0.0, 1e-2
    np.random.seed(seed)
    order = np.arange(rows.size)
    limit = np.uint64(dropout * 256)
    for _ in range(epochs):
        np.random.shuffle(order)
        for at in order:
            row = rows[at]
            count = starts[row + 1] - starts[row]
            if count == 0:
                continue
            salt = np.uint64(np.random.randint(0, 1 << 62))
            scale = 1.0 / np.sqrt(count * (1 - dropout))
            margin = 0.0
            for position in range(starts[row], starts[row + 1]):
                if _stays(grams[position], salt, limit):
                    margin += fitted[grams[position]]
            chance = 1 / (1 + np.exp(-(margin * scale + intercept)))
            gradient = (chance - labels[at]) * weights[at]
            intercept_square += gradient * gradient
            intercept -= rate * gradient / np.sqrt(intercept_square)
            step = gradient * scale
            for position in range(starts[row], starts[row + 1]):
                gram = grams[position]
                if _stays(gram, salt, limit):
                    squares[gram] += step * step
                    fitted[gram] -= rate * step / np.sqrt(squares[gram])
    return fitted


@njit(inline="always")
def _stays(gram: np.int32, salt: np.uint64, limit: np.uint64) -> np.bool_:
    mixed = (np.uint64(gram) * np.uint64(0x9E3779B97F4A7C15)) ^ salt
    return (mixed * np.uint64(0xC2B2AE3D27D4EB4F)) >> np.uint64(56) >= limit


@njit(fastmath=True)
def margins(grams: NDArray[np.int32], starts: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The margins of texts under fitted weights."""
    out = np.zeros(starts.size - 1)
    for row in range(starts.size - 1):
        total = 0.0
        for position in range(starts[row], starts[row + 1]):
            total += weights[grams[position]]
        out[row] = total / np.sqrt(max(starts[row + 1] - starts[row], 1))
    return out
