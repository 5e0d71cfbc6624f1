"""May the next generation ship, and is the defence running?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, charts, components, production, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.domain.wording import by, counted
from tailguard.plays import assignment
from tailguard.plays.status import OverrideStatus

components.begin("Overview")
status = reads.status()
line = reads.lineage(components.lineage())
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
    rows=lambda: reads.facts(reads.BatchTaken, run=newest.run)[
        ["run", "source", "read", "duplicates", "confident", "held", "row"]
    ],
    term="coverage",
)
if reads.profile() == "api-only":
    loud, loose = production.alarmed(), reads.watched().loops.unguarded
    weeks = reads.facts(reads.StreamWeek)
    components.cards(
        [
            Card(
                "Streams in alarm",
                str(len(loud)),
                ", ".join(loud) or "none",
                "An alarm stands until a new reference is frozen",
                rows=lambda: weeks[weeks["alarm"].astype(bool)].iloc[::-1],
                term="stream",
            ),
            Card(
                "Weeks measured",
                str(weeks["week"].nunique()),
                f"of {counted(weeks['stream'].nunique(), 'stream')}",
                "Weeks in which texts of a stream were held against its frozen reference",
                rows=lambda: weeks.iloc[::-1],
            ),
            covered,
            Card(
                "Unguarded loops",
                str(len(loose)),
                loose[0].closing.text if loose else "none",
                "Ways on which output comes back without a live checkpoint",
                rows=lambda: pd.DataFrame([{"loop": one.words, "closed by": one.closing.text} for one in loose]),
                term="loop",
            ),
        ]
    )
    if production.measured():
        production.chart()
else:
    states = {one.run: one.shipping for one in line.generations if one.shipping in ("frozen", "rolled back")}
    at_work = (
        f"At work: **{components.plain(line.shipped)}**."
        if line.shipped
        else "No generation of this lineage is at work."
    )
    st.markdown(at_work + "".join(f" {components.plain(run)} is {state}." for run, state in states.items()))

    open_ones = [one for one in status.overrides if one.state == "open"]
    ratios = [one for one in (newest.ratio_records, newest.ratio_tokens) if one is not None]
    components.cards(
        [
            Card(
                "Newest verdict",
                newest.verdict or "none yet",
                f"{newest.run}, {newest.shipping}",
                "What the diversity gate decided of the newest run",
                rows=lambda: reads.facts(reads.GateDecision, run=newest.run)[
                    ["run", "gate", "verdict", "reason", "override", "row"]
                ],
                term="verdict",
            ),
            Card(
                "Synthetic ratio",
                f"{max(ratios):.1%}" if ratios else "–",
                f"ceiling {newest.ceiling:.0%}" if newest.ceiling is not None else "not composed yet",
                "Larger of the shares in records and in tokens; mixed counts by half, unknown as synthetic",
                rows=lambda: reads.facts(reads.RatioMeasured, run=newest.run)[
                    ["run", "unit", "ratio", "low", "high", "ceiling", "row"]
                ],
                term="ratio",
            ),
            covered,
            Card(
                "Open overrides",
                str(len(open_ones)),
                min(
                    (f"next expires {one.expires:%d %b %Y}" for one in open_ones),
                    default=f"{len(status.overrides)} ever asked for",
                ),
                "Approved, not closed, not expired",
                rows=lambda: reads.as_frame(OverrideStatus, open_ones),
                term="override",
            ),
        ]
    )

    since = components.since()
    shown = components.beside(line.name)
    frames = {name: frame for name in shown if len(frame := reads.generations(name, since))}
    counts = [reads.counted(name, since) for name in frames]
    stopped, judged = sum(one.stopped for one in counts), sum(one.judged for one in counts)
    if frames:
        components.chart(
            lambda: charts.strips(
                frames, f"{stopped:,} of {judged:,} candidates did not pass; the strip of each shows what they were fed"
            ),
            key="strips",
            terms=("verdict", "ratio", "ceiling", "override"),
            note=components.drawn_note(line.name, since) + components.left_out(shown),
        )

STATES = {"running": "✔", "late": "◆", "stopped": "✖"}
if status.plays:
    components.section("Is the defence running?")
    row = st.container(horizontal=True)
    for play in status.plays:
        with row.container(border=True, height="stretch"):
            st.markdown(f"**{STATES[play.state]} {play.name}**")
            st.caption(components.plain(f"{play.state} since {play.since:%d %b %Y}, {play.owner}"))
if status.due:
    past = [one for one in status.due if one.when < status.as_of]
    late = f", {len(past)} of it past its day" if past else ""
    components.section(f"What is due{late}")
    components.table(
        pd.DataFrame(
            [
                {
                    "": "◆ overdue" if one.when < status.as_of else "",
                    "when": one.when,
                    "what": one.what,
                    "who": one.who,
                    "page": one.page,
                }
                for one in status.due[:8]
            ]
        ),
        key="due",
        columns={"when": components.DAY, "what": st.column_config.TextColumn(width=420)},
    )
    st.download_button(
        "Calendar to subscribe to", reads.calendar, file_name="tailguard.ics", mime="text/calendar", key="ics"
    )
untaken = sum(one.taken_by is None for one in status.findings)
components.section(
    f"Findings, worst first: {untaken} of {len(status.findings)} nobody took" if status.findings else "Findings"
)
actions.show_answer()
if status.findings:
    components.table(
        pd.DataFrame(
            [
                {
                    "severity": components.SEVERITY[one.severity],
                    "what": one.what,
                    "since": one.since,
                    "page": one.page,
                    "taken by": one.taken_by or "nobody",
                    "plan": one.plan or "",
                    "row": one.row,
                }
                for one in status.findings
            ]
        ),
        key="findings",
        columns={"what": st.column_config.TextColumn(width=620), "since": components.DAY},
    )
    by_key = {one.key: one for one in status.findings}
    ordered = sorted(by_key, key=lambda key: by_key[key].taken_by is not None)
    with st.form("take", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Finding",
            ordered,
            key="finding",
            format_func=lambda key: components.unseen(
                f"{components.SEVERITY[by_key[key].severity]}: {by_key[key].what}"
            ),
        )
        st.text_input("What you will do about it", key="plan")

        def take(values: Values) -> str:
            """Somebody answers for a finding."""
            before = assignment.take(reads.workspace(), values["finding"], plan=values["plan"])
            return "The finding is yours." + (f" It was taken {by(before.actor, before.recorded)}." if before else "")

        actions.submit("Take it", take, key="take-finding")
        if st.form_submit_button("Open its page"):
            st.switch_page(f"pages/{by_key[chosen].page}.py", query_params={"lineage": line.name})
else:
    st.write("✔ Nothing was found that a person should look at.")
components.section("The monthly pack")
months = [f"{one:%Y-%m}" for one in pd.period_range(line.generations[0].started, status.as_of, freq="M")[::-1]]
with st.container(horizontal=True, vertical_alignment="bottom"):
    month = st.selectbox("Month", months, key="month", width=160)
    for form, kind in (("html", "text/html"), ("pdf", "application/pdf")):
        st.download_button(
            f"⤓ {form.upper()}",
            partial(reads.monthly_pack, str(month), form),
            file_name=f"tailguard-{month}.{form}",
            mime=kind,
            key=f"monthly-{form}",
            on_click="ignore",
            help="Overview, trends, gates, overrides and plays in one file that needs nothing else",
        )
components.rows(
    lambda: reads.generations(line.name, components.since()).iloc[::-1],
    title="Generations of this lineage",
    formula=(
        "One row a run: verdict and shipping from the gate and the desk, ratio from its composition, coverage from its batches."
    ),
    key="rows",
)
components.caption(newest.run)
