"""What went into each training set, against the ceiling?"""

import streamlit as st

from pages.shared import bar, charts, components, reads, tables
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import plain
from tailguard.domain.facts import (
    CeilingCalibrated,
    CeilingPoint,
    Composition,
    CompositionPart,
    FlaggedRecord,
    GateDecision,
    MixingAudited,
    ReasonCount,
    RuleFailed,
    SliceCoverage,
)
from tailguard.domain.gates import Gate
from tailguard.domain.reasons import RecordOutcome
from tailguard.domain.stages import Stage
from tailguard.domain.verdict import Verdict
from tailguard.domain.wording import counted
from tailguard.plays.mixing.summary import UNITS, BlockedJob, OverriddenRatio, SetRatio

SHOWN = 50
AT_ONCE = 50_000

components.begin("Mixing")
name, since = bar.lineage(), bar.since()
sets = reads.facts_of_lineage(Composition, name, since)
summary = reads.mixing_summary(name, since)
if summary is None:
    components.empty(
        "No training set in this period.",
        "The ratio of a set that nobody composed cannot be held to a ceiling.",
        "tailguard run",
    )
    st.stop()
ratios = as_frame(SetRatio, reads.ratios(name, since))
newest, larger = summary.newest, summary.larger
run = newest.run
relation = "over the ceiling of" if summary.over_the_ceiling else "under the ceiling of"
sentence = f"{run} trained on {larger.ratio:.1%} synthetic text"
if larger.low is not None and larger.high is not None:  # sets of earlier versions have no bounds
    sentence += f" (between {larger.low:.1%} and {larger.high:.1%} as its tags may be wrong)"
components.verdict(f"{sentence}, {relation} {newest.ceiling:.0%}.")

anchor = reads.anchor()
components.cards(
    [
        Card(
            "Synthetic ratio",
            f"{larger.ratio:.1%}",
            f"ceiling {newest.ceiling:.0%}",
            f"{newest.ratio_records:.1%} of records, {newest.ratio_tokens:.1%} of tokens; "
            "the larger one is held against the ceiling",
            rows=lambda: ratios[ratios["run"] == run][
                ["run", "unit", "ratio", "low", "high", "ceiling", "enforced_on", "row"]
            ],
            term="ratio",
        ),
        Card(
            "Head-room, records",
            f"{summary.room_records:,.0f}",
            f"{summary.room_tokens:,.0f} tokens",
            "Wholly synthetic text that would still fit: human × ceiling / (1 − ceiling) − synthetic",
            rows=lambda: sets.tail(1)[
                ["run", "records", "tokens", "synthetic_records", "synthetic_tokens", "ceiling", "row"]
            ],
            term="ceiling",
        ),
        Card(
            "Anchor share",
            f"{summary.anchor_share:.1%}",
            f"{counted(reads.days_since(anchor.renewed), 'day')} old" if anchor else "no anchor",
            f"{newest.anchor_records:,} frozen human records in the newest set; age since something was last added",
            rows=lambda: sets[["run", "records", "anchor_records", "row"]].iloc[::-1],
            term="anchor",
        ),
        Card(
            "Jobs over the ceiling",
            str(summary.recently_blocked),
            f"{summary.recently_stopped} stopped",
            "Clearance asked for and not given in the last 92 days; in observe mode nothing is stopped",
            rows=lambda: reads.facts_of_lineage(GateDecision, name, since, gate=Gate.RATIO, verdict=str(Verdict.BLOCK))[
                ["run", "verdict", "enforced", "reason", "recorded", "row"]
            ].iloc[::-1],
            term="clearance",
        ),
    ]
)

chosen_unit = bar.choice("Counted in", UNITS, "unit")
unit = next(known for known in UNITS if known == chosen_unit)
blocked = reads.blocked_jobs(name, since, unit)
title = f"{len(blocked)} of {summary.sets} training sets were over the ceiling when they asked"
components.chart(
    lambda: charts.ratios(
        reads.drawn(ratios[ratios["unit"] == unit], name, since),
        as_frame(BlockedJob, blocked),
        as_frame(OverriddenRatio, reads.overridden_ratios(name, since, unit)),
        unit,
        title,
    ),
    key="ratios",
    terms=("ratio", "ceiling", "unit", "override"),
    note=bar.drawn_note(name, since),
)

components.chart(
    lambda: charts.parts(
        reads.drawn(reads.facts_of_lineage(CompositionPart, name, since), name, since),
        "Human text accumulates; it is not replaced"
        if newest.anchor_records
        else "Earlier human text is replaced, and there is no anchor",
    ),
    key="parts",
    terms=("anchor", "synthetic"),
)
filtered = reads.filter_summary(run)
reasons = tables.reasons(reads.facts(ReasonCount, run=run, stage=str(Stage.SCORE)))
gone = reasons[reasons["outcome"] != RecordOutcome.KEPT]
if len(gone):
    title = f"{filtered.not_kept:,} of {filtered.records:,} records of {run} were dropped or flagged"
    components.chart(lambda: charts.reasons(gone, title), key="gone")
else:
    st.info(f"Nothing was dropped or flagged in {plain(run)}.", icon="ℹ️")

components.section("The filter answers for itself")
coverage = reads.facts(SliceCoverage, run=run)
if filtered.rare_cells:
    components.chart(
        lambda: charts.cells(
            coverage,
            f"The filter narrows {counted(filtered.narrowed, 'slice')} more than chance would"
            if filtered.narrowed
            else "The filter cost no slice more rare cells than chance would",
        ),
        key="cells",
    )
    components.remark(
        "A rare cell is a rare term of the anchor in one of its topics. The tick is what dropping as many records at random "
        "would have left; a filter that leaves much less has a narrow taste, and can cause the collapse that it is to prevent."
    )
else:
    components.empty(
        "No rare cells were covered.",
        "Without them nobody can tell whether the filter narrows the data.",
        "tailguard anchor show",
    )

components.section("The records behind it")
outcomes = sorted(filtered.reasons)
show = st.toggle(
    "Read them from the store",
    value=filtered.records <= AT_ONCE,
    key="show",
    help="Every figure above comes from the log; the records themselves lie in the store, and a large run takes a while to read.",
)
if outcomes and show:
    first, second = st.columns([1, 3])
    outcome = first.selectbox("Outcome", outcomes, key="outcome")
    reason = second.selectbox(
        "Reason",
        [None, *filtered.reasons[outcome]],
        format_func=lambda known: known.label if known else "any",
        key="why",
    )
    with components.where_readable():
        records = reads.scored(run, outcome, reason, SHOWN)
        scores = ["quality", "diversity", "reliability"]
        tables.table(
            records[["position", "running_ratio", "text", "source", "origin", *scores, "why", "id"]]
            if outcome is RecordOutcome.FLAGGED
            else records[["text", "source", "origin", *scores, "reason", "why", "id"]],
            key="records",
            columns={
                "text": st.column_config.TextColumn(width=380),
                "why": st.column_config.TextColumn("why", width=380),
                **{
                    score: st.column_config.ProgressColumn(score, min_value=0, max_value=1, format="%.2f")
                    for score in scores
                },
                "running_ratio": st.column_config.NumberColumn("ratio it would make", format="percent"),
            },
        )
        components.remark(
            f"The first {SHOWN} of them, of {plain(run)}; flagged ones in the order in which they would break the "
            "ceiling."
        )

components.section("How high may the ceiling be?")
calibrated = reads.facts(CeilingCalibrated, lineage=name)
if len(calibrated):
    calibration = calibrated.iloc[-1]
    points = reads.facts(CeilingPoint, experiment=calibration["experiment"])
    kept_within = (
        f"{calibration['measure']} stays within {calibration['margin']:.0%} "
        f"after {calibration['generations']} generations"
    )
    components.chart(
        lambda: charts.calibration(
            points, calibration, f"Up to {calibration['recommended']:.0%} synthetic, {kept_within}"
        ),
        key="calibration",
    )
    components.remark(
        f"{calibration['repeats']} chains of small models at each share, on your own anchor; 90 % intervals. "
        f"In closed form the smallest slice ({calibration['smallest_cell']:,} records) would bear "
        f"{calibration['closed_form']:.1%}: what really hurts comes first. "
        "The small model stands in for yours; take the order of the shares from it, not the size of the loss."
    )
else:
    components.empty(
        "The ceiling was never calibrated on your own data.",
        "A ceiling that nobody measured is a habit.",
        f"tailguard ceiling calibrate --lineage {name}",
    )

components.section("Compare two training sets")
runs = list(sets["run"])[-bar.MOST_CHOICES :]
if len(runs) > 1:
    first, second = st.columns(2)
    first_run = first.selectbox("One", runs, index=len(runs) - 2, key="one")
    second_run = second.selectbox("Another", runs, index=len(runs) - 1, key="other")
    if first_run != second_run and st.button("Compare", key="compare"):
        with components.where_readable():
            difference = reads.difference(first_run, second_run)
            st.markdown(f"{difference.shared:,} records are in both.")
            for column, side in zip(st.columns(2), (difference.first, difference.second), strict=True):
                with column:
                    st.markdown(f"**Only in {plain(side.run)}: {side.records:,} records, {side.tokens:,} tokens**")
                    by_part = [{"part": part, "records": count} for part, count in sorted(side.by_part.items())]
                    tables.table(by_part, key=f"only-{side.run}")
if st.button("Ask for an override", key="ask", help="For the newest run, at the ratio gate"):
    st.switch_page("pages/overrides.py", query_params={"lineage": name, "run": run})

audits = reads.facts(MixingAudited, run=run)
if len(audits):
    last = audits.iloc[-1]
    word = "signed" if last["signed"] else "refused to sign"
    st.caption(plain(f"{last['actor']} {word} the audit of {run} on {last['recorded']:%d %b %Y}: {last['note']}"))
components.rows(
    lambda: reads.facts(CompositionPart, run=run)[["role", "origin", "source", "records", "tokens", "row"]],
    title="What it holds, by role, origin and source",
    formula="Each record of the set is counted once.",
    key="contents",
)
components.rows(
    lambda: reads.facts(RuleFailed, run=run)[["family", "rule", "source", "origin", "records", "row"]],
    title="Quality rules that records failed",
    formula="A record that fails several rules is counted under each. Quality is the share of the thirty rules that it meets.",
    key="rules",
)
components.rows(
    lambda: reasons[["outcome", "source", "origin", "reason", "records", "row"]],
    title="Kept, dropped and flagged records by reason",
    formula="Each scored record is counted once, under the reason for its outcome.",
    key="reasons",
)
components.rows(
    lambda: reads.facts_of_lineage(FlaggedRecord, name, since)[
        ["run", "position", "record", "source", "running_ratio", "ceiling", "row"]
    ],
    title="Flagged records: the first fifty of each run that would have pushed the ratio past its ceiling",
    formula=(
        "Synthetic records are taken in the order of the team's weights; the running ratio is what the set would reach with "
        "this one."
    ),
    key="flagged",
)
components.rows(
    lambda: ratios[["run", "unit", "ratio", "low", "high", "ceiling", "enforced_on", "row"]],
    title="Ratios and their bounds",
    formula=(
        "Ratio = synthetic / all; mixed counts by its share, unknown as synthetic. Bounds: what the estimated model-made share of "
        "each batch leaves for records that pass as human on their source's word, the detector's error rate, and mixed records "
        "whose parts nobody found."
    ),
    key="bounds",
)
components.caption(run)
