"""Flows that the run log itself has seen: sources that were composed into training sets, generations that were trained on
them, and text of our generations that came back in a batch."""

from __future__ import annotations

from tailguard.domain.facts import BatchTaken, CompositionPart, Generation, OwnOutputFound
from tailguard.plays.loops.flows import Flows, Known, flows
from tailguard.plays.provenance import LOOP_RECORDS
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import recorded


def training_set(lineage: str) -> str:
    """The node of a lineage's training data."""
    return f"{lineage} training set"


def observed(connection: Connection) -> Flows:
    """source -> training set of a lineage -> its model -> source in which text of that model was found.

    A few matching records in one batch are chance (a phrase may stand in two texts) and make no edge. A source whose batches
    were taken in feeds the training set also where nothing of it was composed yet: that is where a loop is about to close.
    """
    kinds: dict[str, str] = {}
    edges: set[tuple[str, str]] = set()

    def fed(source: str, run: str) -> None:
        lineage = run.rpartition("/")[0]
        kinds.setdefault(source, "dataset")
        kinds[training_set(lineage)] = "dataset"
        edges.add((source, training_set(lineage)))

    for taken in recorded(connection, BatchTaken):
        fed(taken.fact.source, taken.fact.run)
    for part in recorded(connection, CompositionPart, role="synthetic"):
        fed(part.fact.source, part.fact.run)
    for made in recorded(connection, Generation):
        kinds[made.fact.lineage] = "model"
        edges.add((training_set(made.fact.lineage), made.fact.lineage))
    for found in recorded(connection, OwnOutputFound):
        if found.fact.records >= LOOP_RECORDS:
            writer = found.fact.generation.rpartition("/")[0] or found.fact.generation
            kinds[writer] = "model"
            edges.add((writer, found.fact.source))
    return flows(kinds, edges, Known.OBSERVED)
