"""What is in alarm: streams, candidates, and gates that fail their self-test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult, GateDecision, StreamFrozen, StreamWeek
from tailguard.domain.gates import Gate
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Verdict
from tailguard.runlog.view import LogView, Recorded, latest


@dataclass(frozen=True, kw_only=True)
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


def alarms(view: LogView) -> list[Alarm]:
    """What is in alarm: streams that lost diversity, the newest candidate of a lineage where it was blocked, and a gate
    that failed its newest self-test. Alerts are raised from this, and charts mark it."""
    result = []
    alarmed: dict[tuple[str, Measure, str], Recorded[StreamWeek]] = {}
    for week in view.recorded(StreamWeek, alarm=True):
        alarmed.setdefault((week.fact.stream, week.fact.measure, week.fact.reference), week)
    for (stream, measure, digest), week in alarmed.items():
        reference = frozen_stream(view, stream)
        if reference and reference.fact.reference == digest:
            change = week.fact.value / week.fact.reference_value - 1
            what = (
                f"{stream}: {measure.label} fell past the margin of {week.fact.margin:.0%}: {change:+.1%} against the frozen "
                f"reference in the week of {week.fact.week:%Y-%m-%d}. It lasts until a new reference is frozen"
            )
            about = (stream, str(measure), digest[:12])
            result.append(Alarm(kind=AlarmKind.STREAM, about=about, what=what, source=week.id, since=week.recorded))
    for decision in view.recorded(GateDecision, newest_by=("lineage",), gate=Gate.DIVERSITY):
        fact = decision.fact
        if fact.verdict == Verdict.BLOCK:
            what = f"{fact.run} is blocked: {fact.reason}"
            result.append(
                Alarm(
                    kind=AlarmKind.CANDIDATE, about=(fact.run,), what=what, source=decision.id, since=decision.recorded
                )
            )
    last_test = view.newest(CanaryResult)
    if last_test:
        run = last_test.fact.run
        wrong = view.recorded(CanaryResult, run=run, as_expected=False)
        if wrong:
            what = f"the gate failed its self-test in {run}: {wrong[0].fact.kind.label}: {wrong[0].fact.verdict}"
            result.append(
                Alarm(kind=AlarmKind.SELF_TEST, about=(run,), what=what, source=wrong[0].id, since=wrong[0].recorded)
            )
    return result


def frozen_stream(view: LogView, stream: str) -> Recorded[StreamFrozen] | None:
    """The reference in force of a monitored stream."""
    return latest(view.recorded(StreamFrozen, stream=stream))


@dataclass(frozen=True)
class Sensitivity:
    """What the self-tests of a run's gate with one kind of damage showed: the smallest loss that was blocked (a share, None where
    none was), the newest row of them, and when."""

    run: str
    smallest: float | None
    row: str
    when: datetime


def sensitivity(view: LogView, damage: Damage) -> list[Sensitivity]:
    """What each run's self-tests with this kind of damage showed, oldest run first."""
    rows = view.connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded, seq FROM entry WHERE kind = 'canary_result') "
            "SELECT run, smallest, id, recorded FROM (SELECT c.run, e.id, e.recorded, e.seq, "
            "min(CASE WHEN c.verdict = 'BLOCK' THEN c.loss END) OVER (PARTITION BY c.run) AS smallest, "
            "row_number() OVER (PARTITION BY c.run ORDER BY e.recorded DESC, e.seq DESC) AS place, "
            "min(e.recorded) OVER (PARTITION BY c.run) AS first_ "
            "FROM canary_result c JOIN e ON e.id = c.id WHERE c.kind = :damage) AS t WHERE place = 1 ORDER BY first_, run"
        ),
        {"damage": damage},
    ).all()
    return [Sensitivity(*row) for row in rows]


@dataclass(frozen=True)
class Untested:
    """Candidates that a gate judged without planted damage: how many, and the first; and when."""

    candidates: int
    first: str
    since: datetime


def never_blocked(view: LogView) -> Untested | None:
    """Candidates without a self-test where no gate ever blocked one; None where a gate did, or all were tested."""
    blocked = view.connection.execute(
        text("SELECT count(*) FROM gate_decision WHERE gate = 'diversity' AND verdict = 'BLOCK'")
    ).scalar_one()
    if blocked:
        return None
    rows = view.connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'gate_decision') "
            "SELECT e.id, e.recorded, count(*) OVER () FROM gate_decision g JOIN e ON e.id = g.id WHERE g.gate = 'diversity' "
            "AND NOT EXISTS (SELECT 1 FROM canary_result c WHERE c.run = g.run AND c.kind IN :harmful) ORDER BY e.recorded LIMIT 1"
        ).bindparams(bindparam("harmful", expanding=True)),
        {"harmful": [damage for damage in Damage if not damage.harmless]},
    ).first()
    return Untested(int(rows[2]), rows[0], rows[1]) if rows else None
