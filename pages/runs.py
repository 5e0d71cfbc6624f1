"""What happened in this run, and can a colleague repeat it?"""

from difflib import unified_diff
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import actions, bar, components, opened, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.protocol import lasting
from pages.shared.words import plain
from tailguard.domain.facts import Artifact, ExitCriterion, GateDecision, RunStarted, StageResult
from tailguard.domain.runs import file_name_of
from tailguard.domain.stages import ORDER
from tailguard.domain.wording import counted

components.begin("Runs")
newest = [generation.run for generation in reversed(reads.lineage(bar.lineage()).generations)]
run = bar.run_choice("Run", newest, "run")
status = reads.generation(run)
if status is None:
    st.stop()
results = reads.facts(StageResult, run=run)
outcomes = reads.stage_outcomes(run)
criteria = tables.exit_criteria(reads.facts(ExitCriterion, run=run))
artifacts = reads.facts(Artifact, run=run)
started = reads.facts(RunStarted, run=run).iloc[-1]
unmet = criteria[~criteria["met"].astype(bool)]
finished = list(results["stage"])
progress = "complete" if "handoff" in finished else f"at {status.working_on or status.stage or 'its beginning'}"
deviated = reads.deviations(run)
repeated = reads.repetitions(run)
deviations = len(deviated)
again = ""
if repeated:
    how = "fact for fact" if repeated[-1].identical else f"with {counted(len(repeated[-1].differences), 'difference')}"
    again = f" {repeated[-1].by} repeated it on {repeated[-1].when:%d %b %Y}, {how}."
components.verdict(
    f"{run} is {progress}"
    + (f" and deviates in {counted(deviations, 'point')}." if deviations else " and met every exit criterion.")
    + again
)
components.cards(
    [
        Card(
            "Stages finished",
            f"{len(finished)} of {len(ORDER)}",
            f"begun {counted(reads.days_since(status.started), 'day')} ago",
            "Stages with a result in the log",
            rows=lambda: results[["stage", "passed", "records_in", "records_out", "started", "recorded", "row"]],
            term="run",
        ),
        Card(
            "Deviations",
            str(deviations),
            ", ".join(dict.fromkeys(status.overrides_used)) or "no override",
            "Exit criteria that did not hold, overrides used, a changed policy, and what people noted",
            rows=lambda: unmet[["stage", "name", "required", "observed", "waived_by", "row"]],
            term="exit criterion",
        ),
        Card(
            "Verdict",
            status.verdict or "none yet",
            status.shipping,
            "What its gates decided",
            rows=lambda: reads.facts(GateDecision, run=run)[
                ["gate", "verdict", "reason", "override", "recorded", "row"]
            ],
            term="verdict",
        ),
        Card(
            "Repeated by",
            repeated[-1].by if repeated else "nobody yet",
            f"{repeated[-1].compared:,} facts compared" if repeated else "see below: tailguard reproduce",
            "Replayed from the record alone by somebody who is not its author",
            rows=lambda: pd.DataFrame(
                [{**vars(repetition), "differences": "; ".join(repetition.differences)} for repetition in repeated]
            ),
        ),
    ]
)
stages = st.container(horizontal=True, gap="xsmall")
for stage in ORDER:
    with stages.container(border=True, height="stretch"):
        if outcome := outcomes.get(stage):
            st.markdown(f"**{'✔' if outcome.passed else '✖'} {stage}**")
            st.caption(
                f"{outcome.met} of {outcome.criteria} criteria met  \n"
                f"{outcome.records_in:,} in, {outcome.records_out:,} out  \ntook {lasting(outcome.seconds)}"
            )
        else:
            st.markdown(f"**○ {stage}**")
            st.caption("working" if status.working_on == stage else "not reached")

actions.show_answer()
if deviated:
    components.section("Deviations, and why")
    tables.table(
        pd.DataFrame(
            [
                {"what": deviation.what, "why": deviation.why or "◆ not stated", "by": deviation.by}
                for deviation in deviated
            ]
        ),
        key="deviations",
        columns={"what": st.column_config.TextColumn(width=420), "why": st.column_config.TextColumn(width=420)},
    )
components.section("Exit criteria")
if len(criteria):
    tables.table(
        tables.criteria(criteria)[["stage", "name", "required", "observed", "outcome", "waived_by", "row"]],
        key="criteria",
    )
components.section("Inputs and outputs, by digest")
tables.table(artifacts[["stage", "direction", "kind", "name", "digest"]], key="artifacts")
left, middle, right = st.columns(3)
left.download_button(
    "Download the run's facts (JSON)",
    partial(reads.facts_as_json, run),
    file_name=f"{file_name_of(run)}.json",
    mime="application/json",
    key="pack",
)
if status.snapshot and "train" in finished:
    packs: dict[str, bytes] = st.session_state.setdefault("packs", {})

    def make_pack(_: Values) -> str:
        """Only the newest is kept; that it was made is recorded."""
        from tailguard.reports import pack

        packs[run] = pack.make(opened.workspace(), run).content
        for other in set(packs) - {run}:
            del packs[other]
        return f"The evidence pack of {run} is made."

    with middle:
        actions.button(
            "Make the evidence pack",
            make_pack,
            key=f"make-pack-{run}",
            busy="Gathering reports, drawing charts, verifying the log …",
            help="Reports, overrides, plays, drills, cards, bill of materials.",
        )
    if run in packs:
        middle.download_button(
            "Download the evidence pack (ZIP)",
            packs[run],
            file_name=f"{file_name_of(run)}-evidence.zip",
            mime="application/zip",
            key="evidence-zip",
        )
with right.popover("Policy then and now"):
    st.caption(
        f"digest {started['policy'][:16]}, seed {started['seed']}, Tailguard {started['tool_version']}, mode {started['mode']}"
    )
    then, now = reads.policy_text(run), reads.policy_text(newest[0])
    changes = list(unified_diff(then.splitlines(), now.splitlines(), run, newest[0], lineterm="", n=1))
    st.markdown("**What has changed since**" if changes else f"**Unchanged up to {plain(newest[0])}**")
    if changes:
        st.code("\n".join(changes), language="diff")
    st.code(then, language="toml")
if status.snapshot:
    st.caption("Make its training set again:")
    st.code(f"tailguard rebuild {status.snapshot} --out training.jsonl", language="bash")
if "handoff" in finished:
    st.caption("Repeat it from its record alone, here or on another machine:")
    folder = f"record-{file_name_of(run)}"
    st.code(
        f"tailguard reproduce {run}\ntailguard record {run} --out {folder} && tailguard reproduce {folder}",
        language="bash",
    )
components.section("Compare with another run")
others = [name for name in newest if name != run]
if others:
    before = others.index(status.parent) if status.parent in others else 0
    other = st.selectbox("Another run", others, index=before, key="other")
    only_differing = st.toggle("Only what differs", value=True, key="differs")
    rows = [row for row in reads.compared_runs(run, other) if row.differs or not only_differing]
    tables.table(
        pd.DataFrame(
            [(row.what, row.first, row.second) for row in rows],
            columns=["what", run, other],
        ),
        key="beside",
    )
else:
    st.caption("There is no other run of this lineage yet.")
if repeated:
    components.rows(
        lambda: pd.DataFrame(
            [{**vars(repetition), "differences": "; ".join(repetition.differences)} for repetition in repeated]
        ),
        title=f"Repetitions ({len(repeated)})",
        formula="Every fact that the replay recorded, held against the run's own; its author does not count.",
        key="repetitions",
    )
with st.form("deviation", border=True):
    st.markdown("**Note a deviation**")
    st.text_input("How did the run depart from the runbook?", key="what")
    st.text_input("Why?", key="why")

    def note(values: Values) -> str:
        """A departure from the runbook, with its reason."""
        from tailguard.handoff import bundle

        bundle.note_deviation(opened.workspace(), run, what=values["what"], why=values["why"])
        return "The deviation is noted."

    actions.submit("Note it", note, key=f"note-{run}")
components.caption(run)
