"""How things stand: per lineage its generations, what is open, what was found. Computed from the log alone.

`tailguard status --json` prints it (format `tailguard-status/1`, see docs/status.md), and the overview page shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tailguard.domain.facts import FindingTaken
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.shipping import State
from tailguard.plays import audit, decay, deviations, runbook
from tailguard.plays.audit import PlayStanding, plays
from tailguard.plays.calendar import Due, due
from tailguard.plays.finding import Finding, Scene
from tailguard.plays.lineages import LineageStatus, lineages
from tailguard.plays.loops import standing as loops
from tailguard.plays.loops.standing import Loop, LoopStanding
from tailguard.plays.mixing import findings as mixing
from tailguard.plays.monitoring import findings as monitoring
from tailguard.plays.provenance import findings as provenance
from tailguard.plays.response import drills
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import as_of, overrides, policy_in_force, recorded, remembering

FORMAT = "tailguard-status/1"
_FINDERS = (provenance, mixing, monitoring, drills, decay, runbook, deviations)


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Standing:
    """Everything as values for whoever goes on with them; `status` is the same for scripts."""

    scene: Scene
    clock: str
    findings: tuple[Finding, ...]
    plays: tuple[PlayStanding, ...]
    loops: LoopStanding
    due: tuple[Due, ...]


def standing_of(connection: Connection, now: datetime) -> Standing:
    """How things stand at `now` (or at the end of the log, where that runs on a clock of its own)."""
    with remembering(connection):
        return _standing_of(connection, now)


def _standing_of(connection: Connection, now: datetime) -> Standing:
    moment, clock = as_of(connection, now)
    policy = policy_in_force(connection)
    exceptions = overrides(connection, review_days=policy.overrides.review_days if policy else None)
    found = loops.loops(connection, moment, exceptions)
    asked = policy is None or loops.GATE in policy.asked_plays
    lines = tuple(
        _as_shipping_says(one, found.of_lineage(one.name) if asked else (), exceptions, moment)
        for one in lineages(connection, policy)
    )
    scene = Scene(connection, moment, policy, lines, exceptions)
    findings = [
        *(loops.findings(scene, found) if asked else ()),
        *(one for play in _FINDERS for one in play.find(scene)),
    ]
    standing = plays(scene, findings)
    findings += audit.find(scene, standing)
    findings.sort(key=lambda one: (("high", "middle", "low").index(one.severity), one.since))
    told = tuple(_with_whoever_took_it(scene, findings))
    return Standing(scene, clock, told, standing, found, due(scene, standing, found.checkpoints))


def _as_shipping_says(
    line: LineageStatus, loose: Sequence[Loop], exceptions: Sequence[Override], moment: datetime
) -> LineageStatus:
    """What shipping would say of a newest generation that is not at work: an unguarded loop (`loose`) around its lineage holds
    it, and an open override lets it through."""
    newest = line.generations[-1] if line.generations else None
    if newest is None or newest.shipping not in ("waiting", "not shipped", State.REFUSED):
        return line
    passed = newest.verdict == "PASS"
    past_gate = None if passed else live_override(exceptions, gate="diversity", run=newest.run, now=moment)
    past_loop = live_override(exceptions, gate=loops.GATE, run=newest.run, now=moment) if loose else None
    if newest.verdict is None or not (passed or past_gate):
        return line
    told = f"unguarded loop: {loose[0].sentence}" if loose else ""
    if loose and not past_loop and line.mode == "enforce":
        return replace(line, held=told, sentence=f"{newest.run} may not ship: {told}.")
    under = " and ".join(one.id for one in (past_gate, past_loop) if one)
    observed = f"observe mode, would be held: {told}" if loose and not past_loop else told
    sentence = f"{newest.run} may ship{f' under {under}' if under else ''}: {newest.reason}"
    return replace(line, sentence=f"{sentence}; {observed}." if observed else f"{sentence}.")


def _with_whoever_took_it(scene: Scene, findings: Sequence[Finding]) -> list[Finding]:
    """Findings with who answers for them. One that ended and began again waits anew for somebody.

    Those that were taken while their names were made of words stay taken as long as the words are the same.
    """
    taken = {one.fact.finding: one for one in recorded(scene.connection, FindingTaken)}

    def told(one: Finding) -> Finding:
        last = taken.get(one.key) or taken.get(one.key_by_words)
        ended = last and last.recorded < one.since < scene.moment
        return one if last is None or ended else replace(one, taken_by=last.actor, plan=last.fact.note)

    return [told(one) for one in findings]


def status(connection: Connection, *, now: datetime) -> Status:
    """How things stand at `now`, as `tailguard status --json` prints it."""
    return status_of(standing_of(connection, now))


def status_of(found: Standing) -> Status:
    """The same of what was found already."""
    scene = found.scene
    return Status(
        FORMAT,
        scene.moment,
        found.clock,
        scene.policy.team if scene.policy else "",
        tuple(scene.lineages),
        tuple(_override(one, scene.moment) for one in scene.exceptions),
        tuple(
            PlayStatus(
                one.play.name, one.owner, one.state, one.since, one.why, one.due, one.attested, one.contradiction
            )
            for one in found.plays
        ),
        found.due,
        found.findings,
    )


def _override(one: Override, moment: datetime) -> OverrideStatus:
    return OverrideStatus(
        one.id,
        one.gate,
        one.run,
        one.state(moment),
        one.reason,
        one.requested_by,
        one.decided_by,
        one.expires,
        len(one.used),
        one.requested,
        one.lineage,
        one.renews,
        one.orphan,
        one.void,
        one.review_by,
    )
