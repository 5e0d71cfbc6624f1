"""What did the new generation lose against the last one?"""

import streamlit as st

from pages.shared import charts, components, production, reads
from pages.shared.components import Card

components.begin("Diversity")
name, since = components.lineage(), components.since()
compared = reads.facts_of_lineage(reads.ComparedMeasure, name, since)
if not len(compared) and production.measured():
    components.verdict(production.sentence())
    production.show()
    components.caption()
    st.stop()
if not len(compared):
    components.empty(
        "No comparison in this period.",
        "A lineage's first generation has nothing to be compared with.",
        "tailguard run",
    )
    st.stop()
choices = list(dict.fromkeys(compared["run"]))[::-1]
wanted = st.query_params.get("candidate", "")
candidate = st.selectbox("Candidate", choices, index=choices.index(wanted) if wanted in choices else 0, key="candidate")
st.query_params["candidate"] = candidate
chosen = compared[compared["run"] == candidate]
status = next(one for one in reads.lineage(name).generations if one.run == candidate)
losses = int((chosen["verdict"] == "BLOCK").sum())
components.verdict(f"{candidate}: {status.reason}.", state=status.verdict or "")

closest = {
    measure: part.loc[part["low"].add(part["margin"]).idxmin()]
    for measure, part in chosen.groupby("measure", sort=False)
}
components.cards(
    [
        *(
            Card(
                measure.capitalize(),
                f"{row['delta']:+.1%}",
                f"{row['low']:+.1%} to {row['high']:+.1%}",
                f"Worst of parent, best and first: against {row['reference']}, margin −{row['margin']:.0%}. 90 % interval by half-samples of the prompts.",
            )
            for measure, row in closest.items()
        ),
        Card(
            "Smallest loss it could see",
            f"{chosen['detectable_loss'].max():.1%}",
            f"{int(chosen['prompts'].iloc[0])} prompts, power .8",
            "Largest of the measures: 2.487 standard errors",
        ),
    ]
)
title = (
    f"{losses} of {len(chosen)} comparisons show a loss past the margin"
    if losses
    else "No loss past a margin is shown against parent, best or first"
)
st.plotly_chart(charts.deltas(chosen, title), key="deltas")

kinds = list(dict.fromkeys(chosen["reference_kind"]))
kind = components.choice("Held against its", kinds, "reference")
secondary = reads.facts(reads.SecondaryMeasure, run=candidate, reference_kind=kind)
if len(secondary):
    moved = secondary[secondary["lost"]]
    told = ", ".join(moved["measure"]) or "none"
    st.markdown(
        f"**Secondary measures** with a loss after Holm's correction, of {len(secondary)}: {components.plain(told)}. They do not gate."
    )
    st.dataframe(
        secondary.assign(better=secondary["better"].map({1: "more", -1: "less"}))[
            ["measure", "better", "reference_value", "candidate_value", "delta", "low", "high", "p_holm", "lost", "row"]
        ],
        hide_index=True,
        key="secondary",
        column_config={
            "better": st.column_config.TextColumn("more diverse is", width="small"),
            **{name: st.column_config.NumberColumn(format="percent") for name in ("delta", "low", "high")},
            **{
                name: st.column_config.NumberColumn(format="%.4g")
                for name in ("reference_value", "candidate_value", "p_holm")
            },
        },
    )

by_slice = reads.facts_of_lineage(reads.SliceMeasure, name, since)
by_slice = by_slice[(by_slice["reference_kind"] == "parent") & (by_slice["measure"] == "rarefied type coverage")]
if len(by_slice):
    here = by_slice[by_slice["run"] == candidate]
    worst = here.sort_values(["p_holm", "delta"]).iloc[0] if len(here) else None
    title = (
        f"Worst slice of {candidate}: {worst['slice']}, {worst['delta']:+.1%} in type coverage"
        if worst is not None
        else "Slices"
    )
    st.plotly_chart(charts.slices(by_slice, components.title(title)), key="slices")

measures = list(dict.fromkeys(reads.facts(reads.Measurement)["measure"]))
measure = st.segmented_control("Over generations", measures, default=measures[0], key="measure") or measures[0]
lines = {
    line: found[found["measure"] == measure]
    for line in reads.lineages()
    if len(found := reads.facts_of_lineage(reads.Measurement, line, since))
}
ends = {line: found["value"].iloc[-1] / found["value"].iloc[0] - 1 for line, found in lines.items() if len(found) > 1}
told = ", ".join(f"{line} {change:+.0%}" for line, change in ends.items())
figure = charts.generations(lines, f"{measure.capitalize()} since the first generation: {told}")
if measure == "rarefied type coverage":
    figure.update_yaxes(tickformat=",.0f")
st.plotly_chart(figure, key="generations")

st.subheader("What was lost, and what was gained")
shifts = reads.facts(reads.CaseShift, run=candidate)
names = {
    "kind": "what it is",
    "what": "which",
    "had": "there",
    "has": "here",
    "prompt": "prompt",
    "example": "the side that has it",
    "counterpart": "the other side's answer",
}
headings = {
    "lost": f"that {status.parent} did and {candidate} no longer does",
    "gained": f"that {candidate} does and {status.parent} did not",
}
for tab, (direction, heading) in zip(st.tabs(["Lost", "Gained"]), headings.items(), strict=True):
    part = shifts[shifts["direction"] == direction]
    kinds = ", ".join(f"{times} {kind}s" for kind, times in part["kind"].value_counts(sort=False).items())
    tab.markdown(f"**{kinds or 'Nothing'}** {components.plain(heading)}")
    tab.dataframe(part[list(names)].rename(columns=names), hide_index=True, key=direction)
st.caption(
    "Rare terms in at least two answers on one side and none on the other; checked items that one side mostly gets right; topics that one "
    "side treats significantly more often; prompts whose answers became alike. At most 15 of each kind."
)
if production.measured():
    st.subheader("In production, between generations")
    production.show()
components.rows(
    chosen[
        [
            "reference_kind",
            "reference",
            "measure",
            "reference_value",
            "candidate_value",
            "delta",
            "low",
            "high",
            "margin",
            "verdict",
            "detectable_loss",
            "prompts_to_settle",
            "row",
        ]
    ],
    title="Comparisons",
    formula="Delta = candidate / reference − 1 of the rarefied statistic, on answers cut to common length; PASS when the low end is above −margin.",
    key="compared",
)
guards = reads.facts(reads.GuardCheck, run=candidate)
components.rows(
    guards[["reference_kind", "name", "required", "observed", "held", "row"]],
    title="Guards",
    formula="A guard that fails makes the verdict NOT COMPARABLE.",
    key="guards",
)
components.caption(candidate)
