"""What happened in this run, and can a colleague repeat it?"""

import json

import streamlit as st

from pages.shared import components, reads
from pages.shared.components import Card
from tailguard.domain.stages import ORDER

components.begin("Runs")
choices = [one.run for one in reversed(reads.lineage(components.lineage()).generations)]
wanted = st.query_params.get("run", "")
run = st.selectbox("Run", choices, index=choices.index(wanted) if wanted in choices else 0, key="run")
st.query_params["run"] = run
status = next(one for one in reads.lineage(components.lineage()).generations if one.run == run)
results = reads.facts(reads.StageResult, run=run)
criteria = reads.facts(reads.ExitCriterion, run=run)
artifacts = reads.facts(reads.Artifact, run=run)
started = reads.facts(reads.RunStarted, run=run).iloc[-1]
unmet = criteria[~criteria["held"].astype(bool)]
finished = list(results["stage"])
whole = "complete" if "handoff" in finished else f"at {status.working_on or status.stage or 'its beginning'}"
deviations = len(unmet) + len(status.overrides_used)
components.verdict(
    f"{run} is {whole}"
    + (f" and deviates in {deviations} point(s)." if deviations else " and met every exit criterion.")
)
components.cards(
    [
        Card("Stages finished", f"{len(finished)} of {len(ORDER)}", status.stage or "none"),
        Card(
            "Deviations",
            str(deviations),
            ", ".join(dict.fromkeys(status.overrides_used)) or "no override",
            "Exit criteria that did not hold, and overrides used",
        ),
        Card("Verdict", status.verdict or "none yet", status.shipping),
        Card(
            "Snapshot",
            (status.snapshot or "–")[:12],
            f"{status.records:,} records" if status.records else "not composed",
            "Digest of the manifest; `tailguard rebuild` makes the same bytes",
        ),
    ]
)
for column, stage in zip(st.columns(len(ORDER)), ORDER, strict=True):
    with column.container(border=True):
        found = results[results["stage"] == stage]
        mine = criteria[criteria["stage"] == stage]
        if len(found):
            row = found.iloc[-1]
            st.markdown(f"**{'✔' if row['passed'] else '✖'} {stage}**")
            st.caption(
                f"{int(mine['held'].sum())} of {len(mine)} criteria held  \n{row['records_in']:,} in, {row['records_out']:,} out"
            )
        else:
            st.markdown(f"**○ {stage}**")
            st.caption("working" if status.working_on == stage else "not reached")

st.subheader("Exit criteria")
if len(criteria):
    st.dataframe(
        criteria.assign(held=["✔ held" if one else "✖ not held" for one in criteria["held"]])[
            ["stage", "name", "required", "observed", "held", "waived_by", "row"]
        ],
        hide_index=True,
        key="criteria",
    )
st.subheader("Inputs and outputs, by digest")
st.dataframe(artifacts[["stage", "direction", "kind", "name", "digest"]], hide_index=True, key="artifacts")
pack = {"run": run, "facts": reads.run_facts(run)}
left, right = st.columns(2)
left.download_button(
    "Download the run's facts (JSON)",
    json.dumps(pack, indent=1, default=str),
    file_name=f"{run.replace('/', '-')}.json",
    mime="application/json",
    key="pack",
)
with right.popover("Policy it was made under"):
    st.caption(
        f"digest {started['policy'][:16]}, seed {started['seed']}, Tailguard {started['tool_version']}, mode {started['mode']}"
    )
    st.code(reads.policy_text(run), language="toml")
if status.snapshot:
    st.caption("Make its training set again:")
    st.code(f"tailguard rebuild {status.snapshot} --out training.jsonl", language="bash")
components.caption(run)
