"""What went into each training set, against the ceiling?"""

import math
from datetime import timedelta

import streamlit as st

from pages.shared import charts, components, reads
from pages.shared.components import Card
from tailguard.domain.wording import counted

QUARTER = timedelta(days=92)
SHOWN = 50
AT_ONCE = 50_000

components.begin("Mixing")
name, since = components.lineage(), components.since()
sets = reads.facts_of_lineage(reads.Composition, name, since)
if not len(sets):
    components.empty(
        "No training set in this period.",
        "The ratio of a set that nobody composed cannot be held to a ceiling.",
        "tailguard run",
    )
    st.stop()
status = reads.status()
ratios = reads.ratios(name, since)
newest = sets.iloc[-1]
run = newest["run"]
mine = ratios[ratios["run"] == run]
larger = mine.loc[mine["ratio"].idxmax()]
upper = larger["high"]
relation = "over the ceiling of" if larger["ratio"] > newest["ceiling"] else "under the ceiling of"
told = f"{run} trained on {larger['ratio']:.1%} synthetic text"
if not math.isnan(upper):  # sets of earlier versions have no bounds
    told += f" (between {larger['low']:.1%} and {upper:.1%} as its tags may be wrong)"
components.verdict(f"{told}, {relation} {newest['ceiling']:.0%}.")

anchor = reads.anchor()
decisions = reads.facts_of_lineage(reads.GateDecision, name, since)
blocked = decisions[(decisions["gate"] == "ratio") & (decisions["verdict"] == "BLOCK")]
recent = blocked[blocked["recorded"] >= status.as_of - QUARTER]
components.cards(
    [
        Card(
            "Synthetic ratio",
            f"{larger['ratio']:.1%}",
            f"ceiling {newest['ceiling']:.0%}",
            f"{newest['ratio_records']:.1%} of records, {newest['ratio_tokens']:.1%} of tokens; "
            "the larger one is held against the ceiling",
            rows=lambda: mine[["run", "unit", "ratio", "low", "high", "ceiling", "enforced_on", "row"]],
            term="ratio",
        ),
        Card(
            "Head-room, records",
            f"{reads.head_room(newest, 'records'):,.0f}",
            f"{reads.head_room(newest, 'tokens'):,.0f} tokens",
            "Wholly synthetic text that would still fit: human × ceiling / (1 − ceiling) − synthetic",
            rows=lambda: sets.tail(1)[
                ["run", "records", "tokens", "synthetic_records", "synthetic_tokens", "ceiling", "row"]
            ],
            term="ceiling",
        ),
        Card(
            "Anchor share",
            f"{newest['anchor_records'] / newest['records']:.1%}",
            f"{counted((status.as_of - anchor.renewed).days, 'day')} old" if anchor else "no anchor",
            f"{newest['anchor_records']:,} frozen human records in the newest set; age since something was last added",
            rows=lambda: sets[["run", "records", "anchor_records", "row"]].iloc[::-1],
            term="anchor",
        ),
        Card(
            "Jobs over the ceiling",
            str(len(recent)),
            f"{int(recent['enforced'].sum())} stopped",
            "Clearance asked for and not given in the last 92 days; in observe mode nothing is stopped",
            rows=lambda: blocked[["run", "verdict", "enforced", "reason", "recorded", "row"]].iloc[::-1],
            term="clearance",
        ),
    ]
)

unit = components.choice("Counted in", ["records", "tokens"], "unit")
shown = ratios[ratios["unit"] == unit]
generations = reads.generations(name, since)
flags = shown.assign(high=shown["high"].fillna(shown["ratio"])).merge(generations[["run", "overrides"]], on="run")
ratio_of = shown.set_index("run")["ratio"]
crosses = blocked.assign(ratio=blocked["run"].map(ratio_of)).drop_duplicates("run")
components.chart(
    lambda: charts.ratios(
        reads.drawn(shown, name, since),
        crosses,
        flags[flags["overrides"] != ""],
        unit,
        f"{len(crosses)} of {len(sets)} training sets were over the ceiling when they asked",
    ),
    key="ratios",
    terms=("ratio", "ceiling", "unit", "override"),
    note=components.drawn_note(name, since),
)

components.chart(
    lambda: charts.parts(
        reads.drawn(reads.facts_of_lineage(reads.CompositionPart, name, since), name, since),
        "Human text accumulates; it is not replaced"
        if newest["anchor_records"]
        else "Earlier human text is replaced, and there is no anchor",
    ),
    key="parts",
    terms=("anchor", "synthetic"),
)
reasons = reads.facts(reads.ReasonCount, run=run)
reasons = reasons[reasons["stage"] == "score"]
gone = reasons[reasons["outcome"] != "kept"]
if len(gone):
    total = int(reasons["records"].sum())
    title = f"{int(gone['records'].sum()):,} of {total:,} records of {run} were dropped or flagged"
    components.chart(lambda: charts.reasons(gone, title), key="gone")
else:
    st.info(f"Nothing was dropped or flagged in {components.plain(run)}.", icon="ℹ️")

components.section("The filter answers for itself")
coverage = reads.facts(reads.SliceCoverage, run=run)
if len(coverage) and coverage["before"].sum():
    narrowed = coverage[coverage["narrowed"].astype(bool)]
    components.chart(
        lambda: charts.cells(
            coverage,
            f"The filter narrows {counted(len(narrowed), 'slice')} more than chance would"
            if len(narrowed)
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
outcomes = [one for one in ("dropped", "flagged", "kept") if one in set(reasons["outcome"])]
show = st.toggle(
    "Read them from the store",
    value=int(reasons["records"].sum()) <= AT_ONCE,
    key="show",
    help="Every figure above comes from the log; the records themselves lie in the store, and a large run takes a while to read.",
)
if outcomes and show:
    first, second = st.columns([1, 3])
    outcome = first.selectbox("Outcome", outcomes, key="outcome")
    why = second.selectbox("Reason", ["any", *sorted(set(reasons[reasons["outcome"] == outcome]["reason"]))], key="why")
    with components.where_readable():
        records = reads.scored(run, outcome, None if why == "any" else why, SHOWN)
        scores = ["quality", "diversity", "reliability"]
        components.table(
            records[["position", "running_ratio", "text", "source", "origin", *scores, "why", "id"]]
            if outcome == "flagged"
            else records[["text", "source", "origin", *scores, "reason", "why", "id"]],
            key="records",
            columns={
                "text": st.column_config.TextColumn(width=380),
                "why": st.column_config.TextColumn("why", width=380),
                **{
                    one: st.column_config.ProgressColumn(one, min_value=0, max_value=1, format="%.2f") for one in scores
                },
                "running_ratio": st.column_config.NumberColumn("ratio it would make", format="percent"),
            },
        )
        components.remark(
            f"The first {SHOWN} of them, of {components.plain(run)}; flagged ones in the order in which they would break the "
            "ceiling."
        )

components.section("How high may the ceiling be?")
calibrated = reads.facts(reads.CeilingCalibrated, lineage=name)
if len(calibrated):
    found = calibrated.iloc[-1]
    points = reads.facts(reads.CeilingPoint, experiment=found["experiment"])
    kept_within = f"{found['measure']} stays within {found['margin']:.0%} after {found['generations']} generations"
    components.chart(
        lambda: charts.calibration(points, found, f"Up to {found['recommended']:.0%} synthetic, {kept_within}"),
        key="calibration",
    )
    components.remark(
        f"{found['repeats']} chains of small models at each share, on your own anchor; 90 % intervals. In closed form the smallest "
        f"slice ({found['smallest_cell']:,} records) would bear {found['closed_form']:.1%}: what really hurts comes first. "
        "The small model stands in for yours; take the order of the shares from it, not the size of the loss."
    )
else:
    components.empty(
        "The ceiling was never calibrated on your own data.",
        "A ceiling that nobody measured is a habit.",
        f"tailguard ceiling calibrate --lineage {name}",
    )

components.section("Compare two training sets")
runs = list(sets["run"])[-components.MOST_CHOICES :]
if len(runs) > 1:
    first, second = st.columns(2)
    one = first.selectbox("One", runs, index=len(runs) - 2, key="one")
    other = second.selectbox("Another", runs, index=len(runs) - 1, key="other")
    if one != other and st.button("Compare", key="compare"):
        with components.where_readable():
            difference = reads.difference(one, other)
            st.markdown(f"{difference.shared:,} records stand in both.")
            for column, side in zip(st.columns(2), (difference.first, difference.second), strict=True):
                with column:
                    st.markdown(
                        f"**Only in {components.plain(side.run)}: {side.records:,} records, {side.tokens:,} tokens**"
                    )
                    by_part = [{"part": part, "records": count} for part, count in sorted(side.by_part.items())]
                    components.table(by_part, key=f"only-{side.run}")
if st.button("Ask for an override", key="ask", help="For the newest run, at the ratio gate"):
    st.switch_page("pages/overrides.py", query_params={"lineage": name, "run": run})

audits = reads.facts(reads.MixingAudited, run=run)
if len(audits):
    last = audits.iloc[-1]
    word = "signed" if last["signed"] else "refused to sign"
    st.caption(
        components.plain(f"{last['actor']} {word} the audit of {run} on {last['recorded']:%d %b %Y}: {last['note']}")
    )
components.rows(
    lambda: reads.facts(reads.CompositionPart, run=run)[["role", "origin", "source", "records", "tokens", "row"]],
    title="What it holds, by role, origin and source",
    formula="Each record of the set is counted once.",
    key="contents",
)
components.rows(
    lambda: reads.facts(reads.RuleFailed, run=run)[["family", "rule", "source", "origin", "records", "row"]],
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
    lambda: reads.facts_of_lineage(reads.FlaggedRecord, name, since)[
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
