"""What did the new generation lose against the last one?"""

from functools import partial

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.shared import bar, charts, components, production, reads, tables
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import on_chart, plain
from tailguard.domain import changes
from tailguard.domain.defects import Defect
from tailguard.domain.facts import (
    CaseShift,
    ComparedMeasure,
    GuardCheck,
    Measurement,
    SecondaryMeasure,
    SliceMeasure,
    UnusableAnswers,
    UnusableExample,
)
from tailguard.domain.measures import Measure
from tailguard.domain.references import ReferenceKind
from tailguard.plays.course import MeasuredPoint
from tailguard.plays.monitoring.comparisons import SLICED

MOST_IN_A_MAP = 24
CLOSEST = 3
"""So many measures have a card of their own: those closest to their margin, or furthest past it."""
COUNTS = (Measure.TYPE_DENSITY, Measure.TYPE_COVERAGE, Measure.PAIR_DENSITY)
"""Measures of which a generation's own value is a number of words or pairs, and no share."""
COMPARED = [
    "reference_kind", "reference", "measure", "reference_value", "candidate_value", "change in", "delta", "low", "high", "margin",
    "verdict", "confidence", "detectable_loss", "prompts_to_settle", "row",
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


def _alike(closest: ComparedMeasure) -> pd.DataFrame:
    """A measure (of a slice) against each reference."""
    return tables.measured(chosen[(chosen["measure"] == closest.measure) & (chosen["slice"] == closest.slice)])[
        COMPARED
    ]


weakest = summary.least_sensitive


components.cards(
    [
        *(
            Card(
                plain(closest.label.capitalize()),
                changes.signed(closest.measure, closest.delta),
                changes.interval(closest.measure, closest.low, closest.high),
                f"Worst of its references: against {closest.reference}, margin "
                f"\N{MINUS SIGN}{changes.size(closest.measure, closest.margin)}. "
                f"{closest.confidence:.0%} interval from leaving out each prompt in turn.",
                rows=partial(_alike, closest),
                term="delta",
            )
            for closest in summary.closest[:CLOSEST]
        ),
        Card(
            "Smallest detectable loss",
            changes.size(weakest.measure, weakest.detectable_loss),
            f"{weakest.prompts} prompts, 80% power",
            f"Of {plain(weakest.label)} against {weakest.reference}, the comparison that would miss most beside its margin "
            f"({changes.size(weakest.measure, weakest.margin)})",
            rows=lambda: tables.measured(chosen)[
                [
                    "measure",
                    "reference",
                    "change in",
                    "detectable_loss",
                    "margin",
                    "prompts",
                    "prompts_to_settle",
                    "row",
                ]
            ],
            term="detectable loss",
        ),
    ]
)
title = (
    f"{summary.losses} of {summary.comparisons} comparisons show a loss past the margin"
    if summary.losses
    else "No loss past a margin is shown against any reference"
)
components.chart(lambda: charts.deltas(chosen, title), key="deltas", terms=("delta", "interval", "margin", "verdict"))

kinds = list(dict.fromkeys(chosen["reference_kind"]))
kind = bar.choice("Compared with", kinds, "reference")
components.section("Unusable answers")
unusable = reads.facts(UnusableAnswers, run=candidate, reference_kind=kind)
if len(unusable):
    ours, theirs = unusable["candidate_share"].sum(), unusable["reference_share"].sum()
    st.markdown(
        f"**{ours:.1%}** of {plain(candidate)}'s answers are unusable, {theirs:.1%} of "
        f"{plain(str(unusable['reference'].iloc[0]))}'s."
    )
    tables.table(
        pd.DataFrame(
            {
                "defect": [Defect(defect).label for defect in unusable["defect"]],
                "share here": unusable["candidate_share"],
                "share in the reference": unusable["reference_share"],
                "row": unusable["row"],
            }
        ),
        key="unusable",
        columns={
            name: st.column_config.NumberColumn(format="percent") for name in ("share here", "share in the reference")
        },
    )
    examples = reads.facts(UnusableExample, run=candidate)
    if len(examples):
        with st.expander(f"Examples of {plain(candidate)}'s unusable answers"):
            tables.table(
                examples.assign(defect=[Defect(defect).label for defect in examples["defect"]])[
                    ["defect", "prompt", "answer"]
                ],
                key="unusable-examples",
            )
else:
    st.markdown("No answer on either side is unusable.")
components.remark(
    "An answer with several defects counts under the first. Unusable answers give no words to the other measures; docs/gate.md "
    "has the rule of each defect."
)

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
    compared = reads.facts_of_lineage(SliceMeasure, name, since, reference_kind=ReferenceKind.PARENT, measure=SLICED)
    runs = list(dict.fromkeys([candidate, *compared["run"].iloc[::-1]]))[:MOST_IN_A_MAP]
    title = f"Worst slice of {candidate}: {worst.slice}, {changes.signed(worst.measure, worst.delta)} in {worst.measure.label}"
    return charts.slices(compared[compared["run"].isin(runs)], on_chart(title))


if worst_slice := reads.worst_slice(candidate):
    components.chart(partial(slices, worst_slice), key="slices", terms=("vocabulary", "rarefied"))

measures = [Measure(measure) for measure in dict.fromkeys(reads.facts(Measurement, run=candidate)["measure"])]
measure = (
    st.segmented_control(
        "Over generations",
        measures,
        default=measures[0],
        key="measure",
        format_func=lambda choice: Measure(choice).label,
    )
    or measures[0]
)


def over_generations() -> Figure:
    """One measure over the generations of this lineage and those beside it."""
    courses = {line: reads.measured(line, measure, since) for line in bar.beside(name)}
    changed = ", ".join(
        f"{line} {changes.signed(measure, course.change)}"
        for line, course in courses.items()
        if course.change is not None
    )
    return charts.generations(
        {line: as_frame(MeasuredPoint, course.points) for line, course in courses.items() if course.points},
        f"{measure.label.capitalize()} since the first generation: {changed}",
        percent=measure not in COUNTS,
    )


components.chart(
    over_generations,
    key="generations",
    by=(measure,),
    terms=("usable answer", "rare words", "vocabulary", "word for word", "prompt for prompt"),
)

components.section("What was lost, and what was gained")
shifts = reads.facts(CaseShift, run=candidate)
first_reference = chosen["reference"].iloc[0]
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
    "lost": f"that {first_reference} did and {candidate} no longer does",
    "gained": f"that {candidate} does and {first_reference} did not",
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
    lambda: tables.measured(chosen)[COMPARED],
    title="Comparisons",
    formula=(
        "Delta = candidate / reference − 1 of the rarefied statistic, or candidate − reference of a share, on whole usable "
        "answers; PASS when the low end is above −margin."
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
