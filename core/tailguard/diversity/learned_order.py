"""Are the words of an answer in an order, in any language? Judged by answers in the same language that somebody else wrote.

The table of neighbouring classes is counted from those answers, and nothing has to be known of their language: the classes are
its 150 commonest words, the six commonest endings of two letters, and all other words. Chinese, Japanese, Thai and the like are
judged by their letters. What is measured, and the rule, are those of `word_order`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.metrics import unspaced
from tailguard.diversity.outputs import Encoded
from tailguard.diversity.word_order import (
    FUNCTION_WORDS,
    Neighbours,
    neighbours_from,
    noise,
    shuffled,
    words_between_marks,
)

LEAST_PAIRS = 5_000
"""So many pairs of neighbours have to be counted."""

_ENDINGS, _ENDING = 6, 2
_OTHER = FUNCTION_WORDS + _ENDINGS
_SHRINKAGE = 2
LEAST_WORDS = 30
"""So many words an answer has to have."""
_CLEAR_GAIN, _IN_ORDER = 0.8, 2 / 3
_FEW, _BARE = 0.4, 0.16
_WORDS_BETWEEN_MARKS = 1.5
"""Poems, formulas, code and lists of names are no prose; a table of a few thousand pairs is too rough to see that by itself."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LearnedOrder:
    """The order of a language's words, as some answers have it: a class for each common word, and for each common ending.

    `common_share` is the share (0 to 1) of common words in the median answer; `spelled` says that words are letters.
    """

    words: dict[str, int]
    endings: dict[str, int]
    neighbours: Neighbours
    common_share: float
    spelled: bool

    def disordered(self, answers: Encoded, texts: Sequence[str], *, judged: Flags) -> Flags:
        """Which of the `judged` answers are shuffled or noise, by the rules of `word_order` but stricter.

        They have 30 words or more, and shuffled ones 1.5 or more between marks. In place of 12 % of function words stand two fifths
        of the usual share of common ones.
        """
        answers = answers.only(judged)
        answers = letters(answers) if self.spelled else answers
        order = self.neighbours.measure(_classes(answers, self.words, self.endings), answers.units, answers.offsets)
        lengths, judged = answers.lengths, judged & (answers.lengths >= LEAST_WORDS)
        between = words_between_marks(order, lengths, texts, judged=judged)
        few, bare = _FEW * self.common_share, _BARE * self.common_share
        mixed = shuffled(order, lengths, between, function_share=few) & (between >= _WORDS_BETWEEN_MARKS)
        return np.asarray(judged & (mixed | noise(order, lengths, between, bare=bare, few=few)))


def learned_order(examples: Encoded) -> LearnedOrder | None:
    """The order that the examples' words have.

    None where it cannot be told: fewer than 5,000 pairs, or the order of one half is not clear (a gain of .8) in two thirds of the
    other half.
    """
    if np.maximum(examples.lengths - 1, 0).sum() < LEAST_PAIRS:
        return None
    spelled = bool(2 * _pairs_of_letters(examples)[examples.units].sum() > len(examples.units))
    examples = letters(examples) if spelled else examples
    words, endings = _commonest(examples)
    classes = _classes(examples, words, endings)
    first = np.cumsum(examples.lengths) <= len(examples.units) / 2
    order = _neighbours(classes, examples.only(first)).measure(classes, examples.units, examples.offsets)
    rest = ~first & (examples.lengths >= LEAST_WORDS)
    if np.count_nonzero(order.gain[rest] >= _CLEAR_GAIN) <= _IN_ORDER * np.count_nonzero(rest):
        return None
    common_share = float(np.median(order.function_share[rest]))
    return LearnedOrder(words, endings, _neighbours(classes, examples), common_share, spelled)


def letters(texts: Encoded) -> Encoded:
    """The texts with a unit for each letter where a script puts no space between words; all other words stay as they are.

    There `words` gives every two neighbouring letters: a unit that begins with the last letter of the one before it stands in
    the same run.
    """
    pair, units = _pairs_of_letters(texts), texts.units
    numbers: dict[str, int] = {}
    number = numbers.setdefault
    first, second = (
        np.array(
            [number(word[at] if two else word, len(numbers)) for word, two in zip(texts.vocabulary, pair, strict=True)],
            dtype=np.int64,
        )
        for at in (0, 1)
    )
    runs_on = np.zeros(len(units), dtype=np.bool_)
    runs_on[:-1] = pair[units[1:]] & (second[units[:-1]] == first[units[1:]])
    runs_on[_lasts(texts)] = False
    times = 1 + (pair[units] & ~runs_on)
    ends = np.cumsum(times)
    spelled = np.repeat(first[units], times)
    spelled[ends[times == 2] - 1] = second[units[times == 2]]
    return Encoded(spelled, np.concatenate([[0], ends])[texts.offsets], tuple(numbers))


def _pairs_of_letters(texts: Encoded) -> Flags:
    """Which words of the vocabulary are two letters of a script without spaces."""
    return np.array([len(word) == 2 and unspaced(word) for word in texts.vocabulary], dtype=np.bool_)


def _lasts(texts: Encoded) -> Ints:
    """Where each text has its last word."""
    return np.asarray(texts.offsets[1:][texts.lengths > 0] - 1)


def _commonest(examples: Encoded) -> tuple[dict[str, int], dict[str, int]]:
    """The classes of the commonest words, and of the commonest endings of the others; of two that are as common, the first in the
    vocabulary."""
    times = np.bincount(examples.units, minlength=len(examples.vocabulary))
    ranked = np.argsort(-times, kind="stable")[: np.count_nonzero(times)].tolist()
    words = {examples.vocabulary[at]: place for place, at in enumerate(ranked[:FUNCTION_WORDS])}
    ends: Counter[str] = Counter()
    for at in ranked[FUNCTION_WORDS:]:
        ends[examples.vocabulary[at][-_ENDING:]] += int(times[at])
    return words, {end: FUNCTION_WORDS + place for place, (end, _) in enumerate(ends.most_common(_ENDINGS))}


def _classes(texts: Encoded, words: dict[str, int], endings: dict[str, int]) -> NDArray[np.int16]:
    """The class of each word of the vocabulary that is in the texts."""
    classes = np.full(len(texts.vocabulary), _OTHER, dtype=np.int16)
    for at in np.flatnonzero(np.bincount(texts.units, minlength=len(classes))).tolist():
        word = texts.vocabulary[at]
        classes[at] = words[word] if word in words else endings.get(word[-_ENDING:], _OTHER)
    return classes


def _neighbours(classes: NDArray[np.int16], texts: Encoded) -> Neighbours:
    """Counts which classes stand side by side in the texts."""
    inside = np.ones(len(texts.units), dtype=np.bool_)
    inside[_lasts(texts)] = False
    before, of_unit = np.flatnonzero(inside), classes[texts.units].astype(np.int64)
    pairs = np.bincount(of_unit[before] * (_OTHER + 1) + of_unit[before + 1], minlength=(_OTHER + 1) ** 2)
    counts = pairs.reshape(_OTHER + 1, _OTHER + 1).astype(np.float64)
    return neighbours_from(counts, shrinkage=_SHRINKAGE)
