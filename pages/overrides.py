"""Which exceptions are open, and what does the meeting decide?"""

from datetime import timedelta

import pandas as pd
import streamlit as st

from pages.shared import charts, components, reads
from pages.shared.components import Card
from tailguard.desk import overrides as desk
from tailguard.domain.overrides import GATES
from tailguard.errors import TailguardError

components.begin("Overrides")
status = reads.status()
requests = reads.facts(reads.OverrideRequested)
frame = pd.DataFrame([vars(one) for one in status.overrides])
open_ones = [one for one in status.overrides if one.state == "open"]
waiting = [one for one in status.overrides if one.state == "requested"]
soon = [one for one in open_ones if one.expires - status.as_of < timedelta(days=7)]
unused = [one for one in status.overrides if one.state in ("open", "expired") and not one.uses]
components.verdict(
    f"{len(open_ones)} open, {len(waiting)} waiting for a decision; {len(soon)} expire within a week, {len(unused)} were never used."
    if len(frame)
    else "Nobody has asked for an exception."
)
components.cards(
    [
        Card("Open", str(len(open_ones)), f"of {len(frame)} ever asked for", "Approved, not closed, not expired"),
        Card("Waiting", str(len(waiting)), "somebody else has to approve"),
        Card("Expire within a week", str(len(soon)), "they end by themselves"),
        Card("Used", str(sum(one.uses for one in status.overrides)), "times something was let through"),
    ]
)
if len(frame):
    frame["requested"] = frame["id"].map(requests.set_index("override")["recorded"])
    used = reads.facts(reads.OverrideUsed)
    st.plotly_chart(
        charts.exceptions(frame, used, status.as_of, f"Used {len(used)} time(s); each override ends by itself"),
        key="exceptions",
    )
    st.dataframe(
        frame[["id", "state", "gate", "run", "reason", "requested_by", "decided_by", "requested", "expires", "uses"]],
        hide_index=True,
        key="register",
    )
    components.rows(
        used[["override", "run", "gate", "effect", "recorded", "actor", "row"]],
        title="Uses",
        formula="A row each time an override let something through a gate.",
        key="used",
    )
else:
    components.empty(
        "No override yet.",
        "An exception needs a reason, an end, and a second person.",
        "tailguard override request --help",
    )


def act(work) -> None:  # type: ignore[no-untyped-def]
    """Do it, and say what came of it after the page has read the log again."""
    try:
        st.session_state["overrides_told"] = ("success", work())
    except TailguardError as error:
        st.session_state["overrides_told"] = ("error", str(error))
    st.rerun()


st.subheader("Decide")
if told := st.session_state.pop("overrides_told", None):
    (st.success if told[0] == "success" else st.error)(components.plain(told[1]))
left, right = st.columns(2)
with left.form("decide", border=True):
    st.markdown("**Decide on one**")
    names = [one.id for one in (*waiting, *open_ones)]
    chosen = st.selectbox("Override", names, index=None if not names else 0, key="chosen", disabled=not names)
    decision = st.radio("Decision", ["approved", "refused", "closed"], horizontal=True, key="decision")
    note = st.text_input("Note", key="note")
    if st.form_submit_button("Record the decision", disabled=not names):
        if chosen is None:
            st.warning("Choose an override first.")
            st.stop()
        act(lambda: desk.decide(reads.workspace(), chosen, decision=decision, note=note) or f"{chosen} {decision}.")
with right.form("ask", border=True):
    st.markdown("**Ask for one**")
    gate = st.selectbox("Gate", GATES, key="asked_gate")
    runs = [one.run for name in reads.lineages() for one in reversed(reads.lineage(name).generations)]
    run = st.selectbox("Run", runs, key="asked_run")
    reason = st.text_input("Reason", key="asked_reason")
    days = st.number_input("Days", min_value=1, max_value=366, value=14, key="asked_days")
    if st.form_submit_button("Ask"):
        space = reads.workspace()
        act(
            lambda: (
                desk.request(
                    space, gate=gate, run=run, reason=reason, expires=space.clock.now() + timedelta(days=int(days))
                )
                + " requested. Another person approves it."
            )
        )
components.caption()
