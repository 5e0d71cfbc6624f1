"""What models write in production, week by week against a frozen reference, and the alerts that came of it."""

from __future__ import annotations

import streamlit as st

from pages.shared import bar, charts, components, reads, tables
from pages.shared.frames import as_frame
from pages.shared.words import on_chart
from tailguard.domain.facts import StreamWeek
from tailguard.domain.measures import Measure
from tailguard.domain.wording import counted
from tailguard.plays.monitoring.production import AlertDelivery, StreamSummary


def sentence(summary: StreamSummary) -> str:
    """How production stands."""
    streams = counted(summary.streams, "stream")
    if not summary.in_alarm:
        return f"✔ None of {streams} is in alarm."
    return f"✖ {len(summary.in_alarm)} of {streams} in alarm. {summary.alarm}."


def chart() -> None:
    """One measure of every stream over the weeks."""
    weeks = reads.facts(StreamWeek)
    watched = bar.choice(
        "Measure", list(dict.fromkeys(weeks["measure"]))[::-1], "watched", words=lambda name: Measure(name).label
    )
    part = weeks[weeks["measure"] == watched]
    in_alarm = reads.streams().in_alarm
    title = f"In alarm: {', '.join(in_alarm)}" if in_alarm else "No stream is in alarm"
    components.chart(lambda: charts.streams(part, on_chart(title)), key="streams")


def show() -> None:
    """The weeks, and every alert with its delivery."""
    chart()
    alerts = as_frame(AlertDelivery, reads.deliveries())
    tables.table(
        alerts.assign(channel=alerts["channel"].fillna("none: TAILGUARD_ALERTS is not set"))[
            ["alert", "what", "recorded", "channel", "delivered", "problem"]
        ].iloc[::-1],
        key="alerts",
        columns={"what": st.column_config.TextColumn(width=520)},
    )
    components.remark(
        "Blocks of equal size against the frozen reference; an e-process, so looking every week costs nothing. ✖ marks an alarm."
    )
