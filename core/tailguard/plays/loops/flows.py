"""Flows as values: what stands where, what flows from where to where, who says so, and which checkpoints are on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Known(StrEnum):
    """How an edge is known: a person declared it, a lineage file has it, or the run log has seen it."""

    DECLARED = "declared"
    IMPORTED = "imported"
    OBSERVED = "observed"


KINDS = ("system", "dataset", "model", "person", "job")
"""A job is a dataset's producer in a lineage file of another system."""


@dataclass(frozen=True, order=True)
class Edge:
    """Data flows from one node to another."""

    source: str
    target: str

    @property
    def text(self) -> str:
        """As flows.yaml writes it."""
        return f"{self.source} -> {self.target}"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A review or filter on an edge: who answers for it, what shows that it works, and how often it has to."""

    name: str
    edge: Edge
    owner: str
    evidence: str
    every_days: int


@dataclass(frozen=True, kw_only=True)
class Flows:
    """A graph of flows: the kind of each node that has one, who knows of each edge, and the declared checkpoints.

    `also` maps other names of a node (a source in the log, a dataset in a lineage file) to the node's own.
    """

    nodes: Mapping[str, str] = field(default_factory=dict)
    edges: Mapping[Edge, frozenset[Known]] = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)


def flows(kinds: Mapping[str, str], edges: Iterable[tuple[str, str]], known: Known) -> Flows:
    """Flows of one origin."""
    return Flows(nodes=dict(kinds), edges={Edge(source, target): frozenset([known]) for source, target in edges})


def merged(parts: Iterable[Flows]) -> Flows:
    """One graph of several: names that a part declares as other names of a node become that node, edges keep all who know them, a
    node whose kind nobody tells is a dataset.

    Merging a graph with itself gives the same graph.
    """
    every = list(parts)
    also = {other: name for part in every for other, name in part.also.items()}
    nodes: dict[str, str] = {}
    edges: dict[Edge, frozenset[Known]] = {}
    checkpoints: list[Checkpoint] = []
    for part in every:
        for name, kind in part.nodes.items():
            nodes.setdefault(also.get(name, name), kind)
        for edge, known in part.edges.items():
            own = Edge(also.get(edge.source, edge.source), also.get(edge.target, edge.target))
            edges[own] = edges.get(own, frozenset()) | known
        checkpoints += [checkpoint for checkpoint in part.checkpoints if checkpoint not in checkpoints]
    for edge in edges:
        nodes.setdefault(edge.source, "dataset")
        nodes.setdefault(edge.target, "dataset")
    return Flows(nodes=nodes, edges=edges, checkpoints=tuple(checkpoints), also=also)
