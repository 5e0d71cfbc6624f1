"""Where did the records come from, and how sure are we?"""

import streamlit as st

from pages.shared import charts, components, reads
from pages.shared.components import Card

components.begin("Provenance")
name, since = components.lineage(), components.since()
batches = reads.facts_of_lineage(reads.BatchTaken, name, since)
counts = reads.facts_of_lineage(reads.ProvenanceCount, name, since)
if not len(batches):
    components.empty(
        "No batch in this period.",
        "Without batches nobody knows where records came from.",
        "tailguard run -b SOURCE:ORIGIN:FILE",
    )
    st.stop()

distinct = int((batches["read"] - batches["duplicates"]).sum())
confident, held = int(batches["confident"].sum()), int(batches["held"].sum())
conflicts = batches[batches["conflict"].notna()]
sentence = f"{reads.share(confident, distinct)} of {distinct:,} records carry a confident tag"
if len(conflicts):
    worst = conflicts.iloc[-1]
    sentence += f"; {worst['source']}: {worst['conflict']}"
components.verdict(sentence + ".")

claimed = batches[(batches["declared"] == "human") & batches["estimate"].notna()]
suspect = claimed.loc[claimed["estimate"].idxmax()] if len(claimed) else None
decided = reads.facts(reads.ReviewDecision)
components.cards(
    [
        Card(
            "Coverage",
            reads.share(confident, distinct),
            f"target {reads.min_coverage():.0%}",
            "Records with a confident tag, of all distinct records read",
        ),
        Card(
            "Held for a person",
            f"{held:,}",
            f"{len(decided):,} decided so far",
            "Records that do not advance until somebody decides them",
        ),
        Card(
            "Most suspect batch",
            f"{suspect['estimate']:.0%}" if suspect is not None else "–",
            f"{suspect['source']}: {suspect['estimate_low']:.0%} to {suspect['estimate_high']:.0%}"
            if suspect is not None
            else "no detector yet",
            "Of the batches declared human, the one that looks most model-made: estimated share (PACC, 90 % interval); our own logged texts are counted, the rest is estimated",
        ),
        Card(
            "Conflicts",
            str(len(conflicts)),
            "declarations not believed",
            "Batches whose declaration was not believed",
        ),
    ]
)
runs = reads.generations(name, since)
st.plotly_chart(
    charts.origins(
        counts,
        runs[runs["coverage"].notna()],
        reads.min_coverage(),
        f"What came in, by origin: {held:,} records were held, none advanced unknown",
    ),
    key="origins",
)

st.subheader("By source and batch")
st.dataframe(
    batches[
        [
            "run",
            "source",
            "declared",
            "file",
            "read",
            "confident",
            "held",
            "rejected",
            "duplicates",
            "estimate",
            "estimate_low",
            "estimate_high",
            "conflict",
        ]
    ],
    hide_index=True,
    key="batches",
    column_config={
        column: st.column_config.NumberColumn(format="percent")
        for column in ("estimate", "estimate_low", "estimate_high")
    },
)
left, right = st.columns(2)
with left:
    st.subheader("Evidence behind the tags")
    evidence = counts.groupby(["source", "declared", "origin", "evidence"], as_index=False)[["records", "tokens"]].sum()
    st.dataframe(evidence, hide_index=True, key="evidence")
with right:
    st.subheader("Detector")
    detectors = reads.facts(reads.DetectorCalibrated)
    if len(detectors):
        st.dataframe(
            detectors[
                [
                    "name",
                    "outputs_of",
                    "human_texts",
                    "ai_texts",
                    "auroc",
                    "true_positive_rate",
                    "false_positive_rate",
                    "error_rate",
                    "recorded",
                ]
            ],
            hide_index=True,
            key="detectors",
        )
        st.caption(
            "Rates are measured on the calibration halves, which the detector was not fitted on. Other text may be harder."
        )
    else:
        components.empty(
            "No detector is calibrated.",
            "Until then declarations are believed unchecked.",
            "tailguard detector calibrate FILE --generation NAME",
        )
reasons = reads.facts_of_lineage(reads.ReasonCount, name, since)
components.rows(
    reasons[reasons["stage"] == "intake"][["run", "outcome", "source", "origin", "reason", "records", "row"]],
    title="Held, rejected and duplicate records by reason",
    formula="Every record that did not advance has a reason, and the reasons are counted here.",
    key="reasons",
)
components.caption(runs["run"].iloc[-1] if len(runs) else None)
