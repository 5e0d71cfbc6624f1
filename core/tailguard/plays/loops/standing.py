"""How each loop stands: guarded or not, by whom, since when, how much came back, and what changed since the last review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tailguard.domain.facts import (
    BatchTaken,
    CheckpointConfirmed,
    Clearance,
    Composition,
    FlowsDeclared,
    ImportedEdge,
    ImportedNode,
    LineageImported,
    LoopsReviewed,
    OwnOutputFound,
    ReviewDecision,
    ReviewOpinion,
)
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.loops.flows import Checkpoint, Edge, Flows, Known, flows, merged
from tailguard.plays.loops.observed import CONTEXT, TRAINING_SET, observed
from tailguard.plays.loops.search import Cut, Cycles, cut, cycles, through
from tailguard.runlog.view import LogView, Recorded, latest
from tailguard.runlog.views.runs import newest_with_source

OWN_STAGES = ("intake", "filter", "ratio")
"""Evidence that a stage of a run leaves behind."""


class Change(StrEnum):
    """How a loop differs from what the last review of all loops saw."""

    NEVER_REVIEWED = "never-reviewed"
    NEW = "new"
    WAS_GUARDED = "was-guarded"
    WAS_UNGUARDED = "was-unguarded"
    NONE = "none"

    @property
    def label(self) -> str:
        """In words; empty where nothing changed."""
        return _CHANGES[self]


_CHANGES = {
    Change.NEVER_REVIEWED: "never reviewed",
    Change.NEW: "new since the last review",
    Change.WAS_GUARDED: "was guarded",
    Change.WAS_UNGUARDED: "was unguarded",
    Change.NONE: "",
}


@dataclass(frozen=True, kw_only=True)
class CheckpointState:
    """A declared checkpoint, the newest evidence that it works (time and row), and whether that is fresh."""

    checkpoint: Checkpoint
    last: datetime | None
    row: str
    live: bool

    @property
    def text(self) -> str:
        """For a person."""
        newest = f"last {self.last:%Y-%m-%d}" if self.last else "nothing came yet" if self.live else "never"
        state = "live" if self.live else "silent"
        return f"{self.checkpoint.name} ({self.checkpoint.owner}; {self.checkpoint.evidence}, {newest}): {state}"


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One cycle: its nodes in order, the edge that closes it, and how it stands.

    `came_back` is the share (0 to 1) of the newest batch over the closing edge that was our own text, None where nobody measured;
    `capped` tells ratio and ceiling of the newest training set on the way; `known` is the least that is known of its edges.
    """

    path: tuple[str, ...]
    closing: Edge
    guarded: bool
    known: Known
    declared: bool
    checkpoints: tuple[CheckpointState, ...]
    came_back: float | None
    capped: str
    lineages: tuple[str, ...]
    exception: str
    suggested: tuple[Edge, ...]
    change: Change

    @property
    def words(self) -> str:
        """The cycle as a person reads it."""
        return _words(self.path)

    @property
    def sentence(self) -> str:
        """The cycle, and what stands out."""
        share = f"; {self.came_back:.1%} of the newest {self.closing.source} was our own text" if self.came_back else ""
        undeclared = "" if self.declared else ". Nobody declared it"
        return f"{self.words}{share}{undeclared}"


@dataclass(frozen=True, kw_only=True)
class LoopsState:
    """All loops, unguarded first, over the whole graph of flows. `capped` says that not all cycles are listed."""

    flows: Flows
    loops: tuple[Loop, ...]
    capped: bool
    checkpoints: tuple[CheckpointState, ...]
    suggested: Cut
    reviewed: datetime | None

    @property
    def unguarded(self) -> tuple[Loop, ...]:
        """Loops without a live checkpoint."""
        return tuple(loop for loop in self.loops if not loop.guarded)

    @property
    def closing(self) -> frozenset[Edge]:
        """Edges over which output becomes input again."""
        return frozenset(loop.closing for loop in self.loops)

    def of_lineage(self, lineage: str) -> tuple[Loop, ...]:
        """Unguarded loops that pass a lineage's model or its training set; empty only where there is none."""
        return tuple(loop for loop in self.unguarded if lineage in loop.lineages)


def whole_graph(view: LogView) -> Flows:
    """Declared, imported and observed flows as one graph."""
    declared = view.newest(FlowsDeclared)
    parts = [parse_flows(declared.fact.text, FILE)] if declared else []
    imports = view.recorded(LineageImported, newest_by=("file",))
    for digest in dict.fromkeys(row.fact.digest for row in imports):
        kinds = {row.fact.name: row.fact.kind for row in view.recorded(ImportedNode, digest=digest)}
        edges = [(row.fact.source, row.fact.target) for row in view.recorded(ImportedEdge, digest=digest)]
        parts.append(flows(kinds, edges, Known.IMPORTED))
    return merged([*parts, observed(view)])


def loops(view: LogView, moment: datetime, exceptions: Sequence[Override] = ()) -> LoopsState:
    """Every loop as it stands at a moment."""
    graph = whole_graph(view)
    sets = _training_sets(graph)
    checks = tuple(_checked(view, checkpoint, graph, sets, moment) for checkpoint in graph.checkpoints)
    live = {check.checkpoint.edge for check in checks if check.live}
    open_ones, every = cycles(graph.edges, live), cycles(graph.edges)
    # The list of cycles may be cut short; what holds a lineage's gate may not, so each lineage is looked at by itself.
    own = {name for name, kind in graph.nodes.items() if kind == "model"} | sets.keys()
    held = [way for name in sorted(own) if (way := through(graph.edges, live, name))]
    suggested = cut(
        graph.edges,
        live,
        preferred=[edge for edge in graph.edges if edge.target in sets],
        impossible=[edge for edge in graph.edges if edge.source in sets],  # training itself
    )
    review = view.newest(LoopsReviewed)
    context = _Context(view, graph, sets, checks, live, suggested, _reviewed(review), exceptions, moment)
    paths = list(dict.fromkeys([*held, *open_ones.cycles, *every.cycles]))
    all_loops = [context.loop(path) for path in paths]
    all_loops.sort(key=lambda loop: (loop.guarded, loop.declared, loop.words))
    capped = _either(open_ones, every)
    return LoopsState(
        flows=graph,
        loops=tuple(all_loops),
        capped=capped,
        checkpoints=checks,
        suggested=suggested,
        reviewed=review.recorded if review else None,
    )


def _either(*listings: Cycles) -> bool:
    return any(listing.capped for listing in listings)


def _reviewed(review: Recorded[LoopsReviewed] | None) -> dict[str, str] | None:
    if review is None:
        return None
    pairs = (line.partition(" ") for line in review.fact.loops.splitlines())
    return {words: state for state, _, words in pairs}


def edges_along(path: Sequence[str]) -> list[Edge]:
    """The edges of a cycle, the one back to its beginning last."""
    return [Edge(source, target) for source, target in zip(path, (*path[1:], path[0]), strict=True)]


def review_lines(state: LoopsState) -> str:
    """What a review keeps of every loop: state, then path."""
    return "\n".join(f"{'guarded' if loop.guarded else 'unguarded'} {loop.words}" for loop in state.loops)


def _words(path: Sequence[str]) -> str:
    return " -> ".join((*path, path[0]))


@dataclass(frozen=True)
class _Context:
    view: LogView
    graph: Flows
    sets: dict[str, str]
    checks: tuple[CheckpointState, ...]
    live: set[Edge]
    suggested: Cut
    before: dict[str, str] | None
    exceptions: Sequence[Override]
    moment: datetime

    def loop(self, cycle: tuple[str, ...]) -> Loop:
        start = next((position for position, name in enumerate(cycle) if self.graph.nodes.get(name) == "model"), 0)
        path = (*cycle[start:], *cycle[:start])
        edges = edges_along(path)
        known = [self.graph.edges[edge] for edge in edges]
        closing = self._closing(edges)
        models = self._lineages(path)
        guarded = any(edge in self.live for edge in edges)
        return Loop(
            path=path,
            closing=closing,
            guarded=guarded,
            known=max((min(kinds, key=_ORDER.index) for kinds in known), key=_ORDER.index),
            declared=all(Known.DECLARED in kinds for kinds in known),
            checkpoints=tuple(check for check in self.checks if check.checkpoint.edge in edges),
            came_back=self._came_back(closing.source),
            capped=self._capped(path),
            lineages=models,
            exception=self._exception(models),
            suggested=tuple(edge for edge in self.suggested.edges if edge in edges),
            change=self._change(path, guarded),
        )

    def _lineages(self, path: Sequence[str]) -> tuple[str, ...]:
        """Lineages whose model or training set lies on the way, by the names that the log knows them by."""
        named = {name for name in path if self.graph.nodes.get(name) == "model"}
        named |= {other for other, own in self.graph.also.items() if own in named}
        return tuple(sorted(named | {self.sets[name] for name in path if name in self.sets}))

    def _closing(self, edges: Sequence[Edge]) -> Edge:
        """Where output becomes input again: into a training set, else where a cut is suggested, else the last one."""
        into = [edge for edge in edges if edge.target in self.sets]
        return (into or [edge for edge in edges if edge in self.suggested.edges] or list(edges))[-1]

    def _came_back(self, source: str) -> float | None:
        names = _names(self.graph, source)
        taken = latest(
            [row for row in self.view.recorded(BatchTaken, newest_by=("source",)) if row.fact.source in names]
        )
        if taken is None or not taken.fact.read:
            return None
        fact = taken.fact
        ours = self.view.recorded(OwnOutputFound, run=fact.run, batch=fact.batch, source=fact.source)
        return min(1.0, sum(row.fact.records for row in ours) / taken.fact.read)

    def _capped(self, path: Sequence[str]) -> str:
        for name in path:
            if name in self.sets:
                newest_sets = self.view.recorded(Composition, newest_by=("lineage",))
                for made in (row for row in newest_sets if row.fact.lineage == self.sets[name]):
                    ratio = max(made.fact.ratio_records, made.fact.ratio_tokens)
                    return f"{ratio:.1%} of {made.fact.run}'s set, ceiling {made.fact.ceiling:.0%}"
        return ""

    def _exception(self, lineages: Sequence[str]) -> str:
        for override in self.exceptions:
            if override.gate is Gate.LOOPS and override.lineage in lineages and override.state(self.moment) == "open":
                return f"{override.id} for {override.run}, until {override.expires:%Y-%m-%d}"
        return ""

    def _change(self, path: Sequence[str], guarded: bool) -> Change:
        if self.before is None:
            return Change.NEVER_REVIEWED
        before = self.before.get(_words(path))
        if before is None:
            return Change.NEW
        if (before == "guarded") == guarded:
            return Change.NONE
        return Change.WAS_UNGUARDED if guarded else Change.WAS_GUARDED


_ORDER = (Known.DECLARED, Known.IMPORTED, Known.OBSERVED)


def _training_sets(graph: Flows) -> dict[str, str]:
    """The lineage of each node that is a training set, whatever flows.yaml calls it."""
    return {
        graph.also.get(name, name): name.removesuffix(ending)
        for name in (*graph.nodes, *graph.also)
        for ending in (TRAINING_SET, CONTEXT)
        if name.endswith(ending)
    }


def _names(graph: Flows, node: str) -> tuple[str, ...]:
    """Every name that a node has."""
    return (node, *sorted(other for other, own in graph.also.items() if own == node))


def _checked(
    view: LogView, checkpoint: Checkpoint, graph: Flows, sets: dict[str, str], moment: datetime
) -> CheckpointState:
    """A checkpoint is live while its evidence is fresh, and as long as nothing has come over its edge since. Tailguard's own
    stages are also live before the first batch: it cannot pass them by."""
    sources = _names(graph, checkpoint.edge.source)
    lineage = sets.get(checkpoint.edge.target, checkpoint.edge.target)
    taken = view.recorded(BatchTaken, newest_by=("source",), of_lineage=lineage, source=sources)
    shown = [row for row in _evidence(view, checkpoint, sources, lineage) if row]
    last = max(shown, key=lambda row: row.recorded, default=None)
    if checkpoint.evidence in OWN_STAGES and not taken and checkpoint.edge.target in sets:
        return CheckpointState(checkpoint=checkpoint, last=None, row="", live=True)
    if last is None:
        return CheckpointState(checkpoint=checkpoint, last=None, row="", live=False)
    fresh = moment - last.recorded <= timedelta(days=checkpoint.every_days)
    idle = bool(taken) and last.recorded >= taken[-1].recorded
    return CheckpointState(checkpoint=checkpoint, last=last.recorded, row=last.id, live=fresh or idle)


def _evidence(
    view: LogView,
    checkpoint: Checkpoint,
    sources: tuple[str, ...],
    lineage: str,
) -> Sequence[Recorded[Any] | None]:
    """The newest rows that show that a checkpoint works."""
    match checkpoint.evidence:
        case "confirmed":
            return [view.newest(CheckpointConfirmed, checkpoint=checkpoint.name)]
        case "review":
            decided = view.newest(ReviewDecision, source=sources)
            return [decided, view.newest(ReviewOpinion, source=sources)]
        case "ratio":
            return [view.newest(Clearance, lineage=lineage, allowed=True, enforced=True)]
    stage = {"intake": "intake", "filter": "score"}[checkpoint.evidence]
    return [newest_with_source(view, stage, lineage, sources)]
