"""Stage 4c, gate: the candidate against parent, best and first generation, and the gate against itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tailguard.diversity.canary import STRENGTHS, planted_collapse
from tailguard.diversity.comparison import TAIL_RECALL, TYPE_COVERAGE, VARIETY, Limits, Outputs, compare
from tailguard.diversity.metrics import bigrams, seen_probability, type_counts, words
from tailguard.domain.facts import CanaryResult, ComparedMeasure, Fact, GateDecision, GuardCheck, Measurement, TermShift
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.verdict import Comparison, MeasureComparison, Verdict, worst
from tailguard.policy import Gate
from tailguard.store.files import Store

_MEASURE_BUDGET = 20_000
_FEWEST_LOST_OCCURRENCES = 2
_SHOWN_TERMS = 15


@dataclass(frozen=True)
class Evaluated:
    """Where a generation's answers are: digests of suite and outputs, and the decoding they were drawn with."""

    run: str
    suite: str
    outputs: str
    decoding: str


@dataclass(frozen=True)
class SuiteShape:
    """What the gate needs of a suite: each prompt's text, the tail prompts and the rare terms."""

    prompts: Mapping[str, str]
    tail: frozenset[str]
    rare_terms: frozenset[str]


def gate(
    candidate: Evaluated,
    *,
    again: str,
    references: Mapping[str, Evaluated],
    suite: SuiteShape,
    lineage: str,
    mode: str,
    store: Store,
    policy: Gate,
    seed: int,
) -> Outcome:
    """Decide. `references` maps parent, best and first to what they answered; a first generation has none of them."""
    limits = Limits(
        {TAIL_RECALL: policy.tail_recall, TYPE_COVERAGE: policy.type_coverage, VARIETY: policy.variety}, policy.alpha
    )
    ours = _outputs(store, candidate, suite)
    compared = _compare_all(ours, references, suite, limits, store, seed)
    verdict = worst([comparison.verdict for comparison in compared.values()]) if references else Verdict.PASS
    reason = _reason(verdict, compared, references)
    canaries = _self_test(ours, replace(candidate, outputs=again), candidate.run, suite, limits, store, seed)
    facts: list[Fact] = [*_measurements(candidate.run, ours, suite), *canaries]
    for kind, comparison in compared.items():
        facts += _comparison_facts(candidate.run, kind, references[kind].run, comparison)
    if "parent" in references:
        theirs = _outputs(store, references["parent"], suite)
        facts += _shifts(candidate.run, "lost", theirs, ours, suite) + _shifts(
            candidate.run, "gained", ours, theirs, suite
        )
    enforced = mode == "enforce"
    facts.append(GateDecision(candidate.run, lineage, "diversity", str(verdict), enforced, reason, None))
    blunt = [canary for canary in canaries if not canary.as_it_should]
    return Outcome(
        result={"verdict": str(verdict), "reason": reason},
        criteria=(
            Criterion(
                "matches or exceeds its references on every primary measure",
                "PASS",
                str(verdict),
                verdict is Verdict.PASS,
                None if enforced else "observe mode",
            ),
            Criterion(
                "the gate has teeth",
                "planted collapses past the margin are blocked, A/A is not",
                f"{len(canaries) - len(blunt)} of {len(canaries)} self-tests as they should be",
                not blunt,
                "a finding",
            ),
        ),
        inputs=tuple(
            Named("outputs", kind, side.outputs) for kind, side in [("candidate", candidate), *references.items()]
        ),
        outputs=(),
        facts=tuple(facts),
        records_in=len(ours.answers),
        records_out=len(ours.answers),
    )


def _outputs(store: Store, evaluated: Evaluated, suite: SuiteShape) -> Outputs:
    return _read_outputs(store, evaluated.outputs, evaluated.suite, evaluated.decoding, suite.tail)


@lru_cache(maxsize=8)
def _read_outputs(store: Store, digest: str, suite: str, decoding: str, tail: frozenset[str]) -> Outputs:
    answers: dict[str, list[str]] = defaultdict(list)
    for row in store.table("outputs", digest).to_pylist():
        answers[row["prompt_id"]].append(row["text"])
    return Outputs({prompt: tuple(texts) for prompt, texts in answers.items()}, tail, suite, decoding)


def _compare_all(
    ours: Outputs,
    references: Mapping[str, Evaluated],
    suite: SuiteShape,
    limits: Limits,
    store: Store,
    seed: int,
) -> dict[str, Comparison]:
    """One comparison a reference; where two references are the same generation, the work is done once."""
    done: dict[str, Comparison] = {}
    for reference in references.values():
        if reference.run not in done:
            theirs = _outputs(store, reference, suite)
            done[reference.run] = compare(ours, theirs, rare_terms=suite.rare_terms, limits=limits, seed=seed)
    return {kind: done[reference.run] for kind, reference in references.items()}


def _reason(verdict: Verdict, compared: Mapping[str, Comparison], references: Mapping[str, Evaluated]) -> str:
    if not references:
        return "first generation of its lineage: nothing to lose against; later ones are compared with it"
    if verdict is Verdict.NOT_COMPARABLE:
        kind, guard = next((k, g) for k, c in compared.items() for g in c.guards if not g.held)
        return f"not comparable with its {kind} {references[kind].run}: {guard.name} is {guard.observed}, required {guard.required}"
    kind, measure = min(
        (
            (kind, measure)
            for kind, comparison in compared.items()
            for measure in comparison.measures
            if measure.verdict is verdict
        ),
        key=lambda pair: pair[1].low + pair[1].margin,
    )
    against = f"against its {kind} {references[kind].run}"
    if verdict is Verdict.PASS:
        return f"no primary measure fell past its margin; closest is {_told(measure)} {against}"
    if verdict is Verdict.BLOCK:
        return f"{_told(measure)} {against}"
    return (
        f"cannot tell: {_told(measure)} {against}; about {measure.prompts_to_settle or 'more'} prompts would settle it"
    )


def _told(measure: MeasureComparison) -> str:
    direction = "fell" if measure.delta < 0 else "rose"
    return (
        f"{measure.measure} {direction} {abs(measure.delta):.1%} "
        f"(90 % interval {measure.low:+.1%} to {measure.high:+.1%}, margin {measure.margin:.0%})"
    )


def _self_test(
    ours: Outputs, again: Evaluated, run: str, suite: SuiteShape, limits: Limits, store: Store, seed: int
) -> list[CanaryResult]:
    """Planted collapses of rising strength, and the candidate against its own second sample."""
    results = []
    for strength in STRENGTHS:
        planted = planted_collapse(ours, rare_terms=suite.rare_terms, strength=strength, seed=seed)
        comparison = compare(planted, ours, rare_terms=suite.rare_terms, limits=limits, seed=seed)
        tail = next((measure for measure in comparison.measures if measure.measure == TAIL_RECALL), None)
        loss = -tail.delta if tail else 0.0
        within_reach = tail is not None and loss > tail.margin + tail.detectable_loss
        blocked = comparison.verdict is Verdict.BLOCK
        results.append(
            CanaryResult(run, "planted", strength, loss, str(comparison.verdict), blocked or not within_reach)
        )
    same = compare(_outputs(store, again, suite), ours, rare_terms=suite.rare_terms, limits=limits, seed=seed)
    loss = max((-measure.delta for measure in same.measures), default=0.0)
    results.append(CanaryResult(run, "A/A", 0.0, loss, str(same.verdict), same.verdict is not Verdict.BLOCK))
    return results


def _comparison_facts(run: str, kind: str, reference: str, comparison: Comparison) -> list[Fact]:
    facts: list[Fact] = [
        GuardCheck(run, kind, guard.name, guard.required, guard.observed, guard.held) for guard in comparison.guards
    ]
    facts += [
        ComparedMeasure(
            run=run,
            reference_kind=kind,
            reference=reference,
            measure=measure.measure,
            reference_value=measure.reference_value,
            candidate_value=measure.candidate_value,
            delta=measure.delta,
            low=measure.low,
            high=measure.high,
            margin=measure.margin,
            verdict=str(measure.verdict),
            detectable_loss=measure.detectable_loss,
            prompts=comparison.prompts,
            prompts_to_settle=measure.prompts_to_settle,
        )
        for measure in comparison.measures
    ]
    return facts


def _measurements(run: str, outputs: Outputs, suite: SuiteShape) -> list[Measurement]:
    """Each primary measure of one generation alone, in a fixed budget of words (or pairs), for lines over generations."""
    everything = [answer for ranked in outputs.tokens.values() for answer in ranked]
    tail = [answer for prompt, ranked in outputs.tokens.items() if prompt in suite.tail for answer in ranked]
    pairs = [pair for answer in everything for pair in bigrams(answer)]
    flat, flat_tail = ([word for answer in side for word in answer] for side in (everything, tail))
    rare = type_counts(word for word in flat_tail if word in suite.rare_terms)
    measured = {
        TAIL_RECALL: (rare, len(flat_tail), max(1, len(suite.rare_terms))),
        TYPE_COVERAGE: (type_counts(flat), len(flat), 1),
        VARIETY: (type_counts(pairs), len(pairs), _MEASURE_BUDGET),
    }
    facts = []
    for name, (counts, total, scale) in measured.items():
        budget = min(_MEASURE_BUDGET, total)
        seen = seen_probability(counts, total=total, sample_size=budget).sum() if total else 0.0
        facts.append(Measurement(run, name, float(seen) / scale, budget))
    return facts


def _shifts(run: str, direction: str, had: Outputs, lacks: Outputs, suite: SuiteShape) -> list[Fact]:
    """Rare terms that one side produced at least twice and the other never, with the two answers side by side."""
    counts: Counter[str] = Counter()
    example: dict[str, tuple[str, str]] = {}
    for prompt in sorted(had.answers):
        for text in had.answers[prompt]:
            for term in set(words(text)) & suite.rare_terms:
                counts[term] += 1
                example.setdefault(term, (prompt, text))
    present = {word for ranked in lacks.tokens.values() for answer in ranked for word in answer}
    gone = [
        (term, count) for term, count in counts.items() if count >= _FEWEST_LOST_OCCURRENCES and term not in present
    ]
    gone.sort(key=lambda pair: (-pair[1], pair[0]))
    return [
        TermShift(
            run=run,
            reference_kind="parent",
            direction=direction,
            term=term,
            occurrences=count,
            prompt=suite.prompts.get(example[term][0], ""),
            example=example[term][1],
            counterpart=lacks.answers.get(example[term][0], ("",))[0],
        )
        for term, count in gone[:_SHOWN_TERMS]
    ]
