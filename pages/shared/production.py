"""What models write in production, week by week against a frozen reference, and the alerts that came of it."""

from __future__ import annotations

import streamlit as st

from pages.shared import charts, components, reads
from tailguard.domain.wording import counted


def measured() -> bool:
    """Whether any week of any stream was measured."""
    return len(reads.facts(reads.StreamWeek)) > 0


def alarmed() -> list[str]:
    """Streams in alarm."""
    return sorted({one.about[0] for one in _stream_alarms()})


def _stream_alarms() -> list[reads.Alarm]:
    return [one for one in reads.alarms() if one.kind is reads.AlarmKind.STREAM]


def sentence() -> str:
    """How production stands."""
    streams = reads.facts(reads.StreamWeek)["stream"].nunique()
    loud = alarmed()
    if not loud:
        return f"✔ None of {counted(streams, 'stream')} is in alarm."
    what = next(one.what for one in _stream_alarms() if one.about[0] == loud[0])
    return f"✖ {len(loud)} of {counted(streams, 'stream')} in alarm. {what}."


def chart() -> None:
    """One measure of every stream over the weeks."""
    weeks = reads.facts(reads.StreamWeek)
    watched = components.choice("Measure", list(dict.fromkeys(weeks["measure"]))[::-1], "watched")
    part = weeks[weeks["measure"] == watched]
    loud = alarmed()
    title = f"In alarm: {', '.join(loud)}" if loud else "No stream is in alarm"
    components.chart(lambda: charts.streams(part, components.on_chart(title)), key="streams")


def show() -> None:
    """The weeks, and every alert with its delivery."""
    chart()
    sent = reads.facts(reads.AlertSent).drop_duplicates(["alert", "channel"], keep="last")
    alerts = reads.facts(reads.AlertRaised).merge(
        sent[["alert", "channel", "delivered", "problem"]], on="alert", how="left"
    )
    components.table(
        alerts.assign(channel=alerts["channel"].fillna("none: TAILGUARD_ALERTS is not set"))[
            ["alert", "what", "recorded", "channel", "delivered", "problem"]
        ].iloc[::-1],
        key="alerts",
        columns={"what": st.column_config.TextColumn(width=520)},
    )
    components.remark(
        "Blocks of equal size against the frozen reference; an e-process, so looking every week costs nothing. ✖ marks an alarm."
    )
