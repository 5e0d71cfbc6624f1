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

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tailguard.diversity.outputs import Encoded, Outputs
from tailguard.diversity.resampling import bag, halves, richness
from tailguard.domain import measures as names
from tailguard.domain.verdict import Comparison, Guard, MeasureComparison, SliceComparison, Verdict
from tailguard.domain.wording import counted
from tailguard.threads import one_thread

TAIL_ACCURACY = names.TAIL_ACCURACY
TAIL_RECALL = names.TAIL_RECALL
TYPE_COVERAGE = names.TYPE_COVERAGE
VARIETY = names.VARIETY
PRIMARY = names.PRIMARY

RESAMPLES = 2_000
FEWEST_PROMPTS = 20
"""Fewer prompts say nothing of the prompts that were not asked."""
_SLICE_RESAMPLES = 500
_BUDGET_SHARE = 8
_POWER = 0.8
_FEWEST_UNITS = 50
_FEWEST_TYPES = 10
_MOST_PROMPTS = 1_000_000
_MAX_UNANSWERED = 0.01

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """What a policy allows: the margin of each primary measure (share of the reference), the error rate alpha, and the
    guards: how far mean quality may fall, how much shorter answers may be on average (and, inversely, longer), and by how
    much the shares of empty, refusing and prompt-copying answers may rise, and how far the answers' mean relatedness to
    their prompts (a cosine) may fall. All are 0 to 1."""

    margins: Mapping[str, float]
    alpha: float = 0.05
    quality_loss: float = 0.05
    shortest: float = 0.7
    more_empty: float = 0.05
    more_refusals: float = 0.1
    more_copied: float = 0.1
    less_related: float = 0.1


DEFAULT_LIMITS = Limits({TAIL_ACCURACY: 0.05, TAIL_RECALL: 0.08, TYPE_COVERAGE: 0.05, VARIETY: 0.05})


def compare(
    candidate: Outputs,
    reference: Outputs,
    *,
    rare_terms: frozenset[str],
    limits: Limits,
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two sets of outputs on the primary measures, and slice by slice.

    `rare_terms` are case-folded words that are rare in the anchor. Same arguments, same answer. The comparison never
    raises on unlike outputs: it says NOT COMPARABLE, and which guard failed.
    """
    shared = frozenset(candidate.answers) & frozenset(reference.answers)
    left_out = len(frozenset(candidate.answers) | frozenset(reference.answers)) - len(shared)
    guards = _same_prompts(candidate, reference)
    if left_out:
        candidate, reference = candidate.only(shared), reference.only(shared)
    guards += _guards(candidate, reference, limits)
    samples = sorted({len(answers) for side in (candidate, reference) for answers in side.answers.values()})
    if not shared or len(samples) != 1:
        return Comparison(len(shared), samples[0] if samples else 0, 0, tuple(guards), ())
    pair = cut(candidate, reference)
    names = sorted(shared)
    tail = candidate.tail | reference.tail
    checked = tail & frozenset(candidate.scores) & frozenset(reference.scores)
    rng = np.random.default_rng(seed)
    judge = _Judge(limits, resamples, rng)
    measures = []
    if checked:
        measures.append(judge.accuracy(candidate, reference, sorted(checked)))
    if tail - checked or not checked:
        unchecked = np.array([name in tail - checked for name in names], dtype=bool)
        measures.append(judge.types(TAIL_RECALL, [side.rare(rare_terms).of(unchecked) for side in pair]))
    measures.append(judge.types(TYPE_COVERAGE, pair))
    measures.append(judge.types(VARIETY, [side.bigrams() for side in pair]))
    return Comparison(
        len(shared),
        samples[0],
        len(pair[0].units),
        tuple(guards),
        tuple(measures),
        slices=_slices(pair, names, reference.slices, tail, replace(judge, resamples=_SLICE_RESAMPLES)),
        notes=_notes(candidate, reference, left_out, samples[0]),
    )


def _same_samples(candidate: Outputs, reference: Outputs) -> Guard:
    shape = [sorted({len(samples) for samples in side.answers.values()}) for side in (reference, candidate)]
    required, observed = (
        " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "none" for counts in shape
    )
    return Guard("same samples per prompt", required, observed, len(shape[0]) == 1 and shape[0] == shape[1])


def _same_prompts(candidate: Outputs, reference: Outputs) -> list[Guard]:
    unanswered = frozenset(reference.answers) - frozenset(candidate.answers)
    total = len(reference.answers)
    observed = f"{len(unanswered)} of {total} not answered" if unanswered else f"all {total} answered"
    held = total > 0 and len(unanswered) <= _MAX_UNANSWERED * total
    guards = [Guard("same prompts", f"at most {_MAX_UNANSWERED:.0%} of the reference's not answered", observed, held)]
    other = sum(
        candidate.prompts[prompt] != text for prompt, text in reference.prompts.items() if prompt in candidate.prompts
    )
    if other:
        observed = f"{other} ids with another text"
        guards[0] = Guard("same prompts", "the same text under each prompt id", observed, False)
    tail = reference.tail | candidate.tail
    if tail & unanswered and len(tail) < total:
        guards.append(Guard("tail prompts", "every one answered", f"{len(tail & unanswered)} not answered", False))
    if reference.scores:
        unscored = len(frozenset(reference.scores) - frozenset(candidate.scores) - unanswered)
        observed = f"{unscored} of them without" if unscored else "all"
        guards.append(
            Guard("same items scored", f"the {len(reference.scores)} of the reference", observed, not unscored)
        )
    return guards


def _guards(candidate: Outputs, reference: Outputs, limits: Limits) -> list[Guard]:
    def same(name: str, required: str, observed: str) -> Guard:
        return Guard(name, required, observed, required == observed)

    def rise(name: str, ours: float, theirs: float, limit: float) -> Guard:
        return Guard(name, f"at most {limit:.0%} more than {theirs:.1%}", f"{ours:.1%}", ours - theirs <= limit)

    ratio = candidate.mean_words / reference.mean_words if reference.mean_words else math.inf
    longest = 1 / limits.shortest
    guards = [
        _same_samples(candidate, reference),
        Guard(
            "response length",
            f"{limits.shortest:.2f} to {longest:.2f} of the reference's mean of {reference.mean_words:.0f} words",
            f"{ratio:.2f}",
            limits.shortest <= ratio <= longest,
        ),
        rise("empty answers", candidate.empty_share, reference.empty_share, limits.more_empty),
        rise("refusals", candidate.refusal_share, reference.refusal_share, limits.more_refusals),
        replace(
            rise("copied from the prompt", candidate.copied_share, reference.copied_share, limits.more_copied),
            yields=True,
        ),
        _quality("text quality", candidate.mean_quality, reference.mean_quality, limits.quality_loss),
    ]
    if candidate.relatedness is not None and reference.relatedness is not None:
        related = _quality("about its prompt", candidate.relatedness, reference.relatedness, limits.less_related)
        guards.append(replace(related, yields=True))
    if candidate.suite or reference.suite:
        guards.insert(0, same("same suite", reference.suite, candidate.suite))
    if candidate.decoding and reference.decoding:
        guards.insert(0, same("same decoding", reference.decoding, candidate.decoding))
    if candidate.mean_score is not None and reference.mean_score is not None:
        guards.append(_quality("mean score", candidate.mean_score, reference.mean_score, limits.quality_loss))
    return guards


def _quality(name: str, ours: float, theirs: float, limit: float) -> Guard:
    return Guard(name, f"at most {limit:.2f} below {theirs:.3f}", f"{ours:.3f}", theirs - ours <= limit)


def _notes(candidate: Outputs, reference: Outputs, left_out: int, samples: int) -> tuple[str, ...]:
    notes = []
    if left_out:
        notes.append(
            f"{counted(left_out, 'prompt that only one side answered was', 'prompts that only one side answered were')} left out"
        )
    if samples == 1:
        notes.append("one answer a prompt says nothing of variety within a prompt: four or more are wanted")
    if not candidate.decoding or not reference.decoding:
        notes.append("how the answers were drawn is not stated, so equal decoding was not checked")
    if candidate.answers == reference.answers:
        notes.append("both files hold the same answers, word for word: is this the right file?")
    elif reference.distinct_share < 0.5:
        notes.append(
            f"only {reference.distinct_share:.0%} of the reference's own answers differ from each other: there was little to lose"
        )
    return tuple(notes)


@dataclass(frozen=True)
class Side:
    """One side's units in order: the prompt and the answer that each stands in, its number, and whether it counts.

    `totals[prompt]` is the size in units that a sample is drawn from; `counts` marks the types the measure is about.
    """

    prompts: Ints
    answers: Ints
    units: Ints
    counts: NDArray[np.bool_]
    totals: Ints
    vocabulary: tuple[str, ...]

    def rare(self, terms: frozenset[str]) -> Side:
        """Only rare terms count."""
        wanted = np.array([word in terms for word in self.vocabulary], dtype=bool)
        return replace(self, counts=wanted[self.units] if len(wanted) else self.counts)

    def of(self, chosen: NDArray[np.bool_]) -> Side:
        """Only these prompts, numbered anew."""
        number = np.cumsum(chosen) - 1
        keep = chosen[self.prompts]
        return Side(
            number[self.prompts[keep]],
            self.answers[keep],
            self.units[keep],
            self.counts[keep],
            self.totals[chosen],
            self.vocabulary,
        )

    def bigrams(self) -> Side:
        """Neighbouring units of one answer, as units."""
        inside = self.answers[1:] == self.answers[:-1]
        pairs = self.units[:-1][inside] * (len(self.vocabulary) + 1) + self.units[1:][inside]
        _, numbers = np.unique(pairs, return_inverse=True)
        prompts = self.prompts[1:][inside]
        return Side(
            prompts,
            self.answers[1:][inside],
            numbers.astype(np.int64),
            np.ones(len(prompts), dtype=bool),
            np.bincount(prompts, minlength=len(self.totals)),
            (),
        )

    def texts(self) -> list[list[str]]:
        """The words of each answer, empty ones too."""
        last = int(self.answers.max(initial=-1)) + 1
        edges = np.searchsorted(self.answers, np.arange(last + 1))
        tokens = [self.vocabulary[unit] for unit in self.units.tolist()]
        return [tokens[begin:end] for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]


def cut(candidate: Outputs, reference: Outputs) -> tuple[Side, Side]:
    """Both sides with the answers that stand beside each other cut to their common length: the longest beside the longest.

    Both must have the same prompts and the same number of samples.
    """
    samples = len(next(iter(candidate.answers.values())))
    return _cut(candidate.encoded, reference.encoded, prompts=len(candidate.answers), samples=samples)


def _cut(ours: Encoded, theirs: Encoded, *, prompts: int, samples: int) -> tuple[Side, Side]:
    lengths = np.array([min(len(a), len(b)) for a, b in zip(ours.answers, theirs.answers, strict=True)], dtype=np.int64)
    answer = np.repeat(np.arange(len(lengths)), lengths)
    totals = lengths.reshape(prompts, samples).sum(axis=1)
    everything = np.ones(len(answer), dtype=bool)
    left, right = (
        Side(
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


@dataclass(frozen=True)
class _Judge:
    """Measures with their error, under some limits."""

    limits: Limits
    resamples: int
    rng: np.random.Generator

    def types(self, name: str, sides: Sequence[Side]) -> MeasureComparison:
        """Expected types in a fixed budget, as a log ratio with its half-sample error."""
        prompts = len(sides[0].totals)
        budget = int(min(side.totals.sum() for side in sides)) // _BUDGET_SHARE
        if prompts < FEWEST_PROMPTS or budget < _FEWEST_UNITS:
            return self._undecided(name, 0.0, 0.0)
        chosen = np.concatenate(
            [np.ones((prompts, 1), np.uint8), halves(prompts, resamples=self.resamples, rng=self.rng)], axis=1
        )
        ours, theirs = (
            richness(bag(side.units[side.counts], side.prompts[side.counts], side.totals), chosen, budget=budget)
            for side in sides
        )
        # Of types that were never seen in N units, 3 may still be expected (the rule of three): 3/8 in an eighth of N.
        minimum = 3 / _BUDGET_SHARE
        if theirs[0] < _FEWEST_TYPES:
            return self._undecided(name, theirs[0], ours[0])
        ratios = np.log(np.maximum(ours, minimum)) - np.log(np.maximum(theirs, minimum))
        return self._decide(name, theirs[0], ours[0], float(ratios[0]), _half_error(ratios[1:], prompts), prompts)

    def accuracy(self, candidate: Outputs, reference: Outputs, names: Sequence[str]) -> MeasureComparison:
        """Mean score of the tail prompts that have a checker; a prompt's samples count as one."""
        prompts = len(names)
        ours, theirs = (np.array([np.mean(side.scores[name]) for name in names]) for side in (candidate, reference))
        minimum = 1 / (2 * prompts)
        if prompts < FEWEST_PROMPTS or theirs.mean() <= minimum:
            return self._undecided(TAIL_ACCURACY, float(theirs.mean()), float(ours.mean()))
        chosen = halves(prompts, resamples=self.resamples, rng=self.rng).astype(np.float64)
        inside = prompts // 2
        with one_thread():
            sampled = [np.maximum(side @ chosen / inside, minimum) for side in (ours, theirs)]
        estimate = math.log(max(float(ours.mean()), minimum) / float(theirs.mean()))
        error = _half_error(np.log(sampled[0]) - np.log(sampled[1]), prompts)
        # Where no prompt differs the spread is 0, yet a loss on a share of the prompts as large as this could be unseen.
        unseen = -math.expm1(math.log(self.limits.alpha) / prompts)
        error = max(error, unseen / float(student.ppf(1 - self.limits.alpha, prompts - 1)))
        return self._decide(TAIL_ACCURACY, float(theirs.mean()), float(ours.mean()), estimate, error, prompts)

    def _undecided(self, name: str, reference_value: float, candidate_value: float) -> MeasureComparison:
        margin = self.limits.margins[name]
        return MeasureComparison(
            name, float(reference_value), float(candidate_value), 0.0, -1.0, math.inf, margin,
            Verdict.INCONCLUSIVE, 1.0, None,
        )  # fmt: skip

    def _decide(
        self, name: str, reference_value: float, candidate_value: float, estimate: float, error: float, prompts: int
    ) -> MeasureComparison:
        """PASS when the whole interval is above -margin, BLOCK when it is below, else INCONCLUSIVE."""
        margin = self.limits.margins[name]
        reach = float(student.ppf(1 - self.limits.alpha, prompts - 1))
        low, high = math.expm1(estimate - reach * error), math.expm1(estimate + reach * error)
        verdict = Verdict.PASS if low > -margin else Verdict.BLOCK if high < -margin else Verdict.INCONCLUSIVE
        settle = None
        if verdict is Verdict.INCONCLUSIVE:
            gap = abs(estimate - math.log1p(-margin))
            wanted = math.ceil(prompts * (reach * error / max(gap, 1e-9)) ** 2) + 1
            settle = wanted if wanted <= _MOST_PROMPTS else None
        detectable = -math.expm1(-(reach + float(student.ppf(_POWER, prompts - 1))) * error)
        return MeasureComparison(
            name,
            float(reference_value),
            float(candidate_value),
            math.expm1(estimate),
            low,
            high,
            margin,
            verdict,
            detectable,
            settle,
        )


def _half_error(sampled: Floats, prompts: int) -> float:
    """The standard error of a statistic over all prompts from its spread over halves: the finite-population factor is 1
    where the half is exact."""
    inside = prompts // 2
    return float(np.std(sampled, ddof=1)) * math.sqrt(inside / (prompts - inside))


def _slices(
    pair: Sequence[Side], names: Sequence[str], slices: Mapping[str, str], tail: frozenset[str], judge: _Judge
) -> tuple[SliceComparison, ...]:
    """Type coverage and variety within each slice that has enough prompts; nothing where there is one slice only."""
    slice_names = sorted({slices.get(name, "all") for name in names})
    if len(slice_names) < 2:
        return ()
    results = []
    for slice_name in slice_names:
        members = [name for name in names if slices.get(name, "all") == slice_name]
        chosen = np.array([slices.get(name, "all") == slice_name for name in names], dtype=bool)
        for measure, sides in (
            (TYPE_COVERAGE, [side.of(chosen) for side in pair]),
            (VARIETY, [side.of(chosen).bigrams() for side in pair]),
        ):
            compared = judge.types(measure, sides)
            if math.isfinite(compared.high):
                reach = float(student.ppf(1 - judge.limits.alpha, len(members) - 1))
                error = (math.log1p(compared.high) - math.log1p(compared.low)) / (2 * reach)
                p = p_of_loss(math.log1p(compared.delta), error, len(members) - 1)
                inside = bool(tail.intersection(members))
                results.append(
                    SliceComparison(
                        slice_name, inside, len(members), measure, compared.delta, compared.low, compared.high, p, False
                    )
                )
    corrected = holm([result.p_holm for result in results])
    return tuple(
        replace(result, p_holm=p, lost=p < judge.limits.alpha) for result, p in zip(results, corrected, strict=True)
    )


def p_of_loss(estimate: float, error: float, freedom: int) -> float:
    """One-sided p-value of "nothing was lost" for an estimated change (below 0: a loss) with its standard error."""
    if error <= 0:
        return 0.0 if estimate < 0 else 1.0
    return float(student.cdf(estimate / error, freedom))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction of p-values; in the given order."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    corrected, largest = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, values[at] * (len(values) - rank)))
        corrected[at] = largest
    return corrected
