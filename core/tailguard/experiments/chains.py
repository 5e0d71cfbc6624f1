"""Chains of small models on a team's own text: each generation learns the human text and what the one before it wrote.

The built-in n-gram model stands in for the team's own: it is trained in a second and loses the rare words first, as larger
ones do. What a share costs it is an indication of the order in which shares hurt, not a forecast for another model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailguard.adapters.trainers.ngram import fit, sample
from tailguard.diversity.metrics import words

LONGEST = 60
FEWEST_WORDS = 8
SHARES = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
"""Shares of synthetic text that are tried."""


@dataclass(frozen=True)
class Chain:
    """One chain to be run. `share` (0 to 1) is that of the model-made records in every generation after the first."""

    share: float
    generations: int
    seed: int


@dataclass(frozen=True)
class Loss:
    """Recall of the rare terms at each generation of a chain, as a share of the first generation's."""

    chain: Chain
    recall: tuple[float, ...]


def run(chain: Chain, human: Sequence[str], rare_terms: frozenset[str]) -> Loss:
    """Run a chain. Every generation is trained on all the human texts and on as many of the last one's as the share asks for.

    Recall is counted in as many words of output as the human texts have, so that it does not move with size.
    """
    texts = list(human)
    budget = sum(len(words(text)) for text in human)
    wanted = round(len(human) * chain.share / (1 - chain.share))
    recalls = []
    for generation in range(chain.generations + 1):
        model = fit(texts)
        seed = chain.seed * 1000 + generation
        drawn = sample(model, [""] * max(len(human), wanted), max_tokens=LONGEST, temperature=1.0, seed=seed)
        recalls.append(_recall(drawn, rare_terms, budget))
        texts = [*human, *[text for text in drawn if len(text.split()) >= FEWEST_WORDS][:wanted]]
    return Loss(chain, tuple(recall / recalls[0] if recalls[0] else 1.0 for recall in recalls))


def _recall(texts: Sequence[str], rare_terms: frozenset[str], budget: int) -> float:
    left = budget
    covered: set[str] = set()
    for text in texts:
        tokens = words(text)[:left]
        left -= len(tokens)
        covered |= rare_terms.intersection(tokens)
        if left <= 0:
            break
    return len(covered) / max(1, len(rare_terms))


@dataclass(frozen=True)
class Point:
    """Mean recall over repeats at one share and generation (1: as the first generation), with a 90 % interval."""

    share: float
    generation: int
    value: float
    low: float
    high: float


def curve(losses: Sequence[Loss]) -> list[Point]:
    """What the chains came to: a point for each share and generation after the first."""
    from scipy.stats import t as student

    points = []
    for share in sorted({loss.chain.share for loss in losses}):
        rows = np.array([loss.recall for loss in losses if loss.chain.share == share])
        for generation in range(1, rows.shape[1]):
            values = rows[:, generation]
            spread = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
            half = float(student.ppf(0.95, len(values) - 1)) * spread if len(values) > 1 else 0.0
            mean = float(values.mean())
            points.append(Point(share, generation, mean, mean - half, mean + half))
    return points


def recommended(points: Sequence[Point], *, margin: float) -> float:
    """The largest share up to which the last generation's lower bound stays above 1 - margin, between two shares by a
    straight line; 0 where none does."""
    last = max(point.generation for point in points)
    line = sorted((point.share, point.low) for point in points if point.generation == last)
    floor = 1 - margin
    best = 0.0
    for (share, low), (following, next_low) in zip(line, [*line[1:], (1.0, -np.inf)], strict=True):
        if low < floor:
            break
        best = share
        if floor > next_low > -np.inf:
            best = share + (following - share) * (low - floor) / (low - next_low)
            break
    return float(best)
