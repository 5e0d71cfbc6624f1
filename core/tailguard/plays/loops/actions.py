"""Declaring flows, importing lineage, confirming checkpoints, reviewing loops: what people do about play 3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailguard.domain.facts import (
    CheckpointConfirmed,
    Fact,
    FlowsDeclared,
    ImportedEdge,
    ImportedNode,
    LineageImported,
    LoopsReviewed,
)
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.roles import Right
from tailguard.errors import InputError, NotAllowed
from tailguard.plays.loops.declared import DEFAULT_DAYS, FILE, TEMPLATE, parse_flows, with_entry
from tailguard.plays.loops.flows import merged
from tailguard.plays.loops.imported import read_flows, read_lineage
from tailguard.plays.loops.search import CAP, Cut, Cycles, cut, cycles
from tailguard.plays.loops.standing import GATE, Loop, LoopStanding, loops, review_lines
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import only, overrides, recorded
from tailguard.store.writing import digest_of, write_atomically
from tailguard.workspace import Workspace, decision

SHORTEST = 5
"""Letters of a note or of evidence."""


@dataclass(frozen=True)
class Found:
    """The loops in some files, without any set-up: no checkpoint is at work where there is no log to show it."""

    nodes: int
    edges: int
    loops: Cycles
    suggested: Cut
    problems: tuple[str, ...]


def check_files(files: list[Path]) -> Found:
    """Loops in flows.yaml or lineage files, taken together. A declared checkpoint counts as one. Raises InputError."""
    read = [read_flows(file) for file in files]
    graph = merged([one.flows for one in read])
    guarded = {one.edge for one in graph.checkpoints}
    problems = tuple(problem for one in read for problem in one.problems)
    return Found(
        len(graph.nodes), len(graph.edges), cycles(graph.edges, guarded, cap=CAP), cut(graph.edges, guarded), problems
    )


def in_force(workspace: Workspace) -> None:
    """Read flows.yaml beside the policy; one that the log has not seen is recorded whole. Removing the file is seen too.

    Raises InputError naming file and line where it is wrong.
    """
    file = workspace.root / FILE
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if text:
        parse_flows(text, str(file))
    digest = digest_of(text.encode())

    def look(connection: Connection) -> list[Fact]:
        newest = only(recorded(connection, FlowsDeclared))
        if (newest is None and not text) or (newest and newest.fact.digest == digest):
            return []
        return [FlowsDeclared(digest, text or "flows_version: 1\n")]

    if workspace.log.exists() or text:
        workspace.desk.decide(look)


def standing(workspace: Workspace) -> LoopStanding:
    """Every loop as it stands now, with flows.yaml as it is now."""
    in_force(workspace)
    if not workspace.log.exists():
        raise InputError(f"There is neither a run log nor a {FILE} yet. `tailguard loops init` writes one.")
    with workspace.log.reading() as connection:
        return loops(
            connection,
            workspace.clock.now(),
            overrides(connection, review_days=workspace.policy().overrides.review_days),
        )


def init(workspace: Workspace) -> Path:
    """Write a commented flows.yaml. Raises InputError where there is one."""
    file = workspace.root / FILE
    if file.exists():
        raise InputError(f"{file} is there already.")
    write_atomically(file, TEMPLATE.encode())
    return file


@decision(Right.FLOWS)
def declare(workspace: Workspace, edge: str) -> None:
    """Add an edge (`from -> to`) to flows.yaml; everything else in it stays as it was."""
    _add(workspace, "edges", edge)


@decision(Right.FLOWS)
def guard(
    workspace: Workspace, name: str, *, on: str, owner: str, evidence: str, every_days: int = DEFAULT_DAYS
) -> None:
    """Add a checkpoint to flows.yaml, and its edge where it is not declared yet."""
    text = _text(workspace)
    file = str(workspace.root / FILE)
    declared = {edge.text for edge in parse_flows(text, file).edges}
    tidy = " -> ".join(one.strip() for one in on.split("->"))
    if tidy not in declared:
        text = with_entry(text, "edges", _quoted(tidy), file)
    said = f"name: {_quoted(name)}, on: {_quoted(tidy)}, owner: {_quoted(owner)}, evidence: {evidence}"
    entry = f"{{{said}, every_days: {every_days}}}"
    _write(workspace, with_entry(text, "checkpoints", entry, file))


@decision(Right.FLOWS)
def import_lineage(workspace: Workspace, file: Path) -> LineageImported:
    """Take a lineage file's nodes and edges into the log. Importing the same content again changes nothing.

    Raises InputError where it holds none, or holds entries that cannot be read: their places are named, and the others are taken.
    """
    read = read_lineage(file)
    digest = digest_of(file.read_bytes())
    fact = LineageImported(file.name, digest, read.form, read.datasets, read.jobs, len(read.flows.edges))

    def look(connection: Connection) -> list[Fact]:
        newest = only(recorded(connection, LineageImported, file=file.name))
        if newest and newest.fact.digest == digest:
            return []
        if recorded(connection, LineageImported, digest=digest):
            return [fact]
        nodes = [ImportedNode(digest, name, kind) for name, kind in sorted(read.flows.nodes.items())]
        edges = [ImportedEdge(digest, edge.source, edge.target) for edge in sorted(read.flows.edges)]
        return [fact, *nodes, *edges]

    workspace.desk.decide(look)
    if read.problems:
        told = "\n".join(read.problems[:20])
        raise InputError(f"{len(read.problems)} entries of {file} could not be read; the others were taken.\n{told}")
    return fact


@decision(Right.LOOK)
def confirm(workspace: Workspace, checkpoint: str, *, evidence: str) -> None:
    """Confirm that a checkpoint outside of Tailguard is at work. Raises InputError for an unknown one or without evidence."""
    in_force(workspace)
    if len(evidence.strip()) < SHORTEST:
        raise InputError(f"Say what shows it (a ticket, a report), in at least {SHORTEST} letters.")
    known = {one.name: one.owner for one in parse_flows(_text(workspace), FILE).checkpoints}
    if checkpoint not in known:
        raise InputError(f"There is no checkpoint {checkpoint!r} in {FILE}. Known: {', '.join(known) or 'none'}.")
    if workspace.actor != known[checkpoint]:
        raise NotAllowed(f"{known[checkpoint]} answers for {checkpoint}; you are {workspace.actor}.")
    workspace.desk.record(CheckpointConfirmed(checkpoint, evidence.strip()))


@decision(Right.LOOPS)
def review(workspace: Workspace, *, note: str) -> LoopsReviewed:
    """Mark the review of all loops done; later changes are told against it. Raises InputError without a note."""
    if len(note.strip()) < SHORTEST:
        raise InputError(f"A review needs a note of at least {SHORTEST} letters: what was looked at, what was decided.")
    owner = workspace.policy().plays.loops
    if workspace.actor != owner:
        raise NotAllowed(f"The owner of the play reviews the loops, which is {owner}; you are {workspace.actor}.")
    found = standing(workspace)
    fact = LoopsReviewed(review_lines(found), len(found.unguarded), note.strip())
    workspace.desk.record(fact)
    return fact


def unguarded(workspace: Workspace, connection: Connection, run: str) -> tuple[tuple[Loop, ...], Override | None]:
    """Loops that hold the gate of a run's lineage as things stand, and the override that lets the run through, if one does.
    A profile without the play has none."""
    now, policy = workspace.clock.now(), workspace.policy()
    if GATE not in policy.asked_plays:
        return (), None
    exceptions = overrides(connection, review_days=policy.overrides.review_days)
    found = loops(connection, now, exceptions).of_lineage(run.rpartition("/")[0])
    return found, live_override(exceptions, gate=GATE, run=run, now=now) if found else None


def _text(workspace: Workspace) -> str:
    file = workspace.root / FILE
    return file.read_text(encoding="utf-8") if file.exists() else TEMPLATE


def _add(workspace: Workspace, group: str, entry: str) -> None:
    _write(workspace, with_entry(_text(workspace), group, _quoted(entry), str(workspace.root / FILE)))


def _write(workspace: Workspace, text: str) -> None:
    write_atomically(workspace.root / FILE, text.encode())
    in_force(workspace)


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes where it needs them."""
    plain = text.replace(" ", "").replace("-", "").replace(">", "").replace("/", "").replace(".", "").replace("_", "")
    if plain.isalnum() and text == text.strip() and not text.startswith(("-", ">")):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
