"""The steps on a model: what train, evaluate, gate and hand-off are given from the workspace, the log and the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tailguard.adapters.checkers import judge
from tailguard.adapters.generators import generator_for
from tailguard.adapters.running import watching
from tailguard.adapters.trainers import trainer_for
from tailguard.domain.facts import ExitCriterion, GateDecision, OverrideUsed
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.measures import Measure
from tailguard.domain.references import Predecessor, ReferenceKind, references
from tailguard.domain.roles import Right
from tailguard.domain.stages import Criterion, Outcome, Requirement, Stage, Waiver
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked
from tailguard.pipeline.context import RunContext
from tailguard.plays.loops import actions as loops
from tailguard.plays.mixing import clearance
from tailguard.ports import Decoding
from tailguard.runlog.schema import table_name
from tailguard.runlog.views.releases import predecessors
from tailguard.runlog.views.runs import evaluation_of, facts_of_run
from tailguard.stages import evaluate as evaluating
from tailguard.stages import gate as gating
from tailguard.stages import handoff as documenting
from tailguard.stages import train as training
from tailguard.store.suites import read_suite


def train(context: RunContext) -> Outcome:
    """Train on the composed set, once it has a clearance. Raises Blocked when the ratio gate refuses one."""
    run, workspace = context.run, context.workspace
    snapshot = context.made[Stage.COMPOSE]["snapshot"]
    answer = clearance.check(workspace, lineage=run.lineage, snapshot=snapshot)
    if not answer.allowed:
        raise Blocked(f"{run.run} may not train: {answer.reason}. Compose within the ceiling or ask for an override.")
    return training.train(
        snapshot,
        run=run.run,
        lineage=run.lineage,
        number=run.number,
        parent=run.parent,
        store=context.store,
        trainer=trainer_for(context.policy, run.lineage, watching(workspace.root, run.run, context.watcher.output)),
        clearance=Path(answer.statement) if answer.statement else None,
        public_key=workspace.root / clearance.KEYS / "clearance.pub",
        seed=context.seed,
    )


def evaluate(context: RunContext) -> Outcome:
    """Let the candidate answer the frozen suite."""
    decoding = context.policy.evaluation
    return evaluating.evaluate(
        context.made[Stage.TRAIN]["weights"],
        run=context.run.run,
        store=context.store,
        suite=context.required_suite(),
        generator=generator_for(
            context.policy,
            context.run.lineage,
            generation=context.run.run,
            root=context.workspace.root,
            hear=context.watcher.output,
            progress=lambda done, total: context.watcher.reading("answers", done, done / max(1, total)),
        ),
        decoding=Decoding(decoding.samples, decoding.max_tokens, decoding.temperature),
        judge=judge,
        seed=context.seed,
    )


def gate(context: RunContext) -> Outcome:
    """Compare the candidate with its references, and look for unguarded loops around its lineage."""
    made = context.made[Stage.EVALUATE]
    candidate = gating.Evaluated(context.run.run, made["suite"], made["outputs"], made["decoding"])
    earlier = _predecessors(context, candidate)
    outcome = gating.gate(
        candidate,
        again=made["again"],
        references=_references(context, earlier),
        predecessors=earlier,
        suite=read_suite(context.store, made["suite"]),
        anchor=context.anchor,
        lineage=context.run.lineage,
        mode=context.run.mode,
        store=context.store,
        policy=context.policy.gate,
        seed=context.seed,
    )
    return _with_loops_gate(context, outcome)


def _predecessors(context: RunContext, candidate: gating.Evaluated) -> list[Predecessor]:
    """What the candidate could be compared with, as the log has it now."""
    with context.workspace.log.reading() as view:
        return predecessors(
            view,
            candidate.run,
            context.run.lineage,
            suite=candidate.suite,
            decoding=candidate.decoding,
            measure=Measure.RARE_DENSITY,
        )


def _references(context: RunContext, earlier: Sequence[Predecessor]) -> dict[ReferenceKind, gating.Evaluated]:
    """Where the answers of each of the candidate's references are."""
    evaluated: dict[ReferenceKind, gating.Evaluated] = {}
    with context.workspace.log.reading() as view:
        for kind, reference in references(earlier).items():
            if evaluation := evaluation_of(view, reference.run):
                fact = evaluation.fact
                evaluated[kind] = gating.Evaluated(fact.run, fact.suite, fact.outputs, fact.decoding)
    return evaluated


def _with_loops_gate(context: RunContext, outcome: Outcome) -> Outcome:
    """A loop without a live checkpoint holds the gate of its lineage, unless an override covers the run."""
    run, enforced = context.run.run, context.run.mode is Mode.ENFORCE
    with context.workspace.deciding(Right.RUN) as tx:
        loops.record_flows(context.workspace, tx)
        unguarded, override = loops.unguarded(tx.view, run, now=context.workspace.clock.now())
    reason = "; ".join(loop.sentence for loop in unguarded[:3]) or "every loop has a live checkpoint"
    name = override.id if override else None
    decision = GateDecision(
        run=run,
        lineage=context.run.lineage,
        gate=Gate.LOOPS,
        verdict=Verdict.BLOCK if unguarded else Verdict.PASS,
        enforced=enforced,
        reason=reason,
        override=name,
    )
    used = [OverrideUsed(override=name, run=run, gate=Gate.LOOPS, effect=reason)] if name else []
    waived = name or (None if enforced else Waiver.OBSERVE)
    criterion = Criterion(Requirement.NO_UNGUARDED_LOOP, "0", str(len(unguarded)), not unguarded, waived)
    return replace(outcome, criteria=(*outcome.criteria, criterion), facts=(*outcome.facts, decision, *used))


def handoff(context: RunContext) -> Outcome:
    """Write the record of the run: everything that was recorded of it, and every deviation."""
    run = context.run.run
    with context.workspace.log.reading() as view:
        facts = facts_of_run(view, run)
        overrides = view.recorded(OverrideUsed, run=run)
        criteria = view.recorded(ExitCriterion, run=run)
    deviations = [f"{row.fact.override} opened the {row.fact.gate} gate: {row.fact.effect}" for row in overrides]
    deviations += [
        f"{row.fact.stage}: {row.fact.name.label} was {row.fact.observed}, required {row.fact.required}"
        for row in criteria
        if not row.fact.met
    ]
    return documenting.handoff(
        run,
        store=context.store,
        recorded=[
            documenting.RecordedFact(table_name(type(row.fact)), row.recorded.isoformat(), row.actor, row.fact)
            for _, row in facts
        ],
        deviations=deviations,
    )
