"""What was stopped, and has the gate teeth?"""

import streamlit as st

from pages.shared import charts, components, reads
from pages.shared.components import Card
from tailguard.domain.intervals import wilson

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
components.verdict(
    f"{blocked} of {len(candidates)} candidates {verb} ({blocked / len(candidates):.0%}); the smallest planted loss that was blocked is {smallest}."
)
rate, false = wilson(blocked, len(candidates)), wilson(int((same["verdict"] == "BLOCK").sum()), len(same))
unsure = int(candidates["verdict"].isin(["INCONCLUSIVE", "NOT COMPARABLE"]).sum())
components.cards(
    [
        Card(
            "Block rate",
            f"{rate.share:.0%}" if rate else "–",
            f"{rate.low:.0%} to {rate.high:.0%}" if rate else "",
            "Candidates of the diversity gate; 90 % Wilson interval",
        ),
        Card(
            "Smallest loss blocked",
            smallest,
            f"{len(caught)} of {len(planted)} planted",
            "Planted collapses: rare terms taken out of the candidate's own answers",
        ),
        Card(
            "False blocks (A/A)",
            f"{false.share:.0%}" if false else "–",
            f"{len(same)} self-comparisons" if false else "none yet",
            "Candidate against its own second sample",
        ),
        Card(
            "Undecided",
            f"{unsure / len(candidates):.0%}",
            f"{unsure} inconclusive or not comparable",
            "These do not ship either",
        ),
    ]
)
st.plotly_chart(
    charts.outcomes(
        candidates,
        canaries,
        f"Every planted loss from {smallest} on was blocked" if len(caught) else "No planted loss was blocked yet",
    ),
    key="outcomes",
)
st.subheader("Each decision")
kind = st.segmented_control("Gate", ["diversity", "ratio"], default="diversity", key="gate") or "diversity"
shown = decisions[decisions["gate"] == kind].iloc[::-1]
st.dataframe(
    shown.assign(verdict=[f"{components.ICONS[one]} {one}" for one in shown["verdict"]])[
        ["run", "verdict", "enforced", "reason", "override", "actor", "recorded", "row"]
    ],
    hide_index=True,
    key="decisions",
    column_config={"reason": st.column_config.TextColumn(width=560)},
)
components.rows(
    canaries[["run", "kind", "strength", "loss", "verdict", "as_it_should", "row"]],
    title="Self-tests",
    formula="Strength is the share of rare terms taken out; loss is the tail recall that this cost. Past margin plus detectable loss it must be blocked; A/A must not.",
    key="canaries",
)
components.caption(candidates["run"].iloc[-1])
