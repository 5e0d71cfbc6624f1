"""What was stopped, and has the gate teeth?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, charts, components, reads
from pages.shared.components import Card
from tailguard.domain.intervals import wilson
from tailguard.domain.wording import counted

components.begin("Gates")
name, since = components.lineage(), components.since()
decisions = reads.facts_of_lineage(reads.GateDecision, name, since)
canaries = reads.facts_of_lineage(reads.CanaryResult, name, since)
candidates = decisions[decisions["gate"] == "diversity"]
if not len(candidates):
    components.empty("No verdict in this period.", "A gate that never spoke protects nobody.", "tailguard run")
    st.stop()
blocked = int((candidates["verdict"] == "BLOCK").sum())
planted, same = canaries[canaries["kind"] == "planted"], canaries[canaries["kind"] == "A/A"]
caught = planted[planted["verdict"] == "BLOCK"]
smallest = f"{caught['loss'].min():.1%}" if len(caught) else "none"
mode = reads.lineage(name).mode
verb = "were blocked" if mode == "enforce" else "would have been blocked"
teeth = "no planted collapse was blocked yet"
if len(caught):
    newest = caught.iloc[-1]
    ago = (reads.status().as_of - newest["recorded"]).days
    teeth = f"the last planted collapse was blocked at a loss of {newest['loss']:.1%}, {counted(ago, 'day')} ago"
    teeth += f" (the smallest ever: {smallest})"
components.verdict(f"{blocked} of {len(candidates)} candidates {verb} ({blocked / len(candidates):.0%}); {teeth}.")
rate, false = wilson(blocked, len(candidates)), wilson(int((same["verdict"] == "BLOCK").sum()), len(same))
unsure = int(candidates["verdict"].isin(["INCONCLUSIVE", "NOT COMPARABLE"]).sum())
components.cards(
    [
        Card(
            "Block rate",
            f"{rate.share:.0%}" if rate else "–",
            f"{rate.low:.0%} to {rate.high:.0%}" if rate else "",
            "Candidates of the diversity gate; 90 % Wilson interval",
            rows=lambda: candidates[["run", "verdict", "reason", "override", "recorded", "row"]].iloc[::-1],
            term="gate",
        ),
        Card(
            "Smallest loss blocked",
            smallest,
            f"{len(caught)} of {len(planted)} planted",
            "Planted collapses: rare terms taken out of the candidate's own answers",
            rows=lambda: planted[["run", "strength", "loss", "verdict", "as_it_should", "row"]].iloc[::-1],
            term="planted collapse",
        ),
        Card(
            "False blocks (A/A)",
            f"{false.share:.0%}" if false else "–",
            f"{len(same)} self-comparisons" if false else "none yet",
            "Candidate against its own second sample; any BLOCK among them would be false",
            rows=lambda: same[["run", "verdict", "as_it_should", "row"]].iloc[::-1],
        ),
        Card(
            "Undecided",
            f"{unsure / len(candidates):.0%}",
            f"{unsure} inconclusive or not comparable",
            "INCONCLUSIVE or NOT COMPARABLE; these do not ship either",
            rows=lambda: candidates[candidates["verdict"].isin(["INCONCLUSIVE", "NOT COMPARABLE"])][
                ["run", "verdict", "reason", "row"]
            ],
            term="verdict",
        ),
    ]
)
components.chart(
    lambda: charts.outcomes(
        candidates,
        reads.drawn(canaries, name, since),
        f"Every planted loss from {smallest} on was blocked" if len(caught) else "No planted loss was blocked yet",
    ),
    key="outcomes",
    terms=("verdict", "planted collapse"),
    note=components.drawn_note(name, since),
)
held = reads.teeth(name, since)
if len(held) > 1 and held["loss"].notna().any() and held["margin"].notna().any():
    first, last = held["loss"].dropna().iloc[0], held["loss"].iloc[-1]
    told = f"{last:.1%}" if pd.notna(last) else "nothing"
    components.chart(
        lambda: charts.teeth(
            reads.drawn(held, name, since),
            f"The gate's teeth: {first:.1%} was the smallest loss it blocked at first, {told} now",
        ),
        key="teeth",
    )
newest_run = str(candidates["run"].iloc[-1])
actions.button(
    "Test the gate again",
    lambda _: reads.prove_teeth(newest_run),
    key="test",
    busy="Planting collapses and comparing the candidate with itself …",
    help="Plants collapses into the newest candidate's answers; a few seconds.",
)
actions.show_answer()
components.section("Each decision")
kind = st.segmented_control("Gate", ["diversity", "ratio", "loops"], default="diversity", key="gate") or "diversity"
shown = decisions[decisions["gate"] == kind].iloc[::-1]
components.table(
    shown.assign(verdict=[f"{components.ICONS[one]} {one}" for one in shown["verdict"]])[
        ["run", "verdict", "enforced", "reason", "override", "actor", "recorded", "row"]
    ],
    key="decisions",
    columns={"reason": st.column_config.TextColumn(width=560)},
)
kept = reads.facts_of_lineage(reads.ReportKept, name, since)
if len(kept):
    which = [f"{one.run} against its {one.reference_kind} {one.reference}" for one in kept.itertuples()][::-1]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    asked = left.selectbox("Full report", which, key="report")
    row = kept.iloc[::-1].iloc[which.index(asked)]
    lacking = reads.lacking("reports", row["report"])
    right.download_button(
        "Download the report",
        partial(reads.report, row["run"], row["reference_kind"]),
        file_name=f"{row['run'].replace('/', '-')}-against-{row['reference_kind']}.html",
        mime="text/html",
        key="download",
        disabled=lacking is not None,
        help=lacking,
    )
components.rows(
    lambda: canaries[["run", "kind", "strength", "loss", "verdict", "as_it_should", "row"]],
    title="Self-tests",
    formula=(
        "Strength is the share of rare terms taken out; loss is the tail recall that this cost. Past margin plus detectable loss "
        "it must be blocked; A/A must not."
    ),
    key="canaries",
)
components.caption(candidates["run"].iloc[-1])
