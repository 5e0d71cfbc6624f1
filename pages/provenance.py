"""Where did the records come from, and how sure are we?"""

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.shared import actions, bar, charts, components, opened, reads, tables, trace
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.frames import as_frame
from pages.shared.words import on_chart, plain
from tailguard.detection.rates import LEFT_OUT, shipped_rates
from tailguard.domain.facts import (
    BatchTaken,
    DetectorCalibrated,
    OwnOutputFound,
    ProvenanceCount,
    ReasonCount,
    ShareEstimated,
)
from tailguard.domain.stages import Stage
from tailguard.domain.tags import Origin
from tailguard.domain.wording import counted
from tailguard.plays.provenance import sources
from tailguard.plays.provenance.breakdown import BatchCoverage, CoverageOf
from tailguard.plays.provenance.summary import EvidenceCount

BATCH = [
    "run", "source", "declared", "file", "read", "confident", "held", "rejected", "duplicates", "estimate", "estimate_low",
    "estimate_high", "conflict", "row",
]  # fmt: skip
GROUPINGS = {"by run": "run", "by source": "source", "by month": "month"}

components.begin("Provenance")
name, since = bar.lineage(), bar.since()
batches = reads.facts_of_lineage(BatchTaken, name, since)
counts = reads.facts_of_lineage(ProvenanceCount, name, since)
summary = reads.provenance_summary(name, since)
if summary is None:
    components.empty(
        "No batch in this period.",
        "Without batches nobody knows where records came from.",
        "tailguard run -b SOURCE:ORIGIN:FILE",
    )
    st.stop()

waiting, target = reads.waiting(), reads.coverage_target()
coverage, suspect = summary.coverage, summary.suspect
covered = f"{coverage.share:.1%}" if coverage else "–"
sentence = f"{covered} of {summary.records:,} records carry a confident tag"
if summary.newest_conflict:
    sentence += f"; {summary.newest_conflict}"
components.verdict(sentence + ".")


def suspected() -> str:
    """The most suspect batch, by both methods."""
    if suspect is None:
        return "no estimate yet"
    by_sld = f"; SLD {suspect.sld:.0%}" if suspect.sld is not None else ""
    return f"{suspect.source}: PACC {suspect.low:.0%} to {suspect.high:.0%}{by_sld}"


components.cards(
    [
        Card(
            "Coverage",
            covered,
            f"{coverage.low:.1%} to {coverage.high:.1%}, target {target:.0%}" if coverage else "nothing was read",
            "Records with a confident tag, of all distinct records read; 90 % Wilson interval",
            rows=lambda: as_frame(BatchCoverage, reads.batch_coverage(name, since)),
            term="coverage",
        ),
        Card(
            "Waiting for a person",
            f"{waiting.records if waiting else 0:,}",
            f"oldest {counted(reads.days_since(waiting.since), 'day')}" if waiting else "nothing waits",
            "Held and not decided yet, over all lineages; a record that came twice counts once",
            rows=lambda: batches[batches["held"] > 0][["run", "source", "read", "held", "recorded", "row"]].iloc[::-1],
            term="held record",
        ),
        Card(
            "Most suspect batch",
            f"{suspect.share:.0%}" if suspect else "–",
            suspected(),
            "Of the batches declared human, the one that looks most model-made: estimated share (PACC, 90 % interval); "
            "our own logged texts are counted, the rest is estimated",
            rows=lambda: batches[(batches["declared"] == Origin.HUMAN) & batches["estimate"].notna()][
                ["run", "source", "read", "estimate", "estimate_low", "estimate_high", "row"]
            ].sort_values("estimate", ascending=False),
            term="PACC",
        ),
        Card(
            "Conflicts",
            str(summary.conflicts),
            "declarations not believed",
            "Batches whose declaration was not believed as a whole",
            rows=lambda: batches[batches["conflict"].notna()][["run", "source", "declared", "conflict", "row"]],
        ),
    ]
)
runs = reads.generations(name, since)
title = f"What came in, by origin: {summary.held:,} records were held, none advanced unknown"
components.chart(
    lambda: charts.origins(
        reads.drawn(counts, name, since),
        runs[runs["coverage"].notna()],
        target,
        title,
    ),
    key="origins",
    terms=("origin", "coverage", "unknown"),
    note=bar.drawn_note(name, since),
)


trace.ask()
components.section("How certain the origins are")
grouping = GROUPINGS[bar.choice("Coverage", list(GROUPINGS), "coverage")]


def coverage_by() -> Figure:
    """Coverage by run, source or month, the newest on the right."""
    breakdown = reads.coverage_by(name, since, grouping)
    shown = as_frame(CoverageOf, breakdown.groups)
    title = f"{breakdown.below:,} of {breakdown.total:,} {grouping}s are below the target"
    return charts.coverage(shown.assign(name=shown["name"].map(on_chart)), target, title)


components.chart(coverage_by, key="coverage-chart", terms=("coverage", "interval", "confident tag"))


estimates = reads.estimates(name, since)
left, right = st.columns(2)
with left:
    if estimates.batches:
        components.chart(
            lambda: charts.estimated_shares(
                as_frame(ShareEstimated, estimates.shares),
                f"Estimated model-made share: methods differ on {estimates.apart:,} of {estimates.batches:,}",
            ),
            key="shares",
            terms=("PACC", "SLD", "interval"),
        )
        components.remark(
            "The batches with the largest estimates, over the records that are not copies of ours. PACC and SLD fail "
            "differently: where they differ, believe neither."
        )
    else:
        components.empty(
            "No share is estimated yet.",
            "It needs 20 records that the detector can score.",
            "tailguard run -b SOURCE:ORIGIN:FILE",
        )
with right:
    components.chart(
        lambda: charts.backlog(
            reads.waiting_over_time(), f"{waiting.records if waiting else 0:,} records wait, by how long they have"
        ),
        key="backlog",
        terms=("held record", "quarantine"),
    )
    st.page_link("pages/quarantine.py", label="Work through the queue")

components.section("By source")
tables.table(
    [
        {
            "source": source.source,
            "declared": ", ".join(source.declared),
            "records": source.records,
            "coverage": source.coverage,
            "PACC": source.pacc,
            "SLD": source.sld,
            "ours": source.own_output,
            "conflict": source.conflict,
            "drift": "drifted" if source.drifted else "",
            "contract": f"{contract.declared}, {contract.licence}, {contract.owner}"
            if (contract := source.contract)
            else "none",
            "signed": f"{contract.signed_by}, {contract.signed:%d %b %Y}"
            if contract and contract.signed
            else "not signed",
        }
        for source in reads.source_summaries(name, since)
    ],
    key="sources",
    columns={column: st.column_config.NumberColumn(format="percent") for column in ("coverage", "PACC", "SLD")},
)
actions.show_answer()
unsigned = [contract.source for contract in reads.contracts().values() if not contract.signed]
if unsigned:
    with st.form("sign", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Contract to sign off", unsigned, key="to_sign")
        st.text_input("Note", key="sign_note")

        def sign(values: Values) -> str:
            """The quality owner's signature under a contract."""
            sources.sign(opened.workspace(), values["to_sign"], note=values["sign_note"])
            return f"{values['to_sign']} is signed off."

        actions.submit("Sign off", sign, key="sign-off")

components.section("What the detector's error means")
rates = reads.built_in_rates()
other = shipped_rates()[LEFT_OUT]
st.markdown(
    plain(
        "On public texts of domains and generators that it had not seen, the built-in detector ranks a model-made text above "
        f"a human one in {other['auroc']:.0%} of pairs (AUROC), and finds {other['tpr at 1% fpr']:.0%} of model-made texts while "
        "accusing 1 % of human ones. It was made for English prose by instruction-tuned models; base models, other languages "
        "and very short texts come out unknown or missed. It may take a declaration's word away, and never makes an "
        "undeclared record human."
    )
)
detectors = reads.facts(DetectorCalibrated)
if len(detectors):
    tables.table(
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
        key="detectors",
    )
    components.remark(
        "The team's own calibration: rates on texts that the detector was not fitted on. Other text may be harder."
    )
else:
    components.empty(
        "The detector is not calibrated on your own texts.",
        "Its error on them is unknown until then.",
        "tailguard detector calibrate FILE --generation NAME",
    )
components.rows(
    lambda: rates,
    title="Measured rates of the built-in detector",
    formula=(
        "From data/detector.npz, written by bench/train_detector.py; a set that is left out had its domain or generator "
        "withheld from training."
    ),
    key="rates",
)
if summary.own_output:
    components.rows(
        lambda: tables.own_output(reads.facts_of_lineage(OwnOutputFound, name, since))[
            ["recorded", "run", "source", "generation", "kind", "records", "example", "row"]
        ],
        title=f"Our own output that came back: {summary.own_output:,} records",
        formula="An observed edge from a generation to a source: records that are, or contain, what that generation wrote.",
        key="found",
    )
components.rows(
    lambda: batches[BATCH],
    title="Every batch",
    formula="A row each time a batch came in. Coverage is confident / (read - duplicates).",
    key="batches",
)
components.rows(
    lambda: as_frame(EvidenceCount, reads.evidence(name, since)),
    title="Evidence behind the tags",
    formula="Sums over the batches, by what was declared, what was tagged, and on what evidence.",
    key="evidence",
)


def stopped() -> pd.DataFrame:
    """Records that did not advance, by reason."""
    reasons = tables.reasons(reads.facts_of_lineage(ReasonCount, name, since, stage=str(Stage.INTAKE)))
    return reasons[["run", "outcome", "source", "origin", "reason", "records", "row"]]


components.rows(
    stopped,
    title="Held, rejected and duplicate records by reason",
    formula="Every record that did not advance has a reason, and the reasons are counted here.",
    key="reasons",
)
components.caption(runs["run"].iloc[-1] if len(runs) else None)
