"""How each lineage stands: its generations, oldest first, and one sentence on its newest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import (
    BatchTaken,
    ComparedMeasure,
    Composition,
    Evaluation,
    GateDecision,
    OverrideUsed,
    RunStarted,
    StageResult,
    StageStarted,
)
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.measures import Measure
from tailguard.domain.permission import Permission, Refusal, explained, sentence
from tailguard.domain.references import ReferenceKind
from tailguard.domain.shipping import ReleaseHistory, State
from tailguard.domain.stages import ORDER
from tailguard.domain.verdict import SHIPS, Verdict
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.releases import release_history_of
from tailguard.runlog.views.runs import gate_decision_of, newest_runs


@dataclass(frozen=True, kw_only=True)
class MeasureStatus:
    """A gating measure against one reference; delta, interval and margin are shares of the reference's value, or points where the
    measure is in points. `slice` is empty where it is over all prompts; the interval is of the `confidence` given (0 to 1)."""

    measure: Measure
    slice: str
    reference_kind: ReferenceKind
    reference: str
    delta: float
    low: float
    high: float
    margin: float
    verdict: Verdict
    confidence: float

    @property
    def label(self) -> str:
        """What people call it."""
        return self.measure.within(self.slice)


@dataclass(frozen=True, kw_only=True)
class GenerationStatus:
    """One generation, or the run that was to make it. Fields that a run has not reached yet are None."""

    run: str
    number: int
    parent: str | None
    started: datetime
    stage: str | None
    working_on: str | None
    snapshot: str | None
    records: int | None
    ratio_records: float | None
    ratio_tokens: float | None
    ceiling: float | None
    coverage: Interval | None
    outputs: str | None
    measures: tuple[MeasureStatus, ...]
    verdict: str | None
    reason: str | None
    shipping: str
    overrides_used: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PendingSignOff:
    """A generation that would ship but for the quality owner's sign-off, which nobody has given or declined. `since` is when the
    gate spoke, `row` the row of its decision."""

    run: str
    verdict: str
    reason: str
    since: datetime
    row: str


@dataclass(frozen=True, kw_only=True)
class LineageStatus:
    """A line of generations (the newest 50, oldest first), and one sentence on its newest. `held` is what else than the
    diversity gate keeps the newest from going on, if anything does: a ratio over its ceiling, an unguarded loop, or a missing
    sign-off. `pending_sign_offs` are of generations later than the one in production, oldest first."""

    name: str
    mode: str
    ceiling: float
    shipped: str | None
    held: str | None
    sentence: str
    generations: tuple[GenerationStatus, ...]
    pending_sign_offs: tuple[PendingSignOff, ...]


def coverage_of(batches: Sequence[BatchTaken]) -> Interval | None:
    """Provenance coverage (M1): share of distinct records that got a confident, non-unknown tag at intake."""
    return wilson(sum(batch.confident for batch in batches), sum(batch.read - batch.duplicates for batch in batches))


LATEST = 50
"""So many generations of a lineage are told one by one; charts draw older ones from `runlog.history`."""


def lineages(
    view: LogView, policy: Policy | None, permission: Callable[[str], Permission]
) -> tuple[LineageStatus, ...]:
    """Every lineage that the policy names; without a policy those that have runs. Of each its newest generations.

    `permission` says whether a generation may ship.
    """
    runs = newest_runs(view, LATEST)
    facts = _facts_by_run(view, tuple(row.fact.run for of_lineage in runs.values() for row in of_lineage))
    names = list(policy.lineages) if policy else sorted(runs)
    return tuple(_lineage(view, name, policy, runs.get(name, []), facts, permission) for name in names)


def generation(view: LogView, run: str) -> GenerationStatus | None:
    """How one generation stands, however old; None for a run that never was."""
    started = view.newest(RunStarted, run=run)
    if started is None:
        return None
    return _generation(started, _facts_by_run(view, (run,)), release_history_of(view, started.fact.lineage))


@dataclass(frozen=True, kw_only=True)
class _ByRun:
    stages: dict[str, list[StageResult]]
    begun: dict[str, list[StageStarted]]
    compositions: dict[str, Composition]
    batches: dict[str, list[BatchTaken]]
    evaluations: dict[str, Evaluation]
    measures: dict[str, list[ComparedMeasure]]
    verdicts: dict[str, GateDecision]
    clearances: dict[str, GateDecision]
    used: dict[str, list[str]]


def _facts_by_run(view: LogView, runs: tuple[str, ...]) -> _ByRun:
    facts = _ByRun(
        stages={},
        begun={},
        compositions={},
        batches={},
        evaluations={},
        measures={},
        verdicts={},
        clearances={},
        used={},
    )
    for result in view.recorded(StageResult, run=runs):
        facts.stages.setdefault(result.fact.run, []).append(result.fact)
    for begun in view.recorded(StageStarted, run=runs):
        facts.begun.setdefault(begun.fact.run, []).append(begun.fact)
    for batch in view.recorded(BatchTaken, run=runs):
        facts.batches.setdefault(batch.fact.run, []).append(batch.fact)
    for compared in view.recorded(ComparedMeasure, run=runs):
        facts.measures.setdefault(compared.fact.run, []).append(compared.fact)
    for used in view.recorded(OverrideUsed, run=runs):
        facts.used.setdefault(used.fact.run, []).append(used.fact.override)
    facts.compositions.update({row.fact.run: row.fact for row in view.recorded(Composition, run=runs)})
    facts.evaluations.update({row.fact.run: row.fact for row in view.recorded(Evaluation, run=runs)})
    for gate, into in (("diversity", facts.verdicts), ("ratio", facts.clearances)):
        into.update({row.fact.run: row.fact for row in view.recorded(GateDecision, gate=gate, run=runs)})
    return facts


def _generation(started: Recorded[RunStarted], facts: _ByRun, ships: ReleaseHistory) -> GenerationStatus:
    run = started.fact.run
    finished = [result.stage for result in facts.stages.get(run, [])]
    begun = [fact.stage for fact in facts.begun.get(run, []) if fact.stage not in finished]
    composition, verdict, evaluation = facts.compositions.get(run), facts.verdicts.get(run), facts.evaluations.get(run)
    return GenerationStatus(
        run=run,
        number=started.fact.number,
        parent=started.fact.parent,
        started=started.recorded,
        stage=max(finished, key=ORDER.index, default=None),
        working_on=begun[-1] if begun else None,
        snapshot=composition.snapshot if composition else None,
        records=composition.records if composition else None,
        ratio_records=composition.ratio_records if composition else None,
        ratio_tokens=composition.ratio_tokens if composition else None,
        ceiling=composition.ceiling if composition else None,
        coverage=coverage_of(facts.batches.get(run, [])),
        outputs=evaluation.outputs if evaluation else None,
        measures=tuple(
            MeasureStatus(
                measure=compared.measure,
                slice=compared.slice,
                reference_kind=compared.reference_kind,
                reference=compared.reference,
                delta=compared.delta,
                low=compared.low,
                high=compared.high,
                margin=compared.margin,
                verdict=compared.verdict,
                confidence=compared.confidence,
            )
            for compared in facts.measures.get(run, [])
        ),
        verdict=verdict.verdict if verdict else None,
        reason=verdict.reason if verdict else None,
        shipping=shipping_of(ships, run, verdict.verdict if verdict else None),
        overrides_used=tuple(facts.used.get(run, ())),
    )


def shipping_of(ships: ReleaseHistory, run: str, verdict: str | None) -> str:
    """Where a generation stands between its gate and its work."""
    state = ships.state(run)
    if state is not State.CANDIDATE:
        return str(state)
    return "waiting" if verdict in SHIPS else "not shipped"


def _lineage(
    view: LogView,
    name: str,
    policy: Policy | None,
    runs: Sequence[Recorded[RunStarted]],
    facts: _ByRun,
    permission: Callable[[str], Permission],
) -> LineageStatus:
    ships = release_history_of(view, name)
    rules = policy.lineages[name] if policy else None
    generations = tuple(_generation(row, facts, ships) for row in runs)
    newest = generations[-1] if generations else None
    held = _refused(newest, facts) if newest else None
    if policy and policy.profile == "api-only":
        text = _taken_in(name, generations)
    elif newest is None:
        text = f"{name} has no generation yet."
    elif newest.verdict is None:
        text = _unfinished(newest, held)
    else:
        answer = permission(newest.run)
        text = sentence(answer)
        waits = answer.refusal in (Refusal.LOOP, Refusal.SIGN_OFF) and answer.candidate.state is not State.SHIPPED
        held = explained(answer) if waits else held
    return LineageStatus(
        name=name,
        mode=rules.mode if rules else "enforce",
        ceiling=rules.ceiling if rules else 0.0,
        shipped=ships.deployed,
        held=held,
        sentence=text,
        generations=generations,
        pending_sign_offs=_pending_sign_offs(view, generations, ships, permission)
        if policy and policy.gate.sign_off
        else (),
    )


def _pending_sign_offs(
    view: LogView,
    generations: Sequence[GenerationStatus],
    ships: ReleaseHistory,
    permission: Callable[[str], Permission],
) -> tuple[PendingSignOff, ...]:
    reached = max((generation.number for generation in generations if generation.run == ships.deployed), default=-1)
    pending = []
    for generation in generations:
        if generation.number <= reached or generation.verdict is None:
            continue
        answer, decision = permission(generation.run), gate_decision_of(view, generation.run)
        if decision and answer.refusal is Refusal.SIGN_OFF and answer.candidate.sign_off is None:
            fact = decision.fact
            pending.append(
                PendingSignOff(
                    run=fact.run, verdict=fact.verdict, reason=fact.reason, since=decision.recorded, row=decision.id
                )
            )
    return tuple(pending)


def _refused(newest: GenerationStatus, facts: _ByRun) -> str | None:
    """Why training was refused the last time that it asked, as long as nothing came of it."""
    asked = facts.clearances.get(newest.run)
    return (
        asked.reason if asked and asked.enforced and asked.verdict == Verdict.BLOCK and newest.verdict is None else None
    )


def _taken_in(name: str, generations: Sequence[GenerationStatus]) -> str:
    """What came in last, where nothing is trained."""
    if not generations:
        return f"{name} has taken in nothing yet."
    newest = generations[-1]
    share = (
        f"{newest.coverage.share:.1%} of its records carry a confident tag" if newest.coverage else "nothing was read"
    )
    return f"{newest.run} is what came in last: {share}. Nothing is trained in this profile."


def _unfinished(newest: GenerationStatus, held: str | None) -> str:
    """How far the newest run has come, or what keeps it from being trained."""
    stage = newest.working_on or newest.stage or "intake"
    where = f"may not be trained: {held}" if held else f"has no verdict yet; it is at {stage}"
    return f"{newest.run} {where}."
