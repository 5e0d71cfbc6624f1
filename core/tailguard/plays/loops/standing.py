"""How each loop stands: guarded or not, by whom, since when, how much came back, and what changed since the last review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
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
from tailguard.domain.overrides import Override
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.loops.flows import Checkpoint, Edge, Flows, Known, flows, merged
from tailguard.plays.loops.observed import CONTEXT, TRAINING_SET, observed
from tailguard.plays.loops.search import Cut, Cycles, cut, cycles, through, turned
from tailguard.runlog.connection import Connection
from tailguard.runlog.history import passed
from tailguard.runlog.queries import Recorded, newest, newest_with_source, only, recorded

GATE = "loops"
OWN_STAGES = ("intake", "filter", "ratio")
"""Evidence that a stage of a run leaves behind."""


@dataclass(frozen=True)
class CheckpointStanding:
    """A declared checkpoint, the newest evidence that it is at work (time and row), and whether that is fresh."""

    checkpoint: Checkpoint
    last: datetime | None
    row: str
    live: bool

    @property
    def text(self) -> str:
        """For a person."""
        told = f"last {self.last:%Y-%m-%d}" if self.last else "nothing came yet" if self.live else "never"
        state = "live" if self.live else "silent"
        return f"{self.checkpoint.name} ({self.checkpoint.owner}; {self.checkpoint.evidence}, {told}): {state}"


@dataclass(frozen=True)
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
    checkpoints: tuple[CheckpointStanding, ...]
    came_back: float | None
    capped: str
    lineages: tuple[str, ...]
    exception: str
    suggested: tuple[Edge, ...]
    change: str

    @property
    def words(self) -> str:
        """The cycle as a person reads it."""
        return " -> ".join((*self.path, self.path[0]))

    @property
    def sentence(self) -> str:
        """The cycle, and what stands out."""
        share = f"; {self.came_back:.1%} of the newest {self.closing.source} was our own text" if self.came_back else ""
        said = "" if self.declared else ". Nobody declared it"
        return f"{self.words}{share}{said}"


@dataclass(frozen=True)
class LoopStanding:
    """All loops, unguarded first, over the whole graph of flows. `capped` says that not all cycles are listed."""

    flows: Flows
    loops: tuple[Loop, ...]
    capped: bool
    checkpoints: tuple[CheckpointStanding, ...]
    suggested: Cut
    reviewed: datetime | None

    @property
    def unguarded(self) -> tuple[Loop, ...]:
        """Loops without a live checkpoint."""
        return tuple(one for one in self.loops if not one.guarded)

    @property
    def closing(self) -> frozenset[Edge]:
        """Edges over which output becomes input again."""
        return frozenset(one.closing for one in self.loops)

    def of_lineage(self, lineage: str) -> tuple[Loop, ...]:
        """Unguarded loops that pass a lineage's model or its training set; empty only where there is none."""
        return tuple(one for one in self.unguarded if lineage in one.lineages)


def whole_graph(connection: Connection) -> Flows:
    """Declared, imported and observed flows as one graph."""
    declared = newest(connection, FlowsDeclared)
    parts = [parse_flows(declared.fact.text, FILE)] if declared else []
    imports = recorded(connection, LineageImported, newest_by=("file",))
    for digest in dict.fromkeys(one.fact.digest for one in imports):
        kinds = {one.fact.name: one.fact.kind for one in recorded(connection, ImportedNode, digest=digest)}
        edges = [(one.fact.source, one.fact.target) for one in recorded(connection, ImportedEdge, digest=digest)]
        parts.append(flows(kinds, edges, Known.IMPORTED))
    return merged([*parts, observed(connection)])


def loops(connection: Connection, moment: datetime, exceptions: Sequence[Override] = ()) -> LoopStanding:
    """Every loop as it stands at a moment."""
    graph = whole_graph(connection)
    sets = _training_sets(graph)
    checks = tuple(_checked(connection, one, graph, sets, moment) for one in graph.checkpoints)
    live = {one.checkpoint.edge for one in checks if one.live}
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
    review = newest(connection, LoopsReviewed)
    scene = _Scene(connection, graph, sets, checks, live, suggested, _reviewed(review), exceptions, moment)
    paths = list(dict.fromkeys([*held, *open_ones.cycles, *every.cycles]))
    found = [scene.loop(path) for path in paths]
    found.sort(key=lambda one: (one.guarded, one.declared, one.words))
    capped = _either(open_ones, every)
    return LoopStanding(graph, tuple(found), capped, checks, suggested, review.recorded if review else None)


def _either(*found: Cycles) -> bool:
    return any(one.capped for one in found)


def _reviewed(review: Recorded[LoopsReviewed] | None) -> dict[str, str] | None:
    if review is None:
        return None
    pairs = (line.partition(" ") for line in review.fact.loops.splitlines())
    return {words: state for state, _, words in pairs}


def review_lines(standing: LoopStanding) -> str:
    """What a review keeps of every loop: state, then path."""
    return "\n".join(f"{_state(one)} {one.words}" for one in standing.loops)


def _state(loop: Loop) -> str:
    return "guarded" if loop.guarded else "unguarded"


@dataclass(frozen=True)
class _Scene:
    connection: Connection
    graph: Flows
    sets: dict[str, str]
    checks: tuple[CheckpointStanding, ...]
    live: set[Edge]
    suggested: Cut
    before: dict[str, str] | None
    exceptions: Sequence[Override]
    moment: datetime

    def loop(self, cycle: tuple[str, ...]) -> Loop:
        start = next((place for place, name in enumerate(cycle) if self.graph.nodes.get(name) == "model"), 0)
        path = (*cycle[start:], *cycle[:start])
        edges = [Edge(source, target) for source, target in zip(path, (*path[1:], path[0]), strict=True)]
        known = [self.graph.edges[edge] for edge in edges]
        closing = self._closing(edges)
        models = self._lineages(path)
        guarded = any(edge in self.live for edge in edges)
        loop = Loop(
            path=path,
            closing=closing,
            guarded=guarded,
            known=max((min(one, key=_ORDER.index) for one in known), key=_ORDER.index),
            declared=all(Known.DECLARED in one for one in known),
            checkpoints=tuple(one for one in self.checks if one.checkpoint.edge in edges),
            came_back=self._came_back(closing.source),
            capped=self._capped(path),
            lineages=models,
            exception=self._exception(models),
            suggested=tuple(edge for edge in self.suggested.edges if edge in edges),
            change="",
        )
        return Loop(**{**vars(loop), "change": self._change(loop)})

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
        taken = only(
            [one for one in recorded(self.connection, BatchTaken, newest_by=("source",)) if one.fact.source in names]
        )
        if taken is None or not taken.fact.read:
            return None
        fact = taken.fact
        ours = recorded(self.connection, OwnOutputFound, run=fact.run, batch=fact.batch, source=fact.source)
        return min(1.0, sum(one.fact.records for one in ours) / taken.fact.read)

    def _capped(self, path: Sequence[str]) -> str:
        for name in path:
            if name in self.sets:
                newest_sets = recorded(self.connection, Composition, newest_by=("lineage",))
                for made in (one for one in newest_sets if one.fact.lineage == self.sets[name]):
                    ratio = max(made.fact.ratio_records, made.fact.ratio_tokens)
                    return f"{ratio:.1%} of {made.fact.run}'s set, ceiling {made.fact.ceiling:.0%}"
        return ""

    def _exception(self, lineages: Sequence[str]) -> str:
        for one in self.exceptions:
            if one.gate == GATE and one.lineage in lineages and one.state(self.moment) == "open":
                return f"{one.id} for {one.run}, until {one.expires:%Y-%m-%d}"
        return ""

    def _change(self, loop: Loop) -> str:
        if self.before is None:
            return "never reviewed"
        before = self.before.get(loop.words)
        if before is None:
            return "new since the last review"
        return "" if before == _state(loop) else f"was {before}"


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
    connection: Connection, one: Checkpoint, graph: Flows, sets: dict[str, str], moment: datetime
) -> CheckpointStanding:
    """A checkpoint is live while its evidence is fresh, and as long as nothing has come over its edge since. Tailguard's own
    stages are also live before the first batch: it cannot pass them by."""
    sources = _names(graph, one.edge.source)
    lineage = sets.get(one.edge.target, one.edge.target)
    taken = recorded(connection, BatchTaken, newest_by=("source",), of_lineage=lineage, source=sources)
    shown = [row for row in _evidence(connection, one, sources, lineage) if row]
    last = max(shown, key=lambda row: row.recorded, default=None)
    if one.evidence in OWN_STAGES and not taken and one.edge.target in sets:
        return CheckpointStanding(one, None, "", True)
    if last is None:
        return CheckpointStanding(one, None, "", False)
    fresh = moment - last.recorded <= timedelta(days=one.every_days)
    idle = bool(taken) and last.recorded >= taken[-1].recorded
    return CheckpointStanding(one, last.recorded, last.id, fresh or idle)


def _evidence(
    connection: Connection,
    one: Checkpoint,
    sources: tuple[str, ...],
    lineage: str,
) -> Sequence[Recorded[Any] | None]:
    """The newest rows that show a checkpoint at work."""
    match one.evidence:
        case "confirmed":
            return [newest(connection, CheckpointConfirmed, checkpoint=one.name)]
        case "review":
            decided = newest(connection, ReviewDecision, source=sources)
            return [decided, newest(connection, ReviewOpinion, source=sources)]
        case "ratio":
            return [newest(connection, Clearance, lineage=lineage, allowed=True, enforced=True)]
    stage = {"intake": "intake", "filter": "score"}[one.evidence]
    return [newest_with_source(connection, stage, lineage, sources)]


def findings(scene: Scene, standing: LoopStanding) -> list[Finding]:
    """Unguarded loops, the undeclared ones loudest; checkpoints that fell silent or were removed; loops nobody reviewed."""
    found = []
    seen = _first_seen(scene.connection)
    for one in standing.unguarded[:_TOLD]:
        since = max((seen[edge] for edge in _edges(one) if edge in seen), default=scene.moment)
        how = (
            "nobody declared it"
            if not one.declared
            else "its checkpoints are silent"
            if one.checkpoints
            else "no checkpoint"
        )
        what = f"unguarded loop, {how}: {one.words}"
        if one.came_back:
            what += f"; {one.came_back:.1%} of the newest {one.closing.source} was our own text"
        severity = "middle" if one.exception else "high"
        found.append(
            Finding(
                kind=FindingKind.LOOP_UNGUARDED,
                subject=turned(one.path),
                severity=severity,
                what=what,
                since=since,
                row=one.words,
            )
        )
    if len(standing.unguarded) > _TOLD or standing.capped:
        what = f"{len(standing.unguarded)}{' or more' if standing.capped else ''} loops are unguarded (`tailguard loops list`)"
        found.append(Finding(kind=FindingKind.LOOPS_UNGUARDED, severity="high", what=what, since=scene.moment, row=""))
    for check in standing.checkpoints:
        if not check.live:
            days = timedelta(days=check.checkpoint.every_days)
            since = check.last + days if check.last else _declared(scene.connection, check.checkpoint)
            what = f"checkpoint {check.checkpoint.name} on `{check.checkpoint.edge.text}` is silent ({check.text})"
            found.append(
                Finding(
                    kind=FindingKind.CHECKPOINT_SILENT,
                    subject=(check.checkpoint.name, check.checkpoint.edge.text),
                    severity="middle",
                    what=what,
                    since=since,
                    row=check.row or check.checkpoint.name,
                )
            )
    found += _removed(scene.connection)
    new = [one for one in standing.loops if one.change == "new since the last review"]
    if new:
        what = f"{counted(len(new), 'loop is', 'loops are')} new since the last review: {new[0].words} (`tailguard loops review`)"
        found.append(
            Finding(kind=FindingKind.LOOPS_NEW, severity="middle", what=what, since=scene.moment, row=new[0].words)
        )
    return found


_TOLD = 5


def _edges(loop: Loop) -> list[Edge]:
    return [Edge(source, target) for source, target in zip(loop.path, (*loop.path[1:], loop.path[0]), strict=True)]


def _first_seen(connection: Connection) -> dict[Edge, datetime]:
    """When the log first saw text of ours come back, by edge."""
    return {Edge(writer, source): when for writer, source, when in passed(connection, 1).came_back}


def _declared(connection: Connection, checkpoint: Checkpoint) -> datetime:
    """Since when a checkpoint stands in flows.yaml."""
    since: datetime | None = None
    for one in recorded(connection, FlowsDeclared):
        there = any(other.name == checkpoint.name for other in parse_flows(one.fact.text, FILE).checkpoints)
        since = (since or one.recorded) if there else None
    return since or datetime.min


def _removed(connection: Connection) -> list[Finding]:
    """Checkpoints that stood in an earlier flows.yaml while the edge that they guarded is still there."""
    versions = recorded(connection, FlowsDeclared)
    if not versions:
        return []
    now = whole_graph(connection)
    held = {one.edge for one in now.checkpoints}
    gone: dict[str, tuple[Edge, Recorded[FlowsDeclared]]] = {}
    for before, after in pairwise(versions):
        names = {one.name for one in parse_flows(after.fact.text, FILE).checkpoints}
        for one in parse_flows(before.fact.text, FILE).checkpoints:
            if one.name not in names:
                gone[one.name] = (one.edge, after)
    current = {one.name for one in now.checkpoints}
    return [
        Finding(
            kind=FindingKind.CHECKPOINT_REMOVED,
            subject=(name,),
            severity="high",
            what=f"checkpoint {name} on `{edge.text}` was removed, and nothing guards that edge",
            since=row.recorded,
            row=row.id,
        )
        for name, (edge, row) in gone.items()
        if name not in current and edge in now.edges and edge not in held
    ]
