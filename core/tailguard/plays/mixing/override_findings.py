"""Play 2, mixing ratios: overrides that wait for a decision, a meeting or their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import MeetingEnded
from tailguard.domain.overrides import Override
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.policy.model import Overrides, Policy
from tailguard.runlog.view import LogView

EXPIRES_SOON = timedelta(days=7)
"""An open override that ends in less is a finding."""


def find(context: PlayContext) -> list[Finding]:
    """What the overrides leave to be asked."""
    overrides = context.exceptions
    return [
        *_overdue_meeting(context.view, context.policy, overrides, context.moment),
        *(finding for override in overrides for finding in _about_override(override, context.moment)),
    ]


def _overdue_meeting(
    view: LogView, policy: Policy | None, overrides: Sequence[Override], moment: datetime
) -> Iterator[Finding]:
    """Open overrides that no meeting has gone over in time, counted from the last meeting or from the first request."""
    current = [override for override in overrides if override.state(moment) == "open"]
    if not current:
        return
    meetings = view.recorded(MeetingEnded)
    interval = timedelta(days=(policy.overrides if policy else Overrides()).review_days)
    begun = max([*(meeting.recorded for meeting in meetings[-1:]), min(override.requested for override in current)])
    if moment - begun <= interval:
        return
    what = (
        f"{counted(len(current), 'open override waits', 'open overrides wait')} for the monthly meeting, due "
        f"since {begun + interval:%Y-%m-%d}"
    )
    yield Finding(
        kind=FindingKind.MEETING_OVERDUE,
        severity=Severity.MEDIUM,
        what=what,
        since=begun + interval,
        row=current[0].id,
    )


def _about_override(override: Override, moment: datetime) -> Iterator[Finding]:
    """What one override leaves to be asked in the state it is in."""

    def finding(kind: FindingKind, severity: Severity, what: str) -> Finding:
        since = override.requested
        return Finding(kind=kind, subject=(override.id,), severity=severity, what=what, since=since, row=override.id)

    name, run, state = override.id, override.run, override.state(moment)
    if state == "void":
        what = f"{name} for {run} is void: {override.void}. It opens nothing"
        yield finding(FindingKind.OVERRIDE_VOID, Severity.HIGH, what)
    if state == "requested":
        yield finding(FindingKind.OVERRIDE_REQUESTED, Severity.MEDIUM, f"{name} for {run} waits for a decision")
    if state == "open" and override.orphan:
        what = f"{name} matches nothing any more ({run}: {override.orphan}). Close it"
        yield finding(FindingKind.OVERRIDE_ORPHANED, Severity.LOW, what)
    if state == "open" and override.expires - moment < EXPIRES_SOON:
        what = f"{name} for {run} expires on {override.expires:%Y-%m-%d}"
        yield finding(FindingKind.OVERRIDE_EXPIRES, Severity.LOW, what)
