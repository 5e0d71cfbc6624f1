"""Checks all that is kept: the log's chains, every stored file against its name, every tag against its ledger and root, and
that nothing is missing which the log names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.domain import merkle
from tailguard.domain.facts import (
    AnchorChanged,
    AnchorFrozen,
    Artifact,
    CeilingCalibrated,
    Composition,
    ContaminationAudited,
    DetectorCalibrated,
    Evaluation,
    Fact,
    FlowsDeclared,
    Generation,
    HandOff,
    LedgerKept,
    MeetingEnded,
    OutputsLogged,
    PolicyInForce,
    ReportKept,
    RunbookRevised,
    RunStarted,
    StageResult,
    StreamFrozen,
    StreamWeek,
    SuiteFrozen,
)
from tailguard.domain.tags import digest_of_row
from tailguard.domain.wording import counted
from tailguard.errors import TailguardError
from tailguard.plays.loops.declared import FILE as FLOWS_FILE
from tailguard.runlog.recorder import WITNESS_FILE
from tailguard.runlog.verify import verify as verify_log
from tailguard.runlog.view import LogView, Recorded, latest
from tailguard.store.files import folder_digest
from tailguard.store.writing import digest_of
from tailguard.workspace import POLICY_FILE, Workspace

TAGGED = ("records", "quarantine", "ledger", "scored", "anchors")
_NAMED: tuple[tuple[type[Fact], str, str], ...] = (
    (RunStarted, "request", "requests"),
    (StageResult, "output", "results"),
    (AnchorFrozen, "anchor", "anchors"),
    (AnchorChanged, "anchor", "anchors"),
    (AnchorChanged, "previous", "anchors"),
    (SuiteFrozen, "suite", "suites"),
    (LedgerKept, "ledger", "ledger"),
    (Composition, "snapshot", "snapshots"),
    (Generation, "weights", "weights"),
    (Evaluation, "outputs", "outputs"),
    (OutputsLogged, "fingerprints", "fingerprints"),
    (ReportKept, "report", "reports"),
    (HandOff, "digest", "handoffs"),
    (DetectorCalibrated, "detector", "detectors"),
    (StreamFrozen, "reference", "streams"),
    (StreamWeek, "figures", "figures"),
    (CeilingCalibrated, "experiment", "experiments"),
    (ContaminationAudited, "report", "contamination"),
    (MeetingEnded, "minutes", "minutes"),
    (RunbookRevised, "digest", "runbooks"),
)
"""Facts, their fields that name a content, and the folder of the store that it is in. What stages read and make besides is named
by their artifacts."""
_INPUT_FILE = "file"
"""The kind of an artifact that is not in the store: a file that somebody handed in."""
_EXAMPLES = 3


@dataclass(frozen=True)
class Found:
    """One thing that does not fit: where it stands and what is wrong with it."""

    where: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was checked, and every problem found."""

    rows: int
    chains: int
    sealed: int
    files: int
    tags: int
    ledgers: int
    problems: tuple[Found, ...]


def verify(workspace: Workspace) -> Verified:
    """Read everything once. One changed byte in the log or the store is named by the row or file that it stands in."""
    log = verify_log(workspace.log)
    problems = [Found(f"{problem.chain}#{problem.seq}", problem.what) for problem in log.problems]
    files = tags = 0
    for path in _stored(workspace.store.root):
        files += 1
        if problem := _changed(path):
            problems.append(problem)
        elif path.parent.name in TAGGED and path.suffix == ".parquet":
            count, wrong = _tags(path)
            tags += count
            problems += wrong
    ledgers: list[Recorded[LedgerKept]] = []
    with workspace.log.reading() as view:
        try:
            ledgers = view.recorded(LedgerKept)
            problems += _missing_files(workspace, view)
            problems += _missing(workspace.store.root, _named(view))
        except TailguardError as error:  # a row that was changed to what no row can say
            problems.append(Found("run log", str(error)))
    for ledger in ledgers:
        problems += _root(workspace, ledger.fact)
    return Verified(
        rows=log.rows,
        chains=log.chains,
        sealed=log.sealed,
        files=files,
        tags=tags,
        ledgers=len(ledgers),
        problems=tuple(problems),
    )


def _stored(root: Path) -> Iterator[Path]:
    """Everything that is named by its content: files, and folders that are one content."""
    if not root.is_dir():
        return
    for kind in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        yield from sorted(path for path in kind.iterdir() if not path.name.startswith("."))


def _named(view: LogView) -> dict[str, set[str]]:
    """The digests that the log names, by the folder of the store that they are in."""
    named: dict[str, set[str]] = defaultdict(set)
    for kind, field, folder in _NAMED:
        named[folder].update(getattr(row.fact, field) for row in view.recorded(kind))
    for row in view.recorded(Artifact):
        if row.fact.kind != _INPUT_FILE:
            named[row.fact.kind].add(row.fact.digest)
    return named


def _missing(root: Path, named: dict[str, set[str]]) -> list[Found]:
    """One problem for each folder that lacks what the log names."""
    problems = []
    for folder, digests in sorted(named.items()):
        there = {path.name.partition(".")[0] for path in (root / folder).glob("*")}
        missing = sorted(digests - there)
        if missing:
            examples = ", ".join(digest[:16] for digest in missing[:_EXAMPLES])
            what = (
                f"missing: {len(missing):,} of {counted(len(digests), 'file')} that the log names, such as {examples}"
            )
            problems.append(Found(f"store/{folder}", f"{what}. Restore {root / folder} from a backup"))
    return problems


def _missing_files(workspace: Workspace, view: LogView) -> list[Found]:
    """The files beside the log without which it cannot be checked, or does not say what is in force."""
    policy, declared = latest(view.recorded(PolicyInForce)), latest(view.recorded(FlowsDeclared))
    flows_in_force = declared is not None and declared.fact.digest != digest_of(b"")
    witness = "restore it from a backup; until then rows that were cut from the end of the log go unseen"
    expected = [
        (workspace.root / POLICY_FILE, policy is not None, "restore it from a backup; the log holds its text"),
        (workspace.root / FLOWS_FILE, flows_in_force, "restore it from a backup; the log holds its text"),
        (workspace.log.folder / WITNESS_FILE, policy is not None, witness),
    ]
    return [
        Found(path.name, f"missing: {remedy}") for path, wanted, remedy in expected if wanted and not path.is_file()
    ]


def _changed(path: Path) -> Found | None:
    where = f"{path.parent.name}/{path.name}"
    if path.is_dir():
        same = folder_digest(path) == path.name
    else:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == path.stem
    return None if same else Found(where, "changed: its content no longer has the digest that it is named by")


def _tags(path: Path) -> tuple[int, list[Found]]:
    count = 0
    wrong = []
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=_columns(file.schema_arrow)):
                for row in batch.to_pylist():
                    count += 1
                    if digest_of_row(row) != row["tag_digest"]:
                        wrong.append(
                            Found(f"{path.parent.name}/{path.name}", f"the tag of {row['id'][:12]} is not its digest's")
                        )
    except (OSError, KeyError, pa.ArrowException) as error:
        wrong.append(Found(f"{path.parent.name}/{path.name}", f"cannot be read: {error}"))
    return count, wrong


def _columns(schema: pa.Schema) -> list[str]:
    wanted = ("id", "origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest")
    return [name for name in wanted if name in schema.names]


def _root(workspace: Workspace, fact: LedgerKept) -> list[Found]:
    path = workspace.store.path("ledger", fact.ledger, ".parquet")
    if not path.exists():
        return []  # among what is missing
    where = f"ledger of {fact.source} in {fact.run}"
    try:
        leaves = pq.read_table(path, columns=["tag_digest"])["tag_digest"].to_pylist()
    except (OSError, pa.ArrowException) as error:
        return [Found(where, f"cannot be read: {error}")]
    if merkle.root(leaves) != fact.root:
        return [Found(where, "its Merkle root is not the one in the run log")]
    return []
