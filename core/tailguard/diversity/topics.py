"""What a text is about: the nearest of a few topics, found in the anchor by k-means over static word vectors.

The vectors are those that the package `wordllama` carries (256 dimensions, summed over a text's words); its files are read
directly, so nothing is downloaded and no model runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tailguard.diversity.outputs import Encoded, encoded
from tailguard.errors import TailguardError
from tailguard.threads import one_thread

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_TOPICS = 16
_TEXTS_A_TOPIC = 20
_MOST_WORDS = 500_000
"""Words whose part in each topic is kept at hand; beyond that they are forgotten and looked up again."""

_MOST_KEPT = 60_000
"""Words whose vectors are kept: 60 MB."""

Vectors = NDArray[np.float32]


@cache
def _model() -> tuple[Tokenizer, Vectors]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        raise TailguardError("The package wordllama is missing. Install Tailguard with its requirements.")
    root = Path(spec.submodule_search_locations[0])
    vectors = next(iter(load_file(root / "weights" / "l2_supercat_256.safetensors").values()))
    tokenizer = Tokenizer.from_file(str(root / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, np.ascontiguousarray(vectors, dtype=np.float32)


_GRID = np.float32(4096)
"""Word vectors are multiples of its inverse, so that sums of them are exact and do not depend on the order of the words."""


def _word_vectors(vocabulary: Sequence[str]) -> Vectors:
    """The sum of each word's token vectors. A whole text costs its tokenizer far more than its words one by one."""
    tokenizer, vectors = _model()
    split = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(vocabulary), add_special_tokens=False)]
    ends = np.cumsum([0, *map(len, split)])
    tokens = np.fromiter(chain.from_iterable(split), dtype=np.int64, count=int(ends[-1]))
    sums = _sums(np.minimum(tokens, len(vectors) - 1), ends, vectors)
    return np.asarray(np.round(sums * _GRID) / _GRID, dtype=np.float32)


def find_topics(texts: Sequence[Sequence[str]]) -> Vectors:
    """Centres of the topics of some texts (the anchor's), given as their words: unit vectors, at most MOST_TOPICS."""
    return centres(text_vectors([words for words in texts if words]))


def centres(points: Vectors) -> Vectors:
    """Centres of the topics that unit vectors fall into (k-means): unit vectors, at most MOST_TOPICS."""
    from sklearn.cluster import KMeans

    if not len(points):
        return np.zeros((1, 1), np.float32)
    count = max(1, min(MOST_TOPICS, len(points) // _TEXTS_A_TOPIC, len({point.tobytes() for point in points})))
    with one_thread():
        found = KMeans(count, n_init=1, random_state=0).fit(points).cluster_centers_
    return unit_vectors(found).round(3)  # beyond that, machines differ


def unit_vectors(vectors: Vectors) -> Vectors:
    """Each row at length 1; the origin stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


class Topics:
    """Tells the topic of texts, by cosine to the nearest centre."""

    def __init__(self, centres: Vectors) -> None:
        self._centres = centres
        self._place: dict[str, int] = {}
        self._parts = np.zeros((0, len(centres)), np.float32)

    def __len__(self) -> int:
        return len(self._centres)

    def of(self, texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """The number of each text's topic, from its words; 0 for a text without any."""
        if len(self._centres) == 1:
            return np.zeros(len(texts), dtype=np.int64)
        if len(self._place) > _MOST_WORDS:
            self.__init__(self._centres)  # type: ignore[misc]
        new = sorted({word for tokens in texts for word in tokens} - self._place.keys())
        if new:
            self._place.update({word: len(self._place) + at for at, word in enumerate(new)})
            with one_thread():
                parts = _word_vectors(new) @ self._centres.T
            self._parts = np.concatenate([self._parts, parts])
        return np.asarray(_summed(texts, self._place, self._parts).argmax(axis=1), dtype=np.int64)


def _summed(texts: Sequence[Sequence[str]], row_of: dict[str, int], vectors: Vectors) -> Vectors:
    """The sum of the vectors of each text's words, added in the order of the words; `row_of` tells each word's row."""
    if not len(vectors):
        return np.zeros((len(texts), vectors.shape[1]), np.float32)
    ends = np.cumsum([0, *(len(words) for words in texts)])
    rows = np.fromiter((row_of[word] for words in texts for word in words), dtype=np.int64, count=int(ends[-1]))
    return _sums(rows, ends, vectors)


def _sums(rows: NDArray[np.int64], ends: NDArray[np.int64], vectors: Vectors) -> Vectors:
    counts = csr_array((np.ones(len(rows), np.float32), rows, ends), shape=(len(ends) - 1, len(vectors)))
    with one_thread():
        return np.asarray(counts @ vectors, dtype=np.float32)


class _Kept:
    """Vectors of the words seen so far, so that a gate's many comparisons look each of them up once."""

    def __init__(self) -> None:
        self.place: dict[str, int] = {}
        self.vectors: Vectors = np.zeros((0, 256), np.float32)

    def rows(self, vocabulary: Sequence[str]) -> NDArray[np.int64]:
        """Where each word's vector stands in `vectors`."""
        if len(self.place) > _MOST_KEPT:
            self.__init__()  # type: ignore[misc]
        new = sorted(set(vocabulary) - self.place.keys())
        if new:
            self.place.update({word: len(self.place) + at for at, word in enumerate(new)})
            self.vectors = np.concatenate([self.vectors, _word_vectors(new)])
        return np.fromiter((self.place[word] for word in vocabulary), dtype=np.int64, count=len(vocabulary))


_kept = _Kept()


def word_vectors(vocabulary: Sequence[str]) -> Vectors:
    """The vector of each word (words x 256), the sum of its tokens' vectors."""
    rows = _kept.rows(vocabulary)
    return np.asarray(_kept.vectors[rows], dtype=np.float32)


def summed_vectors(answers: Encoded) -> Vectors:
    """The sum of the vectors of each text's words (texts x 256)."""
    return _sums(answers.units, answers.offsets, word_vectors(answers.vocabulary))


def text_vectors(split: Sequence[Sequence[str]]) -> Vectors:
    """Unit vectors of texts given as their words (texts x 256): the sum of these words' vectors, the origin without any."""
    return unit_vectors(summed_vectors(encoded(split)))
