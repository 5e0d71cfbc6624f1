"""What went into each training set, against the ceiling?"""

import streamlit as st

from pages.shared import charts, components, reads
from pages.shared.components import Card

components.begin("Mixing")
name, since = components.lineage(), components.since()
runs = reads.generations(name, since)
sets = reads.facts_of_lineage(reads.Composition, name, since)
if not len(sets):
    components.empty(
        "No training set in this period.",
        "The ratio of a set that nobody composed cannot be held to a ceiling.",
        "tailguard run",
    )
    st.stop()
newest = sets.iloc[-1]
highest = max(newest["ratio_records"], newest["ratio_tokens"])
relation = "over the ceiling of" if highest > newest["ceiling"] else "under the ceiling of"
components.verdict(f"{newest['run']} trained on {highest:.1%} synthetic text, {relation} {newest['ceiling']:.0%}.")

human = newest["records"] - newest["synthetic_records"]
human_tokens = newest["tokens"] - newest["synthetic_tokens"]
room, room_tokens = (
    size * newest["ceiling"] / (1 - newest["ceiling"]) - used if newest["ceiling"] < 1 else float("inf")
    for size, used in ((human, newest["synthetic_records"]), (human_tokens, newest["synthetic_tokens"]))
)
decisions = reads.facts_of_lineage(reads.GateDecision, name, since)
blocked = decisions[(decisions["gate"] == "ratio") & (decisions["verdict"] == "BLOCK")]
components.cards(
    [
        Card(
            "Synthetic ratio",
            f"{highest:.1%}",
            f"{newest['ratio_records']:.1%} of records, {newest['ratio_tokens']:.1%} of tokens",
            "The larger one is held against the ceiling",
        ),
        Card(
            "Head-room",
            f"{room:,.0f} records",
            f"{room_tokens:,.0f} tokens",
            "Synthetic text that would still fit: human × ceiling / (1 − ceiling) − synthetic",
        ),
        Card(
            "Anchor share",
            f"{newest['anchor_records'] / newest['records']:.1%}",
            f"{newest['anchor_records']:,} records",
            "Frozen human records in the newest set",
        ),
        Card(
            "Jobs over the ceiling",
            str(len(blocked)),
            f"{int(blocked['enforced'].sum())} stopped, {int((~blocked['enforced'].astype(bool)).sum())} only observed",
            "Clearance asked for and not given",
        ),
    ]
)
ratio_of = sets.set_index("run")[["ratio_records", "ratio_tokens"]].max(axis=1)
crosses = blocked.assign(ratio=blocked["run"].map(ratio_of)).drop_duplicates("run")
st.plotly_chart(
    charts.ratios(
        runs[runs["ratio_records"].notna()],
        crosses,
        f"{len(crosses)} of {len(sets)} training sets were over the ceiling when they asked",
    ),
    key="ratios",
)
left, right = st.columns(2)
contents = reads.facts_of_lineage(reads.CompositionPart, name, since)
with left:
    st.plotly_chart(
        charts.parts(
            contents,
            "Human text accumulates; it is not replaced"
            if sets["anchor_records"].iloc[-1]
            else "Earlier human text is replaced, and there is no anchor",
        ),
        key="parts",
    )
with right:
    st.subheader("The filter answers for itself")
    coverage = reads.facts_of_lineage(reads.TailCoverage, name, since)
    cells = coverage[coverage["run"] == newest["run"]].pivot_table(
        index="origin", columns="moment", values="covered", aggfunc="sum"
    )
    st.dataframe(cells.reindex(columns=["before", "after"]), key="cells")
    st.caption(
        f"Rare terms of the anchor that the records of {components.plain(newest['run'])} cover before and after the filter, by origin."
    )

st.subheader(f"What {components.plain(newest['run'])} holds")
st.dataframe(
    contents[contents["run"] == newest["run"]][["role", "origin", "source", "records", "tokens"]],
    hide_index=True,
    key="contents",
)
reasons = reads.facts_of_lineage(reads.ReasonCount, name, since)
components.rows(
    reasons[(reasons["stage"] == "score")][["run", "outcome", "source", "origin", "reason", "records", "row"]],
    title="Kept, dropped and flagged records by reason",
    formula="Each scored record is counted once, under the reason for its outcome.",
    key="reasons",
)
flagged = reads.facts_of_lineage(reads.FlaggedRecord, name, since)
components.rows(
    flagged[["run", "position", "record", "source", "running_ratio", "ceiling", "row"]],
    title="Flagged records: the first fifty of each run that would have pushed the ratio past its ceiling",
    formula="Synthetic records are taken by diversity contribution, then quality; the running ratio is what the set would reach with this one.",
    key="flagged",
)
components.rows(
    sets[
        [
            "run",
            "snapshot",
            "content",
            "records",
            "tokens",
            "synthetic_records",
            "synthetic_tokens",
            "ratio_records",
            "ratio_tokens",
            "ceiling",
            "requested",
            "row",
        ]
    ],
    title="Training sets",
    formula="Ratio = synthetic / all, in records and in tokens; mixed counts by half, unknown as synthetic.",
    key="sets",
)
components.caption(newest["run"])
