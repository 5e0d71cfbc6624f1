"""Runs: which there are, what their stages made, and how they ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, text

from tailguard.domain.facts import (
    FACTS,
    BatchTaken,
    Composition,
    Evaluation,
    ExitCriterion,
    Fact,
    GateDecision,
    Generation,
    PolicyInForce,
    RunStarted,
    StageResult,
)
from tailguard.domain.gates import Gate
from tailguard.runlog.schema import ENTRY, TABLES
from tailguard.runlog.view import LogView, Recorded, latest, recorded_row, rows_of


def runs_of(view: LogView, lineage: str) -> list[Recorded[RunStarted]]:
    """The runs of a lineage, oldest first."""
    return view.recorded(RunStarted, lineage=lineage)


def newest_runs(view: LogView, limit: int) -> dict[str, list[Recorded[RunStarted]]]:
    """The newest runs of every lineage, oldest first."""
    by_lineage: dict[str, list[Recorded[RunStarted]]] = {}
    for row in view.connection.execute(rows_of(RunStarted, {}, newest_by=("lineage",), limit=limit)):
        run = recorded_row(RunStarted, row)
        by_lineage.setdefault(run.fact.lineage, []).append(run)
    return by_lineage


def stage_results(view: LogView, run: str) -> dict[str, Recorded[StageResult]]:
    """The newest result of each stage of a run that has one."""
    return {result.fact.stage: result for result in view.recorded(StageResult, run=run)}


def facts_of_run(view: LogView, run: str) -> list[tuple[str, Recorded[Fact]]]:
    """Every fact in a run's own chain, in the order in which it was recorded, with its kind."""
    kinds = {
        entry.kind for entry in view.connection.execute(select(ENTRY.c.kind).where(ENTRY.c.chain == run).distinct())
    }
    facts: list[tuple[int, str, Recorded[Fact]]] = []
    for kind in FACTS:
        name = TABLES[kind].name
        if name in kinds:
            rows = view.connection.execute(rows_of(kind, {}, chain=run))
            facts += [
                (int(fact.id.rpartition("#")[2]), name, fact) for row in rows if (fact := recorded_row(kind, row))
            ]
    return [(name, fact) for _, name, fact in sorted(facts, key=lambda triple: triple[0])]


def facts_as_json(view: LogView, run: str) -> str:
    """Every fact in a run's own chain as a JSON document, in the order in which it was recorded."""
    rows = [
        {"fact_kind": kind, "row": row.id, "recorded": row.recorded.isoformat(), "actor": row.actor, **asdict(row.fact)}
        for kind, row in facts_of_run(view, run)
    ]
    return json.dumps({"run": run, "facts": rows}, indent=1, default=str)


def policy_text(view: LogView, run: str) -> str:
    """The policy that a run was made under, as its file said; empty where the log does not have it."""
    digests = tuple({started.fact.policy for started in view.recorded(RunStarted, run=run)})
    policy = view.newest(PolicyInForce, digest=digests) if digests else None
    return policy.fact.text if policy else ""


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """The newest result of a stage of a run: records in and out, how long it took, and how many of its exit criteria were met."""

    passed: bool
    records_in: int
    records_out: int
    seconds: float
    met: int
    criteria: int


def stage_outcomes(view: LogView, run: str) -> dict[str, StageOutcome]:
    """The outcome of each stage of a run that has a result, by stage."""
    criteria = [row.fact for row in view.recorded(ExitCriterion, run=run)]
    return {
        stage: StageOutcome(
            passed=row.fact.passed,
            records_in=row.fact.records_in,
            records_out=row.fact.records_out,
            seconds=(row.recorded - row.fact.started).total_seconds(),
            met=sum(criterion.met for criterion in criteria if criterion.stage == stage),
            criteria=sum(criterion.stage == stage for criterion in criteria),
        )
        for stage, row in stage_results(view, run).items()
    }


def newest_with_source(
    view: LogView, stage: str, lineage: str, sources: tuple[str, ...]
) -> Recorded[StageResult] | None:
    """The newest time that a stage was passed in a run of a lineage that took a batch from one of these sources."""
    batches = TABLES[BatchTaken]
    runs = select(batches.c.run).where(batches.c.source.in_(sources))
    query = rows_of(StageResult, {"stage": stage, "passed": True}, of_lineage=lineage, newest_first=True)
    row = view.connection.execute(query.where(TABLES[StageResult].c.run.in_(runs))).first()
    return recorded_row(StageResult, row) if row else None


def composition_of(view: LogView, run: str) -> Recorded[Composition] | None:
    """The training set of a run."""
    return latest(view.recorded(Composition, run=run))


def composition_by_snapshot(view: LogView, lineage: str, snapshot: str) -> Recorded[Composition] | None:
    """The newest composition of a lineage whose snapshot digest starts with `snapshot`."""
    compositions = [
        composition
        for composition in view.recorded(Composition, lineage=lineage)
        if composition.fact.snapshot.startswith(snapshot)
    ]
    return latest(compositions)


def generation_of(view: LogView, run: str) -> Recorded[Generation] | None:
    """The model that a run trained."""
    return latest(view.recorded(Generation, run=run))


def evaluation_of(view: LogView, run: str) -> Recorded[Evaluation] | None:
    """The answers of a run's generation to the suite."""
    return latest(view.recorded(Evaluation, run=run))


def gate_decision_of(view: LogView, run: str) -> Recorded[GateDecision] | None:
    """What the diversity gate said of a run's generation."""
    return latest(view.recorded(GateDecision, run=run, gate=Gate.DIVERSITY))


@dataclass(frozen=True)
class NotPassed:
    """A run whose verdict does not ship, and when it was started."""

    run: str
    lineage: str
    when: datetime


def not_passed(view: LogView, lineages: Sequence[str]) -> list[NotPassed]:
    """Runs of these lineages whose newest verdict does not ship, oldest first."""
    if not lineages:
        return []
    names = {f"lineage{position}": name for position, name in enumerate(lineages)}
    rows = view.connection.execute(
        text(
            "WITH s AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'run_started'), "  # noqa: S608  names of parameters; values are bound
            "e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'gate_decision') "
            "SELECT r.run, r.lineage, s.recorded FROM run_started r JOIN s ON s.id = r.id "
            "JOIN (SELECT g.run, g.verdict, row_number() OVER "
            "(PARTITION BY g.run ORDER BY e.recorded DESC, e.seq DESC) AS place FROM gate_decision g JOIN e ON e.id = g.id "
            f"WHERE g.lineage IN ({', '.join(f':{name}' for name in names)}) AND g.gate = 'diversity') AS v "
            "ON v.run = r.run AND v.place = 1 AND v.verdict NOT IN ('PASS', 'BASELINE') "
            "ORDER BY s.recorded, r.run"
        ),
        names,
    ).all()
    return [NotPassed(*row) for row in rows]
