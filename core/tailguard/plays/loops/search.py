"""Finding loops: exact and linear for whether there is one, under a cap for listing them, with a suggestion where to cut.

Components are Tarjan's (1972), cycles Johnson's (1975), both as networkx has them. The smallest set of edges whose removal
leaves no cycle (minimum feedback arc set) is exact for small components, by an integer program over the cycles found so far.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailguard.plays.loops.flows import Edge
from tailguard.threads import one_thread

if TYPE_CHECKING:
    import networkx as nx

    Graph = nx.DiGraph[str]

CAP = 200
"""As many cycles are listed; the number of cycles can grow exponentially with the size of a component."""
_JOHNSON_NODES = 200
_EXACT_NODES, _EXACT_ROUNDS = 60, 60


@dataclass(frozen=True)
class Cycles:
    """Cycles as node names, each from its first name in alphabetical order; `capped` says that there are more."""

    cycles: tuple[tuple[str, ...], ...]
    capped: bool


@dataclass(frozen=True)
class Cut:
    """Edges whose removal leaves no cycle; `exact` says that no smaller set does."""

    edges: tuple[Edge, ...]
    exact: bool


def components(edges: Iterable[Edge], guarded: Collection[Edge] = ()) -> list[tuple[str, ...]]:
    """Sets of nodes that reach each other once the guarded edges are taken out, self-edges included: where loops are unguarded.

    Time is linear in nodes and edges. Sorted, so that the same graph gives the same answer.
    """
    if not _has_a_loop(edges, guarded):
        return []
    import networkx as nx

    graph = _graph(edges, guarded)
    parts = [
        tuple(sorted(part))
        for part in nx.strongly_connected_components(graph)
        if len(part) > 1 or graph.has_edge(*(2 * tuple(part)))
    ]
    return sorted(parts)


def cycles(edges: Iterable[Edge], guarded: Collection[Edge] = (), *, cap: int = CAP) -> Cycles:
    """Elementary cycles that pass no guarded edge, shortest first, at most `cap`.

    In a component of more than 200 nodes, where most cycles are too long to read, these are the shortest ones through its edges.
    """
    parts = components(edges, guarded)
    if not parts:
        return Cycles((), False)
    import networkx as nx

    graph = _graph(edges, guarded)
    loops: set[tuple[str, ...]] = set()
    capped = False
    for part in parts:
        inner = graph.subgraph(part)
        if len(part) <= _JOHNSON_NODES:
            simple = list(islice(nx.simple_cycles(inner), cap + 1))
            capped |= len(simple) > cap
            loops.update(turned(cycle) for cycle in simple)
        else:
            capped = True
            loops.update(_shortest(inner, cap))
    ordered = sorted(loops, key=lambda cycle: (len(cycle), cycle))
    return Cycles(tuple(ordered[:cap]), capped or len(ordered) > cap)


def through(edges: Iterable[Edge], guarded: Collection[Edge], node: str) -> tuple[str, ...] | None:
    """A shortest unguarded cycle through a node, or None: exact however many cycles there are."""
    if not _has_a_loop(edges, guarded):
        return None
    import networkx as nx

    graph = _graph(edges, guarded)
    if node not in graph:
        return None
    ways = []
    for after in sorted(graph.successors(node)):
        if after == node:
            return (node,)
        if nx.has_path(graph, after, node):
            ways.append((node, *nx.bidirectional_shortest_path(graph, after, node)[:-1]))
    return turned(min(ways, key=lambda way: (len(way), way))) if ways else None


def cut(
    edges: Iterable[Edge],
    guarded: Collection[Edge] = (),
    *,
    preferred: Collection[Edge] = (),
    impossible: Collection[Edge] = (),
) -> Cut:
    """Where to put checkpoints: few edges that together lie on every unguarded cycle; of several such sets one with many
    `preferred` edges, and `impossible` ones only where nothing else does."""
    parts = components(edges, guarded)
    if not parts:
        return Cut((), exact=True)
    import networkx as nx

    graph = _graph(edges, guarded)
    chosen: list[Edge] = []
    exact = True
    for part in parts:
        inner: Graph = nx.DiGraph(graph.subgraph(part))
        smallest = (
            _smallest_cut(inner, frozenset(preferred), frozenset(impossible)) if len(part) <= _EXACT_NODES else None
        )
        exact &= smallest is not None
        chosen += smallest if smallest is not None else _backward_edges(inner)
    return Cut(tuple(sorted(chosen)), exact)


def _has_a_loop(edges: Iterable[Edge], guarded: Collection[Edge]) -> bool:
    """Whether any is unguarded, told without networkx, whose import takes longer than most commands."""
    away = frozenset(guarded)
    order: TopologicalSorter[str] = TopologicalSorter()
    for edge in edges:
        if edge not in away:
            order.add(edge.target, edge.source)
    try:
        order.prepare()
    except CycleError:
        return True
    return False


def _graph(edges: Iterable[Edge], guarded: Collection[Edge]) -> Graph:
    import networkx as nx

    away = frozenset(guarded)
    graph: Graph = nx.DiGraph()
    graph.add_edges_from(sorted((edge.source, edge.target) for edge in edges if edge not in away))
    return graph


def turned(cycle: Sequence[str]) -> tuple[str, ...]:
    """The same cycle wherever one begins to tell it: from its first name in the alphabet."""
    start = cycle.index(min(cycle))
    return (*cycle[start:], *cycle[:start])


def _shortest(graph: Graph, cap: int) -> set[tuple[str, ...]]:
    import networkx as nx

    loops: set[tuple[str, ...]] = set()
    for source, target in sorted(graph.edges):
        path = [source] if source == target else nx.bidirectional_shortest_path(graph, target, source)
        loops.add(turned(path))
        if len(loops) >= cap:
            break
    return loops


def _smallest_cut(graph: Graph, preferred: frozenset[Edge], impossible: frozenset[Edge]) -> list[Edge] | None:
    """Cycles are added until the smallest set of edges that hits all of them leaves none; None where that takes too long."""
    edges = sorted(graph.edges)
    position = {edge: number for number, edge in enumerate(edges)}
    rows: list[list[int]] = []
    chosen: list[tuple[str, str]] = []
    for _ in range(_EXACT_ROUNDS):
        left = graph.copy()
        left.remove_edges_from(chosen)
        new = _disjoint_cycles(left)
        if not new:
            return [Edge(*pair) for pair in chosen]
        rows += [[position[edge] for edge in cycle] for cycle in new]
        # Among sets of one size the preferred edge is cheaper by a hair, then the earlier one of the alphabet.
        liked = np.array([Edge(*pair) in preferred for pair in edges])
        hard = np.array([Edge(*pair) in impossible for pair in edges])
        price = 1 + len(edges) * hard + (np.arange(len(edges)) / len(edges) - liked) / (100.0 * len(edges))
        taken = _cheapest_hits(rows, price)
        if taken is None:
            return None
        chosen = [edges[number] for number in taken]
    return None


def _cheapest_hits(rows: Sequence[Sequence[int]], price: NDArray[np.float64]) -> list[int] | None:
    """The cheapest numbers of which each row has at least one; None where the solver finds none."""
    if len({number for row in rows for number in row}) == sum(map(len, rows)):  # nothing in common: each row for itself
        return sorted(min(row, key=price.__getitem__) for row in rows)
    from scipy.optimize import Bounds, LinearConstraint, milp

    hits = np.zeros((len(rows), len(price)))
    for number, row in enumerate(rows):
        hits[number, row] = 1
    every = np.ones(len(price))
    with one_thread():
        solved = milp(price, constraints=LinearConstraint(hits, lb=1), integrality=every, bounds=Bounds(0, 1))
    return [int(number) for number in np.flatnonzero(solved.x > 0.5)] if solved.success else None


def _disjoint_cycles(graph: Graph) -> list[list[tuple[str, str]]]:
    """Cycles without an edge in common, until none is left."""
    import networkx as nx

    left = graph.copy()
    loops: list[list[tuple[str, str]]] = []
    while True:
        try:
            cycle = [(source, target) for source, target, *_ in nx.find_cycle(left)]
        except nx.NetworkXNoCycle:
            return loops
        loops.append(cycle)
        left.remove_edges_from(cycle)


def _backward_edges(graph: Graph) -> list[Edge]:
    """The back edges of a depth-first walk: without them no cycle is left, though a smaller set may do."""
    import networkx as nx

    position = {name: number for number, name in enumerate(nx.dfs_postorder_nodes(graph))}
    return [Edge(source, target) for source, target in graph.edges if position[source] <= position[target]]
