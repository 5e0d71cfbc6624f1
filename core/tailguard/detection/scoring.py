"""The built-in detector's score: two linear models over hashed grams and boosted trees over the style profile, stacked.

All of it was learned by `bench/train_detector.py` from public labelled texts; `data/detector.md` is its card. Weights are
read when the first text is scored.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.detection import features
from tailguard.detection.texts import Packed, pack
from tailguard.errors import TailguardError
from tailguard.kernels import njit
from tailguard.shipped import shipped
from tailguard.threads import one_thread

NAME = "tailguard style"
FORMAT = "tailguard-detector/1"
PARTS = 3
"""Parts of the stack: word grams, character grams, trees."""
FEWEST_WORDS = 25
FEWEST_KNOWN = 0.5
"""Share of words that have to be among the 28,000 of the word table."""


@dataclass(frozen=True)
class Weights:
    """What was learned. `stack` weighs 1, the parts, and each of these times (log words - 5), in this order.

    A node leads to `node_left`, or to the one after it where its feature is above its threshold; a leaf leads to itself.
    Trees are in the order of their depth, the deepest first; `level_trees` says how many go deeper than each level.
    """

    keys: NDArray[np.uint32]
    codes: NDArray[np.uint16]
    zipf: NDArray[np.uint8]
    word: NDArray[np.int8]
    char: NDArray[np.int8]
    scales: NDArray[np.float64]
    node_feature: NDArray[np.int16]
    node_threshold: NDArray[np.float32]
    node_left: NDArray[np.int32]
    node_value: NDArray[np.float32]
    tree_start: NDArray[np.int32]
    level_trees: NDArray[np.int32]
    stack: NDArray[np.float64]


@dataclass(frozen=True)
class Shipped:
    """The detector that comes with Tailguard: weights, calibration scores by group of texts, and its measured rates."""

    weights: Weights
    human: Mapping[str, NDArray[np.float64]]
    ai: Mapping[str, NDArray[np.float64]]
    rates: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Parts:
    """The stack's inputs, shape (texts, PARTS); the number of words of each text, and how many of them are known."""

    parts: NDArray[np.float64]
    words: NDArray[np.int64]
    known: NDArray[np.int64]


@cache
def shipped_detector() -> Shipped:
    """Read `data/detector.npz`. Raises TailguardError when the installation lacks it."""
    path = shipped("data", "detector.npz")
    if not path.exists():
        raise TailguardError(f"{path} is missing from this installation. Install Tailguard again.")
    content = path.read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        weights = Weights(**{name: arrays[name] for name in Weights.__dataclass_fields__})
        human, ai = (
            {name: arrays[f"{kind}:{name}"].astype(np.float64) for name in header[kind]} for kind in ("human", "ai")
        )
    return Shipped(weights, human, ai, header["rates"], hashlib.sha256(content).hexdigest())


class StyleScorer:
    """The built-in Scorer: log-odds of being model-made, about 0 where both classes are as likely.

    Not a number for texts of fewer than FEWEST_WORDS words, and where most words are not English.
    """

    name = NAME

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        weights = shipped_detector().weights
        parts = parts_of(pack(texts), weights)
        with one_thread():
            scores = combine(parts) @ weights.stack
        scores[(parts.words < FEWEST_WORDS) | (parts.known < FEWEST_KNOWN * parts.words)] = np.nan
        return scores


def combine(parts: Parts) -> NDArray[np.float64]:
    """What the stack weighs, shape (texts, 2 * (1 + PARTS))."""
    plain = np.column_stack([np.ones(len(parts.parts)), parts.parts])
    length = np.log(np.maximum(parts.words, 1)) - 5
    return np.hstack([plain, plain * length[:, None]])


def parts_of(packed: Packed, weights: Weights) -> Parts:
    """The three models' scores of texts."""
    w = weights
    return Parts(
        *_parts(
            packed.data,
            packed.offsets,
            w.keys,
            w.codes,
            w.zipf,
            w.word,
            w.char,
            w.scales,
            w.node_feature,
            w.node_threshold,
            w.node_left,
            w.node_value,
            w.tree_start,
            w.level_trees,
        )
    )


@njit()
def _parts(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    codes: NDArray[np.uint16],
    zipf: NDArray[np.uint8],
    word: NDArray[np.int8],
    char: NDArray[np.int8],
    scales: NDArray[np.float64],
    node_feature: NDArray[np.int16],
    node_threshold: NDArray[np.float32],
    node_left: NDArray[np.int32],
    node_value: NDArray[np.float32],
    tree_start: NDArray[np.int32],
    level_trees: NDArray[np.int32],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The trees go down together, level by level, so that their steps do not wait for each other."""
    n = offsets.size - 1
    nodes = np.empty(tree_start.size, np.int32)
    out = np.zeros((n, PARTS))
    counts = np.zeros(n, np.int64)
    known = np.zeros(n, np.int64)
    longest = 0
    for text in range(n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    plain = np.empty(longest + 8, np.uint8)
    char_grams = np.empty(3 * longest + 8, np.int32)
    word_grams = np.empty(4 * longest + 8, np.int32)
    style = np.empty(features.STYLE, np.float32)
    for text in range(n):
        size = features.plain(data, offsets[text], offsets[text + 1], plain)
        n_char, n_word, words = features.scan(plain, size, keys, codes, zipf, char_grams, word_grams, style)
        counts[text] = words
        known[text] = round(words * (1 - style[3]))
        total = 0
        for at in range(n_word):
            total += word[word_grams[at]]
        out[text, 0] = scales[0] * total / np.sqrt(max(n_word, 1))
        total = 0
        for at in range(n_char):
            total += char[char_grams[at]]
        out[text, 1] = scales[1] * total / np.sqrt(max(n_char, 1))
        nodes[:] = tree_start
        for level in range(level_trees.size):
            for tree in range(level_trees[level]):
                node = nodes[tree]
                nodes[tree] = node_left[node] + np.int32(style[node_feature[node]] > node_threshold[node])
        value = np.float32(0)
        for tree in range(tree_start.size):
            value += node_value[nodes[tree]]
        out[text, 2] = value
    return out, counts, known


@njit()
def style_profiles(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint32],
    codes: NDArray[np.uint16],
    zipf: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """The style profiles of texts, shape (texts, STYLE)."""
    n = offsets.size - 1
    longest = 0
    for text in range(n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    plain = np.empty(longest + 8, np.uint8)
    char_grams = np.empty(3 * longest + 8, np.int32)
    word_grams = np.empty(4 * longest + 8, np.int32)
    styles = np.zeros((n, features.STYLE), np.float32)
    for text in range(n):
        size = features.plain(data, offsets[text], offsets[text + 1], plain)
        features.scan(plain, size, keys, codes, zipf, char_grams, word_grams, styles[text])
    return styles
