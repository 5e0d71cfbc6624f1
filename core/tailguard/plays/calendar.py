"""What is due: reviews, drills, attestations, expiries, refreshes. The overview shows it, and a calendar can subscribe to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import MeetingEnded
from tailguard.plays.audit import PlayStanding, attestation_due
from tailguard.plays.finding import Scene
from tailguard.plays.loops.standing import OWN_STAGES, CheckpointStanding
from tailguard.plays.response.drills import drill_due
from tailguard.policy.model import Policy
from tailguard.runlog.anchor import anchor_standing
from tailguard.runlog.queries import frozen_suite, newest


@dataclass(frozen=True)
class Due:
    """Something that a person has to do by a time: what, who, and the page on which to do it. `key` stays the same for the same
    thing, so that a calendar moves it instead of doubling it."""

    when: datetime
    what: str
    who: str
    page: str
    key: str


def due(scene: Scene, standing: Sequence[PlayStanding], checkpoints: Sequence[CheckpointStanding]) -> tuple[Due, ...]:
    """Everything that is due, soonest first."""
    policy = scene.policy
    if policy is None:
        return ()
    found = [*_plays(scene, standing, policy), *_overrides(scene, policy), *_refreshes(scene, policy)]
    for check in checkpoints:
        one = check.checkpoint
        if one.evidence in OWN_STAGES:  # the next run shows it, not a person
            continue
        when = (check.last or scene.moment) + timedelta(days=one.every_days)
        found.append(Due(when, f"Evidence of checkpoint {one.name}", one.owner, "loops", f"checkpoint {one.name}"))
    return tuple(sorted(found, key=lambda one: (one.when, one.key)))


def _plays(scene: Scene, standing: Sequence[PlayStanding], policy: Policy) -> list[Due]:
    found = []
    for one in standing:
        if one.play.name == "loops":
            found.append(Due(one.due, "Review of all loops", one.owner, "loops", "loops review"))
        if one.play.name == "drill" and (when := drill_due(scene.connection, policy.cadence.drill)):
            found.append(Due(when, "Response drill", one.owner, "drill", "drill"))
    attest = attestation_due(scene, standing)
    if attest and policy.profile == "full":
        found.append(Due(attest, "Attestation of the plays", policy.quality_owner, "plays", "attestation"))
    return found


def _overrides(scene: Scene, policy: Policy) -> list[Due]:
    current = [one for one in scene.exceptions if one.state(scene.moment) == "open"]
    found = [
        Due(one.expires, f"{one.id} for {one.run} expires", one.requested_by, "overrides", f"expiry {one.id}")
        for one in current
    ]
    waiting = [one for one in scene.exceptions if one.state(scene.moment) in ("open", "requested")]
    if waiting:
        held = newest(scene.connection, MeetingEnded)
        begin = max([min(one.requested for one in waiting), *([held.recorded] if held else [])])
        when = begin + timedelta(days=policy.overrides.review_days)
        found.append(Due(when, "Meeting on overrides", policy.quality_owner, "overrides", "meeting"))
    return found


def _refreshes(scene: Scene, policy: Policy) -> list[Due]:
    found = []
    suite = frozen_suite(scene.connection)
    if suite:
        when = suite.recorded + timedelta(days=policy.suite.max_age_days)
        found.append(
            Due(when, f"Refresh of the suite {suite.fact.name}", policy.plays.monitoring, "diversity", "suite")
        )
    anchor = anchor_standing(scene.connection, policy.anchor, scene.moment)
    if anchor:
        when = anchor.renewed + timedelta(days=policy.anchor.max_age_days)
        found.append(Due(when, f"Addition to the anchor {anchor.name}", policy.plays.mixing, "mixing", "anchor"))
    return found
