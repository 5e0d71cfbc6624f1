"""Play 2, mixing ratios: overrides that wait for a decision, a meeting or their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import MeetingEnded
from tailguard.domain.overrides import Override
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, Scene, Severity
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView

EXPIRES_SOON = timedelta(days=7)
"""An open override that ends in less is a finding."""


def find(scene: Scene) -> list[Finding]:
    """What the overrides leave to be asked."""
    overrides = scene.exceptions
    return [
        *_overdue_meeting(scene.view, scene.policy, overrides, scene.moment),
        *(finding for override in overrides for finding in _about_override(override, scene.moment)),
    ]


def _overdue_meeting(
    view: LogView, policy: Policy | None, overrides: Sequence[Override], moment: datetime
) -> list[Finding]:
    """Open overrides that no meeting has gone over in time, counted from the last meeting or from the first request."""
    current = [override for override in overrides if override.state(moment) == "open"]
    if not current:
        return []
    meetings = view.recorded(MeetingEnded)
    interval = timedelta(days=policy.overrides.review_days if policy else 31)
    begun = max([*(meeting.recorded for meeting in meetings[-1:]), min(override.requested for override in current)])
    if moment - begun <= interval:
        return []
    what = (
        f"{counted(len(current), 'open override waits', 'open overrides wait')} for the monthly meeting, due "
        f"since {begun + interval:%Y-%m-%d}"
    )
    return [
        Finding(
            kind=FindingKind.MEETING_OVERDUE,
            severity=Severity.MEDIUM,
            what=what,
            since=begun + interval,
            row=current[0].id,
        )
    ]


def _about_override(override: Override, moment: datetime) -> list[Finding]:
    """What one override leaves to be asked in the state it is in."""
    state = override.state(moment)
    if state == "void":
        return [_void(override)]
    if state == "requested":
        return [_waits_for_decision(override)]
    findings = []
    if state == "open" and override.orphan:
        findings.append(_matches_nothing(override))
    if state == "open" and override.expires - moment < EXPIRES_SOON:
        findings.append(_expires_soon(override))
    return findings


def _void(override: Override) -> Finding:
    return Finding(
        kind=FindingKind.OVERRIDE_VOID,
        subject=(override.id,),
        severity=Severity.HIGH,
        what=f"{override.id} for {override.run} is void: {override.void}. It opens nothing",
        since=override.requested,
        row=override.id,
    )


def _waits_for_decision(override: Override) -> Finding:
    return Finding(
        kind=FindingKind.OVERRIDE_REQUESTED,
        subject=(override.id,),
        severity=Severity.MEDIUM,
        what=f"{override.id} for {override.run} waits for a decision",
        since=override.requested,
        row=override.id,
    )


def _matches_nothing(override: Override) -> Finding:
    return Finding(
        kind=FindingKind.OVERRIDE_ORPHANED,
        subject=(override.id,),
        severity=Severity.LOW,
        what=f"{override.id} matches nothing any more ({override.run}: {override.orphan}). Close it",
        since=override.requested,
        row=override.id,
    )


def _expires_soon(override: Override) -> Finding:
    return Finding(
        kind=FindingKind.OVERRIDE_EXPIRES,
        subject=(override.id,),
        severity=Severity.LOW,
        what=f"{override.id} for {override.run} expires on {override.expires:%Y-%m-%d}",
        since=override.requested,
        row=override.id,
    )
