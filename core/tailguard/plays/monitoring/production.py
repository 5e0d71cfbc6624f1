"""Streams of production texts as they stand, and what became of every alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import AlertAcknowledged, AlertRaised, AlertSent, StreamWeek
from tailguard.runlog.view import LogView
from tailguard.runlog.views.alarms import alarms


@dataclass(frozen=True, kw_only=True)
class StreamSummary:
    """How many streams were measured in how many weeks, which are in alarm (by name), and what the first of these alarms says."""

    streams: int
    weeks: int
    in_alarm: tuple[str, ...]
    alarm: str | None


@dataclass(frozen=True, kw_only=True)
class AlertDelivery:
    """An alert and one channel that it was last sent to (None: it was sent to none), with what went wrong."""

    alert: str
    what: str
    recorded: datetime
    channel: str | None
    delivered: bool | None
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class OpenAlert:
    """An alert that is assigned to nobody."""

    alert: str
    kind: str
    what: str
    recorded: datetime
    row: str


def streams(view: LogView) -> StreamSummary:
    """The streams of production texts as they stand."""
    weeks = view.recorded(StreamWeek)
    loud: dict[str, str] = {}
    for alarm in alarms(view):
        if alarm.kind is AlarmKind.STREAM:
            loud.setdefault(alarm.about[0], alarm.what)
    in_alarm = tuple(sorted(loud))
    return StreamSummary(
        streams=len({week.fact.stream for week in weeks}),
        weeks=len({week.fact.week for week in weeks}),
        in_alarm=in_alarm,
        alarm=loud[in_alarm[0]] if in_alarm else None,
    )


def deliveries(view: LogView) -> list[AlertDelivery]:
    """Every alert, oldest first, once for each channel that it was sent to."""
    sent: dict[str, list[AlertSent | None]] = {}
    for row in view.recorded(AlertSent, newest_by=("alert", "channel")):
        sent.setdefault(row.fact.alert, []).append(row.fact)
    return [
        AlertDelivery(
            alert=row.fact.alert,
            what=row.fact.what,
            recorded=row.recorded,
            channel=attempt.channel if attempt else None,
            delivered=attempt.delivered if attempt else None,
            problem=attempt.problem if attempt else None,
        )
        for row in view.recorded(AlertRaised)
        for attempt in sent.get(row.fact.alert, [None])
    ]


def open_alerts(view: LogView) -> list[OpenAlert]:
    """Alerts that nobody acknowledged, oldest first."""
    acknowledged = {row.fact.alert for row in view.recorded(AlertAcknowledged)}
    return [
        OpenAlert(alert=row.fact.alert, kind=row.fact.kind, what=row.fact.what, recorded=row.recorded, row=row.id)
        for row in view.recorded(AlertRaised)
        if row.fact.alert not in acknowledged
    ]
