"""Is what a model writes in production becoming poorer? Blocks of equal size against a frozen reference, by an e-process.

Texts are laid end to end and cut into blocks of a fixed number of words, so that longer answers cannot pass for richer ones.
An e-process may be looked at as often as one likes: under no loss beyond the margin, the chance that it ever reaches 1/alpha
is at most alpha (Ville's inequality), where 24 monthly looks at p < .05 raise a false alarm 71 % of the time.
Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024), the
one-sided capital process with predictable plug-in bets; J. Ville (1939).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.metrics import bigrams, words
from tailguard.diversity.rarity import in_few_texts
from tailguard.domain.measures import Measure

MEASURES = (Measure.TYPE_DENSITY, Measure.PAIR_DENSITY, Measure.RARE_DENSITY)
"""What production is watched by: the gate's measures word for word, with the gate's margins."""
FEWEST_BLOCKS = 30
_RARE_CAP = 3.0
_REFERENCE_ERRORS = 2.0
_BOLDEST = 0.9
_REMEMBERED = 60

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What later blocks are held against: the words that are rare in it (twice where they are rare in both halves of its texts),
    how many a block may hold before it counts as full, and each measure's mean with its standard error over blocks."""

    block_words: int
    rare: Counter[str]
    rare_cap: float
    means: dict[Measure, float]
    errors: dict[Measure, float]


def blocks(texts: Sequence[str], *, block_words: int, seed: int) -> list[list[str]]:
    """The words of some texts, in random order of the texts, in blocks of `block_words`; what is left over is dropped."""
    order = np.random.default_rng(seed).permutation(len(texts))
    run = [word for at in order.tolist() for word in words(texts[at])]
    return [run[at : at + block_words] for at in range(0, len(run) - block_words + 1, block_words)]


def measure(text_blocks: Sequence[Sequence[str]], *, rare: Counter[str], rare_cap: float) -> dict[Measure, Values]:
    """Each measure of each block, 0 to 1: distinct words and word pairs as shares, rare words as a share of `rare_cap`."""
    return {
        Measure.TYPE_DENSITY: np.array([len(set(block)) / len(block) for block in text_blocks]),
        Measure.PAIR_DENSITY: np.array([len(set(bigrams(block))) / max(1, len(block) - 1) for block in text_blocks]),
        Measure.RARE_DENSITY: np.array(
            [min(1.0, sum(rare[word] for word in set(block)) / rare_cap) for block in text_blocks]
        ),
    }


def freeze_reference(texts: Sequence[str], *, block_words: int, seed: int) -> tuple[Reference, int]:
    """A reference from texts, and how many blocks it has. Raises ValueError with fewer than 30."""
    text_blocks = blocks(texts, block_words=block_words, seed=seed)
    if len(text_blocks) < FEWEST_BLOCKS:
        raise ValueError(f"{len(text_blocks)} blocks of {block_words} words; at least {FEWEST_BLOCKS} are needed")
    # Words that are rare in some texts stand in fewer others by selection alone, so each half is measured by the other's words.
    halves = (texts[::2], texts[1::2])
    named = [in_few_texts(words(text) for text in half) for half in halves]
    others = [blocks(half, block_words=block_words, seed=seed) for half in reversed(halves)]
    counts = [
        np.array([len(word_set.intersection(block)) for block in held])
        for word_set, held in zip(named, others, strict=True)
    ]
    cap = max(1.0, _RARE_CAP * float(sum(block_counts.mean() for block_counts in counts)))
    rare = Counter(word for word_set in named for word in word_set)
    values = measure(text_blocks, rare=rare, rare_cap=cap)
    means = {name: float(measured.mean()) for name, measured in values.items()}
    errors = {name: float(measured.std(ddof=1) / np.sqrt(len(measured))) for name, measured in values.items()}
    means[Measure.RARE_DENSITY] = float(sum(block_counts.mean() for block_counts in counts)) / cap
    errors[Measure.RARE_DENSITY] = (
        float(np.sqrt(sum(block_counts.var(ddof=1) / len(block_counts) for block_counts in counts))) / cap
    )
    return Reference(block_words, rare, cap, means, errors), len(text_blocks)


def e_process(values: Values, *, mean: float, error: float, margin: float) -> Values:
    """Evidence after each block against "the mean is not below the reference's by more than `margin`" (a share of it).

    `values` are 0 to 1. The bar is set below the reference's mean by two of its standard errors besides, as the reference is a
    sample too. Bets look at earlier blocks only, at late ones most, so that a stream that was well for long does not hide its fall.
    """
    bar = max(1e-9, (1 - margin) * (mean - _REFERENCE_ERRORS * error))
    capital, wealth = 1.0, []
    centre, spread = bar, 0.02
    for count, value in enumerate(values.tolist(), start=1):
        gap = bar - centre
        bet = min(max(gap / (spread + gap * gap), 0.0), _BOLDEST / max(1e-9, 1 - bar))
        capital *= 1 + bet * (bar - value)
        wealth.append(capital)
        weight = max(1 / (count + 1), 1 / _REMEMBERED)
        spread += weight * ((value - centre) ** 2 - spread)
        centre += weight * (value - centre)
    return np.array(wealth)
