"""The gating measures of two sides, each with its estimated change and verdict."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.decision import (
    FEWEST_PROMPTS,
    Estimate,
    Limits,
    decide,
    jackknifed,
    mean_difference,
    undecided,
    unseen,
)
from tailguard.diversity.rarefaction import Rarefied, Units, by_prompts, by_words
from tailguard.diversity.sides import Side
from tailguard.domain.measures import Measure
from tailguard.domain.suite import SuiteKind
from tailguard.domain.verdict import MeasureComparison

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BUDGET_SHARE = 8
"""Budgets are an eighth of the text, or of the prompts: the interval of a statistic near its own size is too narrow."""
_FEWEST_UNITS = 50
_FEWEST_TYPES = 10
_FEWEST_PLACED = 50


def usable(measure: Measure, ours: Side, theirs: Side, prompts: Flags, limits: Limits) -> MeasureComparison:
    """The share of answers that are usable, over some prompts."""
    shares = ours.usable[prompts], theirs.usable[prompts]
    if len(shares[0]) < FEWEST_PROMPTS:
        return undecided(measure, float(shares[1].mean()), float(shares[0].mean()), limits, len(shares[0]))
    samples = max(1, len(ours.defects) // ours.prompts)
    return decide(mean_difference(measure, *shares, samples=samples, alpha=limits.alpha), limits)


def density(measure: Measure, ours: Units, theirs: Units, limits: Limits) -> MeasureComparison:
    """Expected types in equally many words, or pairs."""
    budget = min(len(ours.units), len(theirs.units)) // _BUDGET_SHARE
    if budget < _FEWEST_UNITS:
        return undecided(measure, 0.0, 0.0, limits, len(ours.starts) - 1)
    return _pooled(measure, by_words(ours, budget=budget), by_words(theirs, budget=budget), limits)


def coverage(measure: Measure, ours: Units, theirs: Units, limits: Limits) -> MeasureComparison:
    """Expected types in the answers to equally many prompts."""
    budget = max(1, (len(ours.starts) - 1) // _BUDGET_SHARE)
    return _pooled(measure, by_prompts(ours, budget=budget), by_prompts(theirs, budget=budget), limits)


def _pooled(measure: Measure, ours: Rarefied, theirs: Rarefied, limits: Limits) -> MeasureComparison:
    prompts = len(ours.without)
    # Of types that were never seen, 3 may still be expected (the rule of three), of which a budget holds its share.
    minimum = 3 / _BUDGET_SHARE
    if prompts < FEWEST_PROMPTS or theirs.value < _FEWEST_TYPES:
        return undecided(measure, theirs.value, ours.value, limits, prompts)
    without = np.log(np.maximum(ours.without, minimum)) - np.log(np.maximum(theirs.without, minimum))
    estimate = Estimate(
        measure=measure,
        reference=theirs.value,
        candidate=ours.value,
        change=math.log(max(ours.value, minimum)) - math.log(theirs.value),
        error=jackknifed(without),
        prompts=prompts,
    )
    return decide(estimate, limits)


def in_place(ours: Side, theirs: Side, prompts: Flags, limits: Limits) -> MeasureComparison | None:
    """The share of rare words that stand where they belong; None where there are too few to say, in another language than
    English, which the vectors know best, and for openings to be continued, which may wander."""
    asked = all(side.judged.outputs.kind is SuiteKind.INSTRUCTIONS for side in (ours, theirs))
    if not (asked and ours.judged.english and theirs.judged.english):
        return None
    shares, without = [], []
    for side in (ours, theirs):
        pairs, placed = (part[prompts] for part in side.placed)
        if pairs.sum() < _FEWEST_PLACED:
            return None
        shares.append(float(placed.sum() / pairs.sum()))
        without.append((placed.sum() - placed) / np.maximum(pairs.sum() - pairs, 1))
    estimate = Estimate(
        measure=Measure.RARE_IN_PLACE,
        reference=shares[1],
        candidate=shares[0],
        change=shares[0] - shares[1],
        error=jackknifed(without[0] - without[1]),
        prompts=int(prompts.sum()),
    )
    return decide(estimate, limits)


def within_prompt(ours: Side, theirs: Side, limits: Limits) -> MeasureComparison:
    """How much the answers to one prompt differ, over the prompts that have two usable answers on both sides."""
    both = np.isfinite(ours.within) & np.isfinite(theirs.within)
    mine, other = ours.within[both], theirs.within[both]
    if both.sum() < FEWEST_PROMPTS:
        return undecided(Measure.WITHIN_PROMPT, 0.0, 0.0, limits, int(both.sum()))
    difference = mine - other
    estimate = Estimate(
        measure=Measure.WITHIN_PROMPT,
        reference=float(other.mean()),
        candidate=float(mine.mean()),
        change=float(difference.mean()),
        error=float(difference.std(ddof=1)) / math.sqrt(len(difference)),
        prompts=len(difference),
    )
    return decide(estimate, limits)


def accuracy(measure: Measure, ours: Side, theirs: Side, items: list[str], limits: Limits) -> MeasureComparison:
    """Mean score of checked items, as a share of the reference's; an item's samples count as one."""
    outputs = [side.judged.outputs for side in (ours, theirs)]
    mine, other = (np.array([np.mean(side.scores[item]) for item in items]) for side in outputs)
    count = len(items)
    minimum = 1 / (2 * count)
    if count < FEWEST_PROMPTS or other.mean() <= minimum:
        return undecided(measure, float(other.mean()), float(mine.mean()), limits, count)
    without = [np.maximum((side.sum() - side) / (count - 1), minimum) for side in (mine, other)]
    estimate = Estimate(
        measure=measure,
        reference=float(other.mean()),
        candidate=float(mine.mean()),
        change=math.log(max(float(mine.mean()), minimum) / float(other.mean())),
        error=jackknifed(np.log(without[0]) - np.log(without[1])),
        prompts=count,
        floor=unseen(count, limits.alpha),
    )
    return decide(estimate, limits)
