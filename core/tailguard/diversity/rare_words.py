"""The rare words of one side's answers, and which of them are out of place: worked out once a side, for all its comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.outputs import Encoded
from tailguard.diversity.placing import out_of_place
from tailguard.diversity.topics import Vectors
from tailguard.diversity.word_order import function_words

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_WINDOW = 12
_RUNNING = 0.12


@dataclass(frozen=True, eq=False)
class RareWords:
    """`counted` marks the rare words among the answers' units. Of each pair of an answer and a rare word in it, `owners` has the
    answer's number, and `strewn` whether the word is out of place there."""

    counted: Flags
    owners: Ints
    strewn: Flags


def find_rare_words(answers: Encoded, vectors: Vectors, terms: frozenset[str], *, english: bool) -> RareWords:
    """The rare words in answers with summed word `vectors`. `terms` are the words that are rare in the anchor, in normal form.

    In English they have to stand in running text, a window of 25 words of which at least 12 % are function words: a list of rare
    words is no rare case.
    """
    wanted = np.array([word in terms for word in answers.vocabulary], dtype=np.bool_)
    counted = wanted[answers.units]
    if english:
        counted &= _running(answers)
    return RareWords(counted, *out_of_place(answers, vectors, counted))


def _running(answers: Encoded) -> Flags:
    words = function_words()
    functional = np.array([word in words for word in answers.vocabulary], dtype=np.int64)[answers.units]
    before = np.concatenate([[0], np.cumsum(functional)])
    at, lengths = np.arange(len(functional)), answers.lengths
    first = np.maximum(at - _WINDOW, np.repeat(answers.offsets[:-1], lengths))
    last = np.minimum(at + _WINDOW + 1, np.repeat(answers.offsets[1:], lengths))
    return np.asarray(before[last] - before[first] >= _RUNNING * (last - first))
