"""Which exceptions are open, and what does the meeting decide?"""

from datetime import timedelta
from functools import partial

import streamlit as st

from pages.shared import actions, charts, components, meeting_room, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.domain.overrides import GATES
from tailguard.domain.wording import counted
from tailguard.overrides import meeting as meetings
from tailguard.overrides import requests
from tailguard.plays.status import OverrideStatus

MOST_BARS = 40
FORMS = {"html": "text/html", "pdf": "application/pdf", "csv": "text/csv"}

components.begin("Overrides")
status = reads.status()
frame = reads.as_frame(OverrideStatus, status.overrides)
open_ones = [one for one in status.overrides if one.state == "open"]
waiting = [one for one in status.overrides if one.state == "requested"]
soon = [one for one in open_ones if one.expires - status.as_of < timedelta(days=7)]
unused = [one for one in open_ones if not one.uses]
orphans = [one for one in open_ones if one.orphan]
overdue = [one for one in open_ones if one.review_by and one.review_by < status.as_of]
components.verdict(
    f"{len(open_ones)} open, {counted(len(waiting), 'waits', 'wait')} for a decision; "
    f"{counted(len(soon), 'expires', 'expire')} within a week, {counted(len(unused), 'was', 'were')} never used, "
    f"{counted(len(orphans), 'matches', 'match')} nothing any more."
    if len(frame)
    else "Nobody has asked for an exception."
)
components.cards(
    [
        Card(
            "Open",
            str(len(open_ones)),
            f"of {len(frame)} ever asked for",
            "Approved, not closed, not expired",
            rows=lambda: reads.as_frame(OverrideStatus, open_ones),
            term="override",
        ),
        Card(
            "Expire within a week",
            str(len(soon)),
            "they end by themselves",
            "Open, and their end is less than seven days away",
            rows=lambda: reads.as_frame(OverrideStatus, soon),
        ),
        Card(
            "Past review",
            str(len(overdue)),
            "a review that is missed closes them",
            "Open, and no meeting has justified them in time",
            rows=lambda: reads.as_frame(OverrideStatus, overdue),
        ),
        Card(
            "Used this month",
            str(sum((reads.facts(reads.OverrideUsed)["recorded"] > status.as_of - timedelta(days=30)).astype(int))),
            "times something was let through",
            "Uses in the last thirty days of this log",
            rows=lambda: reads.facts(reads.OverrideUsed)[
                ["override", "run", "gate", "effect", "recorded", "actor", "row"]
            ].iloc[::-1],
        ),
    ]
)
going_on = None
with components.where_readable():
    going_on = reads.meeting_going_on()
if going_on:
    meeting_room.hold(going_on)
if len(frame):
    used = reads.facts(reads.OverrideUsed)
    components.chart(
        lambda: charts.exceptions(
            frame.tail(MOST_BARS),
            used,
            status.as_of,
            f"Used {counted(len(used), 'time')}; each override ends by itself",
        ),
        key="exceptions",
    )
    components.table(
        frame[
            [
                "id",
                "state",
                "gate",
                "run",
                "reason",
                "requested_by",
                "decided_by",
                "requested",
                "expires",
                "uses",
                "renews",
                "orphan",
                "void",
            ]
        ],
        key="register",
        columns={"reason": st.column_config.TextColumn(width=320), "orphan": "matches nothing: why"},
    )
    components.rows(
        lambda: used[["override", "run", "gate", "effect", "recorded", "actor", "row"]],
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

if not going_on:
    components.section("The monthly meeting")
    actions.show_answer()
    ended = reads.facts(reads.MeetingEnded)
    last = (
        f"Last: {ended['meeting'].iloc[-1]} on {ended['recorded'].iloc[-1]:%d %b %Y}." if len(ended) else "None so far."
    )
    st.markdown(
        components.plain(
            f"{counted(len(open_ones) + len(waiting), 'override is', 'overrides are')} on the agenda. {last}"
        )
    )
    actions.button(
        "Start a meeting",
        lambda _: f"{meetings.start(reads.workspace())} has begun.",
        key="start",
        then=lambda: st.query_params.pop("item", None),
        disabled=not (open_ones or waiting),
    )
    for row in reversed(ended.to_dict("records")):
        columns = st.columns([4, 1, 1, 1])
        columns[0].markdown(
            components.plain(
                f"{row['meeting']}, {row['recorded']:%d %b %Y}: {row['decided']} decided, {row['open_items']} left open"
            )
        )
        lacking = reads.lacking("minutes", row["minutes"])
        for column, (form, kind) in zip(columns[1:], FORMS.items(), strict=True):
            column.download_button(
                form.upper(),
                partial(reads.minutes, row["meeting"], form),
                file_name=f"{row['meeting']}.{form}",
                mime=kind,
                key=f"minutes-{row['meeting']}-{form}",
                width="stretch",
                disabled=lacking is not None,
                help=lacking,
            )


def decide(values: Values) -> str:
    """A decision on one override."""
    chosen, decision = values["chosen"], values["decision"]
    requests.decide(reads.workspace(), chosen, decision=decision, note=values["note"])
    return f"{chosen} {decision}."


def ask(values: Values) -> str:
    """A request for an override, or for one to go on."""
    space, asked, reason = reads.workspace(), values["asked"], values["asked_reason"]
    until = space.clock.now() + timedelta(days=int(values["asked_days"]))
    if asked.startswith("renew "):
        name = requests.renew(space, asked.removeprefix("renew "), reason=reason, expires=until)
    else:
        gate, _, run = asked.partition(" gate of ")
        name = requests.request(space, gate=gate, run=run, reason=reason, expires=until)
    return f"{name} requested. Another person approves it."


components.section("Outside the meeting")
left, right = st.columns(2)
with left.form("decide", border=True):
    st.markdown("**Decide on one**")
    names = [one.id for one in (*waiting, *open_ones)]
    if names and st.session_state.get("chosen") not in names:
        st.session_state.pop("chosen", None)  # a choice of nothing, from when there was nothing to choose
    st.selectbox("Override", names, index=None if not names else 0, key="chosen", disabled=not names)
    st.radio("Decision", requests.DECISIONS, horizontal=True, key="decision")
    st.text_input("Note", key="note")
    actions.submit("Record the decision", decide, key="decide-override", disabled=not names)
with right.form("ask", border=True):
    st.markdown("**Ask for one, or for one to go on**")
    runs = [one.run for name in reads.lineages() for one in reversed(reads.lineage(name).generations[-10:])]
    targets = [f"{gate} gate of {run}" for run in runs for gate in GATES]
    renewals = [f"renew {one.id}" for one in open_ones]
    wanted = f"ratio gate of {st.query_params.get('run', '')}"
    st.selectbox("For", [*targets, *renewals], key="asked", index=targets.index(wanted) if wanted in targets else 0)
    st.text_input("Reason", key="asked_reason")
    st.number_input("Days", min_value=1, max_value=366, value=14, key="asked_days")
    actions.submit("Ask", ask, key="ask-override")
components.caption()
