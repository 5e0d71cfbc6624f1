"""Is each play really running, and who answers for it?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, components, documents, opened, play_charts, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import plain
from tailguard.domain.facts import PlayAttested
from tailguard.domain.wording import by, counted
from tailguard.plays import attest as playbook
from tailguard.plays.audit import RUNNING, Evidence
from tailguard.plays.monitoring import alerts
from tailguard.plays.monitoring.production import OpenAlert


def as_rows(state: str) -> pd.DataFrame:
    """Plays in a state, with the newest row that shows that each runs."""
    return pd.DataFrame(
        [
            {
                "play": status.play.title,
                "state": status.state,
                "since": status.since,
                "why": status.why,
                "row": status.last.row if status.last else "",
            }
            for status in statuses
            if status.state == state
        ]
    )


components.begin("Plays")
watched = reads.watched()
statuses = watched.plays
running = [status for status in statuses if status.state == RUNNING]
behind = [status for status in statuses if status.state != RUNNING]
month = f"{watched.status.as_of:%Y-%m}"
attested = [status for status in statuses if status.attested_when and f"{status.attested_when:%Y-%m}" == month]
contradicted = [status for status in statuses if status.contradiction]
details = f" {behind[0].sentence}" if behind else ""
details += f" {contradicted[0].contradiction}." if contradicted else ""
sign = "✔" if not behind and not contradicted else "◆"
components.verdict(f"{sign} {len(running)} of {len(statuses)} plays run.{details}")
components.cards(
    [
        Card(
            "Running",
            f"{len(running)} of {len(statuses)}",
            "evidence in time",
            "The newest evidence is no older than the cadence that the policy gives the play",
            rows=lambda: as_rows("running"),
            term="play",
        ),
        Card(
            "Late",
            str(sum(status.state == "late" for status in statuses)),
            "up to twice the cadence",
            "The newest evidence is older than the cadence, or something passes the play by",
            rows=lambda: as_rows("late"),
        ),
        Card(
            "Stopped",
            str(sum(status.state == "stopped" for status in statuses)),
            "longer, or never",
            "The newest evidence is older than twice the cadence, or there is none",
            rows=lambda: as_rows("stopped"),
        ),
        Card(
            "Attested this month",
            str(len(attested)),
            f"{len(contradicted)} contradict the log",
            "By the quality owner, beside the evidence",
            rows=lambda: reads.facts(PlayAttested)[["recorded", "actor", "play", "running", "note", "row"]].iloc[::-1],
            term="attestation",
        ),
    ]
)
actions.show_answer()
components.chart(
    lambda: play_charts.plays(
        statuses, watched.strips, f"{len(running)} of {len(statuses)} plays show themselves in time"
    ),
    key="strips",
    note="White ticks are evidence: rows that show that the play runs",
    terms=("play",),
)
for status in statuses:
    icon = {"running": "✔", "late": "◆", "stopped": "✖"}[status.state]
    with st.expander(
        f"{icon} {status.play.title}: {status.state}, owner {plain(status.owner)}", expanded=bool(status.contradiction)
    ):
        st.markdown(plain(status.sentence))
        if status.contradiction:
            st.warning(
                plain(status.contradiction) + (f"  \nNote: {plain(status.note)}" if status.note else ""),
                icon="⚠️",
            )
        elif status.attested_when:
            word = "running" if status.attested else "not running"
            st.markdown(plain(f"Attested as {word} by {status.attested_by} on {status.attested_when:%d %b %Y}."))
        left, right = st.columns(2)
        left.markdown(
            f"**Purpose** {status.play.purpose}  \n**Trigger** {status.play.trigger}  \n"
            f"**Stands on** {', '.join(status.play.needs) or 'nothing'}"
        )
        left.markdown(
            f"**Evidence** {status.play.evidence}, every {status.cadence_days} days; next by {status.due:%d %b %Y}"
        )
        right.markdown("\n".join(f"{number}. {step}" for number, step in enumerate(status.play.steps, start=1)))
        if status.findings:
            tables.table(
                pd.DataFrame(
                    [
                        {
                            "severity": components.SEVERITY[row.severity],
                            "what": row.what,
                            "since": row.since,
                            "row": row.row,
                        }
                        for row in status.findings
                    ]
                ),
                key=f"findings-{status.play.name}",
                columns={"what": st.column_config.TextColumn(width=620), "since": tables.DAY},
            )
        components.rows(
            as_frame(Evidence, status.evidence[::-1][:50]),
            title=f"Evidence ({len(status.evidence):,} rows)",
            formula="Rows of the log that show that this play runs; running while the newest is no older than the cadence.",
            key=f"evidence-{status.play.name}",
        )


def attest(values: Values) -> str:
    """The quality owner's word on a play."""
    play = values["play"]
    playbook.attest(opened.workspace(), play, running=values["is-running"] == "yes", note=values["note"])
    return f"{play} is attested."


def hand_over(values: Values) -> str:
    """A play's next owner."""
    playbook.hand_over(opened.workspace(), values["given"], to=values["to"])
    return f"{values['given']} is {values['to']}'s."


def acknowledge_alert(values: Values) -> str:
    """Somebody answers for an alert."""
    before = alerts.acknowledge(opened.workspace(), values["alert"], note=values["plan"])
    earlier = f" It was acknowledged {by(before.actor, before.recorded)}." if before else ""
    return f"{values['alert']} is acknowledged.{earlier}"


def acknowledge(values: Values) -> str:
    """The maintainer's word on the runbook."""
    playbook.acknowledge(opened.workspace(), note=values["change"])
    return "The revision is acknowledged."


left, right = st.columns(2)
names = [status.play.name for status in statuses]
with left.form("attest", border=True):
    st.markdown("**Attest as quality owner**")
    st.selectbox("Play", names, key="play")
    st.radio("Is it really running?", ["yes", "no"], horizontal=True, key="is-running")
    st.text_input("Note (needed where you see it otherwise than the log)", key="note")
    actions.submit("Attest", attest, key="attest-play")
with right.form("hand-over", border=True):
    st.markdown("**Hand a play over**")
    st.selectbox("Play", names, key="given")
    st.text_input("New owner", key="to")
    actions.submit("Hand over", hand_over, key="hand-play-over")
open_alerts = reads.open_alerts()
if open_alerts:
    with st.form("alert-acknowledgement", border=True):
        st.markdown(f"**{counted(len(open_alerts), 'alert')} not acknowledged**")
        st.selectbox("Alert", [alert.alert for alert in open_alerts], key="alert")
        st.text_input("What you will do", key="plan")
        actions.submit("Acknowledge", acknowledge_alert, key="acknowledge-alert")
    tables.table(as_frame(OpenAlert, open_alerts), key="alerts")
components.section("Runbook")
left, middle, right = st.columns(3)
right.download_button(
    "Calendar to subscribe to",
    documents.calendar,
    file_name="tailguard.ics",
    mime="text/calendar",
    key="ics",
    width="stretch",
)
with components.where_readable():
    runbook = documents.runbook()
    left.download_button(
        "Runbook as a page",
        partial(playbook.as_page, runbook, "Runbook"),
        file_name="runbook.html",
        mime="text/html",
        key="runbook-html",
        width="stretch",
    )
    middle.download_button("Runbook as Markdown", runbook, file_name="runbook.md", key="runbook-md", width="stretch")
    with st.expander("Read the runbook"):
        st.markdown(runbook)
with st.form("acknowledge", border=True):
    st.text_input("What has changed in it, and why", key="change")
    actions.submit("Acknowledge this revision as its maintainer", acknowledge, key="acknowledge-runbook")
components.caption()
