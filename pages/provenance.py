"""Where did the records come from, and how sure are we?"""

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.shared import actions, charts, components, reads
from pages.shared.actions import Values
from pages.shared.components import Card
from tailguard.detection.prevalence import APART
from tailguard.domain.wording import counted
from tailguard.errors import TailguardError
from tailguard.plays.provenance import sources, tracing

MOST_MARKS = 120
BY = {"by run": "run", "by source": "source", "by month": "recorded"}

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

batches["distinct"] = batches["read"] - batches["duplicates"]
distinct, confident = int(batches["distinct"].sum()), int(batches["confident"].sum())
held = int(batches["held"].sum())
conflicts = batches[batches["conflict"].notna()]
waiting, oldest = reads.waiting_now()
sentence = f"{reads.share(confident, distinct)} of {distinct:,} records carry a confident tag"
if len(conflicts):
    worst = conflicts.iloc[-1]
    sentence += f"; {worst['source']}: {worst['conflict']}"
components.verdict(sentence + ".")

shares = reads.facts_of_lineage(reads.ShareEstimated, name, since)
of_batches = shares[shares["pool"] == "batch"]
claimed = batches[(batches["declared"] == "human") & batches["estimate"].notna()]
suspect = claimed.nlargest(1, "estimate").iloc[0] if len(claimed) else None
bounds = reads.interval(confident, distinct)


def _by_the_other_method(batch: pd.Series) -> str:
    """What SLD estimates for a batch."""
    same = of_batches[(of_batches["run"] == batch["run"]) & (of_batches["source"] == batch["source"])]
    told = same[same["method"] == "SLD"]["share"]
    return f"; SLD {told.iloc[-1]:.0%}" if len(told) else ""


components.cards(
    [
        Card(
            "Coverage",
            reads.share(confident, distinct),
            f"{bounds.low:.1%} to {bounds.high:.1%}, target {reads.min_coverage():.0%}"
            if bounds
            else "nothing was read",
            "Records with a confident tag, of all distinct records read; 90 % Wilson interval",
            rows=lambda: batches[["run", "source", "read", "duplicates", "distinct", "confident", "row"]],
            term="coverage",
        ),
        Card(
            "Waiting for a person",
            f"{waiting:,}",
            f"oldest {counted((reads.status().as_of - oldest).days, 'day')}" if oldest else "nothing waits",
            "Held and not decided yet, over all lineages; a record that came twice counts once",
            rows=lambda: batches[batches["held"] > 0][["run", "source", "read", "held", "recorded", "row"]].iloc[::-1],
            term="held record",
        ),
        Card(
            "Most suspect batch",
            f"{suspect['estimate']:.0%}" if suspect is not None else "–",
            f"{suspect['source']}: PACC {suspect['estimate_low']:.0%} to {suspect['estimate_high']:.0%}"
            + _by_the_other_method(suspect)
            if suspect is not None
            else "no estimate yet",
            "Of the batches declared human, the one that looks most model-made: estimated share (PACC, 90 % interval); "
            "our own logged texts are counted, the rest is estimated",
            rows=lambda: claimed[
                ["run", "source", "read", "estimate", "estimate_low", "estimate_high", "row"]
            ].sort_values("estimate", ascending=False),
            term="PACC",
        ),
        Card(
            "Conflicts",
            str(len(conflicts)),
            "declarations not believed",
            "Batches whose declaration was not believed as a whole",
            rows=lambda: conflicts[["run", "source", "declared", "conflict", "row"]],
        ),
    ]
)
runs = reads.generations(name, since)
components.chart(
    lambda: charts.origins(
        reads.drawn(counts, name, since),
        runs[runs["coverage"].notna()],
        reads.min_coverage(),
        f"What came in, by origin: {held:,} records were held, none advanced unknown",
    ),
    key="origins",
    terms=("origin", "coverage", "unknown"),
    note=components.drawn_note(name, since),
)


@st.dialog("Where this record came from", width="large")
def show_trace(wanted: str) -> None:
    """All that is known of one record."""
    try:
        found = reads.trace(wanted)
    except TailguardError as error:
        st.error(components.plain(str(error)))
        return
    st.markdown(f"**{components.plain(found.sentence)}**")
    if found.text:
        with st.container(border=True, height=180):
            st.markdown(components.paragraphs(found.text[:3000]))
    if found.tags:
        st.markdown("**Tags, the newest in force**")
        tags = reads.as_frame(tracing.TagEntry, found.tags)
        tags = tags.rename(columns={"recorded": "when", "proven": "proven by ledger"}).assign(
            batch=tags["batch"].str[:12]
        )
        shown = ["when", "run", "source", "origin", "evidence", "reason", "by", "held", "proven by ledger", "batch"]
        components.table(tags[shown], key="trace-tags")
    if found.answers:
        st.markdown("**Answers of reviewers**")
        components.table(reads.as_frame(tracing.Answer, found.answers), key="trace-answers")
    if found.uses:
        st.markdown("**Training sets that hold it**")
        components.table(reads.as_frame(tracing.Use, found.uses), key="trace-uses")
    if found.own_output:
        st.markdown(components.plain(f"It is ours: {found.own_output.kind} of {found.own_output.generation}."))
    components.remark(
        "A tag is proven when its digest leads to the Merkle root that the run log recorded for its ledger."
    )


with st.form("trace", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
    wanted = st.text_input(
        "Where did this record come from?",
        placeholder="A record's id, its beginning (8 digits or more), or its whole text",
        key="wanted",
    )
    if st.form_submit_button("Trace") and wanted.strip():
        show_trace(wanted)

components.section("How far it can be told")
told_by = components.choice("Coverage", list(BY), "coverage")


def coverage_by() -> Figure:
    """Coverage by run, source or month, the newest on the right."""
    keys = batches["recorded"].dt.strftime("%b %Y") if told_by == "by month" else batches[BY[told_by]]
    grouped = batches.groupby(keys, sort=False)[["confident", "distinct"]].sum()
    below = int((grouped["confident"] < reads.min_coverage() * grouped["distinct"]).sum())
    shown = [
        {
            "name": components.on_chart(str(key)),
            "share": one.share,
            "low": one.low,
            "high": one.high,
            "records": int(row["distinct"]),
        }
        for key, row in grouped.tail(MOST_MARKS).iterrows()
        if (one := reads.interval(int(row["confident"]), int(row["distinct"])))
    ]
    title = f"{below:,} of {len(grouped):,} {told_by.removeprefix('by ')}s are below the target"
    return charts.coverage(pd.DataFrame(shown), reads.min_coverage(), title)


components.chart(coverage_by, key="coverage-chart", terms=("coverage", "interval", "confident tag"))


def estimates() -> Figure:
    """The batches with the largest estimated share, by both methods."""
    by_batch = of_batches.groupby(["run", "source"])
    apart = int((by_batch["low"].max() - by_batch["high"].min() > APART).sum())
    worst = by_batch["share"].max().sort_values(ascending=False).index[:8]
    shown = of_batches.set_index(["run", "source"]).loc[worst].reset_index()
    return charts.estimated_shares(
        shown, f"Estimated model-made share: methods differ on {apart:,} of {len(by_batch):,}"
    )


left, right = st.columns(2)
with left:
    if len(of_batches):
        components.chart(estimates, key="shares", terms=("PACC", "SLD", "interval"))
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
        lambda: charts.backlog(reads.waiting_over_time(), f"{waiting:,} records wait, by how long they have"),
        key="backlog",
        terms=("held record", "quarantine"),
    )
    st.page_link("pages/quarantine.py", label="Work through the queue")

components.section("By source")
contracts = reads.contracts()
drifts = reads.facts_of_lineage(reads.DriftChecked, name, since).drop_duplicates("source", keep="last")
drifted = set(drifts["source"][drifts["drifted"].astype(bool)])
found = reads.facts_of_lineage(reads.OwnOutputFound, name, since)
table = []
for source, part in batches.groupby("source", sort=False):
    newest = of_batches[of_batches["source"] == source].drop_duplicates("method", keep="last").set_index("method")
    contract = contracts.get(str(source))
    table.append(
        {
            "source": source,
            "declared": ", ".join(sorted(set(part["declared"]))),
            "records": int(part["distinct"].sum()),
            "coverage": part["confident"].sum() / max(1, part["distinct"].sum()),
            "PACC": newest["share"].get("PACC"),
            "SLD": newest["share"].get("SLD"),
            "ours": int(found[found["source"] == source]["records"].sum()),
            "conflict": part["conflict"].dropna().iloc[-1] if part["conflict"].notna().any() else "",
            "drift": "drifted" if source in drifted else "",
            "contract": f"{contract.declared}, {contract.licence}, {contract.owner}" if contract else "none",
            "signed": f"{contract.signed_by}, {contract.signed:%d %b %Y}"
            if contract and contract.signed
            else "not signed",
        }
    )
components.table(
    table,
    key="sources",
    columns={column: st.column_config.NumberColumn(format="percent") for column in ("coverage", "PACC", "SLD")},
)
actions.show_answer()
unsigned = [one.source for one in contracts.values() if not one.signed]
if unsigned:
    with st.form("sign", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Contract to sign off", unsigned, key="to_sign")
        st.text_input("Note", key="sign_note")

        def sign(values: Values) -> str:
            """The quality owner's signature under a contract."""
            sources.sign(reads.workspace(), values["to_sign"], note=values["sign_note"])
            return f"{values['to_sign']} is signed off."

        actions.submit("Sign off", sign, key="sign-off")

components.section("What the detector's error means")
rates = reads.built_in_rates()
whole = rates[rates["texts"] == "left out: all"].iloc[0]
st.markdown(
    components.plain(
        "On public texts of domains and generators that it had not seen, the built-in detector ranks a model-made text above "
        f"a human one in {whole['auroc']:.0%} of pairs (AUROC), and finds {whole['tpr at 1% fpr']:.0%} of model-made texts while "
        "accusing 1 % of human ones. It was made for English prose by instruction-tuned models; base models, other languages "
        "and very short texts come out unknown or missed. It may take a declaration's word away, and never makes an "
        "undeclared record human."
    )
)
detectors = reads.facts(reads.DetectorCalibrated)
if len(detectors):
    components.table(
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
if len(found):
    components.rows(
        lambda: found[["recorded", "run", "source", "generation", "kind", "records", "example", "row"]],
        title=f"Our own output that came back: {int(found['records'].sum()):,} records",
        formula="An observed edge from a generation to a source: records that are, or contain, what that generation wrote.",
        key="found",
    )
components.rows(
    lambda: batches[
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
            "row",
        ]
    ],
    title="Every batch",
    formula="A row each time a batch came in. Coverage is confident / (read - duplicates).",
    key="batches",
)
components.rows(
    counts.groupby(["source", "declared", "origin", "evidence"], as_index=False)[["records", "tokens"]].sum,
    title="Evidence behind the tags",
    formula="Sums over the batches, by what was declared, what was tagged, and on what evidence.",
    key="evidence",
)


def stopped() -> pd.DataFrame:
    """Records that did not advance, by reason."""
    reasons = reads.facts_of_lineage(reads.ReasonCount, name, since)
    return reasons[reasons["stage"] == "intake"][["run", "outcome", "source", "origin", "reason", "records", "row"]]


components.rows(
    stopped,
    title="Held, rejected and duplicate records by reason",
    formula="Every record that did not advance has a reason, and the reasons are counted here.",
    key="reasons",
)
components.caption(runs["run"].iloc[-1] if len(runs) else None)
