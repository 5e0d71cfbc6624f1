"""What did the gate stop, and does it still catch damage?"""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from pages.shared import actions, bar, charts, components, documents, opened, reads, sign_offs, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.frames import as_frame
from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult, FloorCheck, GateDecision, ReportKept
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.references import ReferenceKind, reference_name
from tailguard.domain.wording import counted
from tailguard.plays.monitoring.gates import UNDECIDED, SensitivityCheck

components.begin("Gates")
name, since = bar.lineage(), bar.since()
decisions = reads.facts_of_lineage(GateDecision, name, since)
canaries = reads.facts_of_lineage(CanaryResult, name, since)
candidates = decisions[decisions["gate"] == Gate.DIVERSITY]
summary, waiting = reads.gate_summary(name, since), reads.lineage(name).pending_sign_offs
if summary is None:
    sign_offs.pending(waiting)
    components.empty("No verdict in this period.", "A gate that never spoke protects nobody.", "tailguard run")
    st.stop()
smallest = f"{summary.smallest_caught:.1%}" if summary.smallest_caught is not None else "none"
mode = reads.lineage(name).mode
verb = "were blocked" if mode == Mode.ENFORCE else "would have been blocked"
self_tests = "no planted damage was blocked yet"
if newest := summary.newest_caught:
    ago = counted(reads.days_since(newest.recorded), "day")
    self_tests = f"the last planted loss of rare words that was blocked: {newest.fact.loss:.1%}, {ago} ago"
    self_tests += f" (the smallest ever: {smallest})"
rate, false = summary.block_rate, summary.false_blocks
unsigned = f" {counted(len(waiting), 'verdict waits', 'verdicts wait')} for sign-off." if waiting else ""
components.verdict(
    f"{summary.blocked} of {summary.candidates} candidates {verb} ({rate.share:.0%}); {self_tests}.{unsigned}"
)
sign_offs.pending(waiting)
components.cards(
    [
        Card(
            "Block rate",
            f"{rate.share:.0%}",
            f"{rate.low:.0%} to {rate.high:.0%}",
            "Candidates of the diversity gate; 90 % Wilson interval",
            rows=lambda: candidates[["run", "verdict", "reason", "override", "recorded", "row"]].iloc[::-1],
            term="gate",
        ),
        Card(
            "Smallest loss blocked",
            smallest,
            f"{summary.caught} of {summary.planted} planted",
            "Damage of several kinds planted in the candidate's own answers",
            rows=lambda: canaries[[not Damage(kind).harmless for kind in canaries["kind"]]][
                ["run", "strength", "loss", "verdict", "as_expected", "row"]
            ].iloc[::-1],
            term="planted damage",
        ),
        Card(
            "False blocks",
            f"{false.share:.0%}" if false else "–",
            f"{summary.harmless} harmless changes" if false else "none yet",
            "The candidate against its own second sample, and with harmless changes; any BLOCK among them would be false",
            rows=lambda: canaries[[Damage(kind).harmless for kind in canaries["kind"]]][
                ["run", "verdict", "as_expected", "row"]
            ].iloc[::-1],
        ),
        Card(
            "Undecided",
            f"{summary.undecided_share:.0%}",
            f"{summary.undecided} inconclusive or not comparable",
            "INCONCLUSIVE or NOT COMPARABLE; these do not ship either",
            rows=lambda: candidates[candidates["verdict"].isin(UNDECIDED)][["run", "verdict", "reason", "row"]],
            term="verdict",
        ),
    ]
)
title = f"Every planted loss from {smallest} on was blocked" if summary.caught else "No planted loss was blocked yet"
components.chart(
    lambda: charts.outcomes(
        candidates,
        reads.drawn(canaries, name, since),
        title,
    ),
    key="outcomes",
    terms=("verdict", "planted damage"),
    note=bar.drawn_note(name, since),
)
checks = reads.sensitivity(name, since)
first_loss = next((check.loss for check in checks if check.loss is not None), None)
if len(checks) > 1 and first_loss is not None and checks[-1].margin is not None:
    newest_loss = f"{checks[-1].loss:.1%}" if checks[-1].loss is not None else "nothing"
    components.chart(
        lambda: charts.sensitivity(
            reads.drawn(as_frame(SensitivityCheck, checks), name, since),
            f"Smallest loss that the gate blocks: {first_loss:.1%} at first, {newest_loss} now",
        ),
        key="sensitivity",
    )
newest_run = str(candidates["run"].iloc[-1])


def self_test(_: Values) -> str:
    """The gate's self-test once more, by the person at this page."""
    from tailguard.reports import gate

    results = gate.rerun_self_test(opened.workspace(), newest_run, seed=int(datetime.now(UTC).timestamp()))
    good = sum(result.as_expected for result in results)
    return f"{good} of {len(results)} self-tests of {newest_run} were as they should be."


actions.button(
    "Test the gate again",
    self_test,
    key="test",
    busy="Planting damage and comparing the candidate with itself …",
    help="Plants damage of several kinds in the newest candidate's answers; a few seconds.",
)
actions.show_answer("test")
components.section("Each decision")
gates = [Gate.DIVERSITY, *(gate for gate in Gate if gate != Gate.DIVERSITY)]
kind = st.segmented_control("Gate", gates, default=Gate.DIVERSITY, key="gate") or Gate.DIVERSITY
shown = decisions[decisions["gate"] == kind].iloc[::-1]
signed = reads.sign_offs(name, since)
answers = sign_offs.by_verdict(waiting, signed)
shown = shown.assign(
    verdict=[f"{components.ICONS[verdict]} {verdict}" for verdict in shown["verdict"]],
    **{"sign-off": [answers.get(row, "") for row in shown["row"]]},
)
tables.table(
    shown[
        [
            "run",
            "verdict",
            "enforced",
            "reason",
            "override",
            *(["sign-off"] if kind == Gate.DIVERSITY and answers else []),
            "actor",
            "recorded",
            "row",
        ]
    ],
    key="decisions",
    columns={"reason": st.column_config.TextColumn(width=560)},
)
kept = reads.facts_of_lineage(ReportKept, name, since)
if len(kept):
    which = [
        f"{row.run} against {reference_name(ReferenceKind(str(row.reference_kind)), str(row.reference))}"
        for row in kept.itertuples()
    ][::-1]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    asked = left.selectbox("Full report", which, key="report")
    row = kept.iloc[::-1].iloc[which.index(asked)]
    unavailable = opened.unavailable("reports", row["report"])
    right.download_button(
        "Download the report",
        partial(documents.report, row["run"], ReferenceKind(row["reference_kind"])),
        file_name=f"{row['run'].replace('/', '-')}-against-{row['reference_kind']}.html",
        mime="text/html",
        key="download",
        disabled=unavailable is not None,
        help=unavailable,
    )
floors = reads.facts_of_lineage(FloorCheck, name, since)
if len(floors):
    components.rows(
        lambda: tables.criteria(floors)[["run", "name", "required", "observed", "outcome", "row"]],
        title="Floors of first generations",
        formula="What any generation has to meet, where there is none to compare it with. A missed floor is a BLOCK.",
        key="floors",
    )
sign_offs.answers(signed)
components.rows(
    lambda: canaries[["run", "kind", "strength", "loss", "verdict", "as_expected", "row"]],
    title="Self-tests",
    formula=(
        "Strength is the share of rare words or answers that is damaged; loss is how far the measure it aims at fell. Past its "
        "limit plus the detectable loss it must be blocked; a harmless change must not."
    ),
    key="canaries",
)
components.caption(candidates["run"].iloc[-1])
