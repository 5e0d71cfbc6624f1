"""May the next generation ship, and is the defence running?"""

import pandas as pd
import streamlit as st

from pages.shared import charts, components, production, reads
from pages.shared.components import Card

components.begin("Overview")
status = reads.status()
line = reads.lineage(components.lineage())
newest = line.generations[-1]
components.verdict(line.sentence, state=newest.verdict or "")

coverage = newest.coverage
covered = Card(
    "Provenance coverage",
    f"{coverage.share:.1%}" if coverage else "–",
    f"{coverage.low:.1%} to {coverage.high:.1%}" if coverage else "no batch yet",
    "Distinct records of the newest run with a confident, non-unknown tag; 90 % Wilson interval",
    [one.coverage.share for one in line.generations if one.coverage],
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
            ),
            Card("Weeks measured", str(weeks["week"].nunique()), f"of {weeks['stream'].nunique()} stream(s)"),
            covered,
            Card("Unguarded loops", str(len(loose)), loose[0].closing.text if loose else "none"),
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
    components.cards(
        [
            Card(
                "Newest verdict",
                newest.verdict or "none yet",
                f"{newest.run}, {newest.shipping}",
                "GateDecision of the newest run",
            ),
            Card(
                "Synthetic ratio",
                f"{max(newest.ratio_records, newest.ratio_tokens):.1%}" if newest.ratio_records is not None else "–",
                f"ceiling {newest.ceiling:.0%}" if newest.ceiling is not None else "not composed yet",
                "Larger of the shares in records and in tokens; mixed counts by half, unknown as synthetic",
                [max(one.ratio_records, one.ratio_tokens) for one in line.generations if one.ratio_records is not None],
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
            ),
        ]
    )

    frames = {name: reads.generations(name, components.since()) for name in reads.lineages()}
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    stopped = sum(int((frame["verdict"].notna() & (frame["verdict"] != "PASS")).sum()) for frame in frames.values())
    total = sum(len(frame) for frame in frames.values())
    if frames:
        st.plotly_chart(
            charts.strips(
                frames, f"{stopped} of {total} candidates did not pass; the strip below each shows what they were fed"
            ),
            key="strips",
        )

STATES = {"running": "✔", "late": "◆", "stopped": "✖"}
if status.plays:
    st.subheader("Is the defence running?")
    for column, play in zip(st.columns(len(status.plays)), status.plays, strict=True):
        with column.container(border=True):
            st.markdown(f"**{STATES[play.state]} {play.name}**")
            st.caption(components.plain(f"{play.state} since {play.since:%d %b %Y}, {play.owner}"))
if status.due:
    past = [one for one in status.due if one.when < status.as_of]
    late = f", {len(past)} of it past its day" if past else ""
    st.subheader(f"What is due{late}")
    st.dataframe(
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
        hide_index=True,
        key="due",
        column_config={"when": st.column_config.DateColumn(), "what": st.column_config.TextColumn(width=420)},
    )
    st.download_button(
        "Calendar to subscribe to", reads.calendar(), file_name="tailguard.ics", mime="text/calendar", key="ics"
    )
st.subheader("Findings, worst first")
if status.findings:
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "severity": components.SEVERITY[one.severity],
                    "what": one.what,
                    "since": one.since,
                    "page": one.page,
                    "row": one.row,
                }
                for one in status.findings
            ]
        ),
        hide_index=True,
        key="findings",
        column_config={"what": st.column_config.TextColumn(width=620), "since": st.column_config.DateColumn()},
    )
else:
    st.write("✔ Nothing was found that a person should look at.")
components.rows(
    reads.generations(line.name, components.since()),
    title="Generations of this lineage",
    formula="One row a run: verdict and shipping from the gate and the desk, ratio from its composition, coverage from its batches.",
    key="rows",
)
components.caption(newest.run)
