"""Questions to the run log, each named after its answer. What is true now is computed here from the facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, FromClause, Select, func, select

from tailguard.domain.bounds import Leak, leak
from tailguard.domain.facts import (
    FACTS,
    AnchorFrozen,
    AttemptRefused,
    BatchTaken,
    CanaryResult,
    Composition,
    DetectorCalibrated,
    Evaluation,
    Fact,
    GateDecision,
    Generation,
    Measurement,
    MeetingAttended,
    MeetingDecided,
    MeetingEnded,
    MeetingStarted,
    OutputsLogged,
    OverrideDecided,
    OverrideRenewal,
    OverrideRequested,
    OverrideUsed,
    PolicyInForce,
    ProvenanceCount,
    ReviewDecision,
    ReviewOpinion,
    RunStarted,
    ShareEstimated,
    ShippingEvent,
    SourceContract,
    SourceSignedOff,
    StageResult,
    StreamFrozen,
    StreamWeek,
    SuiteFrozen,
)
from tailguard.domain.overrides import Override
from tailguard.domain.shipping import Event, Fleet, fleet
from tailguard.domain.sources import Contract, SourceRecord
from tailguard.domain.tags import Origin
from tailguard.policy.model import Policy, parse_policy
from tailguard.runlog.schema import COMMIT, ENTRY, TABLES

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Recorded(Generic[F]):
    """A fact with the id of its row, when and by whom it was recorded, and by whose clock."""

    id: str
    recorded: datetime
    actor: str
    clock: str
    fact: F


@contextmanager
def remembering(connection: Connection) -> Iterator[None]:
    """While many questions are asked of one state of the log, the same question is asked of the database once."""
    connection.info[_MEMORY] = {}
    try:
        yield
    finally:
        del connection.info[_MEMORY]


_MEMORY = "tailguard.remembered"


def recorded(
    connection: Connection,
    kind: type[F],
    /,
    *,
    newest_by: tuple[str, ...] = (),
    of_lineage: str | None = None,
    since: datetime | None = None,
    **equal: Any,
) -> list[Recorded[F]]:
    """All facts of a kind whose columns equal the given values (or are among them, for a tuple), oldest first.

    `newest_by` keeps the newest row of each combination of those columns, `of_lineage` those of a lineage's runs, `since` those
    recorded at that time or later. The log selects, so that a long history costs what is asked of it.
    """
    memory = connection.info.get(_MEMORY)
    if memory is None:
        return _recorded(connection, kind, equal, newest_by, of_lineage, since)
    asked = (kind, newest_by, of_lineage, since, tuple(sorted(equal.items())))
    if asked not in memory:
        memory[asked] = _recorded(connection, kind, equal, newest_by, of_lineage, since)
    return list(memory[asked])


def _told(kind: type[F], row: Any) -> Recorded[F]:
    identity, when, actor, clock, *values = row
    return Recorded(identity, when, actor, clock, kind(*values))


def _recorded(
    connection: Connection,
    kind: type[F],
    equal: Mapping[str, Any],
    newest_by: tuple[str, ...],
    of_lineage: str | None,
    since: datetime | None,
) -> list[Recorded[F]]:
    query = rows_of(kind, equal, newest_by=newest_by, of_lineage=of_lineage, since=since)
    return [_told(kind, row) for row in connection.execute(query)]


def plain_rows(
    connection: Connection,
    kind: type[Fact],
    equal: Mapping[str, Any],
    *,
    of_lineage: str | None = None,
    since: datetime | None = None,
) -> list[tuple[Any, ...]]:
    """Like `recorded`, for tables: id, time, actor, clock, then the fact's fields in their order."""
    return [tuple(row) for row in connection.execute(rows_of(kind, equal, of_lineage=of_lineage, since=since))]


def foresee(connection: Connection, runs: Sequence[str], *kinds: type[Fact]) -> None:
    """Ask for many runs at once what will be asked run by run (`recorded(connection, kind, run=...)`), while `remembering`."""
    memory = connection.info.get(_MEMORY)
    if memory is None:
        return
    for kind in kinds:
        by_run: dict[str, list[Recorded[Any]]] = {run: [] for run in runs}
        for one in _recorded(connection, kind, {"run": tuple(runs)}, (), None, None):
            by_run[one.fact.run].append(one)  # type: ignore[attr-defined]
        memory.update({(kind, (), None, None, (("run", run),)): found for run, found in by_run.items()})


def rows_of(
    kind: type[Fact],
    equal: Mapping[str, Any],
    *,
    newest_by: tuple[str, ...] = (),
    of_lineage: str | None = None,
    since: datetime | None = None,
    most: int = 1,
    newest_first: bool | None = None,
    chain: str | None = None,
) -> Select[Any]:
    """The question behind `recorded`: id, time, actor, clock, then the fact's fields in their order. `most` rows of each
    combination of `newest_by` are kept; with `newest_first` (or its contrary) one row at that end. `chain`
    keeps the facts of one chain."""
    table = TABLES[kind]
    chosen = select(ENTRY.c.id, ENTRY.c.recorded, ENTRY.c.actor, ENTRY.c.clock, ENTRY.c.chain, ENTRY.c.seq)
    chosen = chosen.where(ENTRY.c.kind == table.name)
    if since is not None:
        chosen = chosen.where(ENTRY.c.recorded >= since)
    if chain is not None:
        chosen = chosen.where(ENTRY.c.chain == chain)
    if newest_first is not None and not equal:
        chosen = chosen.order_by(*_by_age(ENTRY, newest_first)).limit(1)
    # Materialized: the entries of one kind are few, and the log would otherwise look through all of them for each fact's id.
    entry = chosen.cte("chosen").prefix_with("MATERIALIZED")
    query = select(
        entry.c.id, entry.c.recorded, entry.c.actor, entry.c.clock, *(table.c[one.name] for one in fields(kind))
    )
    query = query.join(table, table.c.id == entry.c.id)
    for name, value in equal.items():
        column = table.c[name]
        query = query.where(column.in_(value) if isinstance(value, tuple) else column == value)
    if of_lineage is not None:
        query = query.where(table.c.run.startswith(f"{of_lineage}/", autoescape=True))
    if newest_first is not None:
        return query.order_by(*_by_age(entry, newest_first)).limit(1)
    if newest_by:
        place = func.row_number().over(
            partition_by=[table.c[name] for name in newest_by], order_by=_by_age(entry, True)
        )
        inner = query.add_columns(place.label("place"), entry.c.chain, entry.c.seq).subquery()
        kept = list(inner.c)[: 4 + len(fields(kind))]
        return select(*kept).where(inner.c.place <= most).order_by(*_by_age(inner, False))
    return query.order_by(*_by_age(entry, False))


def _by_age(entry: FromClause, newest_first: bool) -> list[Any]:
    columns = (entry.c.recorded, entry.c.chain, entry.c.seq)
    return [one.desc() for one in columns] if newest_first else list(columns)


def facts_of_run(connection: Connection, run: str) -> list[tuple[str, Recorded[Fact]]]:
    """Every fact in a run's own chain, in the order in which it was recorded, with its kind."""
    kinds = {entry.kind for entry in connection.execute(select(ENTRY.c.kind).where(ENTRY.c.chain == run).distinct())}
    found: list[tuple[int, str, Recorded[Fact]]] = []
    for kind in FACTS:
        name = TABLES[kind].name
        if name in kinds:
            rows = connection.execute(rows_of(kind, {}, chain=run))
            found += [(int(one.id.rpartition("#")[2]), name, one) for row in rows if (one := _told(kind, row))]
    return [(name, one) for _, name, one in sorted(found, key=lambda triple: triple[0])]


def runs_of(connection: Connection, lineage: str) -> list[Recorded[RunStarted]]:
    """The runs of a lineage, oldest first."""
    return recorded(connection, RunStarted, lineage=lineage)


def newest_runs(connection: Connection, most: int) -> dict[str, list[Recorded[RunStarted]]]:
    """The newest runs of every lineage, oldest first."""
    found: dict[str, list[Recorded[RunStarted]]] = {}
    for row in connection.execute(rows_of(RunStarted, {}, newest_by=("lineage",), most=most)):
        one = _told(RunStarted, row)
        found.setdefault(one.fact.lineage, []).append(one)
    return found


def stage_results(connection: Connection, run: str) -> dict[str, Recorded[StageResult]]:
    """The newest result of each stage of a run that has one."""
    return {one.fact.stage: one for one in recorded(connection, StageResult, run=run)}


def newest(connection: Connection, kind: type[F], /, **equal: Any) -> Recorded[F] | None:
    """The newest fact of a kind whose columns equal the given values, or None."""
    return _end(connection, kind, equal, newest_first=True)


def oldest(connection: Connection, kind: type[F], /, **equal: Any) -> Recorded[F] | None:
    """The oldest fact of a kind whose columns equal the given values, or None."""
    return _end(connection, kind, equal, newest_first=False)


def _end(connection: Connection, kind: type[F], equal: Mapping[str, Any], *, newest_first: bool) -> Recorded[F] | None:
    memory = connection.info.get(_MEMORY, {})
    asked = (kind, newest_first, tuple(sorted(equal.items())))
    if asked not in memory:
        row = connection.execute(rows_of(kind, equal, newest_first=newest_first)).first()
        memory[asked] = _told(kind, row) if row else None
    found: Recorded[F] | None = memory[asked]
    return found


def newest_with_source(
    connection: Connection, stage: str, lineage: str, sources: tuple[str, ...]
) -> Recorded[StageResult] | None:
    """The newest time that a stage was passed in a run of a lineage that took a batch from one of these sources."""
    batches = TABLES[BatchTaken]
    runs = select(batches.c.run).where(batches.c.source.in_(sources))
    query = rows_of(StageResult, {"stage": stage, "passed": True}, of_lineage=lineage, newest_first=True)
    row = connection.execute(query.where(TABLES[StageResult].c.run.in_(runs))).first()
    return _told(StageResult, row) if row else None


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


def fleet_of(connection: Connection, lineage: str) -> Fleet:
    """The state of a lineage's generations, and which one is at work."""
    if _MEMORY not in connection.info:
        events = recorded(connection, ShippingEvent, lineage=lineage)
        return fleet(Event(one.fact.run, one.fact.action) for one in events)
    fleets = connection.info[_MEMORY].get("fleets")
    if fleets is None:
        by_lineage: dict[str, list[Event]] = {}
        for one in recorded(connection, ShippingEvent):
            by_lineage.setdefault(one.fact.lineage, []).append(Event(one.fact.run, one.fact.action))
        fleets = connection.info[_MEMORY]["fleets"] = {name: fleet(events) for name, events in by_lineage.items()}
    return fleets.get(lineage) or fleet([])


def shipped_generations(connection: Connection, lineage: str) -> list[str]:
    """Generations of a lineage that were put to work and are neither frozen nor rolled back; the one at work is the last."""
    return list(fleet_of(connection, lineage).good)


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
    latest = latest_decisions(connection)
    return {record: row for record, row in latest.items() if row.fact.origin != Origin.UNKNOWN}


def latest_decisions(connection: Connection) -> dict[str, Recorded[ReviewDecision]]:
    """The last decision on each record, also one that took the decision before it back (its origin is `unknown`)."""
    return {row.fact.record: row for row in recorded(connection, ReviewDecision)}


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


def source_records(connection: Connection) -> dict[str, SourceRecord]:
    """What each source has shown over all of its batches."""
    signed = {name for name, one in contracts(connection).items() if one.signed_by}
    batches: dict[str, list[BatchTaken]] = {}
    for taken in recorded(connection, BatchTaken):
        batches.setdefault(taken.fact.source, []).append(taken.fact)
    agreed: dict[str, list[bool]] = {}
    declared = {(one.source, one.batch): one.declared for found in batches.values() for one in found}
    for decision in review_decisions(connection).values():
        word = declared.get((decision.fact.source, decision.fact.batch), str(Origin.UNKNOWN))
        if word != Origin.UNKNOWN:
            agreed.setdefault(decision.fact.source, []).append(decision.fact.origin == word)
    result = {}
    for source, found in batches.items():
        read = sum(one.read for one in found)
        opinions = agreed.get(source, [])
        result[source] = SourceRecord(
            demoted=sum(one.held for one in found if one.declared != Origin.UNKNOWN) / max(read, 1),
            duplicates=sum(one.duplicates for one in found) / max(read, 1),
            agreement=sum(opinions) / len(opinions) if opinions else 1.0,
            signed=source in signed,
        )
    return result


def leaks(connection: Connection) -> dict[str, Leak]:
    """For each batch with an estimated share of model-made text, what that leaves open for its human-tagged records.

    Only estimates of a detector that was calibrated on the team's own texts count: another's are too far off to doubt by.
    """
    calibrated = min((one.recorded for one in recorded(connection, DetectorCalibrated)), default=None)
    human: dict[tuple[str, str], int] = {}
    for counted in recorded(connection, ProvenanceCount, origin=str(Origin.HUMAN)):
        taken = (counted.fact.run, counted.fact.batch)  # another run may have read the same batch
        human[taken] = human.get(taken, 0) + counted.fact.records
    return {
        one.fact.batch: leak(
            records=one.fact.records,
            human=human.get((one.fact.run, one.fact.batch), 0),
            low=one.fact.low,
            high=one.fact.high,
        )
        for one in recorded(connection, ShareEstimated, pool="batch", method="PACC")
        if calibrated is not None and one.recorded > calibrated
    }


def overrides(connection: Connection, *, review_days: int | None = None) -> list[Override]:
    """Every override as it stands: request, decision, uses, when a review is due, whether it still matches; oldest first.

    A review is due `review_days` after the approval, or after the last meeting that kept it; None leaves reviews aside.
    """
    decisions: dict[str, list[Recorded[OverrideDecided]]] = {}
    for decided in recorded(connection, OverrideDecided):
        decisions.setdefault(decided.fact.override, []).append(decided)
    uses: dict[str, list[datetime]] = {}
    for used in recorded(connection, OverrideUsed):
        uses.setdefault(used.fact.override, []).append(used.recorded)
    kept = {one.fact.override: one.recorded for one in recorded(connection, MeetingDecided, decision="kept")}
    renews = {one.fact.override: one.fact.renews for one in recorded(connection, OverrideRenewal)}
    orphans = _orphans(connection)
    result = []
    for asked in recorded(connection, OverrideRequested):
        name = asked.fact.override
        history = decisions.get(name, [])
        last = history[-1] if history else None
        justified = max([one for one in (last.recorded if last else None, kept.get(name)) if one], default=None)
        result.append(
            Override(
                id=name,
                gate=asked.fact.gate,
                lineage=asked.fact.lineage,
                run=asked.fact.run,
                reason=asked.fact.reason,
                requested_by=asked.actor,
                requested=asked.recorded,
                expires=asked.fact.expires,
                decision=last.fact.decision if last else None,
                decided_by=last.actor if last else None,
                decided=last.recorded if last else None,
                note=last.fact.note if last else None,
                used=tuple(uses.get(name, ())),
                review_by=justified + timedelta(days=review_days) if justified and review_days else None,
                renews=renews.get(name),
                orphan=orphans.get((asked.fact.gate, asked.fact.run)),
            )
        )
    return result


def _orphans(connection: Connection) -> dict[tuple[str, str], str]:
    """Runs for which an override of a gate has nothing to open any more, and why."""
    asked = tuple(sorted({one.fact.run for one in recorded(connection, OverrideRequested)}))
    if not asked:
        return {}
    found: dict[tuple[str, str], str] = {}
    for made in recorded(connection, Composition, run=asked):
        fact = made.fact
        if max(fact.ratio_records, fact.ratio_tokens) <= fact.ceiling:
            found["ratio", fact.run] = "its training set is within the ceiling"
    for trained in recorded(connection, Generation, run=asked):
        found["ratio", trained.fact.run] = "its training is over"
    for decided in recorded(connection, GateDecision, gate="diversity", run=asked):
        if decided.fact.verdict == "PASS":
            found["diversity", decided.fact.run] = "its gate passed"
    for shipped in recorded(connection, ShippingEvent, action="shipped", run=asked):
        found["diversity", shipped.fact.run] = found["loops", shipped.fact.run] = "it was shipped"
    last = recorded(connection, ShippingEvent, newest_by=("lineage",), action="shipped")
    reached = {one.fact.lineage: int(one.fact.run.rpartition("/")[2]) for one in last}
    for started in recorded(connection, RunStarted, run=asked):
        if started.fact.number < reached.get(started.fact.lineage, -1):
            found.setdefault(("diversity", started.fact.run), "a later generation was shipped")
    return found


class AlarmKind(StrEnum):
    """What can stand in alarm. The values stand in logs, and by them an alert is known to be raised already: rename none."""

    STREAM = "a stream lost diversity"
    CANDIDATE = "a candidate lost diversity"
    SELF_TEST = "the gate has no teeth"


@dataclass(frozen=True)
class Alarm:
    """Something that stands past a threshold: what kind of thing, about what (a stream, its measure and reference; or a run), in
    words, and the row that says so."""

    kind: AlarmKind
    about: tuple[str, ...]
    what: str
    source: str
    since: datetime

    @property
    def subject(self) -> str:
        """What it is about, as logs have it."""
        return ", ".join(self.about)


def alarms(connection: Connection) -> list[Alarm]:
    """What stands in alarm: streams that lost diversity, the newest candidate of a lineage where it was blocked, and a gate
    that failed its newest self-test. Alerts are raised from this, and charts mark it."""
    found = []
    alarmed: dict[tuple[str, str, str], Recorded[StreamWeek]] = {}
    for week in recorded(connection, StreamWeek, alarm=True):
        alarmed.setdefault((week.fact.stream, week.fact.measure, week.fact.reference), week)
    for (stream, measure, digest), week in alarmed.items():
        reference = frozen_stream(connection, stream)
        if reference and reference.fact.reference == digest:
            change = week.fact.value / week.fact.reference_value - 1
            what = (
                f"{stream}: {measure} fell past the margin of {week.fact.margin:.0%}: {change:+.1%} against the frozen reference "
                f"in the week of {week.fact.week:%Y-%m-%d}. It stands until a new reference is frozen"
            )
            about = (stream, measure, digest[:12])
            found.append(Alarm(AlarmKind.STREAM, about, what, week.id, week.recorded))
    for decision in recorded(connection, GateDecision, newest_by=("lineage",), gate="diversity"):
        fact = decision.fact
        if fact.verdict == "BLOCK":
            what = f"{fact.run} is blocked: {fact.reason}"
            found.append(Alarm(AlarmKind.CANDIDATE, (fact.run,), what, decision.id, decision.recorded))
    last_test = newest(connection, CanaryResult)
    if last_test:
        run = last_test.fact.run
        wrong = recorded(connection, CanaryResult, run=run, as_it_should=False)
        if wrong:
            what = f"the gate failed its self-test in {run}: {wrong[0].fact.kind} was {wrong[0].fact.verdict}"
            found.append(Alarm(AlarmKind.SELF_TEST, (run,), what, wrong[0].id, wrong[0].recorded))
    return found


def frozen_stream(connection: Connection, stream: str) -> Recorded[StreamFrozen] | None:
    """The reference in force of a monitored stream."""
    return only(recorded(connection, StreamFrozen, stream=stream))


def open_meeting(connection: Connection) -> Recorded[MeetingStarted] | None:
    """The meeting that is going on, if one is."""
    ended = {one.fact.meeting for one in recorded(connection, MeetingEnded)}
    return only([one for one in recorded(connection, MeetingStarted) if one.fact.meeting not in ended])


def meeting_decisions(connection: Connection, meeting: str) -> dict[str, Recorded[MeetingDecided]]:
    """What a meeting has decided so far, by override."""
    return {one.fact.override: one for one in recorded(connection, MeetingDecided, meeting=meeting)}


def attendance(connection: Connection, meeting: str) -> list[str]:
    """Who is at a meeting, in the order in which they came."""
    present: dict[str, bool] = {}
    for one in recorded(connection, MeetingAttended, meeting=meeting):
        present[one.fact.person] = one.fact.present
    return [person for person, here in present.items() if here]


def as_of(connection: Connection, now: datetime) -> tuple[datetime, str]:
    """The time that `now` means for this log: a demo's history ends with its newest row, whatever the wall clock says."""
    newest = connection.execute(
        select(ENTRY.c.recorded, ENTRY.c.clock)
        .where(
            ENTRY.c.kind.not_in((COMMIT, TABLES[AttemptRefused].name))
        )  # an attempt that came to nothing moves no clock
        .order_by(ENTRY.c.recorded.desc())
        .limit(1)
    ).first()
    if newest is not None and newest.clock != "system":
        return newest.recorded, str(newest.clock)
    return now, "system"


def rows_in_log(connection: Connection) -> int:
    """How many entries the log holds."""
    return int(connection.execute(select(func.count()).select_from(ENTRY)).scalar_one())


def policy_in_force(connection: Connection) -> Policy | None:
    """The newest policy that the log has seen."""
    found = newest(connection, PolicyInForce)
    return parse_policy(found.fact.text, "the policy in the log") if found else None
