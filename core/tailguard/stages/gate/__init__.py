"""Stage 4c, gate: the candidate against its references, a first generation against the floors, and the gate against itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from tailguard.diversity.decision import Limits
from tailguard.diversity.floors import floors
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.report import Report, full_report
from tailguard.diversity.sides import Side
from tailguard.diversity.usable import Judged, alone, judge
from tailguard.domain import gates
from tailguard.domain.facts import (
    CanaryResult,
    CaseShift,
    ComparedMeasure,
    Fact,
    FloorCheck,
    GateDecision,
    GuardCheck,
    ReportKept,
    SecondaryMeasure,
    SliceMeasure,
    UnusableAnswers,
    UnusableExample,
)
from tailguard.domain.references import Predecessor, ReferenceKind, Ruling, compared, reference_name, uncompared
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement, Waiver
from tailguard.domain.suite import Suite
from tailguard.domain.verdict import SHIPS, Guard, Verdict, worst
from tailguard.policy.model import Gate
from tailguard.stages.gate.figures import measurements
from tailguard.stages.gate.self_test import self_test
from tailguard.store.files import Store

_BY_ANCHOR = "words that stand in 2 to 8 records of the anchor"

__all__ = ["Evaluated", "answered", "gate", "limits_of", "self_test"]


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
    references: Mapping[ReferenceKind, Evaluated],
    predecessors: Sequence[Predecessor],
    suite: Suite,
    anchor: str | None,
    lineage: str,
    mode: gates.Mode,
    store: Store,
    policy: Gate,
    seed: int,
) -> Outcome:
    """Decide. `references` has what each of the candidate's references answered, the parent first; a first generation has none,
    and its answers are held against absolute floors instead.

    `predecessors` are the generations that the references were chosen from: they say what a comparison proves, and why there is
    none.

    `anchor` is the anchor's digest: the candidate's words are held against its words too, which does not gate.
    """
    limits = limits_of(policy)
    ours = answered(store, candidate, suite)
    judged = judge(ours)
    reports = _reports(judged, candidate, references, suite, limits, store, anchor, seed)
    checked = () if reports else _floors(judged, suite, policy)
    ruling = _ruling(reports, predecessors, checked)
    second_sample = answered(store, replace(candidate, outputs=again), suite)
    canaries = self_test(ours, second_sample, candidate.run, rare_terms=suite.rare_terms, limits=limits, seed=seed)
    kept = {kind: store.put_json("reports", report.content()) for kind, report in reports.items()}
    enforced = mode is gates.Mode.ENFORCE
    return Outcome(
        result={"verdict": ruling.verdict, "reason": ruling.reason},
        criteria=(_passes_criterion(ruling.verdict, enforced), _sensitivity_criterion(canaries)),
        inputs=tuple(
            Named("outputs", kind, side.outputs) for kind, side in [("candidate", candidate), *references.items()]
        ),
        outputs=tuple(Named("reports", kind, digest) for kind, digest in kept.items()),
        facts=(
            *measurements(candidate.run, judged, suite),
            *canaries,
            *(
                FloorCheck(
                    run=candidate.run, name=floor.name, required=floor.required, observed=floor.observed, met=floor.met
                )
                for floor in checked
            ),
            *_comparison_facts(candidate.run, reports, kept),
            GateDecision(
                run=candidate.run,
                lineage=lineage,
                gate=gates.Gate.DIVERSITY,
                verdict=ruling.verdict,
                enforced=enforced,
                reason=ruling.reason,
                override=None,
            ),
        ),
        records_in=len(ours.answers),
        records_out=len(ours.answers),
    )


def _ruling(
    reports: Mapping[ReferenceKind, Report], predecessors: Sequence[Predecessor], checked: Sequence[Guard]
) -> Ruling:
    """The worst verdict of all comparisons; without any comparison, what floors and predecessors allow."""
    if not reports:
        return uncompared(predecessors, checked)
    verdict = worst([report.verdict for report in reports.values()])
    against = {report.reference for report in reports.values()}
    return compared(Ruling(verdict=verdict, reason=_reason(verdict, reports)), against, predecessors)


def _floors(judged: Judged, suite: Suite, policy: Gate) -> tuple[Guard, ...]:
    side = Side(judged, alone(judged), suite.rare_terms)
    asked = {prompt.id for prompt in suite.prompts}
    return floors(
        side,
        asked,
        least_answered=policy.floors.answered,
        least_usable=policy.floors.usable,
        slices=tuple(policy.slices),
    )


def _passes_criterion(verdict: Verdict, enforced: bool) -> Criterion:
    return Criterion(
        Requirement.NO_DIVERSITY_LOST,
        " or ".join(SHIPS),
        str(verdict),
        verdict.ships,
        None if enforced else Waiver.OBSERVE,
    )


def _sensitivity_criterion(canaries: Sequence[CanaryResult]) -> Criterion:
    """Whether every self-test came out as it should."""
    as_expected = sum(canary.as_expected for canary in canaries)
    return Criterion(
        Requirement.GATE_SENSITIVE,
        "planted damage past its limit is blocked, harmless changes are not",
        f"{as_expected} of {len(canaries)} self-tests as they should be",
        as_expected == len(canaries),
        Waiver.FINDING,
    )


def limits_of(policy: Gate) -> Limits:
    """Margins and error rate as the policy states them."""
    return Limits(policy.margins, policy.alpha, policy.slices)


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
        suite.kind,
    )


def _anchor_words(store: Store, digest: str) -> Counter[str]:
    return Counter(word for text in store.table("anchors", digest)["text"].to_pylist() for word in words(text))


def _reports(
    ours: Judged,
    candidate: Evaluated,
    references: Mapping[ReferenceKind, Evaluated],
    suite: Suite,
    limits: Limits,
    store: Store,
    anchor: str | None,
    seed: int,
) -> dict[ReferenceKind, Report]:
    """One comparison a reference, the first of them in depth; where two are the same generation, the work is done once."""
    done: dict[str, Report] = {}
    words_of_anchor = _anchor_words(store, anchor) if anchor and references else None
    for reference in references.values():
        if reference.run not in done:
            done[reference.run] = full_report(
                ours,
                judge(answered(store, reference, suite)),
                names=(candidate.run, reference.run),
                rare_terms=suite.rare_terms,
                rarity=_BY_ANCHOR,
                limits=limits,
                seed=seed,
                anchor=words_of_anchor,
                in_depth=not done,
            )
    return {kind: done[reference.run] for kind, reference in references.items()}


def _reason(verdict: Verdict, reports: Mapping[ReferenceKind, Report]) -> str:
    """The sentence of the reference that decided: of several with one verdict, the one furthest past a limit or closest to it."""

    def room(report: Report) -> float:
        measure = report.comparison.deciding
        return measure.low / measure.margin if measure else -1.0

    kind, report = min(
        ((kind, report) for kind, report in reports.items() if report.verdict is verdict),
        key=lambda pair: room(pair[1]),
    )
    return f"compared with {reference_name(kind, report.reference)}, {report.reason}"


def _comparison_facts(
    run: str, reports: Mapping[ReferenceKind, Report], kept: Mapping[ReferenceKind, str]
) -> list[Fact]:
    """Every comparison's figures, then what the first one shows: cases lost and gained, and examples of unusable answers.

    `kept` has the reports' digests.
    """
    facts = [fact for kind, report in reports.items() for fact in _facts_of(run, kind, report, kept[kind])]
    return facts + [
        shift for report in list(reports.values())[:1] for shift in (*_shifts(run, report), *_examples(run, report))
    ]


def _facts_of(run: str, kind: ReferenceKind, report: Report, kept: str) -> list[Fact]:
    comparison = report.comparison
    facts: list[Fact] = [
        GuardCheck(
            run=run,
            reference_kind=kind,
            name=guard.name,
            required=guard.required,
            observed=guard.observed,
            met=guard.met,
        )
        for guard in comparison.guards
    ]
    facts += [
        ComparedMeasure(
            run=run,
            reference_kind=kind,
            reference=report.reference,
            measure=measure.measure,
            slice=measure.slice,
            reference_value=measure.reference_value,
            candidate_value=measure.candidate_value,
            delta=measure.delta,
            low=measure.low,
            high=measure.high,
            margin=measure.margin,
            verdict=measure.verdict,
            detectable_loss=measure.detectable_loss,
            prompts=measure.prompts,
            prompts_to_settle=measure.prompts_to_settle,
            confidence=measure.confidence,
        )
        for measure in comparison.measures
    ]
    facts += [
        UnusableAnswers(
            run=run,
            reference_kind=kind,
            reference=report.reference,
            defect=part.defect,
            reference_share=part.reference_share,
            candidate_share=part.candidate_share,
        )
        for part in comparison.unusable
    ]
    for shown in comparison.secondary:
        values = {name: value for name, value in asdict(shown).items() if name != "p"}
        facts.append(SecondaryMeasure(run=run, reference_kind=kind, reference=report.reference, **values))
    facts += [
        SliceMeasure(run=run, reference_kind=kind, reference=report.reference, **asdict(measure))
        for measure in comparison.slices
    ]
    facts.append(ReportKept(run=run, reference_kind=kind, reference=report.reference, report=kept))
    return facts


def _shifts(run: str, report: Report) -> list[Fact]:
    return [
        CaseShift(
            run=run,
            direction=direction,
            kind=shift.kind,
            what=shift.what,
            had=shift.had,
            has=shift.has,
            prompt=shift.prompt,
            example=shift.example,
            counterpart=shift.counterpart,
        )
        for direction, shifts in (("lost", report.lost), ("gained", report.gained))
        for shift in shifts
    ]


def _examples(run: str, report: Report) -> list[Fact]:
    return [
        UnusableExample(run=run, defect=part.defect, prompt=example.prompt, answer=example.answer)
        for part in report.comparison.unusable
        for example in part.examples
    ]
