"""Checks all that is kept: the log's chains, every stored file against its name, every tag against its ledger and root."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.domain import merkle
from tailguard.domain.facts import Artifact, LedgerKept
from tailguard.domain.tags import digest_of_row
from tailguard.runlog.queries import recorded
from tailguard.runlog.verify import verify as verify_log
from tailguard.store.files import folder_digest
from tailguard.workspace import Workspace

TAGGED = ("records", "quarantine", "ledger", "scored", "anchors")


@dataclass(frozen=True)
class Found:
    """One thing that does not fit: where it stands and what is wrong with it."""

    where: str
    what: str


@dataclass(frozen=True)
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
    problems = [Found(f"{one.chain}#{one.seq}", one.what) for one in log.problems]
    files = tags = 0
    for path in _stored(workspace.store.root):
        files += 1
        if problem := _changed(path):
            problems.append(problem)
        elif path.parent.name in TAGGED and path.suffix == ".parquet":
            count, wrong = _tags(path)
            tags += count
            problems += wrong
    with workspace.log.reading() as connection:
        ledgers = recorded(connection, LedgerKept)
        artifacts = recorded(connection, Artifact)
    for one in ledgers:
        problems += _root(workspace, one.fact)
    for digest, kind in sorted({(one.fact.digest, one.fact.kind) for one in artifacts if one.fact.kind != "file"}):
        folder = workspace.store.root / kind
        if folder.is_dir() and not any(folder.glob(f"{digest}*")):
            problems.append(Found(f"{kind}/{digest[:16]}", "missing: the log names it, the store lacks it"))
    return Verified(log.rows, log.chains, log.sealed, files, tags, len(ledgers), tuple(problems))


def _stored(root: Path) -> Iterator[Path]:
    """Everything that is named by its content: files, and folders that are one content."""
    if not root.is_dir():
        return
    for kind in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        yield from sorted(path for path in kind.iterdir() if not path.name.startswith("."))


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
    where = f"ledger of {fact.source} in {fact.run}"
    try:
        leaves = pq.read_table(path, columns=["tag_digest"])["tag_digest"].to_pylist()
    except (OSError, pa.ArrowException) as error:
        return [Found(where, f"cannot be read: {error}")]
    if merkle.root(leaves) != fact.root:
        return [Found(where, "its Merkle root is not the one in the run log")]
    return []
