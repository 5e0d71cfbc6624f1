"""Questions to the run log, each named after its answer. What is true now is computed here from the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, select

from tailguard.domain.facts import (
    FACTS,
    AnchorFrozen,
    Composition,
    Evaluation,
    Fact,
    GateDecision,
    Generation,
    Measurement,
    OutputsLogged,
    OverrideDecided,
    OverrideRequested,
    OverrideUsed,
    ReviewDecision,
    ReviewOpinion,
    RunStarted,
    ShippingEvent,
    SourceContract,
    SourceSignedOff,
    StageResult,
    SuiteFrozen,
)
from tailguard.domain.overrides import Override
from tailguard.domain.sources import Contract
from tailguard.domain.tags import Origin
from tailguard.runlog.schema import ENTRY, TABLES

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Recorded(Generic[F]):
    """A fact with the id of its row, when and by whom it was recorded, and by whose clock."""

    id: str
    recorded: datetime
    actor: str
    clock: str
    fact: F


def recorded(connection: Connection, kind: type[F], /, **equal: Any) -> list[Recorded[F]]:
    """All facts of a kind whose columns equal the given values (or are among them, for a tuple), oldest first."""
    table = TABLES[kind]
    query = select(ENTRY.c.id, ENTRY.c.recorded, ENTRY.c.actor, ENTRY.c.clock, *(c for c in table.c if c.name != "id"))
    query = query.join(table, table.c.id == ENTRY.c.id).order_by(ENTRY.c.recorded, ENTRY.c.chain, ENTRY.c.seq)
    for name, value in equal.items():
        column = table.c[name]
        query = query.where(column.in_(value) if isinstance(value, tuple) else column == value)
    names = [field.name for field in fields(kind)]
    return [
        Recorded(row.id, row.recorded, row.actor, row.clock, kind(**{name: row._mapping[name] for name in names}))
        for row in connection.execute(query)
    ]


def facts_of_run(connection: Connection, run: str) -> list[tuple[str, Recorded[Fact]]]:
    """Every fact in a run's own chain, in the order in which it was recorded, with its kind."""
    kinds = {entry.kind for entry in connection.execute(select(ENTRY.c.kind).where(ENTRY.c.chain == run).distinct())}
    found: list[tuple[int, str, Recorded[Fact]]] = []
    for kind in FACTS:
        name = TABLES[kind].name
        if name in kinds:
            found += [
                (int(one.id.rpartition("#")[2]), name, one)
                for one in recorded(connection, kind)
                if one.id.rpartition("#")[0] == run
            ]
    return [(name, one) for _, name, one in sorted(found, key=lambda triple: triple[0])]


def runs_of(connection: Connection, lineage: str) -> list[Recorded[RunStarted]]:
    """The runs of a lineage, oldest first."""
    return recorded(connection, RunStarted, lineage=lineage)


def stage_results(connection: Connection, run: str) -> dict[str, Recorded[StageResult]]:
    """The newest result of each stage of a run that has one."""
    return {one.fact.stage: one for one in recorded(connection, StageResult, run=run)}


def only(found: Sequence[Recorded[F]]) -> Recorded[F] | None:
    """The newest of some facts, or None."""
    return found[-1] if found else None


def composition_of(connection: Connection, run: str) -> Recorded[Composition] | None:
    """The training set of a run."""
    return only(recorded(connection, Composition, run=run))


def composition_by_snapshot(connection: Connection, lineage: str, snapshot: str) -> Recorded[Composition] | None:
    """The newest composition of a lineage whose snapshot digest starts with `snapshot`."""
    found = [
        one for one in recorded(connection, Composition, lineage=lineage) if one.fact.snapshot.startswith(snapshot)
    ]
    return only(found)


def generation_of(connection: Connection, run: str) -> Recorded[Generation] | None:
    """The model that a run trained."""
    return only(recorded(connection, Generation, run=run))


def evaluation_of(connection: Connection, run: str) -> Recorded[Evaluation] | None:
    """The answers of a run's generation to the suite."""
    return only(recorded(connection, Evaluation, run=run))


def gate_decision_of(connection: Connection, run: str) -> Recorded[GateDecision] | None:
    """What the diversity gate said of a run's generation."""
    return only(recorded(connection, GateDecision, run=run, gate="diversity"))


def shipped_generations(connection: Connection, lineage: str) -> list[str]:
    """Generations of a lineage that were shipped, in the order of shipping."""
    return [one.fact.run for one in recorded(connection, ShippingEvent, lineage=lineage, action="shipped")]


def best_generation(connection: Connection, lineage: str, measure: str) -> str | None:
    """The shipped generation with the highest value of a measure; the earliest among equals."""
    shipped = shipped_generations(connection, lineage)
    values = {
        one.fact.run: one.fact.value for one in recorded(connection, Measurement, measure=measure, run=tuple(shipped))
    }
    return max((run for run in shipped if run in values), key=lambda run: values[run], default=None)


def frozen_anchor(connection: Connection) -> Recorded[AnchorFrozen] | None:
    """The anchor set in force."""
    return only(recorded(connection, AnchorFrozen))


def frozen_suite(connection: Connection) -> Recorded[SuiteFrozen] | None:
    """The evaluation suite in force."""
    return only(recorded(connection, SuiteFrozen))


def logged_outputs(connection: Connection) -> list[tuple[str, str]]:
    """Generation and fingerprint digest of every logged set of our own texts."""
    return [(one.fact.run, one.fact.fingerprints) for one in recorded(connection, OutputsLogged)]


def review_decisions(connection: Connection) -> dict[str, Recorded[ReviewDecision]]:
    """The decision in force on each record that a person decided; one that was taken back is none."""
    newest = {one.fact.record: one for one in recorded(connection, ReviewDecision)}
    return {record: one for record, one in newest.items() if one.fact.origin != Origin.UNKNOWN}


def open_opinions(connection: Connection) -> dict[str, list[Recorded[ReviewOpinion]]]:
    """The opinions on each record since its last decision, oldest first."""
    settled = {one.fact.record: one.recorded for one in recorded(connection, ReviewDecision)}
    found: dict[str, list[Recorded[ReviewOpinion]]] = {}
    for one in recorded(connection, ReviewOpinion):
        if one.fact.record not in settled or one.recorded > settled[one.fact.record]:
            found.setdefault(one.fact.record, []).append(one)
    return found


def contracts(connection: Connection) -> dict[str, Contract]:
    """The newest contract of each source, with the signature in force."""
    signed = {one.fact.contract: one for one in recorded(connection, SourceSignedOff)}
    found: dict[str, Contract] = {}
    for one in recorded(connection, SourceContract):
        fact, signature = one.fact, signed.get(one.id)
        valid = signature if signature and signature.fact.signed else None
        found[fact.source] = Contract(
            fact.source,
            fact.owner,
            fact.licence,
            fact.declared,
            fact.since,
            fact.note,
            one.id,
            valid.actor if valid else None,
            valid.recorded if valid else None,
        )
    return found


def overrides(connection: Connection) -> list[Override]:
    """Every override as it stands: request, decision, uses; oldest first."""
    decisions: dict[str, list[Recorded[OverrideDecided]]] = {}
    for decided in recorded(connection, OverrideDecided):
        decisions.setdefault(decided.fact.override, []).append(decided)
    uses: dict[str, list[datetime]] = {}
    for used in recorded(connection, OverrideUsed):
        uses.setdefault(used.fact.override, []).append(used.recorded)
    result = []
    for asked in recorded(connection, OverrideRequested):
        history = decisions.get(asked.fact.override, [])
        result.append(
            Override(
                id=asked.fact.override,
                gate=asked.fact.gate,
                lineage=asked.fact.lineage,
                run=asked.fact.run,
                reason=asked.fact.reason,
                requested_by=asked.actor,
                requested=asked.recorded,
                expires=asked.fact.expires,
                decision=history[-1].fact.decision if history else None,
                decided_by=history[-1].actor if history else None,
                decided=history[-1].recorded if history else None,
                note=history[-1].fact.note if history else None,
                used=tuple(uses.get(asked.fact.override, ())),
            )
        )
    return result
