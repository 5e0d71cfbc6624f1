"""The record of a run: a folder from which somebody else can repeat it, with nothing else at hand; and repeating it.

A record holds the policy, the flows, the input files, the contents of the store that the run read, and the rows of the log that
stood there while it ran. Replaying puts these into a clean folder and takes the same request through the same stages, each of
them at its own time of then; every fact that comes of it is held against what the run recorded.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tailguard import __version__
from tailguard.adapters.readers.source import content_digest
from tailguard.detection.own_outputs.segments import KIND as FINGERPRINTS
from tailguard.domain import stages as workflow
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
    Reproduced,
    RunStarted,
    ShippingEvent,
    StageResult,
)
from tailguard.domain.markdown import plain
from tailguard.domain.recipe import Recipe
from tailguard.domain.roles import Right
from tailguard.errors import Blocked, Held, InputError, TailguardError
from tailguard.pipeline import runner
from tailguard.plays.attest import as_page
from tailguard.plays.deviations import deviations
from tailguard.plays.loops.declared import FILE
from tailguard.runlog.connection import Connection
from tailguard.runlog.copying import Row, put, rows
from tailguard.runlog.queries import (
    Recorded,
    composition_of,
    evaluation_of,
    facts_of_run,
    frozen_anchor,
    frozen_suite,
    gate_decision_of,
    only,
    recorded,
    stage_results,
)
from tailguard.runlog.schema import HEAD, TABLES
from tailguard.stages.intake import BatchRequest
from tailguard.store.files import Store, folder_digest
from tailguard.store.writing import canonical_json, write_atomically
from tailguard.workspace import POLICY_FILE, Workspace, decision

FORMAT = "tailguard-record/1"
SHORTEST = 10
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pyarrow", "numba", "duckdb")
_DECISIONS = ("override_requested", "override_decided", "override_renewal", "meeting_decided")
_LEFT_OUT = ("stage_started", "hand_off", "chain_sealed", "tokens_used", "clearance_signed", "records_held", "commit")
"""Facts that hold times, signatures or what a server charged, and those that earlier versions did not record and whose digest is
compared; everything else has to come out the same."""
_SHOWN = 50


@dataclass(frozen=True)
class Record:
    """A record that was written: its folder, its digest, and how many files it holds."""

    run: str
    folder: str
    digest: str
    files: int


@dataclass(frozen=True)
class Repeated:
    """What came of a replay: how many facts were compared, and each difference in words."""

    run: str
    record: str
    compared: int
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether everything came out the same."""
        return not self.differences

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        if self.identical:
            return f"{self.run} was repeated: {self.compared:,} facts compared, all digests and measures are the same."
        return "\n".join([f"{self.run}: {len(self.differences)} of {self.compared:,} facts differ.", *self.differences])


@decision(Right.NOTE)
def note_deviation(workspace: Workspace, run: str, *, what: str, why: str) -> None:
    """Tell how a run departed from the runbook by hand, and why. Raises InputError for an unknown run, or without words."""
    with workspace.log.reading() as connection:
        _started(connection, run)
    for name, text in (("what", what), ("why", why)):
        if len(text.strip()) < SHORTEST:
            raise InputError(f"Say {name} in at least {SHORTEST} letters.")
    workspace.desk.record(DeviationNoted(run, what.strip(), why.strip()))


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
    return Record(run, str(out), digest, sum(1 for one in out.rglob("*") if one.is_file()))


def reproduce(workspace: Workspace, run: str) -> Repeated:
    """Repeat a run of this workspace from its record alone, in a clean folder, and record who did and what differed."""
    with TemporaryDirectory(prefix="tailguard-") as folder:
        record = write_record(workspace, run, Path(folder) / "record")
        found = replay(Path(record.folder), Path(folder) / "clean")
    fact = Reproduced(run, record.digest, found.identical, found.compared, "\n".join(found.differences))
    workspace.desk.record(fact)
    return found


def replay(record: Path, clean: Path) -> Repeated:
    """Repeat a run from a record's folder in a clean one. Raises InputError where the record is not one, or was changed."""
    told = _told(record)
    digest = folder_digest(record)
    if clean.exists() and any(clean.iterdir()):
        raise InputError(f"{clean} is not empty. Name another folder with --dir.")
    shutil.copytree(record / "store", clean / "store")
    for name in (POLICY_FILE, FILE):
        if (record / name).exists():
            shutil.copyfile(record / name, clean / name)
    requests = []
    for number, batch in enumerate(told["inputs"]):
        kept = record / "inputs" / batch["kept"]
        place = (
            clean / batch["file"]
            if not Path(batch["file"]).is_absolute()
            else clean / "inputs" / f"{number}" / kept.name
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if kept.is_dir() else shutil.copyfile)(kept, place)
        requests.append(BatchRequest(str(place), batch["source"], batch["declared"]))
    clock = _ThenClock(datetime.fromisoformat(told["started"]))
    workspace = Workspace(clean, told["author"], clock, isolated=True)
    known = [_revived(line) for line in (record / "log.jsonl").read_text().split("\n") if line]
    _stages(workspace, told, requests, known)
    with workspace.log.reading() as connection:
        now = _facts(connection, told["run"])
    return _compared(told, now, digest)


@dataclass
class _ThenClock:
    """Stands where a stage stood when the run was made, and moves on by a microsecond each time it is read."""

    moment: datetime
    name: str = "replay"

    def now(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment


def _stages(workspace: Workspace, told: dict[str, Any], requests: list[BatchRequest], known: list[Row]) -> None:
    """Each stage sees the rows that stood in the log when it began."""
    waiting = known
    clock = workspace.clock

    def up_to(moment: datetime) -> None:
        nonlocal waiting
        with workspace.log.writing() as connection:
            put(connection, [row for row in waiting if row.recorded <= moment])
        waiting = [row for row in waiting if row.recorded > moment]
        clock.moment = moment  # type: ignore[attr-defined]

    up_to(datetime.fromisoformat(told["started"]))
    recipe = Recipe(**{**told["recipe"], "without": tuple(told["recipe"].get("without", ()))})
    run = runner.begin(workspace, told["lineage"], requests, recipe=recipe, seed=told["seed"])
    if run != told["run"]:
        raise TailguardError(f"The replay of {told['run']} came out as {run}; its record is incomplete.")
    for stage in workflow.ORDER:
        if stage in told["stages"]:
            up_to(datetime.fromisoformat(told["stages"][stage]))
            with suppress(Blocked, Held):  # what stopped the run then stops it now; its facts are compared
                runner.advance(workspace, run, until=stage)


def _fill(workspace: Workspace, run: str, folder: Path) -> None:
    with workspace.log.reading() as connection:
        started = _started(connection, run)
        done = stage_results(connection, run)
        handed = only(recorded(connection, HandOff, run=run))
        if handed is None:
            raise InputError(f"{run} is not finished; there is no hand-off to record. `tailguard run --resume {run}`.")
        policy = only(recorded(connection, PolicyInForce, digest=started.fact.policy))
        flows = only([one for one in recorded(connection, FlowsDeclared) if one.recorded <= handed.recorded])
        kept = list(rows(connection, wanted=lambda row: _stood_there(row, run, handed.recorded)))
        needed = _needed(connection, workspace, run, started.recorded)
        made = _facts(connection, run)
        deviated = [asdict(one) for one in deviations(connection, run)]
        summary = _summary(connection, run)
        decisions = _decisions(connection, run)
    request = workspace.store.json("requests", started.fact.request)
    inputs = [_input(workspace, run, number, batch, folder) for number, batch in enumerate(request["batches"])]
    for place in sorted(needed):
        _copy(workspace.store, place, folder / "store" / place)
    write_atomically(folder / POLICY_FILE, (policy.fact.text if policy else "").encode())
    if flows:
        write_atomically(folder / FILE, flows.fact.text.encode())
    write_atomically(folder / "log.jsonl", b"".join(canonical_json(_plain(asdict(row))) for row in kept))
    told = {
        "format": FORMAT,
        "run": run,
        "lineage": started.fact.lineage,
        "author": started.actor,
        "started": started.recorded.isoformat(),
        "seed": started.fact.seed,
        "recipe": request["recipe"],
        "stages": {stage: one.fact.started.isoformat() for stage, one in done.items()},
        "inputs": inputs,
        "policy": started.fact.policy,
        "versions": _versions(started.fact.tool_version),
        "schema": HEAD,
        "deviations": deviated,
        "decisions": decisions,
        "summary": summary,
        "facts": made,
        "replay": "tailguard reproduce FOLDER",
    }
    write_atomically(folder / "record.json", canonical_json(_plain(told)))
    write_atomically(folder / "index.html", as_page(_page(told), f"Record of {run}").encode())


def _started(connection: Connection, run: str) -> Any:
    found = only(recorded(connection, RunStarted, run=run))
    if found is None:
        raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
    return found


def _stood_there(row: Row, run: str, end: datetime) -> bool:
    """Rows of other chains up to the end of the run, but for what the run itself left on the desk."""
    of_the_run = row.fact is not None and row.fact.get("run") == run and row.kind not in _DECISIONS
    return row.chain != run and row.recorded <= end and not of_the_run


def _needed(connection: Connection, workspace: Workspace, run: str, started: datetime) -> set[str]:
    """Places in the store that the run read and did not make."""
    listed = runner.read_file(workspace.root, run)
    found = set(listed.read_text(encoding="utf-8").split()) if listed.exists() else set()
    artifacts = [one.fact for one in recorded(connection, Artifact, run=run)]
    found |= {_place(workspace.store, one.kind, one.digest) for one in artifacts if one.direction == "in"}
    for kept, kind in ((frozen_suite(connection), "suites"), (frozen_anchor(connection), "anchors")):
        if kept:
            found.add(_place(workspace.store, kind, getattr(kept.fact, kind[:-1])))
    for one in recorded(connection, OutputsLogged):
        if one.recorded <= started:
            found.add(f"{FINGERPRINTS}/{one.fact.fingerprints}")
    for evaluation in recorded(connection, Evaluation):
        if evaluation.recorded <= started:
            found.add(f"outputs/{evaluation.fact.outputs}.parquet")
    earlier = {one.fact.digest for one in recorded(connection, Artifact) if one.recorded <= started}
    own = {one.digest for one in artifacts if one.direction == "out"} - earlier  # an empty table is made by many runs
    results = {one.fact.output for one in recorded(connection, StageResult, run=run)}
    return {
        place
        for place in found
        if place and Path(place).name.partition(".")[0] not in own | results and (workspace.store.root / place).exists()
    }


def _place(store: Store, kind: str, digest: str) -> str:
    """Where a content lies, whatever its suffix; empty where it is not in the store (an input file is not)."""
    found = next(iter(sorted((store.root / kind).glob(f"{digest}*"))), None) if (store.root / kind).is_dir() else None
    return f"{kind}/{found.name}" if found else ""


def _copy(store: Store, place: str, target: Path) -> None:
    source = store.root / place
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


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
    with workspace.log.reading() as connection:
        taken = {one.fact.digest for one in recorded(connection, Artifact, run=run, stage="intake", direction="in")}
    if digest not in taken:
        raise InputError(f"{source} was changed since {run} read it (digest {digest[:12]}). Restore it from a backup.")
    kept = f"{number}-{source.name}"
    target = folder / "inputs" / kept
    target.parent.mkdir(exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    return {**batch, "kept": kept, "digest": digest}


def _versions(tool: str) -> dict[str, str]:
    found = {"tailguard": tool, "tailguard of this record": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _summary(connection: Connection, run: str) -> dict[str, Any]:
    made, decision, answered = (
        composition_of(connection, run),
        gate_decision_of(connection, run),
        evaluation_of(connection, run),
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


def _decisions(connection: Connection, run: str) -> list[str]:
    """What people decided about a run: clearances asked for, overrides, audits, shipping, in words and in order."""
    found: list[tuple[Recorded[Any], str]] = [
        *((one, f"clearance: {one.fact.reason}") for one in recorded(connection, Clearance, run=run)),
        *(
            (one, f"{one.fact.override} {one.fact.decision}: {one.fact.note}")
            for asked in recorded(connection, OverrideRequested, run=run)
            for one in recorded(connection, OverrideDecided, override=asked.fact.override)
        ),
        *((one, f"audit of the training set: {one.fact.note}") for one in recorded(connection, MixingAudited, run=run)),
        *((one, f"{one.fact.action}: {one.fact.reason}") for one in recorded(connection, ShippingEvent, run=run)),
    ]
    return [
        f"{one.recorded:%Y-%m-%d} {one.actor}, {text}" for one, text in sorted(found, key=lambda pair: pair[0].recorded)
    ]


def _facts(connection: Connection, run: str) -> list[list[Any]]:
    """What a run recorded in its own chain, without times and without what can only be of its own day."""
    found = []
    for kind, one in facts_of_run(connection, run):
        values = _plain(asdict(one.fact))
        if kind in _LEFT_OUT or values.get("kind") == "handoffs":
            continue
        values.pop("started", None)
        if kind == "stage_result" and values["stage"] == "handoff":
            values.pop("output"), values.pop("records_out")
        found.append([kind, values])
    return found


def _compared(told: dict[str, Any], now: list[list[Any]], digest: str) -> Repeated:
    before = told["facts"]
    missing = Counter(map(_line, before)) - Counter(map(_line, now))
    new = Counter(map(_line, now)) - Counter(map(_line, before))
    differences = []
    for line in list(missing.elements())[:_SHOWN]:
        kind, values = json.loads(line)
        partner = next((json.loads(one) for one in new if _same_thing(json.loads(one), kind, values)), None)
        differences.append(_difference(kind, values, partner[1] if partner else None))
    versions = _versions(__version__)
    if differences:
        changed = [
            f"{name} {was}, now {versions.get(name)}"
            for name, was in told["versions"].items()
            if versions.get(name) not in (was, None)
        ]
        differences += [f"versions: {one}" for one in changed]
    if len(missing) > _SHOWN:
        differences.append(f"... and {missing.total() - _SHOWN} more")
    differences += [f"only in the replay: {line[:200]}" for line in list(new.elements())[:5] if not missing]
    return Repeated(told["run"], digest, len(before), tuple(differences))


def _line(fact: list[Any]) -> str:
    return json.dumps(fact, sort_keys=True)


_NAMING = (
    "stage",
    "direction",
    "name",
    "kind",
    "measure",
    "reference_kind",
    "source",
    "origin",
    "reason",
    "moment",
    "slice",
    "strength",
)


def _same_thing(other: list[Any], kind: str, values: dict[str, Any]) -> bool:
    return other[0] == kind and all(other[1].get(key) == values.get(key) for key in _NAMING)


def _difference(kind: str, was: dict[str, Any], now: dict[str, Any] | None) -> str:
    what = " ".join(str(was[key]) for key in _NAMING if was.get(key) not in (None, ""))
    if now is None:
        return f"{kind} {what[:120]}: missing in the replay"
    changed = [f"{key} {str(was[key])[:40]}, now {str(now.get(key))[:40]}" for key in was if was[key] != now.get(key)]
    return f"{kind} {what[:120]}: {'; '.join(changed)}"


def _told(record: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((record / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{record} is not a record: {error}. `tailguard record RUN --out FOLDER` writes one."
        ) from error
    if found.get("format") != FORMAT:
        raise InputError(f"{record}/record.json has format {found.get('format')!r}, expected {FORMAT!r}.")
    if found["schema"] != HEAD:
        raise InputError(
            f"{record} was written with log schema {found['schema']}, this Tailguard has {HEAD}. Use that version."
        )
    for batch in found["inputs"]:
        kept = record / "inputs" / batch["kept"]
        if not kept.exists() or content_digest(str(kept)) != batch["digest"]:
            raise InputError(f"{kept} is missing or was changed. Get the record again from whoever wrote it.")
    return found


def _revived(line: str) -> Row:
    """A row as it was written: times are times again."""
    content = json.loads(line)
    entry = {**content["entry"], "recorded": datetime.fromisoformat(content["entry"]["recorded"])}
    fact = content["fact"]
    if fact is not None:
        table = next(table for table in TABLES.values() if table.name == entry["kind"])
        times = [column.name for column in table.columns if column.type.python_type is datetime]
        fact = {key: datetime.fromisoformat(value) if key in times and value else value for key, value in fact.items()}
    return Row(entry, fact)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _page(told: dict[str, Any]) -> str:
    """The record for a person, as Markdown."""

    def cell(value: Any) -> str:
        return plain("–" if value is None else f"{value:.1%}" if isinstance(value, float) else str(value))

    lines = [
        f"# Record of {cell(told['run'])}",
        "",
        f"Made by {cell(told['author'])}, started {told['started'][:16]} UTC, seed {told['seed']}. Repeat it with "
        "`tailguard reproduce FOLDER`, where FOLDER is the one that holds this page.",
        "",
        "| what | value |",
        "|---|---|",
        *(f"| {name} | {cell(value)} |" for name, value in told["summary"].items()),
        "",
        "## Inputs",
        "",
        "| file | source | declared | digest |",
        "|---|---|---|---|",
        *(
            f"| {cell(one['file'])} | {cell(one['source'])} | {one['declared']} | {one['digest'][:16]} |"
            for one in told["inputs"]
        ),
        "",
        "## Deviations",
        "",
        *(f"- {cell(one['what'])}. Why: {cell(one['why'] or 'nobody said')}." for one in told["deviations"]),
        *([] if told["deviations"] else ["None."]),
        "",
        "## Decisions",
        "",
        *(
            f"- {values['gate']} gate: {values['verdict']}. {cell(values['reason'])}"
            + (f", under {values['override']}." if values["override"] else ".")
            for kind, values in told["facts"]
            if kind == "gate_decision"
        ),
        *(f"- {cell(line)}" for line in told["decisions"]),
        "",
        "## Exit criteria",
        "",
        "| stage | criterion | required | observed | held |",
        "|---|---|---|---|---|",
        *(
            f"| {values['stage']} | {cell(values['name'])} | {cell(values['required'])} | {cell(values['observed'])} | "
            f"{'yes' if values['held'] else 'no'} |"
            for kind, values in told["facts"]
            if kind == "exit_criterion"
        ),
        "",
        "## Versions",
        "",
        *(f"- {cell(name)} {cell(value)}" for name, value in told["versions"].items()),
        "",
        "The policy is beside this page as policy.toml, everything that was read under store/ and inputs/, the log's rows that "
        "stood there while it ran in log.jsonl, and all that it recorded in record.json.",
    ]
    return "\n".join(lines)
