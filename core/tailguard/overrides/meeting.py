"""The monthly meeting on overrides: an agenda in order, one decision an item with a note, attendance, minutes.

Everything is in the log as soon as it is said, so a page that is loaded again loses nothing, and of two people who decide at
once the second is told what the first decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import (
    Composition,
    MeetingAttended,
    MeetingDecided,
    MeetingEnded,
    MeetingStarted,
    OverrideDecided,
    OverrideUsed,
)
from tailguard.domain.overrides import Override, agenda
from tailguard.domain.roles import Right
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.overrides import register, requests
from tailguard.runlog.view import LogView
from tailguard.runlog.views.overrides import attendance, meeting_decisions, open_meeting, overrides
from tailguard.workspace import Workspace

SOON = timedelta(days=7)
DECISIONS = {
    "requested": ("approved", "refused"),
    "open": ("kept", "renewed", "closed"),
}
"""What can be decided on an item, by the state that it is in."""
PASSED_OVER = "no justification in the meeting"
FORMAT = "tailguard-minutes/1"


@dataclass(frozen=True)
class Use:
    """A time at which an override let something through, and what the training set's ratio was (None at another gate)."""

    recorded: datetime
    actor: str
    effect: str
    ratio: float | None
    ceiling: float | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of an agenda: the override, its state, its uses, and what was decided on it so far."""

    override: Override
    state: str
    uses: tuple[Use, ...]
    decision: str | None
    note: str | None
    decided_by: str | None


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A meeting that is going on."""

    id: str
    started: datetime
    called_by: str
    present: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def left(self) -> tuple[Item, ...]:
        """What is not decided yet."""
        return tuple(item for item in self.items if item.decision is None)


def start(workspace: Workspace) -> str:
    """Begin a meeting over all overrides that are open or wait; returns its name. What a missed review has closed is recorded.

    Raises InputError while another one is going on, and when there is nothing to review.
    """
    now = workspace.clock.now()
    with workspace.deciding(Right.MEET) as tx:
        requests.close_missed(tx, now=now)
    with workspace.deciding(Right.MEET) as tx:
        current = open_meeting(tx.view)
        if current:
            raise InputError(
                f"{current.fact.meeting} is going on since {current.recorded:%Y-%m-%d %H:%M}. Join it or end it."
            )
        order = agenda(overrides(tx.view), now=now, soon=SOON)
        if not order:
            raise InputError("No override is open or waits for a decision: there is nothing to meet about.")
        name = f"meeting-{len(tx.view.recorded(MeetingStarted)) + 1}"
        tx.record(
            MeetingStarted(meeting=name, agenda=" ".join(override.id for override in order)),
            MeetingAttended(meeting=name, person=workspace.actor, present=True),
        )
        return name


def attend(workspace: Workspace, person: str, *, present: bool = True) -> None:
    """Note that somebody is at the meeting, or is not after all. Raises InputError without a meeting or a name."""
    with workspace.deciding(Right.MEET) as tx:
        if not person.strip() or len(person) > 80:
            raise InputError("Attendance needs a name of at most 80 letters.")
        meeting = _going_on(tx.view)
        if present != (person.strip() in attendance(tx.view, meeting)):
            tx.record(MeetingAttended(meeting=meeting, person=person.strip(), present=present))


def decide(workspace: Workspace, override: str, *, decision: str, note: str, expires: datetime | None = None) -> None:
    """Decide on one item, as an approver; a note is mandatory, and a new end where it is renewed.

    `kept`: justified until it ends. `renewed`: asked for anew with the note as its reason, for another person to approve.
    Raises InputError for anybody else, for a decision that its state does not allow, and when the meeting has decided on
    it already: what was decided first stands.
    """
    now = workspace.clock.now()
    with workspace.deciding(Right.DECIDE) as tx:
        justification = explanation(note, "A decision needs a note")
        meeting = _going_on(tx.view)
        before = meeting_decisions(tx.view, meeting).get(override)
        if before:
            raise InputError(
                f"{override} was {before.fact.decision} in this meeting {by(before.actor, before.recorded)}: "
                f"{before.fact.note}"
            )
        state = register.named(tx.view, override).state(now)
        if decision not in DECISIONS.get(state, ()):
            can = ", ".join(DECISIONS.get(state, ())) or "nothing"
            raise InputError(f"{override} is {state}; what can be decided is {can}, found {decision!r}.")
        if decision == "renewed":
            if expires is None:
                raise InputError("A renewal needs a new end.")
            requests.record_renewal(tx, override, reason=note, expires=expires, now=now)
        elif decision != "kept":
            requests.record_decision(tx, override, decision, note, actor=workspace.actor, now=now)
        tx.record(MeetingDecided(meeting=meeting, override=override, decision=decision, note=justification))


def end(workspace: Workspace) -> str:
    """End the meeting; returns the digest of its minutes. An open override that was not justified in it is closed."""
    now = workspace.clock.now()
    with workspace.deciding(Right.MEET) as tx:
        meeting = _going_on(tx.view)
        decided = meeting_decisions(tx.view, meeting)
        started = tx.view.recorded(MeetingStarted, meeting=meeting)[0]
        states = {override.id: override.state(now) for override in overrides(tx.view)}
        passed = [name for name in started.fact.agenda.split() if name not in decided and states[name] == "open"]
        content = _minutes(tx.view, meeting, team=tx.policy.team, ended=now, closed=passed)
        minutes = workspace.store.put_json("minutes", content)
        undecided = sum(item["decided_by"] is None for item in content["items"])
        tx.record(
            *(OverrideDecided(override=name, decision="closed", note=f"{PASSED_OVER} ({meeting})") for name in passed),
            MeetingEnded(meeting=meeting, minutes=minutes, decided=len(decided), open_items=undecided),
        )
        return minutes


def going_on(workspace: Workspace) -> Meeting | None:
    """The meeting that is going on, with its items in the order of its agenda."""
    if not workspace.log.exists():
        return None
    with workspace.log.reading() as view:
        meeting = open_meeting(view)
        if meeting is None:
            return None
        return Meeting(
            id=meeting.fact.meeting,
            started=meeting.recorded,
            called_by=meeting.actor,
            present=tuple(attendance(view, meeting.fact.meeting)),
            items=_items(view, meeting.fact.meeting, now=workspace.clock.now()),
        )


def _items(view: LogView, meeting: str, *, now: datetime) -> tuple[Item, ...]:
    started = view.recorded(MeetingStarted, meeting=meeting)[0]
    decided = meeting_decisions(view, meeting)
    by_id = {override.id: override for override in overrides(view)}
    made = {row.fact.run: row.fact for row in view.recorded(Composition)}
    uses: dict[str, list[Use]] = {}
    for used in view.recorded(OverrideUsed):
        of_run = made.get(used.fact.run) if used.fact.gate == "ratio" else None
        ratio = max(of_run.ratio_records, of_run.ratio_tokens) if of_run else None
        uses.setdefault(used.fact.override, []).append(
            Use(used.recorded, used.actor, used.fact.effect, ratio, of_run.ceiling if of_run else None)
        )
    items = []
    for name in started.fact.agenda.split():
        answer = decided.get(name)
        items.append(
            Item(
                override=by_id[name],
                state=by_id[name].state(now),
                uses=tuple(uses.get(name, ())),
                decision=answer.fact.decision if answer else None,
                note=answer.fact.note if answer else None,
                decided_by=answer.actor if answer else None,
            )
        )
    return tuple(items)


def _minutes(view: LogView, meeting: str, *, team: str, ended: datetime, closed: list[str]) -> dict[str, Any]:
    """The minutes as one value, from which every form of them is made."""
    started = view.recorded(MeetingStarted, meeting=meeting)[0]
    items = []
    for item in _items(view, meeting, now=ended):
        over = item.override
        items.append(
            {
                "override": over.id,
                "gate": over.gate,
                "run": over.run,
                "reason": over.reason,
                "requested_by": over.requested_by,
                "requested": over.requested.isoformat(timespec="seconds"),
                "expires": over.expires.isoformat(timespec="seconds"),
                "uses": [
                    {
                        "when": use.recorded.isoformat(timespec="seconds"),
                        "by": use.actor,
                        "effect": use.effect,
                        "ratio": use.ratio,
                        "ceiling": use.ceiling,
                    }
                    for use in item.uses
                ],
                "orphan": over.orphan,
                "decision": item.decision or ("closed: " + PASSED_OVER if over.id in closed else None),
                "note": item.note,
                "decided_by": item.decided_by,
            }
        )
    return {
        "format": FORMAT,
        "meeting": meeting,
        "team": team,
        "started": started.recorded.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "called_by": started.actor,
        "present": attendance(view, meeting),
        "items": items,
    }


def _going_on(view: LogView) -> str:
    meeting = open_meeting(view)
    if meeting is None:
        ended = view.recorded(MeetingEnded)[-1:]
        last = "".join(f" {row.fact.meeting} was ended {by(row.actor, row.recorded)}." for row in ended)
        raise InputError(
            f"No meeting is going on.{last} Start one with `tailguard meeting start`, or on the overrides page."
        )
    return meeting.fact.meeting
