"""What people do about the plays: attest, hand over, acknowledge the runbook; and the calendar that they subscribe to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import PlayAttested, PlayHandedOver, PolicyInForce, RunbookRevised
from tailguard.domain.roles import Right
from tailguard.errors import InputError, NotAllowed
from tailguard.plays import runbook
from tailguard.plays.audit import PlayState
from tailguard.plays.calendar import Due
from tailguard.plays.loops import actions
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.status import team_state
from tailguard.policy.model import PLAYS, Policy
from tailguard.policy.reading import parse_policy, policy_digest
from tailguard.store.writing import write_atomically
from tailguard.workspace import POLICY_FILE, Workspace

CALENDAR = "calendar.ics"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}}
code{{background:#8882;padding:0 .2rem}}:root{{color-scheme:light dark}}img{{max-width:100%}}</style></head><body>
{body}</body></html>
"""


def audit(workspace: Workspace) -> tuple[PlayState, ...]:
    """Every play as it stands now."""
    actions.record_edits(workspace)
    with workspace.log.reading() as view:
        return team_state(view, workspace.clock.now()).plays


def attest(workspace: Workspace, play: str, *, running: bool, note: str) -> PlayAttested:
    """Say as quality owner whether a play is really running; the evidence of this moment is kept beside it.

    Raises InputError for anybody else, for a play that the profile does not ask for, and where the answer contradicts the
    evidence without a note.
    """
    now = workspace.clock.now()
    with workspace.deciding(Right.ATTEST) as tx:
        actions.record_flows(workspace, tx)
        found = next((found for found in team_state(tx.view, now).plays if found.play.name == play), None)
        if found is None:
            raise InputError(f"There is no play {play!r} here. Plays: {', '.join(tx.policy.asked_plays)}.")
        if running != (found.state == "running"):
            explanation(note, f"The log says that {play} is {found.state}; seeing it otherwise needs a note")
        fact = PlayAttested(
            play=play,
            month=f"{now:%Y-%m}",
            running=running,
            evidence=f"{found.state}: {found.why}",
            note=note.strip(),
        )
        tx.record(fact)
        return fact


def hand_over(workspace: Workspace, play: str, *, to: str) -> PlayHandedOver:
    """Give a play another owner: one line of policy.toml changes. The present owner and the quality owner may.

    Raises InputError for anybody else, an unknown play, or where the policy does not name its owner in a line of its own.
    """
    with workspace.deciding(Right.HAND_OVER) as tx:
        if play not in PLAYS:
            raise InputError(f"There is no play {play!r}. Plays: {', '.join(PLAYS)}.")
        before = str(getattr(tx.policy.plays, play))
        if workspace.actor not in (before, tx.policy.quality_owner):
            raise NotAllowed(f"{before} owns {play}; only {before} and {tx.policy.quality_owner} may hand it over.")
        file = workspace.root / POLICY_FILE
        text = _with_owner(file, play, to)
        policy = parse_policy(text, str(file))
        fact = PlayHandedOver(play=play, before=before, after=to)
        tx.record(PolicyInForce(digest=policy_digest(text), team=policy.team, text=text), fact)
        write_atomically(file, text.encode())
        return fact


def _with_owner(file: Path, play: str, owner: str) -> str:
    """The text of a policy with another owner of a play in its line."""
    text = file.read_text(encoding="utf-8")
    table = re.search(r"^\[plays\][^\n]*\n(?:(?!\[).*\n?)*", text, flags=re.MULTILINE)
    line = re.compile(rf'^({play}\s*=\s*)"(?:[^"\\]|\\.)*"', flags=re.MULTILINE)
    if table is None or not line.search(table.group()):
        raise InputError(f"{file} does not name the owner of {play} in a line of [plays]. Change it by hand.")
    name = '"' + owner.replace("\\", "\\\\").replace('"', '\\"') + '"'
    part = line.sub(lambda match: match.group(1) + name, table.group(), count=1)
    return text[: table.start()] + part + text[table.end() :]


def runbook_text(workspace: Workspace) -> str:
    """The runbook of the policy and the flows as the files say now, as Markdown."""
    return _runbook(workspace, workspace.edited_policy())


def _runbook(workspace: Workspace, policy: Policy) -> str:
    file = workspace.root / FILE
    declared = parse_flows(file.read_text(encoding="utf-8"), str(file)).checkpoints if file.exists() else ()
    return runbook.text_of(policy, declared)


def as_page(markdown: str, title: str) -> str:
    """Markdown of our own as a page that needs no other file. HTML in it is shown, not obeyed."""
    from html import escape

    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return PAGE.format(title=escape(title), body=body)


def acknowledge(workspace: Workspace, *, note: str) -> RunbookRevised:
    """Acknowledge the present runbook as its maintainer: it becomes the revision that later changes are told against."""
    with workspace.deciding(Right.ACKNOWLEDGE) as tx:
        changes = explanation(note, "A revision of the runbook needs a note (what has changed, and why)")
        actions.record_flows(workspace, tx)
        text = _runbook(workspace, tx.policy)
        workspace.store.put_bytes("runbooks", text.encode(), ".md")
        fact = RunbookRevised(digest=runbook.digest_of(text), note=changes)
        tx.record(fact)
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
    for deadline in due:
        event = Event()
        event.add("uid", f"{re.sub(r'[^a-z0-9-]+', '-', deadline.key.casefold())}@tailguard")
        event.add("summary", f"{deadline.what} ({deadline.who})")
        event.add("dtstart", deadline.when.date())
        event.add("dtstamp", deadline.when)
        event.add("description", f"Tailguard: {deadline.what}, {deadline.who}")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", deadline.what)
        alarm.add("trigger", timedelta(days=-3))
        event.add_component(alarm)
        feed.add_component(event)
    return bytes(feed.to_ical())


def write_calendar(workspace: Workspace, out: Path | None = None) -> tuple[Due, ...]:
    """Write what is due as calendar.ics in the workspace (or `out`), for programs that subscribe to a file; returns it."""
    actions.record_edits(workspace)
    with workspace.log.reading() as view:
        due = team_state(view, workspace.clock.now()).due
    write_atomically(out or workspace.root / CALENDAR, calendar(due, workspace.edited_policy().team))
    return due
