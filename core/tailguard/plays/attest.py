"""What people do about the plays: attest, hand over, acknowledge the runbook; and the calendar that they subscribe to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tailguard.domain.facts import PlayAttested, PlayHandedOver, RunbookRevised
from tailguard.domain.roles import Right
from tailguard.errors import InputError, NotAllowed
from tailguard.plays import runbook
from tailguard.plays.audit import PlayStanding
from tailguard.plays.calendar import Due
from tailguard.plays.loops import actions
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.status import standing_of
from tailguard.policy.model import PLAYS, parse_policy
from tailguard.store.writing import write_atomically
from tailguard.workspace import POLICY_FILE, Workspace, decision

SHORTEST_NOTE = 10
CALENDAR = "calendar.ics"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}}
code{{background:#8882;padding:0 .2rem}}:root{{color-scheme:light dark}}img{{max-width:100%}}</style></head><body>
{body}</body></html>
"""


def audit(workspace: Workspace) -> tuple[PlayStanding, ...]:
    """Every play as it stands now."""
    workspace.policy_in_force()
    actions.in_force(workspace)
    with workspace.log.reading() as connection:
        return standing_of(connection, workspace.clock.now()).plays


@decision(Right.ATTEST)
def attest(workspace: Workspace, play: str, *, running: bool, note: str) -> PlayAttested:
    """Say as quality owner whether a play is really running; the evidence of this moment is kept beside it.

    Raises InputError for anybody else, for a play that the profile does not ask for, and where the answer contradicts the
    evidence without a note.
    """
    found = next((one for one in audit(workspace) if one.play.name == play), None)
    if found is None:
        raise InputError(f"There is no play {play!r} here. Plays: {', '.join(workspace.policy().asked_plays)}.")
    if running != (found.state == "running") and len(note.strip()) < SHORTEST_NOTE:
        raise InputError(
            f"The log says that {play} is {found.state}. Say in a note of at least {SHORTEST_NOTE} letters why you see it "
            "otherwise."
        )
    month = f"{workspace.clock.now():%Y-%m}"
    fact = PlayAttested(play, month, running, f"{found.state}: {found.why}", note.strip())
    workspace.desk.record(fact)
    return fact


@decision(Right.HAND_OVER)
def hand_over(workspace: Workspace, play: str, *, to: str) -> PlayHandedOver:
    """Give a play another owner: one line of policy.toml changes. The present owner and the quality owner may.

    Raises InputError for anybody else, an unknown play, or where the policy does not name its owner in a line of its own.
    """
    policy = workspace.policy()
    if play not in PLAYS:
        raise InputError(f"There is no play {play!r}. Plays: {', '.join(PLAYS)}.")
    before = str(getattr(policy.plays, play))
    if workspace.actor not in (before, policy.quality_owner):
        raise NotAllowed(f"{before} owns {play}; only {before} and {policy.quality_owner} may hand it over.")
    file = workspace.root / POLICY_FILE
    text = file.read_text(encoding="utf-8")
    table = re.search(r"^\[plays\][^\n]*\n(?:(?!\[).*\n?)*", text, flags=re.MULTILINE)
    line = re.compile(rf'^({play}\s*=\s*)"(?:[^"\\]|\\.)*"', flags=re.MULTILINE)
    if table is None or not line.search(table.group()):
        raise InputError(f"{file} does not name the owner of {play} in a line of [plays]. Change it by hand.")
    name = '"' + to.replace("\\", "\\\\").replace('"', '\\"') + '"'
    part = line.sub(lambda found: found.group(1) + name, table.group(), count=1)
    changed = text[: table.start()] + part + text[table.end() :]
    parse_policy(changed, str(file))
    write_atomically(file, changed.encode())
    workspace.policy_in_force()
    fact = PlayHandedOver(play, before, to)
    workspace.desk.record(fact)
    return fact


def runbook_text(workspace: Workspace) -> str:
    """The runbook of the policy and the flows as the files say now, as Markdown."""
    file = workspace.root / FILE
    declared = parse_flows(file.read_text(encoding="utf-8"), str(file)).checkpoints if file.exists() else ()
    return runbook.text_of(workspace.policy(), declared)


def as_page(markdown: str, title: str) -> str:
    """Markdown of our own as a page that needs no other file. HTML in it is shown, not obeyed."""
    from html import escape

    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return PAGE.format(title=escape(title), body=body)


@decision(Right.ACKNOWLEDGE)
def acknowledge(workspace: Workspace, *, note: str) -> RunbookRevised:
    """Acknowledge the present runbook as its maintainer: it becomes the revision that later changes are told against."""
    if len(note.strip()) < SHORTEST_NOTE:
        raise InputError(f"Say in at least {SHORTEST_NOTE} letters what has changed, and why.")
    workspace.policy_in_force()
    actions.in_force(workspace)
    text = runbook_text(workspace)
    workspace.store.put_bytes("runbooks", text.encode(), ".md")
    fact = RunbookRevised(runbook.digest_of(text), note.strip())
    workspace.desk.record(fact)
    return fact


def calendar(due: Sequence[Due], team: str) -> bytes:
    """What is due as an iCalendar feed (RFC 5545): an all-day event each, with a reminder three days ahead. Same input,
    same bytes."""
    from icalendar import Alarm, Calendar, Event

    feed = Calendar()
    feed.add("prodid", "-//Tailguard//what is due//EN")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", f"Tailguard, {team}")
    feed.add("refresh-interval;value=duration", "P1D")
    for one in due:
        event = Event()
        event.add("uid", f"{re.sub(r'[^a-z0-9-]+', '-', one.key.casefold())}@tailguard")
        event.add("summary", f"{one.what} ({one.who})")
        event.add("dtstart", one.when.date())
        event.add("dtstamp", one.when)
        event.add("description", f"Tailguard, page {one.page}")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", one.what)
        alarm.add("trigger", timedelta(days=-3))
        event.add_component(alarm)
        feed.add_component(event)
    return bytes(feed.to_ical())


def write_calendar(workspace: Workspace, out: Path | None = None) -> tuple[Due, ...]:
    """Write what is due as calendar.ics in the workspace (or `out`), for programs that subscribe to a file; returns it."""
    workspace.policy_in_force()
    actions.in_force(workspace)
    with workspace.log.reading() as connection:
        found = standing_of(connection, workspace.clock.now()).due
    write_atomically(out or workspace.root / CALENDAR, calendar(found, workspace.policy().team))
    return found
