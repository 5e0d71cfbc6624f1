"""Answers to another prompt than their own, found by what the other side answered.

Two answers to one prompt share words that answers to other prompts do not have, in any language. An answer that is nearer to what
the other side says to another prompt is in the wrong place, or the other side's is: so those count only whose prompt knows them.
Words weigh by term and inverse document frequency (K. Sparck Jones, Journal of Documentation 28, 1972; logarithmic term weights
as in G. Salton and C. Buckley, Information Processing & Management 24, 1988), nearness is the cosine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tailguard.diversity.outputs import Encoded
from tailguard.threads import one_thread

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

_LONG = 20
_AS_NEAR, _KNOWN = 0.4, 0.5
_COMMON = 0.2
"""A word of so many answers says nothing of the question."""
_AT_ONCE = 1_000


def to_other_prompts(ours: Encoded, theirs: Encoded, asked: Encoded, our_prompts: Ints, their_prompts: Ints) -> Flags:
    """Which of our answers (20 words or more) belong to another prompt.

    Args:
        ours: Our answers.
        theirs: The other side's answers; what is shorter than 20 words is ignored.
        asked: The prompts, in our numbers of words.
        our_prompts: The number of each of our answers' prompts.
        their_prompts: The same of theirs.

    Returns:
        For each of our answers whether the other side's to its own prompt are less than .4 times as near as those to some other
        prompt, while these are at least half as near to the prompt as to any other. It has to be much less, as answers to prompts
        that are alike are alike. How near our answer is to the prompt does not count, as it might repeat it.
    """
    theirs = theirs.only(theirs.lengths >= _LONG)
    numbers = {word: number for number, word in enumerate(ours.vocabulary)}
    renumbered = np.array([numbers.setdefault(word, len(numbers)) for word in theirs.vocabulary], dtype=np.int64)
    mine, other, prompts = (
        _term_weights(units, text.offsets, len(numbers))
        for units, text in ((ours.units, ours), (renumbered[theirs.units], theirs), (asked.units, asked))
    )
    documents = mine.shape[0] + other.shape[0]
    times = np.bincount(mine.indices, minlength=len(numbers)) + np.bincount(other.indices, minlength=len(numbers))
    rarity = np.where(times <= _COMMON * documents, np.log(documents / np.maximum(times, 1)), 0).astype(np.float32)
    mine, other, prompts = (_unit(_weighed(matrix, rarity)) for matrix in (mine, other, prompts))
    answered = _unit(_summed(other, their_prompts, prompts.shape[0]))
    flags = np.zeros(len(our_prompts), dtype=np.bool_)
    own = _dot(mine, answered[our_prompts])
    by_prompt = answered.T.tocsr()
    doubtful = np.flatnonzero((ours.lengths >= _LONG) & (own < _AS_NEAR))  # nothing is nearer than 1
    for part in np.array_split(doubtful, max(1, len(doubtful) // _AT_ONCE)):
        nearness = _product(mine[part], by_prompt).toarray()
        nearness[np.arange(len(part)), our_prompts[part]] = 0
        flags[part] = own[part] < _AS_NEAR * nearness.max(axis=1)
    accused = np.unique(our_prompts[flags])
    known = _product(answered[accused], prompts.T.tocsr()).toarray()
    at = np.arange(len(accused)), accused
    to_own = known[at]
    known[at] = 0
    in_place = np.zeros(prompts.shape[0], dtype=np.bool_)
    in_place[accused] = to_own > _KNOWN * known.max(axis=1, initial=0)
    return np.asarray(flags & in_place[our_prompts])


def _term_weights(units: Ints, offsets: Ints, words: int) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(units), np.float32), units, offsets), shape=(len(offsets) - 1, words))
    matrix.sum_duplicates()
    matrix.data = 1 + np.log(matrix.data)
    return matrix


def _weighed(matrix: sparse.csr_matrix, rarity: Floats) -> sparse.csr_matrix:
    matrix.data *= rarity[matrix.indices]
    matrix.eliminate_zeros()
    return matrix


def _summed(rows: sparse.csr_matrix, groups: Ints, count: int) -> sparse.csr_matrix:
    member = sparse.csr_matrix(
        (np.ones(len(groups), np.float32), (groups, np.arange(len(groups)))), shape=(count, len(groups))
    )
    return _product(member, rows)


def _unit(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return _product(sparse.diags(1 / np.maximum(lengths, 1e-12)), matrix)


def _product(left: sparse.spmatrix, right: sparse.csr_matrix) -> sparse.csr_matrix:
    with one_thread():
        return sparse.csr_matrix(left @ right)


def _dot(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Floats:
    return np.asarray(left.multiply(right).sum(axis=1)).ravel()
