"""Which words of some answers are rare words in running text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.outputs import Encoded
from tailguard.diversity.word_order import function_words

Flags = NDArray[np.bool_]

_WINDOW = 12
_RUNNING = 0.12


def in_running_text(answers: Encoded, terms: frozenset[str], *, english: bool) -> Flags:
    """Which of the answers' units are rare words. `terms` are the words that are rare in the anchor, in normal form.

    In English they have to stand in running text, a window of 25 words of which at least 12 % are function words: a list of rare
    words is no rare case.
    """
    wanted = np.array([word in terms for word in answers.vocabulary], dtype=np.bool_)
    counted = wanted[answers.units]
    return counted & _running(answers) if english else counted


def _running(answers: Encoded) -> Flags:
    words = function_words()
    functional = np.array([word in words for word in answers.vocabulary], dtype=np.int64)[answers.units]
    before = np.concatenate([[0], np.cumsum(functional)])
    at, lengths = np.arange(len(functional)), answers.lengths
    first = np.maximum(at - _WINDOW, np.repeat(answers.offsets[:-1], lengths))
    last = np.minimum(at + _WINDOW + 1, np.repeat(answers.offsets[1:], lengths))
    return np.asarray(before[last] - before[first] >= _RUNNING * (last - first))
