"""What did the new generation lose against the last one?"""

from functools import partial

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.shared import charts, components, production, reads
from pages.shared.components import Card

MOST_IN_A_MAP = 24
COMPARED = [
    "reference_kind", "reference", "measure", "reference_value", "candidate_value", "delta", "low", "high", "margin", "verdict",
    "detectable_loss", "prompts_to_settle", "row",
]  # fmt: skip

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
candidate = components.run_choice("Candidate", list(dict.fromkeys(compared["run"]))[::-1], "candidate")
chosen = compared[compared["run"] == candidate]
status = reads.generation(candidate)
if status is None:
    st.stop()
losses = int((chosen["verdict"] == "BLOCK").sum())
components.verdict(f"{candidate}: {status.reason}.", state=status.verdict or "")


def _of_measure(measure: str) -> pd.DataFrame:
    """A primary measure against each reference."""
    return chosen[chosen["measure"] == measure][COMPARED]


closest = {
    str(measure): part.iloc[int((part["low"] + part["margin"]).argmin())]
    for measure, part in chosen.groupby("measure", sort=False)
}
components.cards(
    [
        *(
            Card(
                measure.capitalize(),
                f"{row['delta']:+.1%}",
                f"{row['low']:+.1%} to {row['high']:+.1%}",
                f"Worst of parent, best and first: against {row['reference']}, margin −{row['margin']:.0%}. "
                "90 % interval by half-samples of the prompts.",
                rows=partial(_of_measure, measure),
                term="delta",
            )
            for measure, row in closest.items()
        ),
        Card(
            "Smallest loss it could see",
            f"{chosen['detectable_loss'].max():.1%}",
            f"{int(chosen['prompts'].iloc[0])} prompts, power .8",
            "Largest of the measures: 2.487 standard errors",
            rows=lambda: chosen[["measure", "reference", "detectable_loss", "prompts", "prompts_to_settle", "row"]],
            term="detectable loss",
        ),
    ]
)
title = (
    f"{losses} of {len(chosen)} comparisons show a loss past the margin"
    if losses
    else "No loss past a margin is shown against parent, best or first"
)
components.chart(lambda: charts.deltas(chosen, title), key="deltas", terms=("delta", "interval", "margin", "verdict"))

kinds = list(dict.fromkeys(chosen["reference_kind"]))
kind = components.choice("Held against its", kinds, "reference")
secondary = reads.facts(reads.SecondaryMeasure, run=candidate, reference_kind=kind)
if len(secondary):
    moved = secondary[secondary["lost"]]
    told = ", ".join(moved["measure"]) or "none"
    st.markdown(
        f"**Secondary measures** with a loss after Holm's correction, of {len(secondary)}: {components.plain(told)}. "
        "They do not gate."
    )
    components.table(
        secondary.assign(better=secondary["better"].map({1: "more", -1: "less"}))[
            ["measure", "better", "reference_value", "candidate_value", "delta", "low", "high", "p_holm", "lost", "row"]
        ],
        key="secondary",
        columns={
            "better": st.column_config.TextColumn("more diverse is", width="small"),
            **{name: st.column_config.NumberColumn(format="percent") for name in ("delta", "low", "high")},
            **{
                name: st.column_config.NumberColumn(format="%.4g")
                for name in ("reference_value", "candidate_value", "p_holm")
            },
        },
    )


def slices() -> Figure:
    """Slices by generations, the candidate and the newest."""
    found = reads.facts_of_lineage(reads.SliceMeasure, name, since)
    found = found[(found["reference_kind"] == "parent") & (found["measure"] == "rarefied type coverage")]
    kept = list(dict.fromkeys([candidate, *found["run"].iloc[::-1]]))[:MOST_IN_A_MAP]
    worst = here.sort_values(["p_holm", "delta"]).iloc[0]
    title = f"Worst slice of {candidate}: {worst['slice']}, {worst['delta']:+.1%} in type coverage"
    return charts.slices(found[found["run"].isin(kept)], components.on_chart(title))


here = reads.facts(reads.SliceMeasure, run=candidate, reference_kind="parent", measure="rarefied type coverage")
if len(here):
    components.chart(slices, key="slices", terms=("type coverage", "rarefied"))

measures = list(dict.fromkeys(reads.facts(reads.Measurement, run=candidate)["measure"]))
measure = st.segmented_control("Over generations", measures, default=measures[0], key="measure") or measures[0]


def over_generations() -> Figure:
    """One measure over the generations of this lineage and those beside it."""
    lines = {line: found for line in components.beside(name) if len(found := reads.measured(line, str(measure), since))}
    ends = {
        line: found["value"].iloc[-1] / found["value"].iloc[0] - 1 for line, found in lines.items() if len(found) > 1
    }
    told = ", ".join(f"{line} {change:+.0%}" for line, change in ends.items())
    figure = charts.generations(lines, f"{str(measure).capitalize()} since the first generation: {told}")
    if measure == "rarefied type coverage":
        figure.update_yaxes(tickformat=",.0f")
    return figure


components.chart(
    over_generations, key="generations", by=(measure,), terms=("type coverage", "rarefied", "tail recall", "variety")
)

components.section("What was lost, and what was gained")
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
    told = ", ".join(f"{times} {kind}s" for kind, times in part["kind"].value_counts(sort=False).items())
    with tab:
        st.markdown(f"**{told or 'Nothing'}** {components.plain(heading)}")
        components.table(part[list(names)].rename(columns=names), key=direction)
components.remark(
    "Rare terms in at least two answers on one side and none on the other; checked items that one side mostly gets right; "
    "topics that one side treats significantly more often; prompts whose answers became alike. At most 15 of each kind."
)
if production.measured():
    components.section("In production, between generations")
    production.show()
components.rows(
    lambda: chosen[COMPARED],
    title="Comparisons",
    formula=(
        "Delta = candidate / reference − 1 of the rarefied statistic, on answers cut to common length; PASS when the low end is "
        "above −margin."
    ),
    key="compared",
)
components.rows(
    lambda: components.criteria(reads.facts(reads.GuardCheck, run=candidate))[
        ["reference_kind", "name", "required", "observed", "outcome", "row"]
    ],
    title="Guards",
    formula="A guard that fails makes the verdict NOT COMPARABLE.",
    key="guards",
)
components.caption(candidate)
