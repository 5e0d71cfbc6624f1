"""Is each play really running, and who answers for it?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, components, play_charts, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.domain.wording import by, counted
from tailguard.plays import attest as playbook
from tailguard.plays.audit import RUNNING, Evidence
from tailguard.plays.monitoring import alerts


def as_rows(state: str) -> pd.DataFrame:
    """Plays in a state, with the newest row that shows each at work."""
    return pd.DataFrame(
        [
            {
                "play": one.play.title,
                "state": one.state,
                "since": one.since,
                "why": one.why,
                "row": one.last.row if one.last else "",
            }
            for one in found
            if one.state == state
        ]
    )


components.begin("Plays")
watched = reads.watched()
found = watched.plays
running = [one for one in found if one.state == RUNNING]
behind = [one for one in found if one.state != RUNNING]
month = f"{watched.status.as_of:%Y-%m}"
attested = [one for one in found if one.attested_when and f"{one.attested_when:%Y-%m}" == month]
contradicted = [one for one in found if one.contradiction]
told = f" {behind[0].sentence}" if behind else ""
told += f" {contradicted[0].contradiction}." if contradicted else ""
sign = "✔" if not behind and not contradicted else "◆"
components.verdict(f"{sign} {len(running)} of {len(found)} plays run.{told}")
components.cards(
    [
        Card(
            "Running",
            f"{len(running)} of {len(found)}",
            "evidence in time",
            "The newest evidence is no older than the cadence that the policy gives the play",
            rows=lambda: as_rows("running"),
            term="play",
        ),
        Card(
            "Late",
            str(sum(one.state == "late" for one in found)),
            "up to twice the cadence",
            "The newest evidence is older than the cadence, or something passes the play by",
            rows=lambda: as_rows("late"),
        ),
        Card(
            "Stopped",
            str(sum(one.state == "stopped" for one in found)),
            "longer, or never",
            "The newest evidence is older than twice the cadence, or there is none",
            rows=lambda: as_rows("stopped"),
        ),
        Card(
            "Attested this month",
            str(len(attested)),
            f"{len(contradicted)} contradict the log",
            "By the quality owner, beside the evidence",
            rows=lambda: reads.facts(reads.PlayAttested)[["recorded", "actor", "play", "running", "note", "row"]].iloc[
                ::-1
            ],
            term="attestation",
        ),
    ]
)
actions.show_answer()
components.chart(
    lambda: play_charts.plays(found, watched.strips, f"{len(running)} of {len(found)} plays show themselves in time"),
    key="strips",
    note="White ticks are evidence: rows that show the play at work",
    terms=("play",),
)
for one in found:
    icon = {"running": "✔", "late": "◆", "stopped": "✖"}[one.state]
    with st.expander(
        f"{icon} {one.play.title}: {one.state}, owner {components.plain(one.owner)}", expanded=bool(one.contradiction)
    ):
        st.markdown(components.plain(one.sentence))
        if one.contradiction:
            st.warning(
                components.plain(one.contradiction) + (f"  \nNote: {components.plain(one.note)}" if one.note else ""),
                icon="⚠️",
            )
        elif one.attested_when:
            word = "running" if one.attested else "not running"
            st.markdown(components.plain(f"Attested as {word} by {one.attested_by} on {one.attested_when:%d %b %Y}."))
        left, right = st.columns(2)
        left.markdown(
            f"**Purpose** {one.play.purpose}  \n**Trigger** {one.play.trigger}  \n"
            f"**Stands on** {', '.join(one.play.needs) or 'nothing'}"
        )
        left.markdown(f"**Evidence** {one.play.evidence}, every {one.cadence_days} days; next by {one.due:%d %b %Y}")
        right.markdown("\n".join(f"{number}. {step}" for number, step in enumerate(one.play.steps, start=1)))
        if one.findings:
            components.table(
                pd.DataFrame(
                    [
                        {
                            "severity": components.SEVERITY[row.severity],
                            "what": row.what,
                            "since": row.since,
                            "row": row.row,
                        }
                        for row in one.findings
                    ]
                ),
                key=f"findings-{one.play.name}",
                columns={"what": st.column_config.TextColumn(width=620), "since": components.DAY},
            )
        components.rows(
            reads.as_frame(Evidence, one.evidence[::-1][:50]),
            title=f"Evidence ({len(one.evidence):,} rows)",
            formula="Rows of the log that show this play at work; running while the newest is no older than the cadence.",
            key=f"evidence-{one.play.name}",
        )


def attest(values: Values) -> str:
    """The quality owner's word on a play."""
    play = values["play"]
    playbook.attest(reads.workspace(), play, running=values["is-running"] == "yes", note=values["note"])
    return f"{play} is attested."


def hand_over(values: Values) -> str:
    """A play's next owner."""
    playbook.hand_over(reads.workspace(), values["given"], to=values["to"])
    return f"{values['given']} is {values['to']}'s."


def take(values: Values) -> str:
    """Somebody answers for an alert."""
    before = alerts.take(reads.workspace(), values["alert"], note=values["plan"])
    return f"{values['alert']} is yours." + (f" It was taken {by(before.actor, before.recorded)}." if before else "")


def acknowledge(values: Values) -> str:
    """The maintainer's word on the runbook."""
    playbook.acknowledge(reads.workspace(), note=values["change"])
    return "The revision is acknowledged."


left, right = st.columns(2)
names = [one.play.name for one in found]
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
alerts_raised = reads.facts(reads.AlertRaised)
taken = set(reads.facts(reads.AlertTaken)["alert"])
waiting = alerts_raised[~alerts_raised["alert"].isin(taken)]
if len(waiting):
    with st.form("take", border=True):
        st.markdown(f"**{counted(len(waiting), 'alert')} nobody took**")
        st.selectbox("Alert", list(waiting["alert"]), key="alert")
        st.text_input("What you will do", key="plan")
        actions.submit("Take it", take, key="take-alert")
    components.table(waiting[["alert", "kind", "what", "recorded", "row"]], key="alerts")
components.section("Runbook")
left, middle, right = st.columns(3)
right.download_button(
    "Calendar to subscribe to",
    reads.calendar,
    file_name="tailguard.ics",
    mime="text/calendar",
    key="ics",
    width="stretch",
)
with components.where_readable():
    runbook = reads.runbook()
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
