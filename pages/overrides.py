"""Which exceptions are open, and what does the meeting decide?"""

from datetime import timedelta
from functools import partial

import streamlit as st

from pages.shared import actions, charts, components, documents, meeting_room, opened, reads, tables
from pages.shared.actions import Values
from pages.shared.asked import Opening, Renewal
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import plain
from tailguard.domain.facts import MeetingEnded, OverrideUsed
from tailguard.domain.gates import Gate
from tailguard.domain.wording import counted
from tailguard.overrides import meeting as meetings
from tailguard.overrides import requests
from tailguard.plays.status import OverrideStatus

MOST_BARS = 40
FORMS = {"html": "text/html", "pdf": "application/pdf", "csv": "text/csv"}

components.begin("Overrides")
status = reads.status()
frame = as_frame(OverrideStatus, status.overrides)
register = reads.register()
components.verdict(
    f"{len(register.open)} open, {counted(len(register.requested), 'waits', 'wait')} for a decision; "
    f"{counted(len(register.expiring), 'expires', 'expire')} within a week, "
    f"{counted(len(register.unused), 'was', 'were')} never used, "
    f"{counted(len(register.orphaned), 'matches', 'match')} nothing any more."
    if len(frame)
    else "Nobody has asked for an exception."
)
components.cards(
    [
        Card(
            "Open",
            str(len(register.open)),
            f"of {len(frame)} ever asked for",
            "Approved, not closed, not expired",
            rows=lambda: as_frame(OverrideStatus, register.open),
            term="override",
        ),
        Card(
            "Expire within a week",
            str(len(register.expiring)),
            "they end by themselves",
            "Open, and their end is less than seven days away",
            rows=lambda: as_frame(OverrideStatus, register.expiring),
        ),
        Card(
            "Past review",
            str(len(register.overdue)),
            "a review that is missed closes them",
            "Open, and no meeting has justified them in time",
            rows=lambda: as_frame(OverrideStatus, register.overdue),
        ),
        Card(
            "Used this month",
            str(reads.recent_uses()),
            "times something was let through",
            "Uses in the last thirty days of this log",
            rows=lambda: reads.facts(OverrideUsed)[
                ["override", "run", "gate", "effect", "recorded", "actor", "row"]
            ].iloc[::-1],
        ),
    ]
)
going_on = None
with components.where_readable():
    going_on = reads.current_meeting()
if going_on:
    meeting_room.hold(going_on)
if len(frame):
    used = reads.facts(OverrideUsed)
    components.chart(
        lambda: charts.exceptions(
            frame.tail(MOST_BARS),
            used,
            status.as_of,
            f"Used {counted(len(used), 'time')}; each override ends by itself",
        ),
        key="exceptions",
    )
    tables.table(
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
    ended = reads.facts(MeetingEnded)
    last = (
        f"Last: {ended['meeting'].iloc[-1]} on {ended['recorded'].iloc[-1]:%d %b %Y}." if len(ended) else "None so far."
    )
    st.markdown(
        plain(
            f"{counted(len(register.open) + len(register.requested), 'override is', 'overrides are')} on the agenda. {last}"
        )
    )
    actions.button(
        "Start a meeting",
        lambda _: f"{meetings.start(opened.workspace())} has begun.",
        key="start",
        then=lambda: st.query_params.pop("item", None),
        disabled=not (register.open or register.requested),
    )
    for row in reversed(ended.to_dict("records")):
        columns = st.columns([4, 1, 1, 1])
        columns[0].markdown(
            plain(
                f"{row['meeting']}, {row['recorded']:%d %b %Y}: {row['decided']} decided, {row['open_items']} left open"
            )
        )
        unavailable = opened.unavailable("minutes", row["minutes"])
        for column, (form, kind) in zip(columns[1:], FORMS.items(), strict=True):
            column.download_button(
                form.upper(),
                partial(documents.minutes, row["meeting"], form),
                file_name=f"{row['meeting']}.{form}",
                mime=kind,
                key=f"minutes-{row['meeting']}-{form}",
                width="stretch",
                disabled=unavailable is not None,
                help=unavailable,
            )


def decide(values: Values) -> str:
    """A decision on one override."""
    chosen, decision = values["chosen"], values["decision"]
    requests.decide(opened.workspace(), chosen, decision=decision, note=values["note"])
    return f"{chosen} {decision}."


def ask(values: Values) -> str:
    """A request for an override, or for one to go on."""
    space, asked, reason = opened.workspace(), values["asked"], values["asked_reason"]
    until = space.clock.now() + timedelta(days=int(values["asked_days"]))
    match asked:
        case Renewal(override):
            name = requests.renew(space, override, reason=reason, expires=until)
        case Opening(gate, run):
            name = requests.request(space, gate=gate, run=run, reason=reason, expires=until)
    return f"{name} requested. Another person approves it."


components.section("Outside the meeting")
left, right = st.columns(2)
with left.form("decide", border=True):
    st.markdown("**Decide on one**")
    names = [override.id for override in (*register.requested, *register.open)]
    if names and st.session_state.get("chosen") not in names:
        st.session_state.pop("chosen", None)  # a choice of nothing, from when there was nothing to choose
    st.selectbox("Override", names, index=None if not names else 0, key="chosen", disabled=not names)
    st.radio("Decision", requests.DECISIONS, horizontal=True, key="decision")
    st.text_input("Note", key="note")
    actions.submit("Record the decision", decide, key="decide-override", disabled=not names)
with right.form("ask", border=True):
    st.markdown("**Ask for one, or for one to go on**")
    runs = [
        generation.run
        for name in reads.lineage_names()
        for generation in reversed(reads.lineage(name).generations[-10:])
    ]
    openings = [Opening(gate, run) for run in runs for gate in Gate]
    renewals = [Renewal(override.id) for override in register.open]
    wanted = Opening(Gate.RATIO, st.query_params.get("run", ""))
    st.selectbox(
        "For",
        [*openings, *renewals],
        key="asked",
        index=openings.index(wanted) if wanted in openings else 0,
        format_func=str,
    )
    st.text_input("Reason", key="asked_reason")
    st.number_input("Days", min_value=1, max_value=366, value=14, key="asked_days")
    actions.submit("Ask", ask, key="ask-override")
components.caption()
