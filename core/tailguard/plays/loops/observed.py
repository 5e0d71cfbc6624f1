"""Flows that the run log itself has seen: sources that were composed into training sets, generations that were trained on
them, and text of our generations that came back in a batch."""

from __future__ import annotations

from tailguard.domain.facts import StreamFrozen
from tailguard.plays.loops.flows import Flows, Known, flows
from tailguard.plays.provenance.findings import LOOP_RECORDS
from tailguard.runlog.view import LogView
from tailguard.runlog.views.sources import passed

TRAINING_SET, CONTEXT = " training set", " context"
"""What is taken in feeds a lineage's training set; where nothing is trained (profile api-only), the context of the models that
are called."""


def observed(view: LogView) -> Flows:
    """source -> training set of a lineage -> its model -> source in which text of that model was found. Where nothing is trained,
    source -> context -> every model whose production is watched.

    A few matching records in one batch are chance (a phrase may stand in two texts) and make no edge. A source whose batches
    were taken in feeds the training set also where nothing of it was composed yet: that is where a loop is about to close.
    """
    policy = view.policy()
    ending = CONTEXT if policy and policy.profile == "api-only" else TRAINING_SET
    streams = {row.fact.stream for row in view.recorded(StreamFrozen)}
    kinds: dict[str, str] = dict.fromkeys(streams, "model")
    edges: set[tuple[str, str]] = set()

    def fed(source: str, lineage: str) -> None:
        taken_into = lineage + ending
        kinds.setdefault(source, "dataset")
        kinds[taken_into] = "dataset"
        edges.add((source, taken_into))
        if ending == CONTEXT:
            edges.update((taken_into, stream) for stream in streams)

    seen = passed(view, LOOP_RECORDS)
    for source, lineage in seen.fed:
        fed(source, lineage)
    for lineage in seen.trained:
        kinds[lineage] = "model"
        edges.add((lineage + TRAINING_SET, lineage))
    for writer, source, _ in seen.came_back:
        kinds[writer] = "model"
        edges.add((writer, source))
    return flows(kinds, edges, Known.OBSERVED)
