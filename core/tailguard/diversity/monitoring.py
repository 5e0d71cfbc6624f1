"""Is what a model writes in production becoming poorer? Blocks of equal size against a frozen reference, by an e-process.

Texts are laid end to end and cut into blocks of a fixed number of words, so that longer answers cannot pass for richer ones.
An e-process may be looked at as often as one likes: under no loss beyond the margin, the chance that it ever reaches 1/alpha
is at most alpha (Ville's inequality), where 24 monthly looks at p < .05 raise a false alarm 71 % of the time.
Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024), the
one-sided capital process with predictable plug-in bets; J. Ville (1939).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.metrics import bigrams, words
from tailguard.diversity.rarity import in_few_texts

DISTINCT_WORDS, DISTINCT_PAIRS, RARE_WORDS = "distinct words", "distinct word pairs", "rare words"
MEASURES = (DISTINCT_WORDS, DISTINCT_PAIRS, RARE_WORDS)
FEWEST_BLOCKS = 30
_RARE_CAP = 3.0
_REFERENCE_ERRORS = 2.0
_BOLDEST = 0.9

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What later blocks are held against: the words that are rare in it, how many a block may hold before it counts as full,
    and each measure's mean with its standard error over blocks."""

    block_words: int
    rare: frozenset[str]
    rare_cap: float
    means: dict[str, float]
    errors: dict[str, float]


def blocks(texts: Sequence[str], *, block_words: int, seed: int) -> list[list[str]]:
    """The words of some texts, in random order of the texts, in blocks of `block_words`; what is left over is dropped."""
    order = np.random.default_rng(seed).permutation(len(texts))
    run = [word for at in order.tolist() for word in words(texts[at])]
    return [run[at : at + block_words] for at in range(0, len(run) - block_words + 1, block_words)]


def measure(found: Sequence[Sequence[str]], *, rare: frozenset[str], rare_cap: float) -> dict[str, Values]:
    """Each measure of each block, 0 to 1: distinct words and word pairs as shares, rare words as a share of `rare_cap`."""
    return {
        DISTINCT_WORDS: np.array([len(set(block)) / len(block) for block in found]),
        DISTINCT_PAIRS: np.array([len(set(bigrams(block))) / max(1, len(block) - 1) for block in found]),
        RARE_WORDS: np.array([min(1.0, len(rare.intersection(block)) / rare_cap) for block in found]),
    }


def freeze_reference(texts: Sequence[str], *, block_words: int, seed: int) -> tuple[Reference, int]:
    """A reference from texts, and how many blocks it has. Raises ValueError with fewer than 30."""
    found = blocks(texts, block_words=block_words, seed=seed)
    if len(found) < FEWEST_BLOCKS:
        raise ValueError(f"{len(found)} blocks of {block_words} words; at least {FEWEST_BLOCKS} are needed")
    rare = in_few_texts(words(text) for text in texts)
    cap = max(1.0, _RARE_CAP * float(np.mean([len(rare.intersection(block)) for block in found])))
    values = measure(found, rare=rare, rare_cap=cap)
    return Reference(
        block_words,
        rare,
        cap,
        {name: float(one.mean()) for name, one in values.items()},
        {name: float(one.std(ddof=1) / np.sqrt(len(found))) for name, one in values.items()},
    ), len(found)


def e_process(values: Values, *, mean: float, error: float, margin: float) -> Values:
    """Evidence after each block against "the mean is not below the reference's by more than `margin`" (a share of it).

    `values` are 0 to 1. The bar is set below the reference's mean by two of its standard errors besides, as the reference is a
    sample too. Bets look at earlier blocks only.
    """
    bar = max(1e-9, (1 - margin) * (mean - _REFERENCE_ERRORS * error))
    capital, wealth = 1.0, []
    total, squares = bar, 0.02
    for count, value in enumerate(values.tolist(), start=1):
        centre = total / count
        spread = squares / count
        gap = bar - centre
        bet = min(max(gap / (spread + gap * gap), 0.0), _BOLDEST / max(1e-9, 1 - bar))
        capital *= 1 + bet * (bar - value)
        wealth.append(capital)
        total += value
        squares += (value - total / (count + 1)) ** 2
    return np.array(wealth)
