"""Play 5, response drill: every incident and drill as it stands, their times, and the gaps that they found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import IncidentClosed, IncidentGap, IncidentOpened, IncidentStep, RunStarted
from tailguard.domain.incidents import next_step
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.runlog.view import LogView, Recorded

STILL_OPEN = timedelta(days=7)
"""A response that takes longer is a finding."""


@dataclass(frozen=True, kw_only=True)
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
        names = {row.fact.step for row in self.steps}
        return frozenset(names | {"close"} if self.closed else names)

    @property
    def next(self) -> str | None:
        """The step that comes next; None for a closed one."""
        return None if self.closed else next_step(self.done)

    def seconds(self, step: str) -> float | None:
        """How long a step took from when it could begin; None when it is not done."""
        return next((row.fact.seconds for row in self.steps if row.fact.step == step), None)

    def machine_seconds(self, step: str) -> float | None:
        """How long the machine took for a step; None when it is not done."""
        return next((row.fact.machine_seconds for row in self.steps if row.fact.step == step), None)


def incidents(view: LogView) -> list[Incident]:
    """Every incident and drill, oldest first."""
    steps: dict[str, list[Recorded[IncidentStep]]] = {}
    for step in view.recorded(IncidentStep):
        steps.setdefault(step.fact.incident, []).append(step)
    gaps: dict[str, list[Recorded[IncidentGap]]] = {}
    for gap in view.recorded(IncidentGap):
        gaps.setdefault(gap.fact.incident, []).append(gap)
    closed = {row.fact.incident: row for row in view.recorded(IncidentClosed)}
    return [
        Incident(
            id=row.fact.incident,
            kind=row.fact.kind,
            lineage=row.fact.lineage,
            generation=row.fact.generation,
            trigger=row.fact.trigger,
            what=row.fact.what,
            opened=row.recorded,
            opened_by=row.actor,
            steps=tuple(steps.get(row.fact.incident, ())),
            gaps=tuple(gaps.get(row.fact.incident, ())),
            closed=closed.get(row.fact.incident),
        )
        for row in view.recorded(IncidentOpened)
    ]


def last_drill(view: LogView) -> Incident | None:
    """The newest drill that was closed."""
    return next(
        (incident for incident in reversed(incidents(view)) if incident.kind == "drill" and incident.closed), None
    )


def drill_due(view: LogView, days: int) -> datetime | None:
    """When the next drill is due: a cadence after the last one, or after the first run; None before there is any run."""
    last, first = last_drill(view), view.oldest(RunStarted)
    begun = last.closed.recorded if last and last.closed else first.recorded if first else None
    return begun + timedelta(days=days) if begun else None


def find(context: PlayContext) -> list[Finding]:
    """An overdue drill, a response that nobody finishes, and gaps of the last one."""
    if context.policy is None or "drill" not in context.policy.asked_plays:
        return []
    every = incidents(context.view)
    due = drill_due(context.view, context.policy.cadence.drill)
    findings = []
    if due and context.moment > due:
        last = last_drill(context.view)
        history = (
            f"the last was closed on {last.closed.recorded:%Y-%m-%d}" if last and last.closed else "none was ever held"
        )
        what = f"a drill is overdue since {due:%Y-%m-%d}: {history} (`tailguard drill start`)"
        findings.append(
            Finding(
                kind=FindingKind.DRILL_OVERDUE,
                severity=Severity.MEDIUM,
                what=what,
                since=due,
                row=last.id if last else "drill",
            )
        )
    for incident in every:
        if not incident.closed and (incident.kind == "incident" or context.moment - incident.opened > STILL_OPEN):
            what = f"{incident.id} on {incident.generation} is open: {incident.what} Next: {incident.next}"
            findings.append(
                Finding(
                    kind=FindingKind.RESPONSE_OPEN,
                    subject=(incident.id,),
                    severity=Severity.HIGH if incident.kind == "incident" else Severity.MEDIUM,
                    what=what,
                    since=incident.opened,
                    row=incident.id,
                )
            )
    newest = only_closed(every)
    for gap in newest.gaps if newest else ():
        what = f"{newest.id if newest else ''} found a gap: {gap.fact.what}"
        findings.append(
            Finding.from_row(
                gap,
                kind=FindingKind.RESPONSE_GAP,
                subject=(gap.fact.incident, gap.id),
                severity=Severity.LOW,
                what=what,
            )
        )
    return findings


def only_closed(every: list[Incident]) -> Incident | None:
    """The newest response that was closed."""
    return next((incident for incident in reversed(every) if incident.closed), None)
