"""Are we ready to roll back, and what happened last time?"""

import pandas as pd
import streamlit as st

from pages.shared import actions, components, opened, play_charts, protocol, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import plain
from tailguard.domain.facts import AlertRaised, ContaminationAudited, IncidentGap, IncidentStep
from tailguard.domain.incidents import gap_label
from tailguard.domain.wording import counted
from tailguard.response import contamination


def as_rows() -> pd.DataFrame:
    """Every response, the newest first."""
    return pd.DataFrame(
        [
            {
                "response": incident.id,
                "kind": incident.kind,
                "generation": incident.generation,
                "opened": incident.opened,
                "by": incident.opened_by,
                "what": incident.what,
            }
            for incident in reversed(every)
        ]
    )


def of_step(name: str) -> pd.DataFrame:
    """One step of every response."""
    steps = reads.facts(IncidentStep, step=name)
    return steps[["incident", "seconds", "machine_seconds", "evidence", "recorded", "actor", "row"]].iloc[::-1]


def plant(values: Values) -> str:
    """Start a drill in a sandbox."""
    from tailguard.response.drill import start_drill

    return start_drill(opened.workspace(), values["rehearsed"], seed=0).text


def open_for(values: Values) -> str:
    """Open a real incident."""
    from tailguard.response import protocol

    alert = None if values["began"] == "no alert" else values["began"]
    return protocol.open_incident(
        opened.workspace(), values["struck"], what=values["seen"], alert=alert, generation=None
    ).text


components.begin("Drill")
every = reads.watched().incidents
status = reads.status()
closed = [incident for incident in every if incident.closed]
going_on = [incident for incident in every if not incident.closed]
due = next((item for item in status.due if item.key == "drill"), None)
if going_on:
    incident = going_on[0]
    components.verdict(f"◆ {incident.id} on {incident.generation} is open: {incident.what} Next: {incident.next}.")
elif closed:
    last = closed[-1]
    days = reads.days_since(last.opened)
    times = [f"{word} in {protocol.lasting(last.seconds(step))}" for step, word in protocol.TIMED.items()]
    gaps = f"{counted(len(last.gaps), 'gap')}, the first: {last.gaps[0].fact.what}" if last.gaps else "no gap"
    late = due if due and status.as_of > due.when else None
    ended = f" The next was due on {late.when:%d %b %Y}." if late else ""
    sign = "◆" if late or last.gaps else "✔"
    components.verdict(f"{sign} Last {last.kind} {counted(days, 'day')} ago: {', '.join(times)}; {gaps}.{ended}")
else:
    components.verdict("◆ No drill was ever held: nobody knows how long a rollback takes here.")
newest = closed[-1] if closed else every[-1] if every else None
components.cards(
    [
        Card(
            "Days since the last",
            str(reads.days_since(newest.opened)) if newest else "–",
            f"next by {due.when:%d %b %Y}" if due else "",
            "Since the last response that was closed began",
            rows=as_rows,
        ),
        Card(
            "Time to freeze",
            protocol.lasting(newest.seconds("freeze")) if newest else "–",
            "from detection, people included",
            "Seconds from the step before until this one was done",
            rows=lambda: of_step("freeze"),
        ),
        Card(
            "Time to roll back",
            protocol.lasting(newest.seconds("rollback")) if newest else "–",
            f"{protocol.lasting(newest.machine_seconds('rollback'))} of it machine" if newest else "",
            "From the freeze until the last known-good generation was in production",
            rows=lambda: of_step("rollback"),
        ),
        Card(
            "Gaps open",
            str(len(newest.gaps)) if newest else "–",
            "of the last response",
            "Found when it began: what an emergency would lack",
            rows=lambda: reads.facts(IncidentGap)[["incident", "what", "recorded", "row"]].iloc[::-1],
        ),
    ]
)
actions.show_answer()
if every:
    frozen = [incident for incident in every if incident.seconds("freeze") is not None] or every
    took_first, took_last = (protocol.lasting(incident.seconds("freeze")) for incident in (frozen[0], frozen[-1]))
    trend = f"Time to freeze: {took_first} at first, {took_last} last"
    components.chart(lambda: play_charts.responses(every, trend), key="responses")
    names = [incident.id for incident in reversed(every)]
    wanted = st.query_params.get("incident", "")
    shown = st.selectbox("Response", names, index=names.index(wanted) if wanted in names else 0, key="incident")
    st.query_params["incident"] = shown
    incident = next(incident for incident in every if incident.id == shown)
    done = {row.fact.step: row for row in incident.steps}
    st.markdown(
        plain(
            f"{incident.id} on {incident.generation}, opened {incident.opened:%d %b %Y %H:%M} "
            f"by {incident.opened_by} ({incident.trigger}): {incident.what}"
        )
    )
    protocol.hold(incident)
    if incident.gaps:
        components.section("Gaps")
        tables.table(
            pd.DataFrame(
                [{"gap": gap_label(gap.fact.gap), "what": gap.fact.what, "row": gap.id} for gap in incident.gaps]
            ),
            key="gaps",
        )
    if doubt := reads.in_doubt(incident.id):
        components.section("Recent training data, by its tags")
        st.markdown(f"{doubt.doubtful:,} of {doubt.records:,} records of {doubt.sets} training sets are in doubt.")
        audited = reads.facts(ContaminationAudited, incident=incident.id)
        tables.table(
            audited[["run", "source", "origin", "records", "doubtful", "why", "row"]].sort_values(
                "doubtful", ascending=False
            ),
            key="audited",
        )
        with components.where_readable():
            examples = reads.examples_in_doubt(incident.id)
            if examples:
                with st.expander(f"{len(examples)} records to look at"):
                    tables.table(as_frame(contamination.Example, examples), key="examples")
lines = [name for name in reads.lineage_names() if reads.lineage(name).shipped]
left, right = st.columns(2)
with left.form("start", border=True):
    st.markdown("**Start a drill**  \nA collapse is planted in a copy; nothing in production is touched.")
    st.selectbox("Lineage", lines, key="rehearsed", disabled=not lines)
    actions.submit(
        "Plant a collapse",
        plant,
        key="plant",
        busy="Building the sandbox, planting, watching …",
        disabled=not lines,
    )
with right.form("open", border=True):
    st.markdown("**Open a real incident**  \nFreezing and rolling back act on the lineage itself.")
    st.selectbox("Lineage", lines, key="struck", disabled=not lines)
    raised = ["no alert", *reversed(list(reads.facts(AlertRaised)["alert"]))]
    st.selectbox("It began with", raised, key="began")
    st.text_input("What was seen", key="seen")
    actions.submit("Open it", open_for, key="open-incident", disabled=not lines)
components.caption()
