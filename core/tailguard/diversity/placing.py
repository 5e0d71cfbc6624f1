"""Do the rare words stand where they belong? Rare words that are strewn into answers are not rare cases that were kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.outputs import Encoded
from tailguard.diversity.topics import Vectors, unit_vectors, word_vectors
from tailguard.threads import one_thread

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_COMPARED = 1_000
"""Answers that a word is held against: as many as tell half of them apart from the rest."""
_NEARER = 0.5
_AT_ONCE = 4_000


def out_of_place(answers: Encoded, vectors: Vectors, rare: Flags) -> tuple[Ints, Flags]:
    """For each pair of an answer and a rare word in it: the answer's number, and whether the word is out of place there.

    It is out of place where more than half of the answers are nearer to the word than its own answer without it (cosine of
    static word vectors, answers centred). `rare` marks the units that count, `vectors` has each answer's summed word vectors.
    In real models 12 to 17 % of the rare words are out of place by this rule; strewn words are half of the time.
    """
    at = np.flatnonzero(rare)
    answer_of = np.searchsorted(answers.offsets, at, side="right") - 1
    types = len(answers.vocabulary)
    pairs, times = np.unique(answer_of * types + answers.units[at], return_counts=True)
    owners, rare_words = pairs // types, pairs % types
    distinct, row_of = np.unique(rare_words, return_inverse=True)
    rows = word_vectors([answers.vocabulary[word] for word in distinct.tolist()])
    points = unit_vectors(vectors[vectors.any(axis=1)])
    centre = points.mean(axis=0) if len(points) else np.float32(0)
    compared = unit_vectors(points[:: max(1, len(points) // _COMPARED)] - centre)
    out = np.zeros(len(pairs), dtype=np.bool_)
    for first in range(0, len(pairs), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        word = rows[row_of[part]]
        rest = vectors[owners[part]] - word * times[part, None].astype(np.float32)
        own = np.einsum("ij,ij->i", word, unit_vectors(unit_vectors(rest) - centre))
        with one_thread():
            nearness = word @ compared.T
        out[part] = (nearness > own[:, None]).mean(axis=1) > _NEARER
    return owners, out
