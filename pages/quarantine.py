"""Which records wait for a person?"""

import time
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, charts, components, opened, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.words import marked, plain
from tailguard.domain.facts import ReviewDecision, ReviewOpinion
from tailguard.domain.tags import Origin
from tailguard.domain.wording import counted
from tailguard.errors import TailguardError
from tailguard.plays.provenance import quarantine
from tailguard.plays.provenance import queue as queues

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
        [(record.id, record.source, record.run, record.reason, record.since, record.cluster) for record in queue],
        columns=columns,
    )


@dataclass
class Seat:
    """What the reviewer at this page has before them, from one drawing of the page to the next."""

    position: int = 0
    shown: str = ""
    shown_at: float = 0.0
    asked_for: str = ""
    note: str = ""
    last_answered: tuple[str, ...] = ()


components.begin("Quarantine")
seat: Seat = st.session_state.setdefault("seat", Seat())
queue: list[quarantine.Waiting] = []
unread = ""
try:
    queue = reads.queue()
except TailguardError as error:
    unread = str(error)
summary, decided, agreement, waiting = queues.summary(queue), reads.decided(), reads.agreement(), reads.waiting()
in_all = waiting.records if waiting else 0
since = waiting.since if unread and waiting else summary.oldest
oldest = counted(reads.days_since(since) if since else 0, "day")
answered = f" ({in_all:,} with those that you have answered)" if in_all > summary.records else ""
sentence = f"{counted(summary.records, 'record waits', 'records wait')}, the oldest {oldest}{answered}"
if summary.larger_groups:
    answers = f"{summary.larger_groups} answers settle" if summary.larger_groups > 1 else "one answer settles"
    sentence += f"; {answers} {summary.near_duplicates} of them"
if unread:
    sentence = (
        f"{counted(in_all, 'held record waits', 'held records wait')}, the oldest {oldest}; "
        "the store is not here, so they cannot be reviewed"
    )
components.verdict(f"{sentence}." if queue or unread else "No record waits for you.")
components.cards(
    [
        Card(
            "Waiting",
            f"{in_all:,}" if unread else f"{summary.records:,}",
            "groups are not known" if unread else counted(summary.groups, "group"),
            "Held records that you have not answered; a group is a set of near-duplicates",
            rows=None if unread else waiting_rows,
            term="held record",
        ),
        Card(
            "Oldest",
            oldest,
            "they do not advance",
            "Since the run that held it",
            rows=None if unread else lambda: waiting_rows().sort_values("since"),
        ),
        Card(
            "Decided in a week",
            f"{decided.last_week:,}",
            f"{decided.total:,} ever",
            "Decisions in the last seven days of this log",
            rows=lambda: reads.facts(ReviewDecision)[["recorded", "actor", "record", "source", "origin", "row"]].iloc[
                ::-1
            ],
        ),
        Card(
            "Agreement",
            f"{agreement.kappa:.2f}" if agreement.kappa is not None else "–",
            f"{agreement.pairs} answered twice",
            "Cohen's kappa of two reviewers who do not see each other's answer; 1 is full agreement, 0 is chance",
            rows=lambda: reads.facts(ReviewOpinion)[
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
        opened.workspace(),
        ids,
        origin=origin,
        code=values["code"],
        note=seat.note,
        seconds=round(time.monotonic() - seat.shown_at, 1),
    )
    seat.last_answered = tuple(ids) if settled else ()
    seat.note = ""
    word = "waits on, you cannot tell" if origin is Origin.UNKNOWN else f"answered {origin}"
    answer = f"{ids[0][:12]} {word}" if len(ids) == 1 else f"{len(ids)} records: {word}"
    return f"{answer}; {settled} settled, the next run takes them in."


def take_back(ids: tuple[str, ...], _: Values) -> str:
    """The last decision, taken back."""
    seat.last_answered = ()
    return f"{counted(quarantine.take_back(opened.workspace(), ids), 'decision')} taken back."


def move(position: int) -> None:
    """To the next or previous record; told twice, it goes there once."""
    seat.position = position


@st.dialog("Note")
def write_note() -> None:
    """A note that goes with the next answer."""
    text = st.text_area("What you know that the detector does not", value=seat.note, key="note_text")
    if st.button("Keep", type="primary"):
        seat.note = text
        components.again()


actions.show_answer()

if queue:
    position = seat.position % len(queue)
    wanted = st.query_params.get("record", "")
    if wanted and wanted != seat.asked_for:
        seat.asked_for = wanted
        position = next((at for at, record in enumerate(queue) if record.id.startswith(wanted)), position)
    seat.position = position
    record = queue[position]
    if seat.shown != record.id:
        seat.shown, seat.shown_at = record.id, time.monotonic()
    group = queues.group_of(queue, record)
    alike = [other.id for other in group]
    left, right = st.columns([3, 2])
    with left:
        with st.container(border=True, height=380):
            st.markdown(marked(record.text[:LONGEST_SHOWN], record.spans))
            if len(record.text) > LONGEST_SHOWN:
                st.caption(f"{len(record.text):,} characters; the first {LONGEST_SHOWN:,} are shown.")
        st.toggle(
            f"Answer for the whole group ({len(alike)} near-duplicates)",
            value=len(alike) > 1,
            key=f"group-{alike[0]}",
            disabled=len(alike) < 2,
        )
        with st.container(horizontal=True):
            for label, origin, key in ANSWERS:
                work = partial(decide, origin, record.id, alike)
                actions.button(label, work, key=f"answer-{origin}-{record.id}", shortcut=key)
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
            st.button("Previous", shortcut="k", key=f"previous-{record.id}", on_click=move, args=(position - 1,))
            st.button("Next", shortcut="j", key=f"next-{record.id}", on_click=move, args=(position + 1,))
        if seat.note:
            st.caption(f"Note for the next answer: {plain(seat.note)}")
    with right:
        st.markdown(f"**{position + 1} of {len(queue):,}**: {plain(record.reason)}")
        rows = {
            "record": record.id,
            "source": record.source,
            "run": record.run,
            "waiting since": f"{record.since:%d %b %Y}",
            "declared": f"{record.declared} ({record.declared_by or 'nowhere'})",
            "evidence": record.evidence,
            "detector's score": "not judged"
            if record.score is None
            else f"{record.score:+.2f} (log-odds, higher is more model-like)",
            "group": f"{record.settles} near-duplicates" if record.settles > 1 else "no near-duplicate waits",
            "other answers": f"{record.opinions} (hidden until you have answered)" if record.opinions else "none",
            "metadata": record.meta[:500] or "none",
        }
        tables.table({"what": list(rows), "value": list(rows.values())}, key="evidence", height=380)
        if len(alike) > 1:
            with st.expander(
                f"{counted(len(alike) - 1, 'near-duplicate of it waits', 'near-duplicates of it wait')} too"
            ):
                others = [other for other in group if other.id != record.id]
                tables.table(
                    [
                        {"record": other.id[:12], "source": other.source, "text": other.text[:400]}
                        for other in others[:50]
                    ],
                    key="neighbours",
                )
        components.remark("Marked passages look model-made. Keys: 1 to 4 answer, N note, U take back, J and K move.")
elif unread:
    st.warning(plain(unread), icon="⚠️")
else:
    components.empty(
        "Nothing waits.",
        "A record without a known origin is held here and does not advance.",
        "tailguard quarantine list",
    )

over_time = reads.waiting_over_time()
if len(over_time):
    components.chart(
        lambda: charts.backlog(
            over_time,
            f"{in_all if unread else summary.records:,} wait now; a growing dark band means that nobody decides",
        ),
        key="backlog",
    )
if queue:
    components.section("The queue")
    tables.table(
        [
            {
                "record": record.id[:12],
                "settles": record.settles,
                "source": record.source,
                "why": record.reason,
                "since": record.since,
                "text": record.text[:160],
            }
            for record in queue[:500]
        ],
        key="queue",
    )
    components.remark(
        "In the order of what a decision settles, then of age. Reviewers who work elsewhere: "
        "`tailguard quarantine export --format csv --out FILE`."
    )
opinions = reads.facts(ReviewOpinion)
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
