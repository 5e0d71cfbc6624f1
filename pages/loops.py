"""Where can our own output come back as training data?"""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.shared import components, play_charts, reads
from pages.shared.components import Card, said
from tailguard.desk import flows, overrides
from tailguard.plays.loops.declared import EVIDENCE
from tailguard.plays.loops.diagram import as_text, drawing
from tailguard.plays.loops.flows import Edge
from tailguard.plays.loops.standing import GATE, Loop

MOST_DRAWN = 60


def as_rows(loops: Sequence[Loop]) -> pd.DataFrame:
    """Loops with what is known of them; their edges stand in flows.yaml, in imported lineage, or in rows of the log."""
    return pd.DataFrame(
        [
            {
                "loop": one.words,
                "closed by": one.closing.text,
                "known": str(one.known),
                "came back": one.came_back,
                "change": one.change,
            }
            for one in loops
        ]
    )


def taken_in(name: str, content: bytes) -> str:
    """Import a lineage file that somebody handed in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(content)
        done = flows.import_lineage(space, path)
    return f"{done.form}: {done.datasets} datasets, {done.jobs} jobs, {done.edges} edges."


components.begin("Loops")
found = reads.watched().loops
if not found.flows.edges:
    components.empty(
        "No flow is known yet.", "Loops are found in what is declared, imported and observed.", "tailguard loops init"
    )
    st.stop()
undeclared = [one for one in found.loops if not one.declared]
silent = [one for one in found.checkpoints if not one.live]
loose = found.unguarded
if loose:
    more = " (and more than are listed)" if found.capped else ""
    components.verdict(f"✖ {len(loose)} unguarded loop{'s' if len(loose) > 1 else ''}{more}: {loose[0].sentence}.")
elif found.loops:
    components.verdict(f"✔ All {len(found.loops)} loops have a live checkpoint.")
else:
    components.verdict("✔ Nothing that our models write is known to come back.")
reviewed = f"last reviewed {found.reviewed:%d %b %Y}" if found.reviewed else "never reviewed"
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
            str(len(found.loops) - len(loose)),
            f"{len(found.checkpoints)} checkpoints declared",
            "Cycles with at least one live checkpoint on the way",
            rows=lambda: as_rows([one for one in found.loops if one.guarded]),
            term="checkpoint",
        ),
        Card(
            "Observed, not declared",
            str(len(undeclared)),
            "the log or a lineage file shows them",
            "Not every edge of it stands in flows.yaml",
            rows=lambda: as_rows(undeclared),
        ),
        Card(
            "Checkpoints gone silent",
            str(len(silent)),
            silent[0].checkpoint.name if silent else "none",
            "No fresh evidence that they are at work",
            rows=lambda: pd.DataFrame(
                [
                    {
                        "checkpoint": one.checkpoint.name,
                        "on": one.checkpoint.edge.text,
                        "told": one.text,
                        "row": one.row,
                    }
                    for one in silent
                ]
            ),
            term="checkpoint",
        ),
    ]
)
components.told()
names = [one.words for one in found.loops]
chosen = None
if names:
    wanted = st.query_params.get("loop", "")
    picked = st.selectbox(
        "Loop", names, index=names.index(wanted) if wanted in names else 0, key="loop", format_func=components.unseen
    )
    st.query_params["loop"] = picked
    chosen = found.loops[names.index(picked)]
around = None
if len(found.flows.nodes) > MOST_DRAWN:
    inside = {name for one in found.loops for name in one.path}
    if inside and not st.toggle(f"Draw all {len(found.flows.nodes):,} nodes", key="everything"):
        around = inside
drawn = drawing(found.flows, found.closing, around=around)
way = [Edge(*pair) for pair in zip(chosen.path, (*chosen.path[1:], chosen.path[0]), strict=True)] if chosen else []
title = f"Closed by {chosen.closing.text}" if chosen else "What flows where"
components.chart(lambda: play_charts.flow(drawn, way, components.on_chart(title)), key="flow")

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
        "checkpoints": "; ".join(one.text for one in chosen.checkpoints) or "none",
        "exception": chosen.exception or "none",
        "suggested place for a checkpoint": "–" if chosen.guarded else cut,
        "change since the last review": chosen.change or "none",
    }
    components.table(pd.DataFrame({"what": list(facts), "value": list(facts.values())}), key="row")

components.section("Every loop")
components.table(
    pd.DataFrame(
        [
            {
                "state": "✔ guarded" if one.guarded else "✖ unguarded",
                "loop": one.words,
                "closed by": one.closing.text,
                "came back": one.came_back,
                "known": str(one.known),
                "declared": one.declared,
                "owner": ", ".join(check.checkpoint.owner for check in one.checkpoints) or "nobody",
                "last evidence": max((check.last for check in one.checkpoints if check.last), default=None),
                "exception": one.exception,
                "change": one.change,
            }
            for one in found.loops
        ]
    ),
    key="loops",
    columns={
        "loop": st.column_config.TextColumn(width=420),
        "came back": st.column_config.NumberColumn(format="percent"),
        "last evidence": components.DAY,
    },
)
left, middle, right = st.columns(3)
space = reads.workspace()
with left.form("guard", border=True):
    st.markdown("**Put a checkpoint on an edge**")
    edges = [edge.text for edge in sorted(found.flows.edges)]
    suggested = (chosen.suggested or (chosen.closing,))[0].text if chosen else edges[0]
    on = st.selectbox("Edge", edges, index=edges.index(suggested), key="on", format_func=components.unseen)
    name = st.text_input("Name", key="checkpoint")
    owner = st.text_input("Owner", value=space.actor, key="owner")
    evidence = st.selectbox("What shows it at work", EVIDENCE, key="evidence")
    days = st.number_input("Fresh for days", 1, 366, 31, key="days")
    if st.form_submit_button("Add it to flows.yaml"):
        components.act(
            said(
                f"{name} stands on {on}.",
                lambda: flows.guard(space, name, on=on, owner=owner, evidence=evidence, every_days=int(days)),
            )
        )
with middle.form("declare", border=True):
    st.markdown("**Declare a flow, import lineage**")
    edge = st.text_input("From -> to", key="edge", placeholder="chat -> help centre")
    if st.form_submit_button("Declare"):
        components.act(said(f"{edge} is declared.", lambda: flows.declare(space, edge)))
    file = st.file_uploader("OpenLineage events, Marquez export, dbt manifest", key="lineage-file")
    if st.form_submit_button("Import") and file is not None:
        components.act(partial(taken_in, file.name, file.getvalue()))
with right.form("review", border=True):
    st.markdown("**Review, confirm, except**")
    note = st.text_input("What was looked at, what was decided", key="note")
    if st.form_submit_button("Mark the review done"):
        components.act(said("The review is recorded.", lambda: flows.review(space, note=note)))
    confirmed = [one.checkpoint.name for one in found.checkpoints if one.checkpoint.evidence == "confirmed"]
    which = st.selectbox("Checkpoint", confirmed, key="confirmed", disabled=not confirmed)
    if st.form_submit_button("Confirm it is at work (say by what, above)", disabled=not confirmed) and which:
        components.act(said(f"{which} is confirmed.", lambda: flows.confirm(space, which, evidence=note)))
    runs = [one.run for one in reversed(reads.lineage(components.lineage()).generations)]
    run = st.selectbox("Exception for", runs, key="excepted")
    if st.form_submit_button("Ask for an exception of 14 days (reason above)"):
        until = space.clock.now() + timedelta(days=14)
        components.act(
            lambda: f"{overrides.request(space, gate=GATE, run=run, reason=note, expires=until)} waits for approval."
        )
imports = reads.facts(reads.LineageImported)
components.rows(
    lambda: imports[["file", "form", "datasets", "jobs", "edges", "recorded", "actor", "row"]],
    title=f"Imported lineage files ({len(imports)})",
    formula="The newest file of a name takes the place of the older one.",
    key="imports",
)
for column, (form, suffix) in zip(st.columns(3), (("svg", "svg"), ("mermaid", "mmd"), ("dot", "dot")), strict=True):
    column.download_button(
        f"Diagram as {form}",
        partial(as_text, found.flows, found.closing, form),
        file_name=f"flows.{suffix}",
        key=f"diagram-{form}",
        width="stretch",
    )
components.caption()
