"""What is due: reviews, drills, attestations, expiries, refreshes. The overview shows it, and a calendar can subscribe to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from tailguard.domain.facts import MeetingEnded
from tailguard.domain.plays import PlayName
from tailguard.plays.audit import PlayState, attestation_due
from tailguard.plays.finding import PlayContext
from tailguard.plays.loops.standing import OWN_STAGES, CheckpointState
from tailguard.plays.response.drills import drill_due
from tailguard.policy.model import Policy
from tailguard.runlog.views.references import anchor_state, frozen_suite


class DueKind(StrEnum):
    """What can be due. Calendars that people subscribe to know an event by it: rename none."""

    CHECKPOINT_EVIDENCE = "checkpoint"
    LOOPS_REVIEW = "loops-review"
    DRILL = "drill"
    ATTESTATION = "attestation"
    OVERRIDE_EXPIRES = "override-expires"
    MEETING = "meeting"
    SIGN_OFF = "sign-off"
    SUITE_REFRESH = "suite"
    ANCHOR_ADDITION = "anchor"


@dataclass(frozen=True, kw_only=True)
class Due:
    """Something that a person has to do by a time: what, in words, and who. Kind and subject are its identity: `key` is made of
    them and stays the same for the same thing, so that a calendar moves it instead of doubling it."""

    kind: DueKind
    subject: str = ""
    when: datetime
    what: str
    who: str
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.kind}:{quote(self.subject)}" if self.subject else str(self.kind))


def due(
    context: PlayContext, play_states: Sequence[PlayState], checkpoints: Sequence[CheckpointState]
) -> tuple[Due, ...]:
    """Everything that is due, soonest first."""
    policy = context.policy
    if policy is None:
        return ()
    events = [
        *_plays(context, play_states, policy),
        *_overrides(context, policy),
        *_sign_offs(context, policy),
        *_refreshes(context, policy),
    ]
    for check in checkpoints:
        checkpoint = check.checkpoint
        if checkpoint.evidence in OWN_STAGES:  # the next run shows it, not a person
            continue
        events.append(
            Due(
                kind=DueKind.CHECKPOINT_EVIDENCE,
                subject=checkpoint.name,
                when=(check.last or context.moment) + timedelta(days=checkpoint.every_days),
                what=f"Evidence of checkpoint {checkpoint.name}",
                who=checkpoint.owner,
            )
        )
    return tuple(sorted(events, key=lambda event: (event.when, event.key)))


def _plays(context: PlayContext, play_states: Sequence[PlayState], policy: Policy) -> list[Due]:
    events = []
    for play in play_states:
        if play.play.name == PlayName.LOOPS:
            events.append(Due(kind=DueKind.LOOPS_REVIEW, when=play.due, what="Review of all loops", who=play.owner))
        if play.play.name == PlayName.DRILL and (when := drill_due(context.view, policy.cadence.drill)):
            events.append(Due(kind=DueKind.DRILL, when=when, what="Response drill", who=play.owner))
    attest = attestation_due(context, play_states)
    if attest and policy.profile == "full":
        what = "Attestation of the plays"
        events.append(Due(kind=DueKind.ATTESTATION, when=attest, what=what, who=policy.quality_owner))
    return events


def _overrides(context: PlayContext, policy: Policy) -> list[Due]:
    events = [
        Due(
            kind=DueKind.OVERRIDE_EXPIRES,
            subject=override.id,
            when=override.expires,
            what=f"{override.id} for {override.run} expires",
            who=override.requested_by,
        )
        for override in context.exceptions
        if override.state(context.moment) == "open"
    ]
    waiting = [override for override in context.exceptions if override.state(context.moment) in ("open", "requested")]
    if waiting:
        ended = context.view.newest(MeetingEnded)
        begin = max([min(override.requested for override in waiting), *([ended.recorded] if ended else [])])
        when = begin + timedelta(days=policy.overrides.review_days)
        events.append(Due(kind=DueKind.MEETING, when=when, what="Meeting on overrides", who=policy.quality_owner))
    return events


def _sign_offs(context: PlayContext, policy: Policy) -> list[Due]:
    return [
        Due(
            kind=DueKind.SIGN_OFF,
            subject=pending.run,
            when=pending.since + timedelta(days=policy.cadence.sign_off),
            what=f"Sign-off of {pending.run} ({pending.verdict})",
            who=policy.quality_owner,
        )
        for lineage in context.lineages
        for pending in lineage.pending_sign_offs
    ]


def _refreshes(context: PlayContext, policy: Policy) -> list[Due]:
    events = []
    suite = frozen_suite(context.view)
    if suite:
        events.append(
            Due(
                kind=DueKind.SUITE_REFRESH,
                when=suite.recorded + timedelta(days=policy.suite.max_age_days),
                what=f"Refresh of the suite {suite.fact.name}",
                who=policy.plays.monitoring,
            )
        )
    anchor = anchor_state(context.view, policy.anchor, context.moment)
    if anchor:
        events.append(
            Due(
                kind=DueKind.ANCHOR_ADDITION,
                when=anchor.renewed + timedelta(days=policy.anchor.max_age_days),
                what=f"Addition to the anchor {anchor.name}",
                who=policy.plays.mixing,
            )
        )
    return events
