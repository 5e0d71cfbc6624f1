"""Alerts: what is in alarm is raised once, and handed to the channels that TAILGUARD_ALERTS names until each took it.

The addresses (Apprise URLs: chat, mail, webhook) are secrets and stay in the environment; the log has a channel's kind and a
short digest. What is in alarm is `views.alarms.alarms`, which the pages' charts are drawn from too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.explanations import PLAN_LETTERS, explanation
from tailguard.domain.facts import AlertAcknowledged, AlertRaised, AlertSent
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.runlog.view import Recorded, latest
from tailguard.runlog.views.alarms import alarms
from tailguard.workspace import Decision, Workspace

CHANNELS = "TAILGUARD_ALERTS"


@dataclass(frozen=True)
class Sent:
    """How many alerts were raised now, how many deliveries went well, and what went wrong with the others."""

    raised: int
    delivered: int
    problems: tuple[str, ...]


def raise_new(workspace: Workspace) -> list[AlertRaised]:
    """Raise what is in alarm and was not raised before."""
    with workspace.deciding(Right.NOTIFY) as tx:
        return _raise_new(tx)


def _raise_new(tx: Decision) -> list[AlertRaised]:
    raised = [row.fact for row in tx.view.recorded(AlertRaised)]
    known = {(alert.kind, alert.subject) for alert in raised}
    new: dict[tuple[AlarmKind, str], AlertRaised] = {}
    for alarm in alarms(tx.view):
        subject = (alarm.kind, alarm.subject)
        if subject not in known and subject not in new:
            name = f"alert-{len(raised) + len(new) + 1}"
            new[subject] = AlertRaised(
                alert=name, kind=alarm.kind, subject=alarm.subject, what=alarm.what, source=alarm.source
            )
    tx.record(*new.values())
    return list(new.values())


def acknowledge(workspace: Workspace, alert: str, *, note: str) -> Recorded[AlertAcknowledged] | None:
    """Acknowledge an alert: the actor answers for it from now on. Returns who did so before, if anybody.

    Raises InputError for an unknown one or without a note.
    """
    with workspace.deciding(Right.ALERTS) as tx:
        plan = explanation(note, "An acknowledgement needs a plan (what you will do)", letters=PLAN_LETTERS)
        known = [row.fact.alert for row in tx.view.recorded(AlertRaised)]
        if alert not in known:
            raise InputError(f"There is no alert {alert!r}. Known: {', '.join(known[-10:]) or 'none yet'}.")
        before = latest(tx.view.recorded(AlertAcknowledged, alert=alert))
        tx.record(AlertAcknowledged(alert=alert, note=plan))
        return before


def send(workspace: Workspace) -> Sent:
    """Raise what is in alarm and was not raised before; deliver every alert that a channel has not taken yet."""
    with workspace.deciding(Right.NOTIFY) as tx:
        new, team = _raise_new(tx), tx.policy.team
        raised = [row.fact for row in tx.view.recorded(AlertRaised)]
        delivered = {(row.fact.alert, row.fact.channel) for row in tx.view.recorded(AlertSent, delivered=True)}
    addresses = [] if workspace.isolated else os.environ.get(CHANNELS, "").split()
    results = [
        _deliver(alert, address, team)
        for alert in raised
        for address in addresses
        if (alert.alert, channel_of(address)) not in delivered
    ]
    if results:
        with workspace.deciding(Right.NOTIFY) as tx:
            tx.record(*results)
    problems = tuple(
        f"{result.alert} to {result.channel}: {result.problem}" for result in results if not result.delivered
    )
    return Sent(len(new), sum(result.delivered for result in results), problems)


def channel_of(address: str) -> str:
    """A channel's kind and a digest of its address, which tells channels of one kind apart and gives nothing away."""
    kind = address.partition("://")[0] if "://" in address else "unknown"
    return f"{kind} {hashlib.sha256(address.encode()).hexdigest()[:8]}"


def _deliver(alert: AlertRaised, address: str, team: str) -> AlertSent:
    import apprise

    channel = apprise.Apprise()
    if not channel.add(address):
        return AlertSent(
            alert=alert.alert,
            channel=channel_of(address),
            delivered=False,
            problem="the address is not one that Apprise knows",
        )
    with apprise.LogCapture(level=logging.WARNING) as captured:  # type: ignore[no-untyped-call]
        done = channel.notify(
            title=f"Tailguard, {team}: {alert.kind.label}",
            body=alert.what,
            notify_type=apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
        )
        lines = captured.getvalue().splitlines() if captured else []
    return AlertSent(
        alert=alert.alert, channel=channel_of(address), delivered=bool(done), problem=None if done else _problem(lines)
    )


def _problem(lines: Sequence[str]) -> str:
    """Why a delivery failed, as Apprise tells it, without anything that looks like an address."""
    reason = re.sub(r"\S+://\S+", "…", lines[-1]) if lines else "the channel did not take it"
    return reason[-200:]
