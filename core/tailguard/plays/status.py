"""How things stand: per lineage its generations, what is open, what was found. Computed from the log alone.

`tailguard status --json` prints it (format `tailguard-status/1`, see docs/status.md), and the overview page shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tailguard.domain.facts import FindingAssigned
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.domain.permission import Permission
from tailguard.domain.runs import lineage_of
from tailguard.plays import audit, decay, deviations, runbook
from tailguard.plays.audit import PlayState, plays
from tailguard.plays.calendar import Due, due
from tailguard.plays.finding import SEVERITIES, Finding, PlayContext
from tailguard.plays.lineages import LineageStatus, lineages
from tailguard.plays.loops import findings as loop_findings
from tailguard.plays.loops import standing as loops
from tailguard.plays.loops.standing import LoopsState
from tailguard.plays.mixing import findings as mixing
from tailguard.plays.mixing import override_findings
from tailguard.plays.monitoring import findings as monitoring
from tailguard.plays.permission import permission_of
from tailguard.plays.provenance import findings as provenance
from tailguard.plays.response import drills
from tailguard.runlog.view import LogView
from tailguard.runlog.views import overrides as overrides_view

FORMAT = "tailguard-status/1"
_FINDERS = (provenance, override_findings, mixing, monitoring, drills, decay, runbook, deviations)


@dataclass(frozen=True, kw_only=True)
class OverrideStatus:
    """An override as it stands."""

    id: str
    gate: str
    run: str
    state: str
    reason: str
    requested_by: str
    decided_by: str | None
    expires: datetime
    uses: int
    requested: datetime
    lineage: str
    renews: str | None
    orphan: str | None
    void: str | None
    review_by: datetime | None


@dataclass(frozen=True, kw_only=True)
class PlayStatus:
    """A play as it stands: what the log shows (`state` since when and why), and what was attested."""

    name: str
    owner: str
    state: str
    since: datetime
    why: str
    due: datetime
    attested: bool | None
    contradiction: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """Everything, as of a time of the log's own clock."""

    format: str
    as_of: datetime
    clock: str
    team: str
    lineages: tuple[LineageStatus, ...]
    overrides: tuple[OverrideStatus, ...]
    plays: tuple[PlayStatus, ...]
    due: tuple[Due, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class TeamState:
    """Everything as values for whoever goes on with them; `status` is the same for scripts."""

    context: PlayContext
    clock: str
    findings: tuple[Finding, ...]
    plays: tuple[PlayState, ...]
    loops: LoopsState
    due: tuple[Due, ...]


def team_state(view: LogView, now: datetime) -> TeamState:
    """How things stand at `now` (or at the end of the log, where that runs on a clock of its own)."""
    with view.cached():
        return _team_state(view, now)


def _team_state(view: LogView, now: datetime) -> TeamState:
    moment, clock = view.as_of(now)
    policy = view.policy()
    exceptions = overrides_view.overrides(view)
    loops_state = loops.loops(view, moment, exceptions)
    asked = policy is None or Gate.LOOPS in policy.asked_plays

    def permission(generation: str) -> Permission:
        around = loops_state.of_lineage(lineage_of(generation)) if asked else ()
        return permission_of(view, generation, now=moment, policy=policy, overrides=exceptions, loops=around)

    lines = lineages(view, policy, permission)
    context = PlayContext(view=view, moment=moment, policy=policy, lineages=lines, exceptions=exceptions)
    findings = [
        *(loop_findings.find(context, loops_state) if asked else ()),
        *(finding for play in _FINDERS for finding in play.find(context)),
    ]
    play_states = plays(context, findings)
    findings += audit.find(context, play_states)
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.since))
    assigned = tuple(_assigned(context, findings))
    return TeamState(
        context=context,
        clock=clock,
        findings=assigned,
        plays=play_states,
        loops=loops_state,
        due=due(context, play_states, loops_state.checkpoints),
    )


def _assigned(context: PlayContext, findings: Sequence[Finding]) -> list[Finding]:
    """Findings with who answers for them. One that ended and began again waits anew for somebody."""
    assignments = {row.fact.finding: row for row in context.view.recorded(FindingAssigned)}

    def assigned(finding: Finding) -> Finding:
        last = assignments.get(finding.key)
        ended = last and last.recorded < finding.since < context.moment
        return finding if last is None or ended else replace(finding, assigned_to=last.actor, plan=last.fact.note)

    return [assigned(finding) for finding in findings]


def status(view: LogView, *, now: datetime) -> Status:
    """How things stand at `now`, as `tailguard status --json` prints it."""
    return status_of(team_state(view, now))


def status_of(state: TeamState) -> Status:
    """The same of what was found already."""
    context = state.context
    return Status(
        format=FORMAT,
        as_of=context.moment,
        clock=state.clock,
        team=context.policy.team if context.policy else "",
        lineages=tuple(context.lineages),
        overrides=tuple(_override(override, context.moment) for override in context.exceptions),
        plays=tuple(
            PlayStatus(
                name=play.play.name,
                owner=play.owner,
                state=play.state,
                since=play.since,
                why=play.why,
                due=play.due,
                attested=play.attested,
                contradiction=play.contradiction,
            )
            for play in state.plays
        ),
        due=state.due,
        findings=state.findings,
    )


def _override(override: Override, moment: datetime) -> OverrideStatus:
    return OverrideStatus(
        id=override.id,
        gate=override.gate,
        run=override.run,
        state=override.state(moment),
        reason=override.reason,
        requested_by=override.requested_by,
        decided_by=override.decided_by,
        expires=override.expires,
        uses=len(override.used),
        requested=override.requested,
        lineage=override.lineage,
        renews=override.renews,
        orphan=override.orphan,
        void=override.void,
        review_by=override.review_by,
    )
