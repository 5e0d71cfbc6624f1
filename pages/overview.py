"""May the next generation ship, and is the defence running?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, bar, charts, components, documents, opened, production, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.places import page_of
from pages.shared.words import plain, unseen
from tailguard.domain.facts import BatchTaken, GateDecision, RatioMeasured, StreamWeek
from tailguard.domain.wording import by, counted
from tailguard.plays import assignment
from tailguard.plays.mixing.summary import larger_ratio
from tailguard.plays.status import OverrideStatus

components.begin("Overview")
status = reads.status()
line = reads.lineage(bar.lineage())
newest = line.generations[-1]
components.verdict(
    f"✖ {line.sentence}" if line.held else line.sentence, state="" if line.held else newest.verdict or ""
)

coverage = newest.coverage
covered = Card(
    "Provenance coverage",
    f"{coverage.share:.1%}" if coverage else "–",
    f"{coverage.low:.1%} to {coverage.high:.1%}" if coverage else "no batch yet",
    "Distinct records of the newest run with a confident, non-unknown tag; 90 % Wilson interval",
    rows=lambda: reads.facts(BatchTaken, run=newest.run)[
        ["run", "source", "read", "duplicates", "confident", "held", "row"]
    ],
    term="coverage",
)
if reads.profile() == "api-only":
    streams, loose = reads.streams(), reads.watched().loops.unguarded
    weeks = reads.facts(StreamWeek)
    components.cards(
        [
            Card(
                "Streams in alarm",
                str(len(streams.in_alarm)),
                ", ".join(streams.in_alarm) or "none",
                "An alarm lasts until a new reference is frozen",
                rows=lambda: weeks[weeks["alarm"].astype(bool)].iloc[::-1],
                term="stream",
            ),
            Card(
                "Weeks measured",
                str(streams.weeks),
                f"of {counted(streams.streams, 'stream')}",
                "Weeks in which texts of a stream were held against its frozen reference",
                rows=lambda: weeks.iloc[::-1],
            ),
            covered,
            Card(
                "Unguarded loops",
                str(len(loose)),
                loose[0].closing.text if loose else "none",
                "Ways on which output comes back without a live checkpoint",
                rows=lambda: pd.DataFrame([{"loop": loop.words, "closed by": loop.closing.text} for loop in loose]),
                term="loop",
            ),
        ]
    )
    if streams.weeks:
        production.chart()
else:
    states = {
        generation.run: generation.shipping
        for generation in line.generations
        if generation.shipping in ("frozen", "rolled back")
    }
    in_production = (
        f"In production: **{plain(line.shipped)}**."
        if line.shipped
        else "No generation of this lineage is in production."
    )
    st.markdown(in_production + "".join(f" {plain(run)} is {state}." for run, state in states.items()))

    open_overrides, ratio = reads.register().open, larger_ratio(newest)
    components.cards(
        [
            Card(
                "Newest verdict",
                newest.verdict or "none yet",
                f"{newest.run}, {newest.shipping}",
                "What the diversity gate decided of the newest run",
                rows=lambda: reads.facts(GateDecision, run=newest.run)[
                    ["run", "gate", "verdict", "reason", "override", "row"]
                ],
                term="verdict",
            ),
            Card(
                "Synthetic ratio",
                f"{ratio:.1%}" if ratio is not None else "–",
                f"ceiling {newest.ceiling:.0%}" if newest.ceiling is not None else "not composed yet",
                "Larger of the shares in records and in tokens; mixed counts by half, unknown as synthetic",
                rows=lambda: reads.facts(RatioMeasured, run=newest.run)[
                    ["run", "unit", "ratio", "low", "high", "ceiling", "row"]
                ],
                term="ratio",
            ),
            covered,
            Card(
                "Open overrides",
                str(len(open_overrides)),
                min(
                    (f"next expires {override.expires:%d %b %Y}" for override in open_overrides),
                    default=f"{len(status.overrides)} ever asked for",
                ),
                "Approved, not closed, not expired",
                rows=lambda: as_frame(OverrideStatus, open_overrides),
                term="override",
            ),
        ]
    )

    since = bar.since()
    shown = bar.beside(line.name)
    frames = {name: frame for name in shown if len(frame := reads.generations(name, since))}
    courses = [reads.course(name, since) for name in frames]
    stopped, judged = sum(course.stopped for course in courses), sum(course.judged for course in courses)
    if frames:
        components.chart(
            lambda: charts.strips(
                frames, f"{stopped:,} of {judged:,} candidates did not pass; the strip of each shows what they were fed"
            ),
            key="strips",
            terms=("verdict", "ratio", "ceiling", "override"),
            note=bar.drawn_note(line.name, since) + bar.left_out(shown),
        )

STATES = {"running": "✔", "late": "◆", "stopped": "✖"}
if status.plays:
    components.section("Is the defence running?")
    row = st.container(horizontal=True)
    for play in status.plays:
        with row.container(border=True, height="stretch"):
            st.markdown(f"**{STATES[play.state]} {play.name}**")
            st.caption(plain(f"{play.state} since {play.since:%d %b %Y}, {play.owner}"))
if status.due:
    past = [item for item in status.due if item.when < status.as_of]
    late = f", {len(past)} of it past its day" if past else ""
    components.section(f"What is due{late}")
    tables.table(
        pd.DataFrame(
            [
                {
                    "": "◆ overdue" if item.when < status.as_of else "",
                    "when": item.when,
                    "what": item.what,
                    "who": item.who,
                    "page": page_of(item.kind),
                }
                for item in status.due[:8]
            ]
        ),
        key="due",
        columns={"when": tables.DAY, "what": st.column_config.TextColumn(width=420)},
    )
    st.download_button(
        "Calendar to subscribe to", documents.calendar, file_name="tailguard.ics", mime="text/calendar", key="ics"
    )
unassigned = sum(finding.assigned_to is None for finding in status.findings)
components.section(
    f"Findings, worst first: {unassigned} of {len(status.findings)} unassigned" if status.findings else "Findings"
)
actions.show_answer()
if status.findings:
    tables.table(
        pd.DataFrame(
            [
                {
                    "severity": components.SEVERITY[finding.severity],
                    "what": finding.what,
                    "since": finding.since,
                    "page": page_of(finding.kind),
                    "assigned to": finding.assigned_to or "nobody",
                    "plan": finding.plan or "",
                    "row": finding.row,
                }
                for finding in status.findings
            ]
        ),
        key="findings",
        columns={"what": st.column_config.TextColumn(width=620), "since": tables.DAY},
    )
    by_key = {finding.key: finding for finding in status.findings}
    ordered = sorted(by_key, key=lambda key: by_key[key].assigned_to is not None)
    with st.form("assign", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Finding",
            ordered,
            key="finding",
            format_func=lambda key: unseen(f"{components.SEVERITY[by_key[key].severity]}: {by_key[key].what}"),
        )
        st.text_input("What you will do about it", key="plan")

        def assign(values: Values) -> str:
            """Somebody answers for a finding."""
            before = assignment.assign(opened.workspace(), values["finding"], plan=values["plan"])
            earlier = f" It was assigned {by(before.actor, before.recorded)}." if before else ""
            return f"The finding is assigned to you.{earlier}"

        actions.submit("Assign to me", assign, key="assign-finding")
        if st.form_submit_button("Open its page"):
            st.switch_page(f"pages/{page_of(by_key[chosen].kind)}.py", query_params={"lineage": line.name})
else:
    st.write("✔ Nothing was found that a person should look at.")
components.section("The monthly pack")
months = [f"{month:%Y-%m}" for month in pd.period_range(line.generations[0].started, status.as_of, freq="M")[::-1]]
with st.container(horizontal=True, vertical_alignment="bottom"):
    month = st.selectbox("Month", months, key="month", width=160)
    for form, kind in (("html", "text/html"), ("pdf", "application/pdf")):
        st.download_button(
            f"⤓ {form.upper()}",
            partial(documents.monthly_pack, str(month), form),
            file_name=f"tailguard-{month}.{form}",
            mime=kind,
            key=f"monthly-{form}",
            on_click="ignore",
            help="Overview, trends, gates, overrides and plays in one file that needs nothing else",
        )
components.rows(
    lambda: reads.generations(line.name, bar.since()).iloc[::-1],
    title="Generations of this lineage",
    formula=(
        "One row a run: verdict from its gate, shipping from its events, ratio from its composition, coverage from its batches."
    ),
    key="rows",
)
components.caption(newest.run)
