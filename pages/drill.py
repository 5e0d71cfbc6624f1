"""Are we ready to roll back, and what happened last time?"""

import pandas as pd
import streamlit as st

from pages.shared import actions, components, play_charts, protocol, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.domain.wording import counted
from tailguard.response import contamination


def as_rows() -> pd.DataFrame:
    """Every response, the newest first."""
    return pd.DataFrame(
        [
            {
                "response": one.id,
                "kind": one.kind,
                "generation": one.generation,
                "opened": one.opened,
                "by": one.opened_by,
                "what": one.what,
            }
            for one in reversed(every)
        ]
    )


def of_step(name: str) -> pd.DataFrame:
    """One step of every response."""
    steps = reads.facts(reads.IncidentStep, step=name)
    return steps[["incident", "seconds", "machine_seconds", "evidence", "recorded", "actor", "row"]].iloc[::-1]


def plant(values: Values) -> str:
    """Start a drill in a sandbox."""
    from tailguard.response import protocol

    return protocol.start_drill(reads.workspace(), values["rehearsed"], seed=0).text


def open_for(values: Values) -> str:
    """Open a real incident."""
    from tailguard.response import protocol

    alert = None if values["began"] == "no alert" else values["began"]
    return protocol.open_incident(
        reads.workspace(), values["struck"], what=values["seen"], alert=alert, generation=None
    ).text


components.begin("Drill")
every = reads.watched().incidents
status = reads.status()
closed = [one for one in every if one.closed]
going_on = [one for one in every if not one.closed]
due = next((one for one in status.due if one.key == "drill"), None)
if going_on:
    one = going_on[0]
    components.verdict(f"◆ {one.id} on {one.generation} is open: {one.what} Next: {one.next}.")
elif closed:
    last = closed[-1]
    days = (status.as_of - last.opened).days
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
            str((status.as_of - newest.opened).days) if newest else "–",
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
            "From the freeze until the last known-good generation was at work",
            rows=lambda: of_step("rollback"),
        ),
        Card(
            "Gaps open",
            str(len(newest.gaps)) if newest else "–",
            "of the last response",
            "Found when it began: what an emergency would lack",
            rows=lambda: reads.facts(reads.IncidentGap)[["incident", "what", "recorded", "row"]].iloc[::-1],
        ),
    ]
)
actions.show_answer()
if every:
    frozen = [one for one in every if one.seconds("freeze") is not None] or every
    took_first, took_last = (protocol.lasting(one.seconds("freeze")) for one in (frozen[0], frozen[-1]))
    trend = f"Time to freeze: {took_first} at first, {took_last} last"
    components.chart(lambda: play_charts.responses(every, trend), key="responses")
    names = [one.id for one in reversed(every)]
    wanted = st.query_params.get("incident", "")
    shown = st.selectbox("Response", names, index=names.index(wanted) if wanted in names else 0, key="incident")
    st.query_params["incident"] = shown
    one = next(found for found in every if found.id == shown)
    done = {row.fact.step: row for row in one.steps}
    st.markdown(
        components.plain(
            f"{one.id} on {one.generation}, opened {one.opened:%d %b %Y %H:%M} by {one.opened_by} ({one.trigger}): {one.what}"
        )
    )
    protocol.hold(one)
    if one.gaps:
        components.section("Gaps")
        components.table(
            pd.DataFrame([{"gap": gap.fact.gap, "what": gap.fact.what, "row": gap.id} for gap in one.gaps]),
            key="gaps",
        )
    audited = reads.facts(reads.ContaminationAudited, incident=one.id)
    if len(audited):
        components.section("Recent training data, by its tags")
        doubtful, records = int(audited["doubtful"].sum()), int(audited["records"].sum())
        st.markdown(f"{doubtful:,} of {records:,} records of {audited['run'].nunique()} training sets are in doubt.")
        components.table(
            audited[["run", "source", "origin", "records", "doubtful", "why", "row"]].sort_values(
                "doubtful", ascending=False
            ),
            key="audited",
        )
        with components.where_readable():
            examples = reads.to_look_at(one.id)
            if examples:
                with st.expander(f"{len(examples)} records to look at"):
                    components.table(reads.as_frame(contamination.Example, examples), key="examples")
lines = [name for name in reads.lineages() if reads.lineage(name).shipped]
left, right = st.columns(2)
with left.form("start", border=True):
    st.markdown("**Start a drill**  \nA collapse is planted in a copy; nothing that is at work is touched.")
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
    raised = ["no alert", *reversed(list(reads.facts(reads.AlertRaised)["alert"]))]
    st.selectbox("It began with", raised, key="began")
    st.text_input("What was seen", key="seen")
    actions.submit("Open it", open_for, key="open-incident", disabled=not lines)
components.caption()
