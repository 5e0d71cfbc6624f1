"""Play 3, breaking loops: loops that nothing guards, checkpoints that fell silent or were removed, and loops that are new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tailguard.domain.facts import FlowsDeclared
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.loops.flows import Checkpoint, Edge
from tailguard.plays.loops.search import turned
from tailguard.plays.loops.standing import Change, CheckpointState, Loop, LoopsState, edges_along, whole_graph
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.sources import passed

_LISTED = 5
"""So many unguarded loops have a finding of their own; one more counts them all."""


def find(context: PlayContext, state: LoopsState) -> list[Finding]:
    """Unguarded loops, the undeclared ones loudest; checkpoints that fell silent or were removed; loops nobody reviewed."""
    seen = _first_seen(context.view)
    return [
        *(_unguarded(loop, seen, context.moment) for loop in state.unguarded[:_LISTED]),
        *_more_unguarded(state, context.moment),
        *(_silent(context.view, check) for check in state.checkpoints if not check.live),
        *_removed(context.view),
        *_new(state, context.moment),
    ]


def _unguarded(loop: Loop, seen: dict[Edge, datetime], moment: datetime) -> Finding:
    """A loop without a live checkpoint, since text of ours was first seen on the last of its edges where any was."""
    why = "its checkpoints are silent" if loop.checkpoints else "no checkpoint"
    what = f"unguarded loop, {why if loop.declared else 'nobody declared it'}: {loop.words}"
    if loop.came_back:
        what += f"; {loop.came_back:.1%} of the newest {loop.closing.source} was our own text"
    return Finding(
        kind=FindingKind.LOOP_UNGUARDED,
        subject=turned(loop.path),
        severity=Severity.MEDIUM if loop.exception else Severity.HIGH,
        what=what,
        since=max((seen[edge] for edge in edges_along(loop.path) if edge in seen), default=moment),
        row=loop.words,
    )


def _more_unguarded(state: LoopsState, moment: datetime) -> Iterator[Finding]:
    """That there are more unguarded loops than are listed."""
    count = len(state.unguarded)
    if count <= _LISTED and not state.capped:
        return
    what = f"{count}{' or more' if state.capped else ''} loops are unguarded (`tailguard loops list`)"
    yield Finding(kind=FindingKind.LOOPS_UNGUARDED, severity=Severity.HIGH, what=what, since=moment, row="")


def _silent(view: LogView, check: CheckpointState) -> Finding:
    """A checkpoint without fresh evidence."""
    checkpoint = check.checkpoint
    days = timedelta(days=checkpoint.every_days)
    return Finding(
        kind=FindingKind.CHECKPOINT_SILENT,
        subject=(checkpoint.name, checkpoint.edge.text),
        severity=Severity.MEDIUM,
        what=f"checkpoint {checkpoint.name} on `{checkpoint.edge.text}` is silent ({check.text})",
        since=check.last + days if check.last else _declared(view, checkpoint),
        row=check.row or checkpoint.name,
    )


def _new(state: LoopsState, moment: datetime) -> Iterator[Finding]:
    """Loops that the last review did not see."""
    new = [loop for loop in state.loops if loop.change is Change.NEW]
    if not new:
        return
    what = f"{counted(len(new), 'loop is', 'loops are')} {Change.NEW.label}: {new[0].words} (`tailguard loops review`)"
    yield Finding(kind=FindingKind.LOOPS_NEW, severity=Severity.MEDIUM, what=what, since=moment, row=new[0].words)


def _first_seen(view: LogView) -> dict[Edge, datetime]:
    """When the log first saw text of ours come back, by edge."""
    return {Edge(writer, source): when for writer, source, when in passed(view, 1).came_back}


def _declared(view: LogView, checkpoint: Checkpoint) -> datetime:
    """Since when a checkpoint stands in flows.yaml."""
    since: datetime | None = None
    for row in view.recorded(FlowsDeclared):
        there = any(other.name == checkpoint.name for other in parse_flows(row.fact.text, FILE).checkpoints)
        since = (since or row.recorded) if there else None
    return since or datetime.min


def _removed(view: LogView) -> list[Finding]:
    """Checkpoints that stood in an earlier flows.yaml while the edge that they guarded is still there."""
    versions = view.recorded(FlowsDeclared)
    if not versions:
        return []
    now = whole_graph(view)
    held = {checkpoint.edge for checkpoint in now.checkpoints}
    gone: dict[str, tuple[Edge, Recorded[FlowsDeclared]]] = {}
    for before, after in pairwise(versions):
        names = {checkpoint.name for checkpoint in parse_flows(after.fact.text, FILE).checkpoints}
        for checkpoint in parse_flows(before.fact.text, FILE).checkpoints:
            if checkpoint.name not in names:
                gone[checkpoint.name] = (checkpoint.edge, after)
    current = {checkpoint.name for checkpoint in now.checkpoints}
    return [
        Finding.from_row(
            row,
            kind=FindingKind.CHECKPOINT_REMOVED,
            subject=(name,),
            severity=Severity.HIGH,
            what=f"checkpoint {name} on `{edge.text}` was removed, and nothing guards that edge",
        )
        for name, (edge, row) in gone.items()
        if name not in current and edge in now.edges and edge not in held
    ]
