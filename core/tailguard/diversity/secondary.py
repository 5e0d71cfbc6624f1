"""The measures that are shown and do not gate, each with an interval and corrected for their number.

They are taken in disjoint groups of prompts, the same groups on both sides, on answers cut to common length, so that every
group is of equal size; the change of a measure is the mean over groups, its error the spread over them (batch means: each
measure is computed once over all text, whatever it costs). S. Holm, Scandinavian Journal of Statistics 6 (1979), for the
correction. A measure's standard name and its source stand in the module that computes it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tailguard.diversity.abundance import KnownBag, hill_at_equal_coverage
from tailguard.diversity.decision import FEWEST_PROMPTS
from tailguard.diversity.lexical import hdd, mattr, mtld
from tailguard.diversity.metrics import rarefied_richness, type_counts
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.repetition import compression_ratio, self_bleu, self_repetition
from tailguard.diversity.semantic import BUILT_IN, PRDC, Vectors, embed, prdc, vendi_score
from tailguard.diversity.slices import holm, p_of_loss
from tailguard.diversity.topics import text_vectors
from tailguard.domain.verdict import SecondaryComparison

_GROUPS = 20
_FEWEST_IN_GROUP = 10
_NEAREST = 5

Texts = list[list[str]]


@dataclass(frozen=True, eq=False)
class _Group:
    """One group's answers of one side: their words, their vectors, and how many samples each prompt has."""

    texts: Texts
    vectors: Vectors
    samples: int

    @cached_property
    def words(self) -> list[str]:
        """The words of all answers."""
        return list(chain.from_iterable(self.texts))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each word stands in them."""
        return type_counts(self.words)


def secondary(
    candidate: Outputs,
    reference: Outputs,
    *,
    alpha: float,
    seed: int,
    anchor: Mapping[str, int] | None = None,
    embedding: str = BUILT_IN,
) -> tuple[SecondaryComparison, ...]:
    """Every secondary measure of a candidate against a reference; nothing where there are too few prompts for two groups.

    Both must have answered the same prompts with the same number of samples. `anchor` counts the anchor's words, for the
    divergence from it; without one that measure is left out. PRDC holds each side's second longest answers
    against the reference's longest, so it needs two samples a prompt. Raises InputError for an unknown embedding.
    """
    prompts = len(candidate.ids)
    groups = min(_GROUPS, prompts // _FEWEST_IN_GROUP)
    samples = {len(answers) for side in (candidate, reference) for answers in side.answers.values()}
    if prompts < FEWEST_PROMPTS or groups < 2 or len(samples) != 1:
        return ()
    (each,) = samples
    order = np.random.default_rng(seed).permutation(prompts)
    members = [np.sort(part)[: prompts // groups] for part in np.array_split(order, groups)]
    ours, theirs = (_grouped(texts, members, each, embedding) for texts in _cut(candidate, reference))
    pairs = list(zip(ours, theirs, strict=True))
    results = [
        _compared(name, better, [measure(*pair) for pair in pairs], alpha)
        for name, better, measure in _measures(anchor)
    ]
    kept = [result for result in results if result is not None]
    corrected = holm([result.p for result in kept])
    return tuple(replace(result, p_holm=p, lost=p < alpha) for result, p in zip(kept, corrected, strict=True))


def _cut(candidate: Outputs, reference: Outputs) -> tuple[Texts, Texts]:
    """The words of both sides' answers, cut to their common length where they stand beside each other: the longest of a prompt
    beside the longest."""
    pairs = [
        (ours[:length], theirs[:length])
        for prompt in candidate.ids
        for ours, theirs in zip(
            *(sorted(side.split[prompt], key=len, reverse=True) for side in (candidate, reference)), strict=True
        )
        for length in [min(len(ours), len(theirs))]
    ]
    return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def _grouped(
    texts: Texts, members: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]], each: int, embedding: str
) -> list[_Group]:
    vectors = (
        text_vectors(texts) if embedding == BUILT_IN else embed([" ".join(text) for text in texts], name=embedding)
    )
    groups = []
    for part in members:
        at = (part[:, None] * each + np.arange(each)).ravel()
        groups.append(_Group([texts[index] for index in at.tolist()], vectors[at], each))
    return groups


_Both = tuple[float, float]
_Measure = Callable[[_Group, _Group], _Both]


def _measures(anchor: Mapping[str, int] | None) -> list[tuple[str, int, _Measure]]:
    """Name, whether more is better (+1) or less (-1), and what gives a group's value on the candidate's and reference's side."""
    known = KnownBag(Counter(anchor)) if anchor else None

    def each(value: Callable[[_Group], float]) -> _Measure:
        return lambda ours, theirs: (value(ours), value(theirs))

    def hill(q: int) -> _Measure:
        def both(ours: _Group, theirs: _Group) -> _Both:
            bags = [side.counts for side in (ours, theirs)]
            if not all(len(counts) for counts in bags):
                return math.nan, math.nan
            first, second = hill_at_equal_coverage(bags, q=q)
            return first, second

        return both

    def against(name: str) -> _Measure:
        return lambda ours, theirs: (_prdc(ours, theirs, name), _prdc(theirs, theirs, name))

    measures = [
        ("MATTR", 1, each(lambda group: float(np.nanmean(mattr(_told(group)))))),
        ("HD-D", 1, each(lambda group: _mean(hdd(_told(group))))),
        ("MTLD", 1, each(lambda group: _mean(mtld(_told(group))))),
        ("Hill number q=1", 1, hill(1)),
        ("Hill number q=2", 1, hill(2)),
        ("within-prompt variety", 1, each(_within)),
        ("self-repetition", -1, each(lambda group: self_repetition(group.texts))),
        ("compression ratio", -1, each(lambda group: compression_ratio([" ".join(text) for text in group.texts]))),
        ("self-BLEU", -1, each(lambda group: _mean(self_bleu(group.texts)))),
        ("Vendi score", 1, each(lambda group: vendi_score(group.vectors))),
        ("PRDC coverage", 1, against("coverage")),
        ("PRDC recall", 1, against("recall")),
    ]
    if known:
        measures.append(
            (
                "divergence from the anchor",
                -1,
                each(lambda group: known.jensen_shannon(Counter(group.words))),
            )
        )
    return measures


@lru_cache(maxsize=2 * _GROUPS)
def _against(real: _Group, other: _Group) -> PRDC:
    return prdc(real.vectors[0 :: real.samples], other.vectors[1 :: other.samples], nearest=_NEAREST)


def _prdc(side: _Group, reference: _Group, name: str) -> float:
    return float(getattr(_against(reference, side), name)) if reference.samples > 1 else math.nan


def _told(group: _Group) -> Texts:
    return [text for text in group.texts if text] or [["-"]]


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else math.nan


def _within(group: _Group) -> float:
    """Mean over prompts of the expected share of distinct words in as many words as the prompt's mean answer has."""
    if group.samples < 2:
        return math.nan
    shares = []
    for at in range(0, len(group.texts), group.samples):
        tokens = list(chain.from_iterable(group.texts[at : at + group.samples]))
        budget = len(tokens) // group.samples
        if budget:
            shares.append(rarefied_richness(type_counts(tokens), sample_size=budget) / budget)
    return float(np.mean(shares)) if shares else math.nan


def _compared(name: str, better: int, values: Sequence[_Both], alpha: float) -> SecondaryComparison | None:
    """None for a measure that could not be taken in every group."""
    ours, theirs = (np.array([pair[side] for pair in values]) for side in (0, 1))
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()) or theirs.mean() <= 0:
        return None
    changes = (ours - theirs) / theirs.mean()
    freedom = len(values) - 1
    error = float(changes.std(ddof=1)) / math.sqrt(len(values))
    delta, reach = float(changes.mean()), float(student.ppf(1 - alpha, freedom)) * error
    p = p_of_loss(better * delta, error, freedom)
    return SecondaryComparison(
        name, better, float(theirs.mean()), float(ours.mean()), delta, delta - reach, delta + reach, p, p, False
    )
