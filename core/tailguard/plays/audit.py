"""Is each play really running? Computed from the log, and held beside what the quality owner attests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import (
    BatchTaken,
    CanaryResult,
    Clearance,
    Fact,
    IncidentClosed,
    LoopsReviewed,
    PlayAttested,
    PolicyInForce,
    RunStarted,
    StreamWeek,
)
from tailguard.plays import decay
from tailguard.plays.book import BY_NAME, Play
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.policy.model import Policy
from tailguard.runlog.schema import TABLES
from tailguard.runlog.view import LogView, Recorded

RUNNING, LATE, STOPPED = "running", "late", "stopped"
STATES = (RUNNING, LATE, STOPPED)
_SHOWN_BY: dict[str, tuple[type[Fact], ...]] = {
    "provenance": (BatchTaken,),
    "mixing": (Clearance,),
    "loops": (LoopsReviewed,),
    "monitoring": (CanaryResult, StreamWeek),  # every gate tests itself
    "drill": (IncidentClosed,),
}
_STRIP_DAYS = 7


@dataclass(frozen=True)
class Evidence:
    """A row of the log that shows that a play runs."""

    when: datetime
    row: str


@dataclass(frozen=True, kw_only=True)
class PlayState:
    """A play as it stands: what the machine saw (`state` since when and why), and what its owner's superior attested.

    `waits_for` are prerequisites that are not running; `contradiction` says how attestation and evidence disagree, or nothing;
    `passed_by` that the play shows itself and is not followed.
    """

    play: Play
    owner: str
    cadence_days: int
    state: str
    since: datetime
    why: str
    last: Evidence | None
    due: datetime
    waits_for: tuple[str, ...]
    attested: bool | None
    attested_by: str
    attested_when: datetime | None
    note: str
    contradiction: str
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    passed_by: bool = False

    @property
    def sentence(self) -> str:
        """One line on the play."""
        waits = f" It waits for {', '.join(self.waits_for)}, which is not running." if self.waits_for else ""
        return f"{self.play.title}: {self.state} since {self.since:%Y-%m-%d}. {self.why}{waits}"


def plays(context: PlayContext, findings: Sequence[Finding]) -> tuple[PlayState, ...]:
    """Every play that the profile asks for. `findings` are those of all plays; each play gets its own. One that shows itself but
    is passed by (tagging switched off, a gate bypassed) is late."""
    policy = context.policy
    if policy is None:
        return ()
    begun = _begun(context.view) or context.moment
    broken = decay.broken(context)
    standings: dict[str, PlayState] = {}
    for name in policy.asked_plays:
        own = tuple(finding for finding in findings if finding.kind.play == name)
        standings[name] = _standing(context, BY_NAME[name], policy, begun, own, broken.get(name), standings)
    return tuple(standings.values())


def _standing(
    context: PlayContext,
    play: Play,
    policy: Policy,
    begun: datetime,
    findings: tuple[Finding, ...],
    broken: Finding | None,
    before: dict[str, PlayState],
) -> PlayState:
    days = int(getattr(policy.cadence, play.name))
    evidence = _evidence(context.view, play.name)
    last = evidence[-1] if evidence else None
    state, since = state_at([row.when for row in evidence], days, begun, context.moment)
    description = f"{play.evidence[0].upper()}{play.evidence[1:]}"
    why = f"Last: {last.when:%Y-%m-%d} ({play.evidence})." if last else f"Never yet: {description.lower()}."
    if broken and state == RUNNING:
        state, since, why = LATE, broken.since, f"{broken.what[0].upper()}{broken.what[1:]}."
    attested = next(reversed(context.view.recorded(PlayAttested, play=play.name)), None)
    return PlayState(
        play=play,
        owner=str(getattr(policy.plays, play.name)),
        cadence_days=days,
        state=state,
        since=since,
        why=why,
        last=last,
        due=(last.when if last else begun) + timedelta(days=days),
        waits_for=tuple(need for need in play.needs if need in before and before[need].state != RUNNING),
        attested=attested.fact.running if attested else None,
        attested_by=attested.actor if attested else "",
        attested_when=attested.recorded if attested else None,
        note=attested.fact.note if attested else "",
        contradiction=_contradiction(attested, state),
        findings=findings,
        evidence=tuple(evidence),
        passed_by=broken is not None,
    )


def _contradiction(attested: Recorded[PlayAttested] | None, state: str) -> str:
    if attested is None or attested.fact.running == (state == RUNNING):
        return ""
    claim = "running" if attested.fact.running else "not running"
    return f"{attested.actor} attested on {attested.recorded:%Y-%m-%d} that it is {claim}; the log says {state}"


def state_at(times: Sequence[datetime], days: int, begun: datetime, moment: datetime) -> tuple[str, datetime]:
    """A play's state at a moment, and since when, from the times of its evidence: running while the newest is no older than the
    cadence, late up to twice that, then stopped. A play that never ran counts from `begun`."""
    cadence = timedelta(days=days)
    seen = [when for when in times if when <= moment]
    last = seen[-1] if seen else begun
    if not seen:
        return (LATE, begun) if moment - begun <= cadence else (STOPPED, begun + cadence)
    if moment - last > 2 * cadence:
        return STOPPED, last + 2 * cadence
    if moment - last > cadence:
        return LATE, last + cadence
    since = last
    for earlier in reversed(seen):
        if since - earlier > cadence:
            break
        since = earlier
    return RUNNING, since


def strip(play: PlayState, *, begun: datetime, moment: datetime) -> list[tuple[datetime, str]]:
    """The play's state week by week over the last twelve months, as its evidence alone shows it."""
    start = max(begun, moment - timedelta(days=365))
    times = [row.when for row in play.evidence]
    weeks = int((moment - start).days / _STRIP_DAYS) + 1
    moments = [start + timedelta(days=_STRIP_DAYS * number) for number in range(weeks)]
    return [(when, state_at(times, play.cadence_days, begun, when)[0]) for when in moments]


def _begun(view: LogView) -> datetime | None:
    """When the team began: its first policy, or its first run."""
    first = (view.oldest(PolicyInForce), view.oldest(RunStarted))
    return min((row.recorded for row in first if row), default=None)


def begun(view: LogView, moment: datetime) -> datetime:
    """When the team began, or `moment` where it has not."""
    return _begun(view) or moment


def _evidence(view: LogView, play: str) -> list[Evidence]:
    """Rows that show that a play runs, oldest first: of each day the first and the newest."""
    kinds = [TABLES[kind].name for kind in _SHOWN_BY[play]]
    return [Evidence(when, row) for when, row in view.days_of(kinds)]


def find(context: PlayContext, play_states: Sequence[PlayState]) -> list[Finding]:
    """Plays that are late or stopped, prerequisites that do not run, attestations that are overdue or contradict the log."""
    if context.policy is None:
        return []
    findings = []
    for play in play_states:
        # A drill and what is passed by have a finding of their own.
        if play.state != RUNNING and play.play.name != "drill" and not play.passed_by:
            severity = Severity.MEDIUM if play.state == STOPPED else Severity.LOW
            what = f"the play {play.play.title.lower()} is {play.state}. {play.why}"
            findings.append(
                Finding(
                    kind=FindingKind.PLAY_NOT_RUNNING,
                    subject=(play.play.name,),
                    severity=severity,
                    what=what,
                    since=play.since,
                    row=play.last.row if play.last else play.play.name,
                )
            )
        if play.waits_for:
            what = f"the play {play.play.title.lower()} rests on {', '.join(play.waits_for)}, which is not running"
            findings.append(
                Finding(
                    kind=FindingKind.PREREQUISITE_NOT_RUNNING,
                    subject=(play.play.name,),
                    severity=Severity.LOW,
                    what=what,
                    since=play.since,
                    row=play.play.name,
                )
            )
        if play.contradiction:
            findings.append(
                Finding(
                    kind=FindingKind.ATTESTATION_CONTRADICTED,
                    subject=(play.play.name,),
                    severity=Severity.MEDIUM,
                    what=f"{play.play.title}: {play.contradiction}",
                    since=play.attested_when or play.since,
                    row=play.play.name,
                )
            )
    due = attestation_due(context, play_states)
    if due and context.moment > due and context.policy.profile == "full":
        missing = [
            play.play.title.lower() for play in play_states if attested_until(play, context.policy) < context.moment
        ]
        owner = context.policy.quality_owner
        what = f"{owner} has not attested {', '.join(missing)} since {due:%Y-%m-%d} (`tailguard plays attest`)"
        findings.append(
            Finding(
                kind=FindingKind.ATTESTATION_OVERDUE, severity=Severity.LOW, what=what, since=due, row="attestation"
            )
        )
    return findings


def attested_until(play: PlayState, policy: Policy) -> datetime:
    """Until when a play's attestation is good; the beginning of time where there is none."""
    days = timedelta(days=policy.cadence.attestation)
    return play.attested_when + days if play.attested_when else datetime.min


def attestation_due(context: PlayContext, play_states: Sequence[PlayState]) -> datetime | None:
    """When the quality owner's next attestation is due: a cadence after the oldest of the newest ones, or after the beginning."""
    if context.policy is None or not play_states:
        return None
    times = [play.attested_when for play in play_states]
    oldest = min((when for when in times if when), default=None) if all(times) else None
    return (oldest or begun(context.view, context.moment)) + timedelta(days=context.policy.cadence.attestation)
