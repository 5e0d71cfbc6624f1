"""Are an answer's English words in an order, or were they shuffled? Judged by which classes of words stand side by side.

A word's class is itself for the commonest words, else its ending. The table says how much likelier than by chance one class
follows another (pointwise mutual information: K. W. Church and P. Hanks, Computational Linguistics 16, 1990), as counted by
`bench/train_word_order.py`; `data/word_order.md` is its card. English only: ask `languages` first; `learned_order` has a table
for any other language.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tailguard.errors import TailguardError
from tailguard.kernels import njit
from tailguard.shipped import shipped

FUNCTION_WORDS = 150
"""The first classes: articles, pronouns, prepositions, conjunctions, auxiliaries and the like."""

ENDINGS = 6
"""The last classes."""

SHRINKAGE = 20
"""Pairs that are added to the counted and to the expected ones, so that rare pairs say little."""

SHUFFLED_WORDS = 20
SHUFFLED_GAIN = 0.4
SHUFFLED_FUNCTION_SHARE = 0.12
PARTLY_SHUFFLED_WORDS = 100
PARTLY_SHUFFLED_GAIN = 0.6
NOISE_WORDS = 20
NOISE_FUNCTION_SHARE = 0.08
PROSE_WORDS_BETWEEN_MARKS = 3.0

_MARK = re.compile(r"[^\w\s']+|\n+")
_LEAST_EXPECTED = 0.05
"""Where English order would gain less than this over chance, the words have no order to show."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Tables = NDArray[np.float32]


@dataclass(frozen=True)
class WordOrder:
    """What was measured, an entry for each answer.

    `gain`: 1 where the words follow each other as in English, 0 where they stand as if drawn from a hat, less where they
    avoid each other; nan for fewer than two words and where their classes have no order to show.
    `function_share`: the share of function words (0 to 1; 0 of nothing).
    """

    gain: Floats
    function_share: Floats


@dataclass(frozen=True)
class Neighbours:
    """Which classes stand side by side. `information[a, b]` is for class a before class b; `either` has, for a and b in both
    orders, the sum of the information, of its exponential, and of their product."""

    information: Tables
    either: Tables

    def measure(self, classes: NDArray[np.int16], units: Ints, offsets: Ints) -> WordOrder:
        """How the words of each answer follow each other: answer i has the classes `classes[units[offsets[i]:offsets[i + 1]]]`.

        The first 150 classes are the function words.
        """
        return WordOrder(*_word_orders(classes, units, offsets, self.information, self.either))


def neighbours_from(counts: Floats, *, shrinkage: float) -> Neighbours:
    """The table of how often each class stood before each; `shrinkage` pairs are added to the counted and to the expected ones."""
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(1.0, counts.sum())
    information = np.log((counts + shrinkage) / (expected + shrinkage))
    ordered = np.stack([information, np.exp(information), np.exp(information) * information], axis=-1)
    either = ordered + ordered.transpose(1, 0, 2)
    return Neighbours(information.astype(np.float32), np.ascontiguousarray(either, dtype=np.float32))


def word_orders(vocabulary: Sequence[str], units: Ints, offsets: Ints) -> WordOrder:
    """How the words of each answer follow each other.

    Answer i has the words `vocabulary[units[offsets[i]:offsets[i + 1]]]`, in order: case-folded, with ' as the apostrophe
    and without a final 's. Raises TailguardError when the installation lacks the table.
    """
    common, english = _shipped_order()
    return english.measure(classes_of(vocabulary, common), units, offsets)


def disordered(vocabulary: Sequence[str], units: Ints, offsets: Ints, texts: Sequence[str], *, english: Flags) -> Flags:
    """Which answers are shuffled or noise, from their words (as in `word_orders`) and their texts.

    `english` says which are English as far as anybody can tell; the others are not judged.
    """
    order, lengths = word_orders(vocabulary, units, offsets), np.diff(offsets)
    between = words_between_marks(order, lengths, texts, judged=english)
    return np.asarray(english & (shuffled(order, lengths, between) | noise(order, lengths, between)))


def words_between_marks(order: WordOrder, lengths: Ints, texts: Sequence[str], *, judged: Flags) -> Floats:
    """Words / (1 + marks) of the `judged` answers that may be shuffled or noise; 0 of all others.

    A mark is a run of symbols or of line breaks; lists and tables have one every word or two.
    """
    between = np.zeros(len(lengths))
    ordered = (order.gain >= PARTLY_SHUFFLED_GAIN) & (order.function_share >= NOISE_FUNCTION_SHARE)
    for answer in np.flatnonzero(judged & ~ordered).tolist():
        between[answer] = lengths[answer] / (1 + len(_MARK.findall(texts[answer].strip())))
    return between


def shuffled(
    order: WordOrder, lengths: Ints, between: Floats, *, function_share: float = SHUFFLED_FUNCTION_SHARE
) -> Flags:
    """Which answers have words in no order: at least 20 of them (`lengths`), 12 % function words, and a gain below .4.

    Below .6 where there are 100 words in runs of 3 or more: of so much prose, half has to be shuffled. `between` is as
    `words_between_marks` gives it.
    """
    judged = (lengths >= SHUFFLED_WORDS) & (order.function_share >= function_share)
    long = (lengths >= PARTLY_SHUFFLED_WORDS) & (between >= PROSE_WORDS_BETWEEN_MARKS)
    return np.asarray(judged & (order.gain < np.where(long, PARTLY_SHUFFLED_GAIN, SHUFFLED_GAIN)))


def noise(
    order: WordOrder,
    lengths: Ints,
    between: Floats,
    *,
    bare: float = NOISE_FUNCTION_SHARE,
    few: float = SHUFFLED_FUNCTION_SHARE,
) -> Flags:
    """Which answers are words without grammar: at least 20, in runs of 3 words or more, less than 8 % (`bare`) of them function
    words; or less than 12 % (`few`), without a gain of .4.

    Lists and tables are spared as in `shuffled`. Text in another language looks the same: ask only where it is English or
    undecided.
    """
    strung = order.function_share < bare
    strung |= (order.function_share < few) & ~(order.gain >= SHUFFLED_GAIN)
    return np.asarray(strung & (lengths >= NOISE_WORDS) & (between >= PROSE_WORDS_BETWEEN_MARKS))


def function_words() -> frozenset[str]:
    """The function words of English, as words are given to `word_orders`."""
    return frozenset(_shipped_order()[0][:FUNCTION_WORDS])


def classes_of(vocabulary: Sequence[str], common: Sequence[str]) -> NDArray[np.int16]:
    """The class of each word: its place among the `common` words, or after them its ending."""
    place = {word: number for number, word in enumerate(common)}
    classes = (place[word] if word in place else len(common) + _ending(word) for word in vocabulary)
    return np.fromiter(classes, dtype=np.int16, count=len(vocabulary))


def _ending(word: str) -> int:
    """0 to ENDINGS - 1: -ing, -ed, -ly, ending of an abstract noun, plural or third person, none of these."""
    if len(word) > 4 and word.endswith("ing"):
        return 0
    if len(word) > 3 and word.endswith("ed"):
        return 1
    if len(word) > 3 and word.endswith("ly"):
        return 2
    if len(word) > 5 and word.endswith(("tion", "sion", "ment", "ness", "ity", "ance", "ence", "ism")):
        return 3
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return 4
    return 5


@cache
def _shipped_order() -> tuple[tuple[str, ...], Neighbours]:
    path = shipped("data", "word_order.npz")
    if not path.exists():
        raise TailguardError(f"{path} is missing from this installation. Install Tailguard again.")
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        words = tuple(arrays["words"].tobytes().decode().split())
        counts = arrays["counts"].astype(np.float64)
    return words, neighbours_from(counts, shrinkage=SHRINKAGE)


@njit()
def _word_orders(
    classes: NDArray[np.int16], units: Ints, offsets: Ints, information: Tables, either: Tables
) -> tuple[Floats, Floats]:
    """Means over an answer's pairs of words: `neighbours` those side by side, `chance` all of them, `english` all of them,
    weighted by how likely the table has them side by side."""
    answers = offsets.size - 1
    gain = np.full(answers, np.nan)
    function_share = np.zeros(answers)
    times = np.zeros(information.shape[0], np.int64)
    present = np.empty(information.shape[0], np.int64)
    for answer in range(answers):
        first, last = offsets[answer], offsets[answer + 1]
        length = last - first
        distinct, functional = 0, 0
        neighbours = 0.0
        for at in range(first, last):
            word_class = classes[units[at]]
            if times[word_class] == 0:
                present[distinct] = word_class
                distinct += 1
            times[word_class] += 1
            functional += word_class < FUNCTION_WORDS
            if at > first:
                neighbours += information[classes[units[at - 1]], word_class]
        if length:
            function_share[answer] = functional / length
        if length > 1:
            chance, weight, english = _all_pairs(present[:distinct], times, either)
            chance /= length * (length - 1.0)
            expected = english / weight - chance
            if expected >= _LEAST_EXPECTED:
                gain[answer] = (neighbours / (length - 1) - chance) / expected
        times[present[:distinct]] = 0
    return gain, function_share


@njit(inline="always")
def _all_pairs(present: Ints, times: Ints, either: Tables) -> tuple[float, float, float]:
    """Sums over all ordered pairs of words, given the classes that are present and how often each is."""
    chance, weight, english = 0.0, 0.0, 0.0
    for place in range(present.size):
        this = present[place]
        row = either[this]
        same = (times[this] - 1) / 2
        row_chance, row_weight, row_english = same * row[this, 0], same * row[this, 1], same * row[this, 2]
        for before in range(place):
            other = present[before]
            row_chance += times[other] * row[other, 0]
            row_weight += times[other] * row[other, 1]
            row_english += times[other] * row[other, 2]
        chance += times[this] * row_chance
        weight += times[this] * row_weight
        english += times[this] * row_english
    return chance, weight, english
