"""Where can our own output come back as training data?"""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.shared import actions, bar, components, opened, play_charts, reads, tables
from pages.shared.actions import Values
from pages.shared.components import Card
from pages.shared.words import on_chart, unseen
from tailguard.domain.facts import LineageImported
from tailguard.domain.gates import Gate
from tailguard.errors import InputError
from tailguard.overrides import requests
from tailguard.plays.loops import actions as loops
from tailguard.plays.loops.declared import EVIDENCE
from tailguard.plays.loops.diagram import as_text, drawing
from tailguard.plays.loops.flows import Edge
from tailguard.plays.loops.standing import Loop

MOST_DRAWN = 60


def as_rows(loops: Sequence[Loop]) -> pd.DataFrame:
    """Loops with what is known of them; their edges stand in flows.yaml, in imported lineage, or in rows of the log."""
    return pd.DataFrame(
        [
            {
                "loop": loop.words,
                "closed by": loop.closing.text,
                "known": str(loop.known),
                "came back": loop.came_back,
                "change": loop.change.label,
            }
            for loop in loops
        ]
    )


components.begin("Loops")
loop_state = reads.watched().loops
if not loop_state.flows.edges:
    components.empty(
        "No flow is known yet.", "Loops are found in what is declared, imported and observed.", "tailguard loops init"
    )
    st.stop()
undeclared = [loop for loop in loop_state.loops if not loop.declared]
silent = [check for check in loop_state.checkpoints if not check.live]
loose = loop_state.unguarded
if loose:
    more = " (and more than are listed)" if loop_state.capped else ""
    components.verdict(f"✖ {len(loose)} unguarded loop{'s' if len(loose) > 1 else ''}{more}: {loose[0].sentence}.")
elif loop_state.loops:
    components.verdict(f"✔ All {len(loop_state.loops)} loops have a live checkpoint.")
else:
    components.verdict("✔ Nothing that our models write is known to come back.")
reviewed = f"last reviewed {loop_state.reviewed:%d %b %Y}" if loop_state.reviewed else "never reviewed"
components.cards(
    [
        Card(
            "Unguarded",
            str(len(loose)),
            reviewed,
            "Cycles without a live checkpoint: Tarjan's components once guarded edges are out",
            rows=lambda: as_rows(loose),
            term="loop",
        ),
        Card(
            "Guarded",
            str(len(loop_state.loops) - len(loose)),
            f"{len(loop_state.checkpoints)} checkpoints declared",
            "Cycles with at least one live checkpoint on the way",
            rows=lambda: as_rows([loop for loop in loop_state.loops if loop.guarded]),
            term="checkpoint",
        ),
        Card(
            "Observed, not declared",
            str(len(undeclared)),
            "the log or a lineage file shows them",
            "Not every edge of it is in flows.yaml",
            rows=lambda: as_rows(undeclared),
        ),
        Card(
            "Checkpoints gone silent",
            str(len(silent)),
            silent[0].checkpoint.name if silent else "none",
            "No fresh evidence that they work",
            rows=lambda: pd.DataFrame(
                [
                    {
                        "checkpoint": check.checkpoint.name,
                        "on": check.checkpoint.edge.text,
                        "state": check.text,
                        "row": check.row,
                    }
                    for check in silent
                ]
            ),
            term="checkpoint",
        ),
    ]
)
actions.show_answer()
names = [loop.words for loop in loop_state.loops]
chosen = None
if names:
    wanted = st.query_params.get("loop", "")
    picked = st.selectbox(
        "Loop", names, index=names.index(wanted) if wanted in names else 0, key="loop", format_func=unseen
    )
    st.query_params["loop"] = picked
    chosen = loop_state.loops[names.index(picked)]
around = None
if len(loop_state.flows.nodes) > MOST_DRAWN:
    inside = {name for loop in loop_state.loops for name in loop.path}
    if inside and not st.toggle(f"Draw all {len(loop_state.flows.nodes):,} nodes", key="everything"):
        around = inside
drawn = drawing(loop_state.flows, loop_state.closing, around=around)
way = [Edge(*pair) for pair in zip(chosen.path, (*chosen.path[1:], chosen.path[0]), strict=True)] if chosen else []
title = f"Closed by {chosen.closing.text}" if chosen else "What flows where"
components.chart(lambda: play_charts.flow(drawn, way, on_chart(title)), key="flow")

if chosen:
    components.section("Guarded" if chosen.guarded else "✖ Unguarded")
    cut = " or ".join(edge.text for edge in chosen.suggested or (chosen.closing,))
    facts = {
        "way": chosen.words,
        "closed by": chosen.closing.text,
        "known": f"{chosen.known}{'' if chosen.declared else ', not declared in full'}",
        "share of the newest batch that was our own text": f"{chosen.came_back:.1%}"
        if chosen.came_back is not None
        else "not measured",
        "ratio": chosen.capped or "no training set yet",
        "checkpoints": "; ".join(check.text for check in chosen.checkpoints) or "none",
        "exception": chosen.exception or "none",
        "suggested place for a checkpoint": "–" if chosen.guarded else cut,
        "change since the last review": chosen.change.label or "none",
    }
    tables.table(pd.DataFrame({"what": list(facts), "value": list(facts.values())}), key="row")

components.section("Every loop")
tables.table(
    pd.DataFrame(
        [
            {
                "state": "✔ guarded" if loop.guarded else "✖ unguarded",
                "loop": loop.words,
                "closed by": loop.closing.text,
                "came back": loop.came_back,
                "known": str(loop.known),
                "declared": loop.declared,
                "owner": ", ".join(check.checkpoint.owner for check in loop.checkpoints) or "nobody",
                "last evidence": max((check.last for check in loop.checkpoints if check.last), default=None),
                "exception": loop.exception,
                "change": loop.change.label,
            }
            for loop in loop_state.loops
        ]
    ),
    key="loops",
    columns={
        "loop": st.column_config.TextColumn(width=420),
        "came back": st.column_config.NumberColumn(format="percent"),
        "last evidence": tables.DAY,
    },
)


def guard(values: Values) -> str:
    """A checkpoint on an edge, as an entry of flows.yaml."""
    name, on = values["checkpoint"], values["on"]
    loops.guard(
        opened.workspace(),
        name,
        on=on,
        owner=values["owner"],
        evidence=values["evidence"],
        every_days=int(values["days"]),
    )
    return f"{name} is on {on}."


def declare(values: Values) -> str:
    """A flow, as an entry of flows.yaml."""
    loops.declare(opened.workspace(), values["edge"])
    return f"{values['edge']} is declared."


def import_lineage(values: Values) -> str:
    """Nodes and edges of a file that was chosen."""
    file = values["lineage-file"]
    if file is None:
        raise InputError("Choose a file first.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file.name).name
        path.write_bytes(file.getvalue())
        done = loops.import_lineage(opened.workspace(), path)
    return f"{done.form}: {done.datasets} datasets, {done.jobs} jobs, {done.edges} edges."


def review(values: Values) -> str:
    """All loops were gone over."""
    loops.review(opened.workspace(), note=values["note"])
    return "The review is recorded."


def confirm(values: Values) -> str:
    """A checkpoint outside of Tailguard does its work."""
    loops.confirm(opened.workspace(), values["confirmed"], evidence=values["note"])
    return f"{values['confirmed']} is confirmed."


def except_run(values: Values) -> str:
    """An override of 14 days at the gate of loops."""
    here = opened.workspace()
    until = here.clock.now() + timedelta(days=14)
    name = requests.request(here, gate=Gate.LOOPS, run=values["excepted"], reason=values["note"], expires=until)
    return f"{name} waits for approval."


left, middle, right = st.columns(3)
space = opened.workspace()
with left.form("guard", border=True):
    st.markdown("**Put a checkpoint on an edge**")
    edges = [edge.text for edge in sorted(loop_state.flows.edges)]
    suggested = (chosen.suggested or (chosen.closing,))[0].text if chosen else edges[0]
    st.selectbox("Edge", edges, index=edges.index(suggested), key="on", format_func=unseen)
    st.text_input("Name", key="checkpoint")
    st.text_input("Owner", value=space.actor, key="owner")
    st.selectbox("What shows that it works", EVIDENCE, key="evidence")
    st.number_input("Fresh for days", 1, 366, 31, key="days")
    actions.submit("Add it to flows.yaml", guard, key="add-checkpoint")
with middle.form("declare", border=True):
    st.markdown("**Declare a flow, import lineage**")
    st.text_input("From -> to", key="edge", placeholder="chat -> help centre")
    actions.submit("Declare", declare, key="declare-flow")
    st.file_uploader("OpenLineage events, Marquez export, dbt manifest", key="lineage-file")
    actions.submit("Import", import_lineage, key="import-lineage")
with right.form("review", border=True):
    st.markdown("**Review, confirm, except**")
    st.text_input("What was looked at, what was decided", key="note")
    actions.submit("Mark the review done", review, key="review-loops")
    confirmed = [check.checkpoint.name for check in loop_state.checkpoints if check.checkpoint.evidence == "confirmed"]
    st.selectbox("Checkpoint", confirmed, key="confirmed", disabled=not confirmed)
    actions.submit(
        "Confirm that it works (say by what, above)", confirm, key="confirm-checkpoint", disabled=not confirmed
    )
    runs = [generation.run for generation in reversed(reads.lineage(bar.lineage()).generations)]
    st.selectbox("Exception for", runs, key="excepted")
    actions.submit("Ask for an exception of 14 days (reason above)", except_run, key="except-run")
imports = reads.facts(LineageImported)
components.rows(
    lambda: imports[["file", "form", "datasets", "jobs", "edges", "recorded", "actor", "row"]],
    title=f"Imported lineage files ({len(imports)})",
    formula="The newest file of a name takes the place of the older one.",
    key="imports",
)
for column, (form, suffix) in zip(st.columns(3), (("svg", "svg"), ("mermaid", "mmd"), ("dot", "dot")), strict=True):
    column.download_button(
        f"Diagram as {form}",
        partial(as_text, loop_state.flows, loop_state.closing, form),
        file_name=f"flows.{suffix}",
        key=f"diagram-{form}",
        width="stretch",
    )
components.caption()
