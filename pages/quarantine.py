"""Which records wait for a person?"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, charts, components, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.domain.tags import Origin
from tailguard.domain.wording import counted
from tailguard.errors import TailguardError
from tailguard.plays.provenance import quarantine

LONGEST_SHOWN = 6000
ANSWERS = (
    ("Human", Origin.HUMAN, "1"),
    ("AI", Origin.AI, "2"),
    ("Mixed", Origin.MIXED, "3"),
    ("Cannot tell", Origin.UNKNOWN, "4"),
)


def waiting_rows() -> pd.DataFrame:
    """What waits, as rows."""
    columns = ["record", "source", "run", "why", "since", "group"]
    return pd.DataFrame(
        [(one.id, one.source, one.run, one.reason, one.since, one.cluster) for one in queue], columns=columns
    )


@dataclass
class Seat:
    """What the reviewer at this page has before them, from one drawing of the page to the next."""

    place: int = 0
    shown: str = ""
    shown_at: float = 0.0
    asked_for: str = ""
    note: str = ""
    last_answered: tuple[str, ...] = ()


components.begin("Quarantine")
seat: Seat = st.session_state.setdefault("seat", Seat())
status = reads.status()
queue: list[quarantine.Waiting] = []
unread = ""
try:
    queue = reads.queue()
except TailguardError as error:
    unread = str(error)
decided = reads.facts(reads.ReviewDecision)
agreement = reads.agreement()
holdings, since = reads.waiting_now()
oldest = (status.as_of - since).days if since and unread else 0
oldest = max(((status.as_of - one.since).days for one in queue), default=oldest)
groups = Counter(one.cluster for one in queue)
copies = sum(count for count in groups.values() if count > 1)
several = sum(count > 1 for count in groups.values())
answered = f" ({holdings:,} with those that you have answered)" if holdings > len(queue) else ""
told = f"{counted(len(queue), 'record waits', 'records wait')}, the oldest {counted(oldest, 'day')}{answered}"
if several:
    told += f"; {several} answers settle {copies} of them" if several > 1 else f"; one answer settles {copies} of them"
if unread:
    told = (
        f"{counted(holdings, 'held record waits', 'held records wait')}, the oldest {counted(oldest, 'day')}; "
        "the store is not here, so they cannot be reviewed"
    )
components.verdict(f"{told}." if queue or unread else "No record waits for you.")
components.cards(
    [
        Card(
            "Waiting",
            f"{holdings:,}" if unread else f"{len(queue):,}",
            "groups are not known" if unread else counted(len(groups), "group"),
            "Held records that you have not answered; a group is a set of near-duplicates",
            rows=None if unread else waiting_rows,
            term="held record",
        ),
        Card(
            "Oldest",
            counted(oldest, "day"),
            "they do not advance",
            "Since the run that held it",
            rows=None if unread else lambda: waiting_rows().sort_values("since"),
        ),
        Card(
            "Decided in a week",
            f"{int((decided['recorded'] >= status.as_of - timedelta(days=7)).sum()):,}" if len(decided) else "0",
            f"{len(decided):,} ever",
            "Decisions in the last seven days of this log",
            rows=lambda: decided[["recorded", "actor", "record", "source", "origin", "row"]].iloc[::-1],
        ),
        Card(
            "Agreement",
            f"{agreement.kappa:.2f}" if agreement.kappa is not None else "–",
            f"{agreement.pairs} answered twice",
            "Cohen's kappa of two reviewers who do not see each other's answer; 1 is full agreement, 0 is chance",
            rows=lambda: reads.facts(reads.ReviewOpinion)[
                ["record", "actor", "origin", "code", "recorded", "row"]
            ].sort_values("record"),
            term="kappa",
        ),
    ]
)


def decide(origin: Origin, record: str, alike: list[str], values: Values) -> str:
    """Record the answer on what is shown, and go on with what is next."""
    ids = alike if len(alike) > 1 and values[f"group-{alike[0]}"] else [record]
    settled = quarantine.decide(
        reads.workspace(),
        ids,
        origin=origin,
        code=values["code"],
        note=seat.note,
        seconds=round(time.monotonic() - seat.shown_at, 1),
    )
    seat.last_answered = tuple(ids) if settled else ()
    seat.note = ""
    word = "waits on, you cannot tell" if origin is Origin.UNKNOWN else f"answered {origin}"
    told = f"{ids[0][:12]} {word}" if len(ids) == 1 else f"{len(ids)} records: {word}"
    return f"{told}; {settled} settled, the next run takes them in."


def take_back(ids: tuple[str, ...], _: Values) -> str:
    """The last decision, taken back."""
    seat.last_answered = ()
    return f"{counted(quarantine.take_back(reads.workspace(), ids), 'decision')} taken back."


def move(place: int) -> None:
    """To the next or previous record; told twice, it goes there once."""
    seat.place = place


@st.dialog("Note")
def write_note() -> None:
    """A note that goes with the next answer."""
    text = st.text_area("What you know that the detector does not", value=seat.note, key="note_text")
    if st.button("Keep", type="primary"):
        seat.note = text
        components.again()


actions.show_answer()

if queue:
    place = seat.place % len(queue)
    wanted = st.query_params.get("record", "")
    if wanted and wanted != seat.asked_for:
        seat.asked_for = wanted
        place = next((at for at, one in enumerate(queue) if one.id.startswith(wanted)), place)
    seat.place = place
    one = queue[place]
    if seat.shown != one.id:
        seat.shown, seat.shown_at = one.id, time.monotonic()
    alike = [other.id for other in queue if other.cluster == one.cluster]
    left, right = st.columns([3, 2])
    with left:
        with st.container(border=True, height=380):
            st.markdown(components.marked(one.text[:LONGEST_SHOWN], one.spans))
            if len(one.text) > LONGEST_SHOWN:
                st.caption(f"{len(one.text):,} characters; the first {LONGEST_SHOWN:,} are shown.")
        st.toggle(
            f"Answer for the whole group ({len(alike)} near-duplicates)",
            value=len(alike) > 1,
            key=f"group-{alike[0]}",
            disabled=len(alike) < 2,
        )
        with st.container(horizontal=True):
            for label, origin, key in ANSWERS:
                work = partial(decide, origin, one.id, alike)
                actions.button(label, work, key=f"answer-{origin}-{one.id}", shortcut=key)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                "Reason code",
                list(quarantine.CODES),
                key="code",
                format_func=lambda code: f"{code}: {quarantine.CODES[code]}",
                width=320,
            )
            if st.button("Note", shortcut="n", key="note_button"):
                write_note()
            actions.button(
                "Take back",
                partial(take_back, seat.last_answered),
                key="back",
                shortcut="u",
                disabled=not seat.last_answered,
            )
            st.button("Previous", shortcut="k", key=f"previous-{one.id}", on_click=move, args=(place - 1,))
            st.button("Next", shortcut="j", key=f"next-{one.id}", on_click=move, args=(place + 1,))
        if seat.note:
            st.caption(f"Note for the next answer: {components.plain(seat.note)}")
    with right:
        st.markdown(f"**{place + 1} of {len(queue):,}**: {components.plain(one.reason)}")
        rows = {
            "record": one.id,
            "source": one.source,
            "run": one.run,
            "waiting since": f"{one.since:%d %b %Y}",
            "declared": f"{one.declared} ({one.declared_by or 'nowhere'})",
            "evidence": one.evidence,
            "detector's score": "not judged"
            if one.score is None
            else f"{one.score:+.2f} (log-odds, higher is more model-like)",
            "group": f"{one.settles} near-duplicates" if one.settles > 1 else "no near-duplicate waits",
            "other answers": f"{one.opinions} (hidden until you have answered)" if one.opinions else "none",
            "metadata": one.meta[:500] or "none",
        }
        components.table({"what": list(rows), "value": list(rows.values())}, key="evidence", height=380)
        if len(alike) > 1:
            with st.expander(
                f"{counted(len(alike) - 1, 'near-duplicate of it waits', 'near-duplicates of it wait')} too"
            ):
                others = [other for other in queue if other.cluster == one.cluster and other.id != one.id]
                components.table(
                    [
                        {"record": other.id[:12], "source": other.source, "text": other.text[:400]}
                        for other in others[:50]
                    ],
                    key="neighbours",
                )
        components.remark("Marked passages look model-made. Keys: 1 to 4 answer, N note, U take back, J and K move.")
elif unread:
    st.warning(components.plain(unread), icon="⚠️")
else:
    components.empty(
        "Nothing waits.",
        "What cannot be told at intake is held here and does not advance.",
        "tailguard quarantine list",
    )

over_time = reads.waiting_over_time()
if len(over_time):
    components.chart(
        lambda: charts.backlog(
            over_time,
            f"{holdings if unread else len(queue):,} wait now; a growing dark band means that nobody decides",
        ),
        key="backlog",
    )
if queue:
    components.section("The queue")
    components.table(
        [
            {
                "record": one.id[:12],
                "settles": one.settles,
                "source": one.source,
                "why": one.reason,
                "since": one.since,
                "text": one.text[:160],
            }
            for one in queue[:500]
        ],
        key="queue",
    )
    components.remark(
        "In the order of what a decision settles, then of age. Reviewers who work elsewhere: "
        "`tailguard quarantine export --format csv --out FILE`."
    )
opinions = reads.facts(reads.ReviewOpinion)
if len(opinions):
    components.rows(
        lambda: opinions[["recorded", "actor", "record", "source", "origin", "code", "note", "seconds", "row"]],
        title="Answers",
        formula=(
            "Each answer of a reviewer, with the seconds that the record was on the screen. Two that agree, or one where the "
            "policy asks for one, settle a record."
        ),
        key="opinions",
    )
components.caption()
