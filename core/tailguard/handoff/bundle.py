"""The record of a run: a folder from which somebody else can repeat it, with nothing else at hand.

It holds the policy, the flows, the input files, the contents of the store that the run read, and the rows of the log that stood
there while it ran.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tailguard.adapters.readers.source import content_digest
from tailguard.detection.own_outputs.segments import KIND as FINGERPRINTS
from tailguard.domain.explanations import explanation
from tailguard.domain.facts import (
    Artifact,
    Clearance,
    DeviationNoted,
    Evaluation,
    FlowsDeclared,
    HandOff,
    MixingAudited,
    OutputsLogged,
    OverrideDecided,
    OverrideRequested,
    PolicyInForce,
    RunStarted,
    ShippingEvent,
    StageResult,
)
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.handoff.comparison import as_json, comparable_facts, versions
from tailguard.handoff.page import page
from tailguard.pipeline import runner
from tailguard.plays.attest import as_page
from tailguard.plays.deviations import deviations
from tailguard.plays.loops.declared import FILE
from tailguard.runlog.copying import Row, rows
from tailguard.runlog.schema import HEAD
from tailguard.runlog.view import LogView, Recorded, latest
from tailguard.runlog.views.references import frozen_anchor, frozen_suite
from tailguard.runlog.views.runs import composition_of, evaluation_of, gate_decision_of, stage_results
from tailguard.store.files import Store, folder_digest
from tailguard.store.writing import canonical_json, copy, write_atomically
from tailguard.workspace import POLICY_FILE, Workspace

FORMAT = "tailguard-record/1"
_DECISIONS = ("override_requested", "override_decided", "override_renewal", "meeting_decided")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record that was written: its folder, its digest, and how many files it holds."""

    run: str
    folder: str
    digest: str
    files: int


def note_deviation(workspace: Workspace, run: str, *, what: str, why: str) -> None:
    """Tell how a run departed from the runbook by hand, and why. Raises InputError for an unknown run, or without words."""
    with workspace.deciding(Right.NOTE) as tx:
        _started(tx.view, run)
        departure = explanation(what, "A deviation needs a description")
        tx.record(DeviationNoted(run=run, what=departure, why=explanation(why, "A deviation needs a reason")))


def write_record(workspace: Workspace, run: str, out: Path) -> Record:
    """Write the record of a finished run to an empty folder.

    Raises InputError for a run without a hand-off, a folder that is not empty, and an input file that is gone or was changed.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty. Name another folder with --out.")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _fill(workspace, run, temporary)
        digest = folder_digest(temporary)
        if out.exists():
            out.rmdir()
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Record(run=run, folder=str(out), digest=digest, files=sum(1 for path in out.rglob("*") if path.is_file()))


def _fill(workspace: Workspace, run: str, folder: Path) -> None:
    """Gather what a record holds, and write its files."""
    with workspace.log.reading() as view:
        started = _started(view, run)
        done = stage_results(view, run)
        handed = latest(view.recorded(HandOff, run=run))
        if handed is None:
            raise InputError(f"{run} is not finished; there is no hand-off to record. `tailguard run --resume {run}`.")
        policy = latest(view.recorded(PolicyInForce, digest=started.fact.policy))
        flows = latest([row for row in view.recorded(FlowsDeclared) if row.recorded <= handed.recorded])
        kept = list(rows(view, wanted=lambda row: _stood_there(row, run, handed.recorded)))
        needed = _needed(view, workspace, run, started.recorded)
        made = comparable_facts(view, run)
        deviated = [asdict(deviation) for deviation in deviations(view, run)]
        summary = _summary(view, run)
        decisions = _decisions(view, run)
    request = workspace.store.json("requests", started.fact.request)
    inputs = [_input(workspace, run, number, batch, folder) for number, batch in enumerate(request["batches"])]
    for location in sorted(needed):
        copy(workspace.store.root / location, folder / "store" / location)
    write_atomically(folder / POLICY_FILE, (policy.fact.text if policy else "").encode())
    if flows:
        write_atomically(folder / FILE, flows.fact.text.encode())
    write_atomically(folder / "log.jsonl", b"".join(canonical_json(as_json(asdict(row))) for row in kept))
    content = {
        "format": FORMAT,
        "run": run,
        "lineage": started.fact.lineage,
        "author": started.actor,
        "started": started.recorded.isoformat(),
        "seed": started.fact.seed,
        "recipe": request["recipe"],
        "stages": {stage: result.fact.started.isoformat() for stage, result in done.items()},
        "inputs": inputs,
        "policy": started.fact.policy,
        "versions": versions(started.fact.tool_version),
        "schema": HEAD,
        "deviations": deviated,
        "decisions": decisions,
        "summary": summary,
        "facts": made,
        "replay": "tailguard reproduce FOLDER",
    }
    write_atomically(folder / "record.json", canonical_json(as_json(content)))
    write_atomically(folder / "index.html", as_page(page(content), f"Record of {run}").encode())


def _started(view: LogView, run: str) -> Any:
    started = latest(view.recorded(RunStarted, run=run))
    if started is None:
        raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
    return started


def _stood_there(row: Row, run: str, end: datetime) -> bool:
    """Rows of other chains up to the end of the run, but for what the run itself left in the chain of decisions."""
    of_the_run = row.fact is not None and row.fact.get("run") == run and row.kind not in _DECISIONS
    return row.chain != run and row.recorded <= end and not of_the_run


def _needed(view: LogView, workspace: Workspace, run: str, started: datetime) -> set[str]:
    """Places in the store that the run read and did not make."""
    listed = runner.read_file(workspace.root, run)
    locations = set(listed.read_text(encoding="utf-8").split()) if listed.exists() else set()
    artifacts = [artifact.fact for artifact in view.recorded(Artifact, run=run)]
    locations |= {
        _place(workspace.store, artifact.kind, artifact.digest) for artifact in artifacts if artifact.direction == "in"
    }
    for kept, kind in ((frozen_suite(view), "suites"), (frozen_anchor(view), "anchors")):
        if kept:
            locations.add(_place(workspace.store, kind, getattr(kept.fact, kind[:-1])))
    for logged in view.recorded(OutputsLogged):
        if logged.recorded <= started:
            locations.add(f"{FINGERPRINTS}/{logged.fact.fingerprints}")
    for evaluation in view.recorded(Evaluation):
        if evaluation.recorded <= started:
            locations.add(f"outputs/{evaluation.fact.outputs}.parquet")
    earlier = {artifact.fact.digest for artifact in view.recorded(Artifact) if artifact.recorded <= started}
    # An empty table is made by many runs.
    own = {artifact.digest for artifact in artifacts if artifact.direction == "out"} - earlier
    results = {result.fact.output for result in view.recorded(StageResult, run=run)}
    return {
        location
        for location in locations
        if location
        and Path(location).name.partition(".")[0] not in own | results
        and (workspace.store.root / location).exists()
    }


def _place(store: Store, kind: str, digest: str) -> str:
    """Where a content lies, whatever its suffix; empty where it is not in the store (an input file is not)."""
    file = next(iter(sorted((store.root / kind).glob(f"{digest}*"))), None) if (store.root / kind).is_dir() else None
    return f"{kind}/{file.name}" if file else ""


def _input(workspace: Workspace, run: str, number: int, batch: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One input file, held against the digest that the run took in, and where in the record it is kept."""
    address = batch["file"]
    if "://" in address:
        raise InputError(f"{run} read {address}. Copy it to a file and run again; a record holds its inputs itself.")
    source = workspace.root / address
    if not source.exists():
        raise InputError(
            f"{source}, which {run} read, is gone. Restore it from a backup; a record holds its inputs itself."
        )
    digest = content_digest(str(source))
    with workspace.log.reading() as view:
        taken = {row.fact.digest for row in view.recorded(Artifact, run=run, stage="intake", direction="in")}
    if digest not in taken:
        raise InputError(f"{source} was changed since {run} read it (digest {digest[:12]}). Restore it from a backup.")
    kept = f"{number}-{source.name}"
    copy(source, folder / "inputs" / kept)
    return {**batch, "kept": kept, "digest": digest}


def _summary(view: LogView, run: str) -> dict[str, Any]:
    made, decision, answered = (
        composition_of(view, run),
        gate_decision_of(view, run),
        evaluation_of(view, run),
    )
    return {
        "snapshot": made.fact.snapshot if made else None,
        "records": made.fact.records if made else None,
        "ratio in records": made.fact.ratio_records if made else None,
        "ratio in tokens": made.fact.ratio_tokens if made else None,
        "ceiling": made.fact.ceiling if made else None,
        "outputs": answered.fact.outputs if answered else None,
        "verdict": decision.fact.verdict if decision else None,
        "reason": decision.fact.reason if decision else None,
    }


def _decisions(view: LogView, run: str) -> list[str]:
    """What people decided about a run: clearances asked for, overrides, audits, shipping, in words and in order."""
    decisions: list[tuple[Recorded[Any], str]] = [
        *((clearance, f"clearance: {clearance.fact.reason}") for clearance in view.recorded(Clearance, run=run)),
        *(
            (decided, f"{decided.fact.override} {decided.fact.decision}: {decided.fact.note}")
            for asked in view.recorded(OverrideRequested, run=run)
            for decided in view.recorded(OverrideDecided, override=asked.fact.override)
        ),
        *(
            (audited, f"audit of the training set: {audited.fact.note}")
            for audited in view.recorded(MixingAudited, run=run)
        ),
        *((event, f"{event.fact.action}: {event.fact.reason}") for event in view.recorded(ShippingEvent, run=run)),
    ]
    return [
        f"{row.recorded:%Y-%m-%d} {row.actor}, {text}"
        for row, text in sorted(decisions, key=lambda pair: pair[0].recorded)
    ]
