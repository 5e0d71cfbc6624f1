"""Alerts: what stands in alarm is raised once, and handed to the channels that TAILGUARD_ALERTS names until each took it.

The addresses (Apprise URLs: chat, mail, webhook) are secrets and stay in the environment; the log has a channel's kind and a
short digest. What stands in alarm is `queries.alarms`, which the pages' charts are drawn from too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tailguard.domain.facts import AlertRaised, AlertSent, AlertTaken
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, alarms, recorded
from tailguard.workspace import Workspace, decision

CHANNELS = "TAILGUARD_ALERTS"
SHORTEST_NOTE = 5


@dataclass(frozen=True)
class Sent:
    """How many alerts were raised now, how many deliveries went well, and what went wrong with the others."""

    raised: int
    delivered: int
    problems: tuple[str, ...]


def raise_new(workspace: Workspace) -> list[AlertRaised]:
    """Raise what stands in alarm and was not raised before."""
    new: list[AlertRaised] = []

    def look(connection: Connection) -> list[AlertRaised]:
        before = [one.fact for one in recorded(connection, AlertRaised)]
        known = {(one.kind, one.subject) for one in before}
        for alarm in alarms(connection):
            if (alarm.kind, alarm.subject) not in known:
                known.add((alarm.kind, alarm.subject))
                name = f"alert-{len(before) + len(new) + 1}"
                new.append(AlertRaised(name, alarm.kind, alarm.subject, alarm.what, alarm.source))
        return new

    workspace.desk.decide(look)
    return new


@decision(Right.TAKE)
def take(workspace: Workspace, alert: str, *, note: str) -> Recorded[AlertTaken] | None:
    """Take an alert: the actor answers for it from now on. Returns who did so before, if anybody.

    Raises InputError for an unknown one or without a note.
    """
    if len(note.strip()) < SHORTEST_NOTE:
        raise InputError(f"Say in at least {SHORTEST_NOTE} letters what you will do about it.")

    def look(connection: Connection) -> list[AlertTaken]:
        known = [one.fact.alert for one in recorded(connection, AlertRaised)]
        if alert not in known:
            raise InputError(f"There is no alert {alert!r}. Known: {', '.join(known[-10:]) or 'none yet'}.")
        before.extend(recorded(connection, AlertTaken, alert=alert))
        return [AlertTaken(alert, note.strip())]

    before: list[Recorded[AlertTaken]] = []
    workspace.desk.decide(look)
    return before[-1] if before else None


def send(workspace: Workspace) -> Sent:
    """Raise what stands in alarm and was not raised before; deliver every alert that a channel has not taken yet."""
    new = raise_new(workspace)
    addresses = [] if workspace.isolated else os.environ.get(CHANNELS, "").split()
    if not addresses:
        return Sent(len(new), 0, ())
    with workspace.log.reading() as connection:
        raised = [one.fact for one in recorded(connection, AlertRaised)]
        taken = {(one.fact.alert, one.fact.channel) for one in recorded(connection, AlertSent, delivered=True)}
    results = [
        _deliver(alert, address, workspace.policy().team)
        for alert in raised
        for address in addresses
        if (alert.alert, channel_of(address)) not in taken
    ]
    if results:
        workspace.desk.record(*results)
    problems = tuple(f"{one.alert} to {one.channel}: {one.problem}" for one in results if not one.delivered)
    return Sent(len(new), sum(one.delivered for one in results), problems)


def channel_of(address: str) -> str:
    """A channel's kind and a digest of its address, which tells channels of one kind apart and gives nothing away."""
    kind = address.partition("://")[0] if "://" in address else "unknown"
    return f"{kind} {hashlib.sha256(address.encode()).hexdigest()[:8]}"


def _deliver(alert: AlertRaised, address: str, team: str) -> AlertSent:
    import apprise

    channel = apprise.Apprise()
    if not channel.add(address):
        return AlertSent(alert.alert, channel_of(address), False, "the address is not one that Apprise knows")
    with apprise.LogCapture(level=logging.WARNING) as told:  # type: ignore[no-untyped-call]
        done = channel.notify(
            title=f"Tailguard, {team}: {alert.kind}",
            body=alert.what,
            notify_type=apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
        )
        lines = told.getvalue().splitlines() if told else []
    return AlertSent(alert.alert, channel_of(address), bool(done), None if done else _problem(lines))


def _problem(lines: Sequence[str]) -> str:
    """Why a delivery failed, as Apprise tells it, without anything that looks like an address."""
    told = re.sub(r"\S+://\S+", "…", lines[-1]) if lines else "the channel did not take it"
    return told[-200:]
