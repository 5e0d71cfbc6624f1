"""Diversity of texts at equal size: rarefied richness, distinct-n and rare-type richness, with their counts.

A count of types grows with the amount of text, so nothing here is reported at its own size: every statistic is the
expected value in a random sample of m units drawn without replacement, which is flat for an unchanging source.
Sources: H. L. Sanders (1968) and S. H. Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), for
rarefaction; J. Li et al., "A diversity-promoting objective function", NAACL (2016), for distinct-n.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
"""A word of an ASCII text in normal form."""
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ＇`´"), "'")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana and Han."""

Counts = NDArray[np.int64]


def normal_form(text: str) -> str:
    """A text as its words are compared: NFKC, plain apostrophes, no format characters (soft hyphens, joiners), case-folded."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    kept = (letter for letter in text if letter.isascii() or unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", "".join(kept).casefold())


def words(text: str) -> list[str]:
    """The words of a text in normal form: runs of letters, inner apostrophes kept, a final `'s` dropped.

    Digits and punctuation are no words. In scripts that put no space between words, every two neighbouring letters are one
    unit (character bigrams), as a single letter says too little and a whole run of them never comes again.
    """
    return split_words(normal_form(text))


def split_words(text: str) -> list[str]:
    """The words of a text that is in normal form already."""
    plain = text.isascii()
    split = (_WORD if plain else _any_word()).findall(text)
    if "'s" in text:
        split = [word.removesuffix("'s") for word in split]
    if plain or not unspaced(text):
        return split
    return [unit for word in split for unit in _unspaced(word)]


def unspaced(text: str) -> bool:
    """Whether a text has a letter of a script that puts no space between words."""
    return _UNSPACED.search(text) is not None


def after_words(text: str, count: int) -> str:
    """What stands behind the first `count` words of a text in normal form."""
    if not count:
        return text
    for word in (_WORD if text.isascii() else _any_word()).finditer(text):
        units = max(1, len(word.group()) - 1) if unspaced(word.group()) else 1
        count -= units
        if count <= 0:
            return text[word.end() + min(0, count) :]
    return ""


@cache
def _any_word() -> re.Pattern[str]:
    """A word of any script: letters with the marks that belong to them (vowel signs of Indic scripts are no letters)."""
    marks = "".join(chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    letter = rf"(?:[^\W\d_][{marks}]*)"
    return re.compile(rf"{letter}+(?:'{letter}+)*")


def _unspaced(word: str) -> list[str]:
    if len(word) < 3 or not unspaced(word):
        return [word]
    return [word[at : at + 2] for at in range(len(word) - 1)]


def bigrams(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbouring pairs of `tokens`, in order; a text of one word has none."""
    return list(pairwise(tokens))


def type_counts(units: Iterable[object]) -> Counts:
    """How often each distinct unit occurs, in no particular order."""
    return np.fromiter(Counter(units).values(), dtype=np.int64)


def seen_probability(counts: Counts, *, total: int, sample_size: int) -> NDArray[np.float64]:
    """Probability (0 to 1) that a type with `counts` occurrences among `total` units is in a sample of `sample_size`.

    Hypergeometric, without replacement: 1 - C(total - count, m) / C(total, m) (Hurlbert 1971, equation 14).
    Raises ValueError unless 0 <= sample_size <= total and every count is at most total.
    """
    if not 0 <= sample_size <= total or counts.max(initial=0) > total:
        raise ValueError(f"A sample of {sample_size} units, or a count above it, cannot come from {total} units.")
    left = total - counts
    possible = left >= sample_size
    log_factorial = _log_factorials(total)
    log_missed = (
        log_factorial[left]
        - log_factorial[np.where(possible, left - sample_size, 0)]
        - log_factorial[total]
        + log_factorial[total - sample_size]
    )
    return np.where(possible, -np.expm1(np.minimum(log_missed, 0.0)), 1.0)


_table = np.zeros(1)


def _log_factorials(largest: int) -> NDArray[np.float64]:
    """ln 0! to ln largest! (more may stand behind), kept between calls."""
    global _table  # noqa: PLW0603  a table that only grows
    if len(_table) <= largest:
        _table = gammaln(np.arange(2 * largest + 2, dtype=np.float64) + 1)
    return _table


def rarefied_richness(counts: Counts, *, sample_size: int) -> float:
    """S(m): the expected number of types in `sample_size` units drawn without replacement (Hurlbert 1971)."""
    return float(seen_probability(counts, total=int(counts.sum()), sample_size=sample_size).sum())


def distinct_n(units: Sequence[object], *, sample_size: int) -> float:
    """Distinct-n at a fixed budget: expected share (0 to 1) of distinct units in a sample of `sample_size` of them."""
    return rarefied_richness(type_counts(units), sample_size=sample_size) / sample_size
