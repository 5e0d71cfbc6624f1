"""Which words are rare, where no anchor says so: by their frequency in the language (`wordfreq`), or in the answers themselves.

Source of the threshold: a Zipf frequency below 3.5 is less than one in 300,000 words (W. J. B. van Heuven et al., Quarterly
Journal of Experimental Psychology 67, 2014, for the scale).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ZIPF = 3.5
RARE_TEXTS = (2, 8)
_KNOWN_SHARE = 0.6
_ZIPF_OF_ALL = 9
"""The Zipf frequency of a word that is every word: the scale is the decimal logarithm of occurrences in 10**9 words."""


@dataclass(frozen=True)
class Rarity:
    """Rare terms, case-folded, and how they were told."""

    terms: frozenset[str]
    by: str


def rare_terms(answers: Sequence[Sequence[str]]) -> Rarity:
    """The rare words of some answers (of all sides of a comparison together), each given as its words.

    English: what `wordfreq` knows as rarer than Zipf 3.5, so that letters in a row that are no word do not count. Where it
    knows less than 60 % of the running words: those that stand in 2 to 8 of the answers.
    """
    from wordfreq import get_frequency_dict

    counts = Counter(word for answer in answers for word in answer)
    known = get_frequency_dict("en", wordlist="best")
    total = sum(counts.values())
    if total and sum(times for word, times in counts.items() if word in known) >= _KNOWN_SHARE * total:
        most = 10 ** (ZIPF - _ZIPF_OF_ALL)
        terms = frozenset(word for word in counts if len(word) > 1 and 0 < known.get(word, 0) < most)
        return Rarity(terms, f"Zipf frequency below {ZIPF} in English (wordfreq)")
    low, high = RARE_TEXTS
    return Rarity(in_few_texts(answers), f"words that stand in {low} to {high} of the answers compared")


def in_few_texts(texts: Iterable[Sequence[str]]) -> frozenset[str]:
    """Words of at least 3 letters (in scripts without spaces: 2) that stand in 2 to 8 of some texts, given as their words: those
    that go first."""
    spread = Counter(
        word for tokens in texts for word in set(tokens) if len(word) > 2 or (word[:1] > "\u0dff" and len(word) > 1)
    )
    low, high = RARE_TEXTS
    return frozenset(word for word, times in spread.items() if low <= times <= high)
