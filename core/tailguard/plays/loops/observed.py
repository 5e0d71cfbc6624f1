"""Flows that the run log itself has seen: sources that were composed into training sets, generations that were trained on
them, and text of our generations that came back in a batch."""

from __future__ import annotations

from tailguard.domain.facts import StreamFrozen
from tailguard.plays.loops.flows import Flows, Known, flows
from tailguard.plays.provenance.findings import LOOP_RECORDS
from tailguard.runlog.connection import Connection
from tailguard.runlog.history import passed
from tailguard.runlog.queries import policy_in_force, recorded

TRAINING_SET, CONTEXT = " training set", " context"
"""What is taken in feeds a lineage's training set; where nothing is trained (profile api-only), the context of the models that
are called."""


def observed(connection: Connection) -> Flows:
    """source -> training set of a lineage -> its model -> source in which text of that model was found. Where nothing is trained,
    source -> context -> every model whose production is watched.

    A few matching records in one batch are chance (a phrase may stand in two texts) and make no edge. A source whose batches
    were taken in feeds the training set also where nothing of it was composed yet: that is where a loop is about to close.
    """
    policy = policy_in_force(connection)
    ending = CONTEXT if policy and policy.profile == "api-only" else TRAINING_SET
    streams = {one.fact.stream for one in recorded(connection, StreamFrozen)}
    kinds: dict[str, str] = dict.fromkeys(streams, "model")
    edges: set[tuple[str, str]] = set()

    def fed(source: str, lineage: str) -> None:
        taken_into = lineage + ending
        kinds.setdefault(source, "dataset")
        kinds[taken_into] = "dataset"
        edges.add((source, taken_into))
        if ending == CONTEXT:
            edges.update((taken_into, stream) for stream in streams)

    seen = passed(connection, LOOP_RECORDS)
    for source, lineage in seen.fed:
        fed(source, lineage)
    for lineage in seen.trained:
        kinds[lineage] = "model"
        edges.add((lineage + TRAINING_SET, lineage))
    for writer, source, _ in seen.came_back:
        kinds[writer] = "model"
        edges.add((writer, source))
    return flows(kinds, edges, Known.OBSERVED)
