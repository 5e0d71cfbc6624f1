"""The monthly meeting on overrides: an agenda in order, one decision an item with a note, attendance, minutes.

Everything is in the log as soon as it is said, so a page that is loaded again loses nothing, and of two people who decide at
once the second is told what the first decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tailguard.domain.facts import (
    Composition,
    Fact,
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
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import (
    attendance,
    meeting_decisions,
    open_meeting,
    recorded,
)
from tailguard.workspace import Workspace, decision

SOON = timedelta(days=7)
SHORTEST_NOTE = 10
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


@dataclass(frozen=True)
class Item:
    """One item of an agenda: the override, its state, its uses, and what was decided on it so far."""

    override: Override
    state: str
    uses: tuple[Use, ...]
    decision: str | None
    note: str | None
    decided_by: str | None


@dataclass(frozen=True)
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
        return tuple(one for one in self.items if one.decision is None)


@decision(Right.MEET)
def start(workspace: Workspace) -> str:
    """Begin a meeting over all overrides that are open or wait; returns its name.

    Raises InputError while another one is going on, and when there is nothing to go over.
    """
    requests.close_missed(workspace)
    now = workspace.clock.now()
    begun: list[str] = []

    def begin(connection: Connection) -> list[Fact]:
        going_on = open_meeting(connection)
        if going_on:
            raise InputError(
                f"{going_on.fact.meeting} is going on since {going_on.recorded:%Y-%m-%d %H:%M}. Join it or end it."
            )
        order = agenda(register.everything(workspace, connection), now=now, soon=SOON)
        if not order:
            raise InputError("No override is open or waits for a decision: there is nothing to meet about.")
        name = f"meeting-{len(recorded(connection, MeetingStarted)) + 1}"
        begun.append(name)
        return [MeetingStarted(name, " ".join(one.id for one in order)), MeetingAttended(name, workspace.actor, True)]

    workspace.desk.decide(begin)
    return begun[0]


@decision(Right.MEET)
def attend(workspace: Workspace, person: str, *, present: bool = True) -> None:
    """Note that somebody is at the meeting, or is not after all. Raises InputError without a meeting or a name."""
    if not person.strip() or len(person) > 80:
        raise InputError("Attendance needs a name of at most 80 letters.")

    def note(connection: Connection) -> list[Fact]:
        meeting = _going_on(connection)
        here = person.strip() in attendance(connection, meeting)
        return [] if here == present else [MeetingAttended(meeting, person.strip(), present)]

    workspace.desk.decide(note)


@decision(Right.DECIDE)
def decide(workspace: Workspace, override: str, *, decision: str, note: str, expires: datetime | None = None) -> None:
    """Decide on one item, as an approver; a note is mandatory, and a new end where it is renewed.

    `kept`: justified until it ends. `renewed`: asked for anew with the note as its reason, for another person to approve.
    Raises InputError for anybody else, for a decision that its state does not allow, and when the meeting has decided on
    it already: what was decided first stands.
    """
    if len(note.strip()) < SHORTEST_NOTE:
        raise InputError(f"A decision needs a note of at least {SHORTEST_NOTE} letters.")

    def record(connection: Connection) -> list[Fact]:
        meeting = _going_on(connection)
        before = meeting_decisions(connection, meeting).get(override)
        if before:
            raise InputError(
                f"{override} was {before.fact.decision} in this meeting {by(before.actor, before.recorded)}: "
                f"{before.fact.note}"
            )
        found = register.standing(workspace, connection, override)
        state = found.state(workspace.clock.now())
        if decision not in DECISIONS.get(state, ()):
            can = ", ".join(DECISIONS.get(state, ())) or "nothing"
            raise InputError(f"{override} is {state}; what can be decided is {can}, found {decision!r}.")
        facts: list[Fact] = []
        if decision == "renewed":
            if expires is None:
                raise InputError("A renewal needs a new end.")
            facts = requests.renewal(workspace, connection, override, reason=note, expires=expires)
        elif decision != "kept":
            facts = requests.decision_facts(workspace, connection, override, decision, note)
        return [*facts, MeetingDecided(meeting, override, decision, note.strip())]

    workspace.desk.decide(record)


@decision(Right.MEET)
def end(workspace: Workspace) -> str:
    """End the meeting; returns the digest of its minutes. An open override that was not justified in it is closed."""
    ended: list[str] = []

    def close(connection: Connection) -> list[Fact]:
        meeting = _going_on(connection)
        decided = meeting_decisions(connection, meeting)
        started = recorded(connection, MeetingStarted, meeting=meeting)[0]
        now = workspace.clock.now()
        standing = {one.id: one.state(now) for one in register.everything(workspace, connection)}
        passed = [name for name in started.fact.agenda.split() if name not in decided and standing[name] == "open"]
        told = _told(workspace, connection, meeting, ended=now, closed=passed)
        minutes = workspace.store.put_json("minutes", told)
        left = sum(one["decided_by"] is None for one in told["items"])
        ended.append(minutes)
        closed = [OverrideDecided(name, "closed", f"{PASSED_OVER} ({meeting})") for name in passed]
        return [*closed, MeetingEnded(meeting, minutes, len(decided), left)]

    workspace.desk.decide(close)
    return ended[0]


def going_on(workspace: Workspace) -> Meeting | None:
    """The meeting that is going on, with its items in the order of its agenda."""
    if not workspace.log.exists():
        return None
    with workspace.log.reading() as connection:
        found = open_meeting(connection)
        if found is None:
            return None
        return Meeting(
            found.fact.meeting,
            found.recorded,
            found.actor,
            tuple(attendance(connection, found.fact.meeting)),
            _items(workspace, connection, found.fact.meeting),
        )


def _items(workspace: Workspace, connection: Connection, meeting: str) -> tuple[Item, ...]:
    started = recorded(connection, MeetingStarted, meeting=meeting)[0]
    decided = meeting_decisions(connection, meeting)
    standing = {one.id: one for one in register.everything(workspace, connection)}
    made = {one.fact.run: one.fact for one in recorded(connection, Composition)}
    uses: dict[str, list[Use]] = {}
    for one in recorded(connection, OverrideUsed):
        of_run = made.get(one.fact.run) if one.fact.gate == "ratio" else None
        ratio = max(of_run.ratio_records, of_run.ratio_tokens) if of_run else None
        uses.setdefault(one.fact.override, []).append(
            Use(one.recorded, one.actor, one.fact.effect, ratio, of_run.ceiling if of_run else None)
        )
    now = workspace.clock.now()
    items = []
    for name in started.fact.agenda.split():
        answer = decided.get(name)
        items.append(
            Item(
                standing[name],
                standing[name].state(now),
                tuple(uses.get(name, ())),
                answer.fact.decision if answer else None,
                answer.fact.note if answer else None,
                answer.actor if answer else None,
            )
        )
    return tuple(items)


def _told(
    workspace: Workspace, connection: Connection, meeting: str, *, ended: datetime, closed: list[str]
) -> dict[str, Any]:
    """The minutes as one value, from which every form of them is made."""
    started = recorded(connection, MeetingStarted, meeting=meeting)[0]
    items = []
    for one in _items(workspace, connection, meeting):
        over = one.override
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
                    for use in one.uses
                ],
                "orphan": over.orphan,
                "decision": one.decision or ("closed: " + PASSED_OVER if over.id in closed else None),
                "note": one.note,
                "decided_by": one.decided_by,
            }
        )
    return {
        "format": FORMAT,
        "meeting": meeting,
        "team": workspace.policy().team,
        "started": started.recorded.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "called_by": started.actor,
        "present": attendance(connection, meeting),
        "items": items,
    }


def _going_on(connection: Connection) -> str:
    found = open_meeting(connection)
    if found is None:
        ended = recorded(connection, MeetingEnded)[-1:]
        last = "".join(f" {row.fact.meeting} was ended {by(row.actor, row.recorded)}." for row in ended)
        raise InputError(
            f"No meeting is going on.{last} Start one with `tailguard meeting start`, or on the overrides page."
        )
    return found.fact.meeting
