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
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.policy.model import Policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.history import days_of
from tailguard.runlog.queries import Recorded, oldest, recorded
from tailguard.runlog.schema import TABLES

RUNNING, LATE, STOPPED = "running", "late", "stopped"
STATES = (RUNNING, LATE, STOPPED)
_PAGES = {
    "provenance": ("provenance", "quarantine"),
    "mixing": ("mixing", "overrides"),
    "loops": ("loops",),
    "monitoring": ("diversity", "gates"),
    "drill": ("drill",),
}
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
    """A row of the log that shows a play at work."""

    when: datetime
    row: str


@dataclass(frozen=True)
class PlayStanding:
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


def plays(scene: Scene, findings: Sequence[Finding]) -> tuple[PlayStanding, ...]:
    """Every play that the profile asks for. `findings` are those of all plays; each play gets its own. One that shows itself but
    is passed by (tagging switched off, a gate bypassed) is late."""
    policy = scene.policy
    if policy is None:
        return ()
    begun = _begun(scene.connection) or scene.moment
    broken = decay.broken(scene)
    found: dict[str, PlayStanding] = {}
    for name in policy.asked_plays:
        own = tuple(one for one in findings if one.page in _PAGES[name])
        found[name] = _standing(scene, BY_NAME[name], policy, begun, own, broken.get(name), found)
    return tuple(found.values())


def _standing(
    scene: Scene,
    play: Play,
    policy: Policy,
    begun: datetime,
    findings: tuple[Finding, ...],
    broken: Finding | None,
    before: dict[str, PlayStanding],
) -> PlayStanding:
    days = int(getattr(policy.cadence, play.name))
    evidence = _evidence(scene.connection, play.name)
    last = evidence[-1] if evidence else None
    state, since = state_at([one.when for one in evidence], days, begun, scene.moment)
    told = f"{play.evidence[0].upper()}{play.evidence[1:]}"
    why = f"Last: {last.when:%Y-%m-%d} ({play.evidence})." if last else f"Never yet: {told.lower()}."
    if broken and state == RUNNING:
        state, since, why = LATE, broken.since, f"{broken.what[0].upper()}{broken.what[1:]}."
    attested = next(reversed(recorded(scene.connection, PlayAttested, play=play.name)), None)
    return PlayStanding(
        play=play,
        owner=str(getattr(policy.plays, play.name)),
        cadence_days=days,
        state=state,
        since=since,
        why=why,
        last=last,
        due=(last.when if last else begun) + timedelta(days=days),
        waits_for=tuple(one for one in play.needs if one in before and before[one].state != RUNNING),
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
    said = "running" if attested.fact.running else "not running"
    return f"{attested.actor} attested on {attested.recorded:%Y-%m-%d} that it is {said}; the log says {state}"


def state_at(times: Sequence[datetime], days: int, begun: datetime, moment: datetime) -> tuple[str, datetime]:
    """A play's state at a moment, and since when, from the times of its evidence: running while the newest is no older than the
    cadence, late up to twice that, then stopped. A play that never ran counts from `begun`."""
    cadence = timedelta(days=days)
    seen = [one for one in times if one <= moment]
    last = seen[-1] if seen else begun
    if not seen:
        return (LATE, begun) if moment - begun <= cadence else (STOPPED, begun + cadence)
    if moment - last > 2 * cadence:
        return STOPPED, last + 2 * cadence
    if moment - last > cadence:
        return LATE, last + cadence
    since = last
    for one in reversed(seen):
        if since - one > cadence:
            break
        since = one
    return RUNNING, since


def strip(standing: PlayStanding, *, begun: datetime, moment: datetime) -> list[tuple[datetime, str]]:
    """The play's state week by week over the last twelve months, as its evidence alone shows it."""
    start = max(begun, moment - timedelta(days=365))
    times = [one.when for one in standing.evidence]
    weeks = int((moment - start).days / _STRIP_DAYS) + 1
    moments = [start + timedelta(days=_STRIP_DAYS * number) for number in range(weeks)]
    return [(one, state_at(times, standing.cadence_days, begun, one)[0]) for one in moments]


def _begun(connection: Connection) -> datetime | None:
    """When the team began: its first policy, or its first run."""
    first = (oldest(connection, PolicyInForce), oldest(connection, RunStarted))
    return min((one.recorded for one in first if one), default=None)


def begun(connection: Connection, moment: datetime) -> datetime:
    """When the team began, or `moment` where it has not."""
    return _begun(connection) or moment


def _evidence(connection: Connection, play: str) -> list[Evidence]:
    """Rows that show a play at work, oldest first: of each day the first and the newest."""
    kinds = [TABLES[kind].name for kind in _SHOWN_BY[play]]
    return [Evidence(when, row) for when, row in days_of(connection, kinds)]


def find(scene: Scene, standing: Sequence[PlayStanding]) -> list[Finding]:
    """Plays that are late or stopped, prerequisites that do not run, attestations that are overdue or contradict the log."""
    if scene.policy is None:
        return []
    findings = []
    for one in standing:
        if one.state != RUNNING and one.play.name != "drill" and not one.passed_by:  # those have a finding of their own
            severity = "middle" if one.state == STOPPED else "low"
            what = f"the play {one.play.title.lower()} is {one.state}. {one.why}"
            findings.append(
                Finding(
                    kind=FindingKind.PLAY_NOT_RUNNING,
                    subject=(one.play.name,),
                    severity=severity,
                    what=what,
                    since=one.since,
                    row=one.last.row if one.last else one.play.name,
                )
            )
        if one.waits_for:
            what = f"the play {one.play.title.lower()} stands on {', '.join(one.waits_for)}, which is not running"
            findings.append(
                Finding(
                    kind=FindingKind.PREREQUISITE_NOT_RUNNING,
                    subject=(one.play.name,),
                    severity="low",
                    what=what,
                    since=one.since,
                    row=one.play.name,
                )
            )
        if one.contradiction:
            findings.append(
                Finding(
                    kind=FindingKind.ATTESTATION_CONTRADICTED,
                    subject=(one.play.name,),
                    severity="middle",
                    what=f"{one.play.title}: {one.contradiction}",
                    since=one.attested_when or one.since,
                    row=one.play.name,
                )
            )
    due = attestation_due(scene, standing)
    if due and scene.moment > due and scene.policy.profile == "full":
        missing = [one.play.title.lower() for one in standing if attested_until(one, scene.policy) < scene.moment]
        what = f"{scene.policy.quality_owner} has not attested {', '.join(missing)} since {due:%Y-%m-%d} (`tailguard plays attest`)"
        findings.append(
            Finding(kind=FindingKind.ATTESTATION_OVERDUE, severity="low", what=what, since=due, row="attestation")
        )
    return findings


def attested_until(standing: PlayStanding, policy: Policy) -> datetime:
    """Until when a play's attestation is good; the beginning of time where there is none."""
    days = timedelta(days=policy.cadence.attestation)
    return standing.attested_when + days if standing.attested_when else datetime.min


def attestation_due(scene: Scene, standing: Sequence[PlayStanding]) -> datetime | None:
    """When the quality owner's next attestation is due: a cadence after the oldest of the newest ones, or after the beginning."""
    if scene.policy is None or not standing:
        return None
    times = [one.attested_when for one in standing]
    oldest = min((one for one in times if one), default=None) if all(times) else None
    return (oldest or begun(scene.connection, scene.moment)) + timedelta(days=scene.policy.cadence.attestation)
