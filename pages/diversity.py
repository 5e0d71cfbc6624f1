"""What did the new generation lose against the last one?"""

from functools import partial

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.shared import bar, charts, components, production, reads, tables
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import on_chart, plain
from tailguard.domain.facts import CaseShift, ComparedMeasure, GuardCheck, Measurement, SecondaryMeasure, SliceMeasure
from tailguard.domain.measures import TYPE_COVERAGE
from tailguard.plays.course import MeasuredPoint
from tailguard.plays.monitoring.comparisons import PARENT, SLICED

MOST_IN_A_MAP = 24
COMPARED = [
    "reference_kind", "reference", "measure", "reference_value", "candidate_value", "delta", "low", "high", "margin", "verdict",
    "detectable_loss", "prompts_to_settle", "row",
]  # fmt: skip

components.begin("Diversity")
name, since = bar.lineage(), bar.since()
compared = reads.facts_of_lineage(ComparedMeasure, name, since)
streams = reads.streams()
if not len(compared) and streams.weeks:
    components.verdict(production.sentence(streams))
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
candidate = bar.run_choice("Candidate", list(dict.fromkeys(compared["run"]))[::-1], "candidate")
chosen = compared[compared["run"] == candidate]
status, summary = reads.generation(candidate), reads.comparison_summary(name, since, candidate)
if status is None or summary is None:
    st.stop()
components.verdict(f"{candidate}: {status.reason}.", state=status.verdict or "")


def _of_measure(measure: str) -> pd.DataFrame:
    """A primary measure against each reference."""
    return chosen[chosen["measure"] == measure][COMPARED]


components.cards(
    [
        *(
            Card(
                closest.measure.capitalize(),
                f"{closest.delta:+.1%}",
                f"{closest.low:+.1%} to {closest.high:+.1%}",
                f"Worst of parent, best and first: against {closest.reference}, margin −{closest.margin:.0%}. "
                "90 % interval by half-samples of the prompts.",
                rows=partial(_of_measure, closest.measure),
                term="delta",
            )
            for closest in summary.closest
        ),
        Card(
            "Smallest loss it could see",
            f"{summary.detectable_loss:.1%}",
            f"{summary.prompts} prompts, power .8",
            "Largest of the measures: 2.487 standard errors",
            rows=lambda: chosen[["measure", "reference", "detectable_loss", "prompts", "prompts_to_settle", "row"]],
            term="detectable loss",
        ),
    ]
)
title = (
    f"{summary.losses} of {summary.comparisons} comparisons show a loss past the margin"
    if summary.losses
    else "No loss past a margin is shown against parent, best or first"
)
components.chart(lambda: charts.deltas(chosen, title), key="deltas", terms=("delta", "interval", "margin", "verdict"))

kinds = list(dict.fromkeys(chosen["reference_kind"]))
kind = bar.choice("Held against its", kinds, "reference")
secondary = reads.facts(SecondaryMeasure, run=candidate, reference_kind=kind)
if len(secondary):
    moved = secondary[secondary["lost"]]
    losses = ", ".join(moved["measure"]) or "none"
    st.markdown(
        f"**Secondary measures** with a loss after Holm's correction, of {len(secondary)}: {plain(losses)}. "
        "They do not gate."
    )
    tables.table(
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


def slices(worst: SliceMeasure) -> Figure:
    """Slices by generations, the candidate and the newest."""
    compared = reads.facts_of_lineage(SliceMeasure, name, since, reference_kind=PARENT, measure=SLICED)
    runs = list(dict.fromkeys([candidate, *compared["run"].iloc[::-1]]))[:MOST_IN_A_MAP]
    title = f"Worst slice of {candidate}: {worst.slice}, {worst.delta:+.1%} in type coverage"
    return charts.slices(compared[compared["run"].isin(runs)], on_chart(title))


if worst_slice := reads.worst_slice(candidate):
    components.chart(partial(slices, worst_slice), key="slices", terms=("type coverage", "rarefied"))

measures = list(dict.fromkeys(reads.facts(Measurement, run=candidate)["measure"]))
measure = st.segmented_control("Over generations", measures, default=measures[0], key="measure") or measures[0]


def over_generations() -> Figure:
    """One measure over the generations of this lineage and those beside it."""
    courses = {line: reads.measured(line, str(measure), since) for line in bar.beside(name)}
    changes = ", ".join(f"{line} {course.change:+.0%}" for line, course in courses.items() if course.change is not None)
    figure = charts.generations(
        {line: as_frame(MeasuredPoint, course.points) for line, course in courses.items() if course.points},
        f"{str(measure).capitalize()} since the first generation: {changes}",
    )
    if measure == TYPE_COVERAGE:
        figure.update_yaxes(tickformat=",.0f")
    return figure


components.chart(
    over_generations, key="generations", by=(measure,), terms=("type coverage", "rarefied", "tail recall", "variety")
)

components.section("What was lost, and what was gained")
shifts = reads.facts(CaseShift, run=candidate)
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
    kind_counts = ", ".join(f"{times} {kind}s" for kind, times in part["kind"].value_counts(sort=False).items())
    with tab:
        st.markdown(f"**{kind_counts or 'Nothing'}** {plain(heading)}")
        tables.table(part[list(names)].rename(columns=names), key=direction)
components.remark(
    "Rare terms in at least two answers on one side and none on the other; checked items that one side mostly gets right; "
    "topics that one side treats significantly more often; prompts whose answers became alike. At most 15 of each kind."
)
if streams.weeks:
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
    lambda: tables.criteria(reads.facts(GuardCheck, run=candidate))[
        ["reference_kind", "name", "required", "observed", "outcome", "row"]
    ],
    title="Guards",
    formula="A guard that fails makes the verdict NOT COMPARABLE.",
    key="guards",
)
components.caption(candidate)
