"""Declaring flows, importing lineage, confirming checkpoints, reviewing loops: what people do about play 3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tailguard.domain.explanations import PLAN_LETTERS, explanation
from tailguard.domain.facts import (
    CheckpointConfirmed,
    FlowsDeclared,
    ImportedEdge,
    ImportedNode,
    LineageImported,
    LoopsReviewed,
)
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.errors import InputError, NotAllowed
from tailguard.plays.loops.declared import DEFAULT_DAYS, FILE, TEMPLATE, parse_flows, with_entry
from tailguard.plays.loops.flows import merged
from tailguard.plays.loops.imported import read_flows, read_lineage
from tailguard.plays.loops.search import CAP, Cut, Cycles, cut, cycles
from tailguard.plays.loops.standing import Loop, LoopsState, loops, review_lines
from tailguard.runlog.view import LogView, latest
from tailguard.runlog.views.overrides import overrides
from tailguard.store.writing import copy, digest_of, write_atomically
from tailguard.workspace import POLICY_FILE, Decision, Workspace


@dataclass(frozen=True)
class Found:
    """The loops in some files, without any set-up: no checkpoint works where there is no log to show it."""

    nodes: int
    edges: int
    loops: Cycles
    suggested: Cut
    problems: tuple[str, ...]


def check_files(files: list[Path]) -> Found:
    """Loops in flows.yaml or lineage files, taken together. A declared checkpoint counts as one. Raises InputError."""
    read = [read_flows(file) for file in files]
    graph = merged([lineage.flows for lineage in read])
    guarded = {checkpoint.edge for checkpoint in graph.checkpoints}
    problems = tuple(problem for lineage in read for problem in lineage.problems)
    return Found(
        len(graph.nodes), len(graph.edges), cycles(graph.edges, guarded, cap=CAP), cut(graph.edges, guarded), problems
    )


def record_flows(workspace: Workspace, tx: Decision) -> None:
    """Record flows.yaml where it is not as the log has it last. Raises InputError, with the line, where it is broken."""
    file = workspace.root / FILE
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if text:
        parse_flows(text, str(file))
    digest = digest_of(text.encode())
    newest = tx.view.newest(FlowsDeclared)
    if (newest is None and text) or (newest and newest.fact.digest != digest):
        tx.record(FlowsDeclared(digest=digest, text=text or "flows_version: 1\n"))


def copy_settings(workspace: Path, target: Path) -> None:
    """Copy policy.toml and flows.yaml, as far as they are there, to another workspace's folder."""
    for name in (POLICY_FILE, FILE):
        if (workspace / name).exists():
            copy(workspace / name, target / name)


def record_edits(workspace: Workspace) -> None:
    """Record policy.toml and flows.yaml as they are now, where the actor is of the team; others see what was recorded."""
    if workspace.allows(Right.NOTE, workspace.edited_policy()):
        with workspace.deciding(Right.NOTE) as tx:
            record_flows(workspace, tx)


def current_loops(workspace: Workspace) -> LoopsState:
    """Every loop as it stands now, with flows.yaml as it is now."""
    record_edits(workspace)
    if not workspace.log.exists():
        raise InputError(f"There is neither a run log nor a {FILE} yet. `tailguard loops init` writes one.")
    with workspace.log.reading() as view:
        return loops(view, workspace.clock.now(), overrides(view))


def init(workspace: Workspace) -> Path:
    """Write a commented flows.yaml. Raises InputError where there is one."""
    file = workspace.root / FILE
    if file.exists():
        raise InputError(f"{file} is there already.")
    write_atomically(file, TEMPLATE.encode())
    return file


def declare(workspace: Workspace, edge: str) -> None:
    """Add an edge (`from -> to`) to flows.yaml; everything else in it stays as it was."""
    with workspace.deciding(Right.FLOWS) as tx:
        text = with_entry(_text(workspace), "edges", _quoted(edge), str(workspace.root / FILE))
        _write(workspace, tx, text)


def guard(
    workspace: Workspace, name: str, *, on: str, owner: str, evidence: str, every_days: int = DEFAULT_DAYS
) -> None:
    """Add a checkpoint to flows.yaml, and its edge where it is not declared yet."""
    with workspace.deciding(Right.FLOWS) as tx:
        text = _text(workspace)
        file = str(workspace.root / FILE)
        declared = {edge.text for edge in parse_flows(text, file).edges}
        tidy = " -> ".join(node.strip() for node in on.split("->"))
        if tidy not in declared:
            text = with_entry(text, "edges", _quoted(tidy), file)
        entry = (
            f"{{name: {_quoted(name)}, on: {_quoted(tidy)}, owner: {_quoted(owner)}, evidence: {evidence}, "
            f"every_days: {every_days}}}"
        )
        _write(workspace, tx, with_entry(text, "checkpoints", entry, file))


def import_lineage(workspace: Workspace, file: Path) -> LineageImported:
    """Take a lineage file's nodes and edges into the log. Importing the same content again changes nothing.

    Raises InputError where it holds none, or holds entries that cannot be read: their places are named, and the others are taken.
    """
    with workspace.deciding(Right.FLOWS) as tx:
        lineage = read_lineage(file)
        digest = digest_of(file.read_bytes())
        fact = LineageImported(
            file=file.name,
            digest=digest,
            form=lineage.form,
            datasets=lineage.datasets,
            jobs=lineage.jobs,
            edges=len(lineage.flows.edges),
        )
        newest = latest(tx.view.recorded(LineageImported, file=file.name))
        if newest is None or newest.fact.digest != digest:
            known = bool(tx.view.recorded(LineageImported, digest=digest))
            tx.record(fact)
            if not known:
                tx.record(
                    *(
                        ImportedNode(digest=digest, name=name, kind=kind)
                        for name, kind in sorted(lineage.flows.nodes.items())
                    )
                )
                tx.record(
                    *(
                        ImportedEdge(digest=digest, source=edge.source, target=edge.target)
                        for edge in sorted(lineage.flows.edges)
                    )
                )
    if lineage.problems:
        problems = "\n".join(lineage.problems[:20])
        raise InputError(
            f"{len(lineage.problems)} entries of {file} could not be read; the others were taken.\n{problems}"
        )
    return fact


def confirm(workspace: Workspace, checkpoint: str, *, evidence: str) -> None:
    """Confirm that a checkpoint outside of Tailguard does its work. Raises InputError for an unknown one or without evidence."""
    with workspace.deciding(Right.LOOK) as tx:
        record_flows(workspace, tx)
        shown_by = explanation(evidence, "A confirmation needs evidence (a ticket, a report)", letters=PLAN_LETTERS)
        owners = {known.name: known.owner for known in parse_flows(_text(workspace), FILE).checkpoints}
        if checkpoint not in owners:
            raise InputError(f"There is no checkpoint {checkpoint!r} in {FILE}. Known: {', '.join(owners) or 'none'}.")
        if workspace.actor != owners[checkpoint]:
            raise NotAllowed(f"{owners[checkpoint]} answers for {checkpoint}; you are {workspace.actor}.")
        tx.record(CheckpointConfirmed(checkpoint=checkpoint, evidence=shown_by))


def review(workspace: Workspace, *, note: str) -> LoopsReviewed:
    """Mark the review of all loops done; later changes are compared with it. Raises InputError without a note."""
    with workspace.deciding(Right.LOOPS) as tx:
        findings = explanation(note, "A review needs a note (what was reviewed and decided)", letters=PLAN_LETTERS)
        owner = tx.policy.plays.loops
        if workspace.actor != owner:
            raise NotAllowed(f"The owner of the play reviews the loops, which is {owner}; you are {workspace.actor}.")
        record_flows(workspace, tx)
        reviewed = loops(tx.view, workspace.clock.now(), overrides(tx.view))
        fact = LoopsReviewed(loops=review_lines(reviewed), unguarded=len(reviewed.unguarded), note=findings)
        tx.record(fact)
        return fact


def unguarded(view: LogView, run: str, *, now: datetime) -> tuple[tuple[Loop, ...], Override | None]:
    """Loops that hold the gate of a run's lineage as things stand, and the override that lets the run through, if one does.
    A profile without the play has none."""
    policy = view.policy()
    if policy is None or Gate.LOOPS not in policy.asked_plays:
        return (), None
    exceptions = overrides(view)
    open_loops = loops(view, now, exceptions).of_lineage(lineage_of(run))
    return open_loops, live_override(exceptions, gate=Gate.LOOPS, run=run, now=now) if open_loops else None


def _text(workspace: Workspace) -> str:
    file = workspace.root / FILE
    return file.read_text(encoding="utf-8") if file.exists() else TEMPLATE


def _write(workspace: Workspace, tx: Decision, text: str) -> None:
    write_atomically(workspace.root / FILE, text.encode())
    record_flows(workspace, tx)


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes where it needs them."""
    plain = text.replace(" ", "").replace("-", "").replace(">", "").replace("/", "").replace(".", "").replace("_", "")
    if plain.isalnum() and text == text.strip() and not text.startswith(("-", ">")):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
