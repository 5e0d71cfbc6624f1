"""Has the candidate lost diversity against a reference? A paired, one-sided non-inferiority test on equal text.

Both answered the same prompts; the two answers that stand beside each other are cut to their common length, so a
longer answer cannot pass for a richer one. Each measure is the log ratio of a rarefied statistic. Its standard error is
the spread over random halves of the prompts drawn without replacement, the samples of a prompt staying together: the
plain bootstrap draws prompts twice, repeats their texts, and its interval for a count of types is too narrow.
Sources: D. N. Politis, J. P. Romano and M. Wolf, "Subsampling" (1999), for the half-sample; S. Wellek, "Testing
statistical hypotheses of equivalence and noninferiority" (2010); R. L. Berger (1982) for the intersection-union test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tailguard.diversity.metrics import seen_probability, words
from tailguard.domain.verdict import Comparison, Guard, MeasureComparison, Verdict

TAIL_RECALL = "tail recall"
TYPE_COVERAGE = "rarefied type coverage"
VARIETY = "between-response variety"
PRIMARY = (TAIL_RECALL, TYPE_COVERAGE, VARIETY)

HALVES = 100
_BUDGET_SHARE = 8
_POWER = 0.8
_FEWEST_PROMPTS = 8
_FEWEST_UNITS = 50
_AT_ONCE = 16  # halves counted together: few enough to stay in the processor's cache
_MAX_EMPTY_GAP = 0.05
_LENGTH_RATIO = (0.7, 1.43)


Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Encoded:
    answers: tuple[Ints, ...]
    vocabulary: tuple[str, ...]


@dataclass(frozen=True)
class Outputs:
    """What one generation answered: `answers[prompt_id]` are its samples in order; `tail` names the tail prompts."""

    answers: Mapping[str, tuple[str, ...]]
    tail: frozenset[str]
    suite: str
    decoding: str

    @cached_property
    def tokens(self) -> dict[str, list[list[str]]]:
        """The words of each prompt's answers, longest answer first; prompts in order of their ids."""
        return {
            prompt: sorted((words(text) for text in self.answers[prompt]), key=len, reverse=True)
            for prompt in sorted(self.answers)
        }

    @cached_property
    def encoded(self) -> _Encoded:
        """The same with words as numbers."""
        index: dict[str, int] = {}
        answers = [
            np.array([index.setdefault(word, len(index)) for word in answer], dtype=np.int64)
            for ranked in self.tokens.values()
            for answer in ranked
        ]
        return _Encoded(tuple(answers), tuple(index))


@dataclass(frozen=True)
class Limits:
    """What the policy allows: the margin of each primary measure (share of the reference) and the error rate alpha."""

    margins: Mapping[str, float]
    alpha: float = 0.05


def compare(
    candidate: Outputs, reference: Outputs, *, rare_terms: frozenset[str], limits: Limits, seed: int
) -> Comparison:
    """Compare two sets of outputs on the three primary measures.

    `rare_terms` are case-folded words that are rare in the anchor. Same arguments, same answer. The comparison never
    raises on unlike outputs: it says NOT COMPARABLE, and which guard failed.
    """
    guards = tuple(_guards(candidate, reference))
    shared = sorted(set(candidate.answers) & set(reference.answers))
    samples = len(next(iter(candidate.answers.values()), ()))
    if any(not guard.held for guard in guards):
        return Comparison(len(shared), samples, 0, guards, ())
    pair = _cut(candidate.encoded, reference.encoded, prompts=len(shared), samples=samples)
    tail = np.array([prompt in (candidate.tail | reference.tail) for prompt in shared], dtype=bool)
    rng = np.random.default_rng(seed)
    measures = [
        _measure(TAIL_RECALL, [side.rare(rare_terms).of(tail) for side in pair], limits, rng),
        _measure(TYPE_COVERAGE, list(pair), limits, rng),
        _measure(VARIETY, [side.bigrams() for side in pair], limits, rng),
    ]
    return Comparison(len(shared), samples, len(pair[0].units), guards, tuple(measures))


def _guards(candidate: Outputs, reference: Outputs) -> list[Guard]:
    def same(name: str, required: str, observed: str) -> Guard:
        return Guard(name, required, observed, required == observed)

    shape = [sorted({len(samples) for samples in side.answers.values()}) for side in (reference, candidate)]
    guards = [
        same("same suite", reference.suite, candidate.suite),
        same("same decoding", reference.decoding, candidate.decoding),
        same("same prompts", *(f"{len(side.answers)} prompts" for side in (reference, candidate))),
        same("same samples per prompt", *(f"{counts}" for counts in shape)),
    ]
    if set(candidate.answers) != set(reference.answers):
        missing = len(set(reference.answers) - set(candidate.answers))
        guards[2] = Guard("same prompts", f"{len(reference.answers)} prompts", f"{missing} of them unanswered", False)
    lengths, empty = zip(*(_length_and_empty(side) for side in (reference, candidate)), strict=True)
    ratio = lengths[1] / lengths[0] if lengths[0] else math.inf
    guards.append(
        Guard(
            "response length",
            f"{_LENGTH_RATIO[0]} to {_LENGTH_RATIO[1]} of the reference's mean",
            f"{ratio:.2f}",
            _LENGTH_RATIO[0] <= ratio <= _LENGTH_RATIO[1],
        )
    )
    gap = empty[1] - empty[0]
    guards.append(Guard("empty answers", f"at most {_MAX_EMPTY_GAP:.0%} more", f"{gap:+.1%}", gap <= _MAX_EMPTY_GAP))
    return guards


def _length_and_empty(outputs: Outputs) -> tuple[float, float]:
    lengths = [len(answer.split()) for samples in outputs.answers.values() for answer in samples]
    if not lengths:
        return 0.0, 1.0
    return sum(lengths) / len(lengths), sum(1 for length in lengths if not length) / len(lengths)


@dataclass(frozen=True)
class _Side:
    """One side's units in order: the prompt and the answer that each stands in, its number, and whether it counts.

    `totals[prompt]` is the size in units that a sample is drawn from; `counts` marks the types the measure is about.
    """

    prompts: Ints
    answers: Ints
    units: Ints
    counts: NDArray[np.bool_]
    totals: Ints
    vocabulary: tuple[str, ...]

    def rare(self, terms: frozenset[str]) -> _Side:
        wanted = np.array([word in terms for word in self.vocabulary], dtype=bool)
        return replace(self, counts=wanted[self.units] if len(wanted) else self.counts)

    def of(self, chosen: NDArray[np.bool_]) -> _Side:
        """Only these prompts, numbered anew."""
        number = np.cumsum(chosen) - 1
        keep = chosen[self.prompts]
        return _Side(
            number[self.prompts[keep]],
            self.answers[keep],
            self.units[keep],
            self.counts[keep],
            self.totals[chosen],
            self.vocabulary,
        )

    def bigrams(self) -> _Side:
        """Neighbouring units of one answer, as units."""
        inside = self.answers[1:] == self.answers[:-1]
        pairs = self.units[:-1][inside] * (len(self.vocabulary) + 1) + self.units[1:][inside]
        _, numbers = np.unique(pairs, return_inverse=True)
        prompts = self.prompts[1:][inside]
        return _Side(
            prompts,
            self.answers[1:][inside],
            numbers.astype(np.int64),
            np.ones(len(prompts), dtype=bool),
            np.bincount(prompts, minlength=len(self.totals)),
            (),
        )


def _cut(ours: _Encoded, theirs: _Encoded, *, prompts: int, samples: int) -> tuple[_Side, _Side]:
    """Cut answers that stand beside each other to their common length."""
    lengths = np.array([min(len(a), len(b)) for a, b in zip(ours.answers, theirs.answers, strict=True)], dtype=np.int64)
    answer = np.repeat(np.arange(len(lengths)), lengths)
    totals = lengths.reshape(prompts, samples).sum(axis=1)
    everything = np.ones(len(answer), dtype=bool)
    left, right = (
        _Side(
            answer // samples,
            answer,
            np.concatenate([a[:n] for a, n in zip(side.answers, lengths, strict=True)]),
            everything,
            totals,
            side.vocabulary,
        )
        for side in (ours, theirs)
    )
    return left, right


def _measure(name: str, sides: Sequence[_Side], limits: Limits, rng: np.random.Generator) -> MeasureComparison:
    """One measure: expected types in a fixed budget, as a log ratio with its half-sample error."""
    margin = limits.margins[name]
    prompts = len(sides[0].totals)
    budget = int(min(side.totals.sum() for side in sides)) // _BUDGET_SHARE
    undecided = MeasureComparison(name, 0.0, 0.0, 0.0, -1.0, math.inf, margin, Verdict.INCONCLUSIVE, 1.0, None)
    if prompts < _FEWEST_PROMPTS or budget < _FEWEST_UNITS:
        return undecided
    halves = np.zeros((HALVES, prompts), dtype=np.int64)
    for half in halves:
        half[rng.permutation(prompts)[: prompts // 2]] = 1
    choices = np.concatenate([np.ones((1, prompts), dtype=np.int64), halves])
    ours, theirs = (_richness(side, choices, budget) for side in sides)
    if ours.min() <= 0 or theirs.min() <= 0:
        return replace(undecided, reference_value=float(theirs[0]), candidate_value=float(ours[0]))
    ratios = np.log(ours) - np.log(theirs)
    error = float(np.std(ratios[1:], ddof=1))
    return _decide(name, float(theirs[0]), float(ours[0]), float(ratios[0]), error, margin, limits.alpha, prompts)


def _richness(side: _Side, choices: Ints, budget: int) -> NDArray[np.float64]:
    """Expected types in `budget` units for each row of `choices` (0 or 1 per prompt)."""
    kept = side.counts
    shape = (int(side.units.max(initial=0)) + 1, len(side.totals))
    ones = np.ones(int(kept.sum()), dtype=np.int32)
    table = csr_array((ones, (side.units[kept], side.prompts[kept])), shape=shape)
    table.sum_duplicates()
    # Most types stand in one prompt only. Those are counted together: how many, by prompt and number of occurrences.
    single = np.diff(table.indptr) == 1
    lone, shared = table[single], table[~single]
    lone_by_count = csr_array(
        (np.ones_like(lone.data), (lone.data, lone.indices)), shape=(lone.data.max(initial=0) + 1, shape[1])
    )
    sizes = choices @ side.totals
    out = np.zeros(len(choices))
    for first in range(0, len(choices), _AT_ONCE):
        chosen = choices[first : first + _AT_ONCE].T.astype(np.int32)
        counted = zip((shared @ chosen).T, (lone_by_count @ chosen).T, strict=True)
        for number, (counts, lone_spectrum) in enumerate(counted, start=first):
            size = int(sizes[number])
            spectrum = np.bincount(counts, minlength=len(lone_spectrum))
            spectrum[: len(lone_spectrum)] += lone_spectrum
            occurring = np.flatnonzero(spectrum[1:]) + 1
            seen = seen_probability(occurring, total=size, sample_size=min(budget, size))
            out[number] = float(spectrum[occurring] @ seen)
    return out


def _decide(
    name: str,
    reference_value: float,
    candidate_value: float,
    estimate: float,
    error: float,
    margin: float,
    alpha: float,
    prompts: int,
) -> MeasureComparison:
    """PASS when the whole interval is above -margin, BLOCK when it is below, else INCONCLUSIVE."""
    z = NormalDist().inv_cdf(1 - alpha)
    low, high = math.expm1(estimate - z * error), math.expm1(estimate + z * error)
    delta = math.expm1(estimate)
    verdict = Verdict.PASS if low > -margin else Verdict.BLOCK if high < -margin else Verdict.INCONCLUSIVE
    settle = None
    if verdict is Verdict.INCONCLUSIVE:
        gap = max(abs(estimate - math.log1p(-margin)), 1e-6)
        settle = math.ceil(prompts * (z * error / gap) ** 2) + 1
    detectable = -math.expm1(-(z + NormalDist().inv_cdf(_POWER)) * error)
    return MeasureComparison(
        name, reference_value, candidate_value, delta, low, high, margin, verdict, detectable, settle
    )
