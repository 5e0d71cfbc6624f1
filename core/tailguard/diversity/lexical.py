"""Lexical diversity of single texts, given as their words: TTR, MATTR, HD-D and MTLD.

Sources: M. A. Covington and J. D. McFall, "Cutting the Gordian knot: the moving-average type-token ratio", Journal of
Quantitative Linguistics 17 (2010); P. M. McCarthy and S. Jarvis, "vocd: a theoretical and empirical evaluation", Language
Testing 24 (2007), for HD-D; the same, "MTLD, vocd-D, and HD-D", Behavior Research Methods 42 (2010), for MTLD.
Packages define MTLD in two ways: this is the paper's (and lexicalrichness'), in which a factor ends where the running TTR
is at or below the threshold; Kyle's lexical-diversity asks for ten words a factor besides, and gives higher values.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def numbered(texts: Sequence[Sequence[str]]) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Texts as one run of numbers, where each text starts (one more at the end), and the word behind each number."""
    flat = list(chain.from_iterable(texts))
    index = {word: number for number, word in enumerate(dict.fromkeys(flat))}
    ids = np.fromiter(map(index.__getitem__, flat), dtype=np.int64, count=len(flat))
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return ids, starts, tuple(index)


def ttr(words: Sequence[str]) -> float:
    """Type-token ratio (0 to 1); nan of an empty text. It falls with length: compare texts of one length only."""
    return len(set(words)) / len(words) if words else float("nan")


def mattr(texts: Sequence[Sequence[str]], *, window: int = 50) -> Floats:
    """Moving-average TTR of each text (0 to 1; Covington and McFall 2010). A text shorter than `window` words gives its TTR;
    an empty one nan."""
    ids, starts, vocabulary = numbered(texts)
    return np.asarray(_mattr(ids, starts, max(1, len(vocabulary)), window))


def hdd(texts: Sequence[Sequence[str]], *, draws: int = 42) -> Floats:
    """HD-D of each text (0 to 1; McCarthy and Jarvis 2007): expected TTR of `draws` words drawn without replacement.

    nan for texts of fewer words.
    """
    ids, starts, vocabulary = numbered(texts)
    longest = int(np.diff(starts).max(initial=0))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, longest + 2)))])
    return np.asarray(_hdd(ids, starts, max(1, len(vocabulary)), draws, log_factorial))


def mtld(texts: Sequence[Sequence[str]], *, threshold: float = 0.72) -> Floats:
    """MTLD of each text (words a factor; McCarthy and Jarvis 2010): mean of reading it forwards and backwards. nan if empty."""
    ids, starts, vocabulary = numbered(texts)
    return np.asarray(_mtld(ids, starts, max(1, len(vocabulary)), threshold))


@njit()
def _mattr(ids: Ints, starts: Ints, vocabulary: int, window: int) -> Floats:
    out = np.full(len(starts) - 1, np.nan)
    count = np.zeros(vocabulary, np.int64)
    for text in range(len(out)):
        first, last = starts[text], starts[text + 1]
        length = last - first
        if not length:
            continue
        width = min(window, length)
        types, total = 0, 0.0
        for at in range(first, last):
            if count[ids[at]] == 0:
                types += 1
            count[ids[at]] += 1
            if at - first >= width:
                gone = ids[at - width]
                count[gone] -= 1
                if count[gone] == 0:
                    types -= 1
            if at - first >= width - 1:
                total += types / width
        out[text] = total / (length - width + 1)
        for at in range(first, last):
            count[ids[at]] = 0
    return out


@njit()
def _hdd(ids: Ints, starts: Ints, vocabulary: int, draws: int, log_factorial: Floats) -> Floats:
    out = np.full(len(starts) - 1, np.nan)
    count = np.zeros(vocabulary, np.int64)
    for text in range(len(out)):
        first, last = starts[text], starts[text + 1]
        length = last - first
        if length < draws:
            continue
        for at in range(first, last):
            count[ids[at]] += 1
        base = log_factorial[length - draws] - log_factorial[length]
        total = 0.0
        for at in range(first, last):
            times = count[ids[at]]
            if not times:
                continue
            count[ids[at]] = 0
            left = length - times
            missed = 0.0
            if left >= draws:
                missed = np.exp(log_factorial[left] - log_factorial[left - draws] + base)
            total += (1.0 - missed) / draws
        out[text] = total
    return out


@njit()
def _factors(
    ids: Ints, first: int, last: int, step: int, seen: Ints, stamp: int, threshold: float
) -> tuple[float, int]:
    factors, types, read = 0.0, 0, 0
    ratio = 1.0
    at = first
    while at != last:
        read += 1
        if seen[ids[at]] != stamp:
            seen[ids[at]] = stamp
            types += 1
        ratio = types / read
        if ratio <= threshold:
            factors += 1.0
            types, read = 0, 0
            stamp += 1
        at += step
    if read:
        factors += (1.0 - ratio) / (1.0 - threshold)
    return factors, stamp + 1


@njit()
def _mtld(ids: Ints, starts: Ints, vocabulary: int, threshold: float) -> Floats:
    out = np.full(len(starts) - 1, np.nan)
    seen = np.full(vocabulary, -1, np.int64)
    stamp = 0
    for text in range(len(out)):
        first, last = starts[text], starts[text + 1]
        length = last - first
        if not length:
            continue
        total = 0.0
        for direction in range(2):
            if direction == 0:
                factors, stamp = _factors(ids, first, last, 1, seen, stamp, threshold)
            else:
                factors, stamp = _factors(ids, last - 1, first - 1, -1, seen, stamp, threshold)
            total += length / factors if factors > 0.0 else length  # no word came twice: the text is one factor
        out[text] = total / 2.0
    return out
