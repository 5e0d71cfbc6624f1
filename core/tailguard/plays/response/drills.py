"""Play 5, response drill: every incident and drill as it stands, their times, and the gaps that they found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import IncidentClosed, IncidentGap, IncidentOpened, IncidentStep, RunStarted
from tailguard.domain.incidents import next_step
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, oldest, recorded

STILL_OPEN = timedelta(days=7)
"""A response that takes longer is a finding."""


@dataclass(frozen=True)
class Incident:
    """One response: what set it off, its steps with who and when, the gaps it found, and how it ended."""

    id: str
    kind: str
    lineage: str
    generation: str
    trigger: str
    what: str
    opened: datetime
    opened_by: str
    steps: tuple[Recorded[IncidentStep], ...]
    gaps: tuple[Recorded[IncidentGap], ...]
    closed: Recorded[IncidentClosed] | None

    @property
    def done(self) -> frozenset[str]:
        """Names of the steps that are done."""
        names = {one.fact.step for one in self.steps}
        return frozenset(names | {"close"} if self.closed else names)

    @property
    def next(self) -> str | None:
        """The step that comes next; None for a closed one."""
        return None if self.closed else next_step(self.done)

    def seconds(self, step: str) -> float | None:
        """How long a step took from when it could begin; None when it is not done."""
        return next((one.fact.seconds for one in self.steps if one.fact.step == step), None)

    def machine_seconds(self, step: str) -> float | None:
        """How long the machine took for a step; None when it is not done."""
        return next((one.fact.machine_seconds for one in self.steps if one.fact.step == step), None)


def incidents(connection: Connection) -> list[Incident]:
    """Every incident and drill, oldest first."""
    steps: dict[str, list[Recorded[IncidentStep]]] = {}
    for step in recorded(connection, IncidentStep):
        steps.setdefault(step.fact.incident, []).append(step)
    gaps: dict[str, list[Recorded[IncidentGap]]] = {}
    for gap in recorded(connection, IncidentGap):
        gaps.setdefault(gap.fact.incident, []).append(gap)
    closed = {one.fact.incident: one for one in recorded(connection, IncidentClosed)}
    return [
        Incident(
            one.fact.incident,
            one.fact.kind,
            one.fact.lineage,
            one.fact.generation,
            one.fact.trigger,
            one.fact.what,
            one.recorded,
            one.actor,
            tuple(steps.get(one.fact.incident, ())),
            tuple(gaps.get(one.fact.incident, ())),
            closed.get(one.fact.incident),
        )
        for one in recorded(connection, IncidentOpened)
    ]


def last_drill(connection: Connection) -> Incident | None:
    """The newest drill that was closed."""
    return next((one for one in reversed(incidents(connection)) if one.kind == "drill" and one.closed), None)


def drill_due(connection: Connection, days: int) -> datetime | None:
    """When the next drill is due: a cadence after the last one, or after the first run; None before there is any run."""
    last, first = last_drill(connection), oldest(connection, RunStarted)
    begun = last.closed.recorded if last and last.closed else first.recorded if first else None
    return begun + timedelta(days=days) if begun else None


def find(scene: Scene) -> list[Finding]:
    """An overdue drill, a response that nobody finishes, and gaps of the last one."""
    if scene.policy is None or "drill" not in scene.policy.asked_plays:
        return []
    every = incidents(scene.connection)
    due = drill_due(scene.connection, scene.policy.cadence.drill)
    findings = []
    if due and scene.moment > due:
        last = last_drill(scene.connection)
        told = (
            f"the last was closed on {last.closed.recorded:%Y-%m-%d}" if last and last.closed else "none was ever held"
        )
        what = f"a drill is overdue since {due:%Y-%m-%d}: {told} (`tailguard drill start`)"
        findings.append(
            Finding(
                kind=FindingKind.DRILL_OVERDUE,
                severity="middle",
                what=what,
                since=due,
                row=last.id if last else "drill",
            )
        )
    for one in every:
        if not one.closed and (one.kind == "incident" or scene.moment - one.opened > STILL_OPEN):
            what = f"{one.id} on {one.generation} is open: {one.what} Next: {one.next}"
            findings.append(
                Finding(
                    kind=FindingKind.RESPONSE_OPEN,
                    subject=(one.id,),
                    severity="high" if one.kind == "incident" else "middle",
                    what=what,
                    since=one.opened,
                    row=one.id,
                )
            )
    newest = only_closed(every)
    for gap in newest.gaps if newest else ():
        what = f"{newest.id if newest else ''} found a gap: {gap.fact.what}"
        findings.append(
            Finding(
                kind=FindingKind.RESPONSE_GAP,
                subject=(gap.fact.incident, gap.id),
                severity="low",
                what=what,
                since=gap.recorded,
                row=gap.id,
            )
        )
    return findings


def only_closed(every: list[Incident]) -> Incident | None:
    """The newest response that was closed."""
    return next((one for one in reversed(every) if one.closed), None)
