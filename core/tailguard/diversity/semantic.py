"""Diversity of texts as points in a space of meaning: Vendi score, and precision, recall, density and coverage (PRDC).

Sources: D. Friedman and A. B. Dieng, "The Vendi score", TMLR (2023); T. Kynkäänniemi et al., NeurIPS (2019), for improved
precision and recall; M. F. Naeem et al., "Reliable fidelity and diversity metrics", ICML (2020), for density and coverage.
Lexical and syntactic diversity fall before semantic diversity does (Guo 2024): these do not gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.metrics import words
from tailguard.errors import InputError
from tailguard.kernels import njit
from tailguard.threads import one_thread

Vectors = NDArray[np.floating]
_ROWS = 1024
BUILT_IN = "wordllama"


@dataclass(frozen=True)
class PRDC:
    """Precision, recall, density and coverage; all 0 to 1 but density, which may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def embed(texts: Sequence[str], *, name: str = BUILT_IN) -> Vectors:
    """Unit vectors (texts x dimensions) of some texts.

    `wordllama` is built in: static vectors, 256 dimensions, no model runs. Another name is that of an entry point of the
    group `tailguard.embeddings`: a callable from a list of texts to an array. Raises InputError for an unknown name.
    """
    if name == BUILT_IN:
        from tailguard.diversity.topics import text_vectors

        return text_vectors([words(text) for text in texts])
    embeddings = {entry_point.name: entry_point for entry_point in entry_points(group="tailguard.embeddings")}
    if name not in embeddings:
        raise InputError(f"There is no embedding {name!r}. Known: {', '.join([BUILT_IN, *sorted(embeddings)])}.")
    encode: Callable[[list[str]], Vectors] = embeddings[name].load()
    vectors = np.asarray(encode(list(texts)), dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1))


def vendi_score(vectors: Vectors) -> float:
    """Effective number of distinct texts (1 to n): exp of the entropy of the eigenvalues of X X' / n, for unit rows X.

    The eigenvalues are those of the smaller of X X' and X' X (the dual form), so a long sample costs no more than its
    dimensions. nan of nothing.
    """
    if not len(vectors):
        return float("nan")
    x = np.asarray(vectors, dtype=np.float64)
    with one_thread():
        gram = x.T @ x if len(x) > x.shape[1] else x @ x.T
        values = np.linalg.eigvalsh(gram / len(x))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def prdc(real: Vectors, fake: Vectors, *, nearest: int = 5) -> PRDC:
    """PRDC of generated points against real ones, in bounded memory. Raises ValueError with fewer than nearest + 1 of either."""
    if min(len(real), len(fake)) <= nearest:
        raise ValueError(f"PRDC needs more than {nearest} points on both sides.")
    real_radii, fake_radii = (_radii(points, nearest) for points in (real, fake))
    recalled = np.zeros(len(real), dtype=np.bool_)
    covered = np.zeros(len(real), dtype=np.bool_)
    precise, inside = 0, 0
    for first in range(0, len(fake), _ROWS):
        rows = slice(first, first + _ROWS)
        counts = _inside(_squares(fake[rows], real), fake_radii[rows], real_radii, recalled, covered)
        precise, inside = precise + counts[0], inside + counts[1]
    return PRDC(precise / len(fake), float(recalled.mean()), inside / (nearest * len(fake)), float(covered.mean()))


def _squares(rows: Vectors, columns: Vectors) -> Vectors:
    """Squared Euclidean distances."""
    with one_thread():
        product = rows @ columns.T
    product *= -2
    product += np.einsum("ij,ij->i", rows, rows)[:, None]
    product += np.einsum("ij,ij->i", columns, columns)[None, :]
    return np.asarray(product)


def _radii(points: Vectors, nearest: int) -> Vectors:
    """Squared distance of each point to its `nearest`-th neighbour, itself not counted."""
    out = np.empty(len(points), dtype=points.dtype)
    for first in range(0, len(points), _ROWS):
        squares = _squares(points[first : first + _ROWS], points)
        out[first : first + _ROWS] = _smallest(squares, nearest + 1)
    return out


@njit()
def _smallest(squares: Vectors, k: int) -> Vectors:
    """The k-th smallest of each row."""
    out = np.empty(len(squares), squares.dtype)
    best = np.empty(k, squares.dtype)
    for row in range(len(squares)):
        best[:] = np.inf
        limit = best[k - 1]
        for column in range(squares.shape[1]):
            value = squares[row, column]
            if value < limit:
                at = k - 1
                while at > 0 and best[at - 1] > value:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = value
                limit = best[k - 1]
        out[row] = limit
    return out


@njit()
def _inside(
    squares: Vectors, own: Vectors, others: Vectors, recalled: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> tuple[int, int]:
    """Marks the columns that a row's ball holds, and those whose ball holds a row; counts rows in a ball, and balls."""
    precise, inside = 0, 0
    for row in range(len(squares)):
        any_ball = False
        radius = own[row]
        for column in range(squares.shape[1]):
            value = squares[row, column]
            if value < others[column]:
                any_ball = True
                inside += 1
                covered[column] = True
            if value < radius:
                recalled[column] = True
        if any_ball:
            precise += 1
    return precise, inside
