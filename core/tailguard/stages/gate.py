"""Stage 4c, gate: the candidate against parent, best and first generation, and the gate against itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from tailguard.diversity.canary import STRENGTHS, planted_collapse
from tailguard.diversity.comparison import (
    PRIMARY,
    TAIL_ACCURACY,
    TAIL_RECALL,
    TYPE_COVERAGE,
    VARIETY,
    Limits,
    compare,
)
from tailguard.diversity.metrics import bigrams, seen_probability, type_counts, words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.report import Report, full_report
from tailguard.domain import gates
from tailguard.domain.facts import (
    CanaryResult,
    CaseShift,
    ComparedMeasure,
    Fact,
    GateDecision,
    GuardCheck,
    Measurement,
    ReportKept,
    SecondaryMeasure,
    SliceMeasure,
)
from tailguard.domain.references import uncompared
from tailguard.domain.shipping import State
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement, Waiver
from tailguard.domain.suite import Suite
from tailguard.domain.verdict import Verdict, worst
from tailguard.policy.model import Gate
from tailguard.store.files import Store

SELF_TEST_RESAMPLES = 500
_MEASURE_BUDGET = 20_000
_BY_ANCHOR = "words that stand in 2 to 8 records of the anchor"


@dataclass(frozen=True)
class Evaluated:
    """Where a generation's answers are: digests of suite and outputs, and the decoding they were drawn with."""

    run: str
    suite: str
    outputs: str
    decoding: str


def gate(
    candidate: Evaluated,
    *,
    again: str,
    references: Mapping[str, Evaluated],
    predecessors: Mapping[str, State],
    suite: Suite,
    anchor: str | None,
    lineage: str,
    mode: str,
    store: Store,
    policy: Gate,
    seed: int,
) -> Outcome:
    """Decide. `references` maps parent, best and first to what they answered; a first generation has none of them.

    `predecessors` has the state of each generation of the lineage that was trained before: where there are some and no
    reference among them, the candidate cannot be told.

    `anchor` is the anchor's digest: the candidate's words are held against its words too, which does not gate.
    """
    limits = limits_of(policy)
    ours = answered(store, candidate, suite)
    reports = _reports(ours, candidate, references, suite, limits, store, anchor, seed)
    ruling = _ruling(reports, predecessors)
    second_sample = answered(store, replace(candidate, outputs=again), suite)
    canaries = self_test(ours, second_sample, candidate.run, suite, limits, seed)
    kept = {kind: store.put_json("reports", report.content()) for kind, report in reports.items()}
    enforced = mode == "enforce"
    return Outcome(
        result={"verdict": ruling.verdict, "reason": ruling.reason},
        criteria=(_passes_criterion(ruling.verdict, enforced), _sensitivity_criterion(canaries)),
        inputs=tuple(
            Named("outputs", kind, side.outputs) for kind, side in [("candidate", candidate), *references.items()]
        ),
        outputs=tuple(Named("reports", kind, digest) for kind, digest in kept.items()),
        facts=(
            *_measurements(candidate.run, ours, suite),
            *canaries,
            *_comparison_facts(candidate.run, reports, kept),
            GateDecision(candidate.run, lineage, gates.Gate.DIVERSITY, ruling.verdict, enforced, ruling.reason, None),
        ),
        records_in=len(ours.answers),
        records_out=len(ours.answers),
    )


@dataclass(frozen=True)
class _Ruling:
    """The gate's verdict on a candidate and the sentence that explains it."""

    verdict: Verdict
    reason: str


def _ruling(reports: Mapping[str, Report], predecessors: Mapping[str, State]) -> _Ruling:
    """The worst verdict of all comparisons; without any comparison, what the predecessors allow."""
    if not reports:
        ruling = uncompared(predecessors)
        return _Ruling(ruling.verdict, ruling.reason)
    verdict = worst([report.verdict for report in reports.values()])
    return _Ruling(verdict, _reason(verdict, reports))


def _passes_criterion(verdict: Verdict, enforced: bool) -> Criterion:
    return Criterion(
        Requirement.NO_DIVERSITY_LOST,
        "PASS",
        str(verdict),
        verdict is Verdict.PASS,
        None if enforced else Waiver.OBSERVE,
    )


def _sensitivity_criterion(canaries: Sequence[CanaryResult]) -> Criterion:
    """Whether every self-test came out as it should."""
    as_expected = sum(canary.as_expected for canary in canaries)
    return Criterion(
        Requirement.GATE_SENSITIVE,
        "planted collapses past the margin are blocked, A/A is not",
        f"{as_expected} of {len(canaries)} self-tests as they should be",
        as_expected == len(canaries),
        Waiver.FINDING,
    )


def limits_of(policy: Gate) -> Limits:
    """Margins, error rate and guards as the policy states them."""
    margins = (policy.tail_accuracy, policy.tail_recall, policy.type_coverage, policy.variety)
    return Limits(
        dict(zip(PRIMARY, margins, strict=True)),
        policy.alpha,
        policy.quality_loss,
        policy.shortest,
        policy.more_empty,
        policy.more_refusals,
        policy.more_copied,
        policy.less_related,
    )


def answered(store: Store, evaluated: Evaluated, suite: Suite) -> Outputs:
    """What a generation answered, with the suite's slices."""
    answers: dict[str, list[str]] = defaultdict(list)
    scores: dict[str, list[float]] = defaultdict(list)
    for row in store.table("outputs", evaluated.outputs).to_pylist():
        answers[row["prompt_id"]].append(row["text"])
        if row.get("score") is not None:  # outputs of earlier releases have none
            scores[row["prompt_id"]].append(row["score"])
    return Outputs(
        {prompt: tuple(texts) for prompt, texts in answers.items()},
        suite.tail,
        evaluated.suite,
        evaluated.decoding,
        suite.texts,
        suite.slices,
        {prompt: tuple(values) for prompt, values in scores.items()},
    )


def _anchor_words(store: Store, digest: str) -> Counter[str]:
    return Counter(word for text in store.table("anchors", digest)["text"].to_pylist() for word in words(text))


def _reports(
    ours: Outputs,
    candidate: Evaluated,
    references: Mapping[str, Evaluated],
    suite: Suite,
    limits: Limits,
    store: Store,
    anchor: str | None,
    seed: int,
) -> dict[str, Report]:
    """One comparison a reference; where two references are the same generation, the work is done once."""
    done: dict[str, Report] = {}
    words_of_anchor = _anchor_words(store, anchor) if anchor and references else None
    for reference in references.values():
        if reference.run not in done:
            done[reference.run] = full_report(
                ours,
                answered(store, reference, suite),
                names=(candidate.run, reference.run),
                rare_terms=suite.rare_terms,
                rarity=_BY_ANCHOR,
                limits=limits,
                seed=seed,
                anchor=words_of_anchor,
            )
    return {kind: done[reference.run] for kind, reference in references.items()}


def _reason(verdict: Verdict, reports: Mapping[str, Report]) -> str:
    """The sentence of the reference that decided: of several with the same verdict, the one closest to its margin."""

    def room(report: Report) -> float:
        measure = report.comparison.deciding
        return measure.low + measure.margin if measure else -1.0

    kind, report = min(
        ((kind, report) for kind, report in reports.items() if report.verdict is verdict),
        key=lambda pair: room(pair[1]),
    )
    return report.reason.replace(f"against {report.reference}", f"against its {kind} {report.reference}")


def self_test(ours: Outputs, again: Outputs, run: str, suite: Suite, limits: Limits, seed: int) -> list[CanaryResult]:
    """Planted collapses of rising strength, and the candidate against its own second sample."""
    results = []
    for strength in STRENGTHS:
        planted = planted_collapse(ours, rare_terms=suite.rare_terms, strength=strength, seed=seed)
        comparison = compare(
            planted, ours, rare_terms=suite.rare_terms, limits=limits, seed=seed, resamples=SELF_TEST_RESAMPLES
        )
        tail = next((measure for measure in comparison.measures if measure.measure == TAIL_RECALL), None)
        loss = -tail.delta if tail else 0.0
        within_reach = tail is not None and loss > tail.margin + tail.detectable_loss
        blocked = comparison.verdict is Verdict.BLOCK
        results.append(CanaryResult(run, "planted", strength, loss, comparison.verdict, blocked or not within_reach))
    same = compare(again, ours, rare_terms=suite.rare_terms, limits=limits, seed=seed, resamples=SELF_TEST_RESAMPLES)
    loss = max((-measure.delta for measure in same.measures), default=0.0)
    results.append(CanaryResult(run, "A/A", 0.0, loss, same.verdict, same.verdict is not Verdict.BLOCK))
    return results


def _comparison_facts(run: str, reports: Mapping[str, Report], kept: Mapping[str, str]) -> list[Fact]:
    """Every comparison's figures, then the cases lost and gained against the parent. `kept` has the reports' digests."""
    facts = [fact for kind, report in reports.items() for fact in _facts_of(run, kind, report, kept[kind])]
    return facts + (_shifts(run, reports["parent"]) if "parent" in reports else [])


def _facts_of(run: str, kind: str, report: Report, kept: str) -> list[Fact]:
    comparison = report.comparison
    facts: list[Fact] = [
        GuardCheck(run, kind, guard.name, guard.required, guard.observed, guard.met) for guard in comparison.guards
    ]
    facts += [
        ComparedMeasure(
            run=run,
            reference_kind=kind,
            reference=report.reference,
            measure=measure.measure,
            reference_value=measure.reference_value,
            candidate_value=measure.candidate_value,
            delta=measure.delta,
            low=measure.low,
            high=measure.high,
            margin=measure.margin,
            verdict=measure.verdict,
            detectable_loss=measure.detectable_loss,
            prompts=comparison.prompts,
            prompts_to_settle=measure.prompts_to_settle,
        )
        for measure in comparison.measures
    ]
    for shown in comparison.secondary:
        values = {name: value for name, value in asdict(shown).items() if name != "p"}
        facts.append(SecondaryMeasure(run=run, reference_kind=kind, reference=report.reference, **values))
    facts += [
        SliceMeasure(run=run, reference_kind=kind, reference=report.reference, **asdict(measure))
        for measure in comparison.slices
    ]
    facts.append(ReportKept(run, kind, report.reference, kept))
    return facts


def _measurements(run: str, outputs: Outputs, suite: Suite) -> list[Measurement]:
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
    checked = [score for prompt, scores in outputs.scores.items() if prompt in suite.tail for score in scores]
    if checked:
        facts.append(Measurement(run, TAIL_ACCURACY, sum(checked) / len(checked), len(checked)))
    return facts


def _shifts(run: str, report: Report) -> list[Fact]:
    return [
        CaseShift(
            run, direction, shift.kind, shift.what, shift.had, shift.has, shift.prompt, shift.example, shift.counterpart
        )
        for direction, shifts in (("lost", report.lost), ("gained", report.gained))
        for shift in shifts
    ]
