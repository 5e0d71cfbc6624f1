"""Appends facts to a hash chain, and keeps them beside the log when the log is busy.

Each entry's hash covers the fact and the hash of the entry ahead of it. Every transaction ends with an entry of kind
`commit`. A run has a chain of its own, so that many writers do not queue behind one row; what people decide
outside of runs stands in the chain `decisions`, which also seals the head of each run that has ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select, text

from tailguard.domain.facts import FACTS, ChainSealed, Fact
from tailguard.domain.runs import file_name_of
from tailguard.errors import LogBusy
from tailguard.ports import Clock
from tailguard.runlog.connection import RunLog
from tailguard.runlog.schema import COMMIT, ENTRY, TABLES, table_name
from tailguard.runlog.view import LogView, fact_of

DECISIONS = "decisions"
"""The chain of what people decide outside of runs."""
GENESIS = "0" * 64
WITNESS_FILE = "runlog.witness"
"""Notes each commit beside the log."""
_NOTE = re.compile(r"([^\t]+)\t(\d+)\t([0-9a-f]{64})")
_FEW_ROWS = 20
BY_NAME = {table_name(fact): fact for fact in FACTS}


@dataclass(frozen=True)
class Author:
    """Who records, and by which clock."""

    actor: str
    clock: Clock


@dataclass(frozen=True)
class Head:
    """The last row of a chain; an empty chain is at 0 with the genesis hash."""

    seq: int
    row_hash: str


def row_hash(entry: dict[str, Any], fact: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of an entry (but its own hash) and its fact's values; times as ISO 8601."""
    content = [{key: value for key, value in part.items() if key not in ("row_hash",)} for part in (entry, fact)]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_iso)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


def head_of(view: LogView, chain: str) -> Head:
    """The last entry of a chain."""
    last = view.connection.execute(
        select(ENTRY.c.seq, ENTRY.c.row_hash).where(ENTRY.c.chain == chain).order_by(ENTRY.c.seq.desc()).limit(1)
    ).first()
    return Head(int(last.seq), str(last.row_hash)) if last else Head(0, GENESIS)


def lock_chain(view: LogView, chain: str) -> None:
    """Keep other writers off a chain until the transaction ends; DuckDB's writer is alone anyway."""
    if view.connection.dialect.name == "postgresql":
        view.connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(chain, 0))))


def append(view: LogView, chain: str, author: Author, facts: Sequence[Fact]) -> Head:
    """Add facts and a commit entry to a chain inside the caller's transaction. Returns the new head."""
    lock_chain(view, chain)
    return _append(view, chain, author, head_of(view, chain), (*facts, None))


def _append(view: LogView, chain: str, author: Author, head: Head, facts: Sequence[Fact | None]) -> Head:
    """Add facts after a head; None is the entry that ends a transaction."""
    entries: list[dict[str, Any]] = []
    grouped: dict[type[Fact], list[dict[str, Any]]] = {}
    for fact in facts:
        values = {} if fact is None else {field.name: getattr(fact, field.name) for field in fields(fact)}
        entry = {
            "id": f"{chain}#{head.seq + 1}",
            "chain": chain,
            "seq": head.seq + 1,
            "kind": COMMIT if fact is None else table_name(type(fact)),
            "recorded": author.clock.now(),
            "actor": author.actor,
            "clock": author.clock.name,
            "prev_hash": head.row_hash,
        }
        head = Head(head.seq + 1, row_hash(entry, values))
        entries.append({**entry, "row_hash": head.row_hash})
        if fact is not None:
            grouped.setdefault(type(fact), []).append({"id": entry["id"], **values})
    insert_rows(view, ENTRY, entries)
    for kind, rows in grouped.items():
        insert_rows(view, TABLES[kind], rows)
    return head


def insert_rows(view: LogView, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows as they are, many of them at once where the server can."""
    if view.connection.dialect.name == "duckdb" and len(rows) > _FEW_ROWS:
        _insert_arrow(view, table, rows)
    else:
        view.connection.execute(insert(table), rows)


def _insert_arrow(view: LogView, table: Table, rows: list[dict[str, Any]]) -> None:
    """DuckDB takes rows one at a time through its DB-API; an Arrow table goes in at once."""
    import pyarrow as pa

    names = list(rows[0])
    incoming = pa.table({name: _arrow_column(table.c[name].type.python_type, rows, name) for name in names})
    cursor = view.connection.connection.cursor()
    cursor.register("incoming_rows", incoming)
    columns = ", ".join(f'"{name}"' for name in names)
    view.connection.execute(text(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM incoming_rows"))  # noqa: S608  names of our own tables
    cursor.unregister("incoming_rows")


def _arrow_column(kind: type, rows: list[dict[str, Any]], name: str) -> Any:
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us")}
    return pa.array([row[name] for row in rows], type=types[kind])


def append_checkpoint(folder: Path, chain: str, head: Head) -> None:
    """Note a chain's head in a file beside the log, so that rows cut from the end of an open chain are missed too."""
    line = f"{chain}\t{head.seq}\t{head.row_hash}\n".encode()
    descriptor = os.open(folder / WITNESS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Witnessed:
    """A line of the witness file: the head that a chain had after a commit."""

    chain: str
    seq: int
    row_hash: str


def witnessed(folder: Path) -> list[Witnessed | None]:
    """The lines of the witness file, none where there is no file; None for a line that was cut short or changed."""
    witness = folder / WITNESS_FILE
    if not witness.exists():
        return []
    notes = (_NOTE.fullmatch(line) for line in witness.read_text(errors="replace").splitlines())
    return [Witnessed(note[1], int(note[2]), note[3]) if note else None for note in notes]


class Transaction:
    """The log while a decision is made: what it says, also of what was just recorded, and what is to be added to it."""

    def __init__(self, view: LogView, author: Author) -> None:
        self._view = view
        self._author = author
        self._head: Head | None = None
        self._pending: list[Fact] = []

    @property
    def view(self) -> LogView:
        """The log with what was recorded so far. Ask for it anew after `record`."""
        self._write(self._pending)
        self._pending = []
        return self._view

    def record(self, *facts: Fact) -> None:
        """Add facts to the log if the whole transaction ends well."""
        self._pending += facts

    def end(self) -> Head | None:
        """Write what is left and the entry that ends the transaction; None where nothing was recorded in it."""
        if self._pending or self._head:
            self._write([*self._pending, None])
        return self._head

    def _write(self, facts: Sequence[Fact | None]) -> None:
        """Many facts at once: each statement costs more than a row."""
        if facts:
            head = self._head or head_of(self._view, DECISIONS)
            self._head = _append(self._view, DECISIONS, self._author, head, facts)


@contextmanager
def transaction(log: RunLog, author: Author) -> Iterator[Transaction]:
    """Look at the log and record what follows, with no other decision in between, visible to pages at once.

    Nothing is recorded if the block raises. Raises LogBusy: a decision is never put off silently.
    """
    with log.writing() as view:
        lock_chain(view, DECISIONS)
        opened = Transaction(view, author)
        yield opened
        head = opened.end()
    if head:
        append_checkpoint(log.folder, DECISIONS, head)


class RunRecorder:
    """Records the facts of one run in its own chain.

    A training run never dies because of its log: when the log cannot be had within `timeout_seconds`, the facts go to a
    JSONL file beside it and are folded in, in order, by the next write of the same run.
    """

    def __init__(self, log: RunLog, run: str, author: Author, *, timeout_seconds: float = 30.0) -> None:
        self._log = log
        self._run = run
        self._author = author
        self._timeout_seconds = timeout_seconds
        self._spool = log.folder / "runlog.spool" / (file_name_of(run) + ".jsonl")

    def record(self, *facts: Fact) -> None:
        """One transaction, or one line in the spool file."""
        try:
            self._write(facts, publish=False)
        except LogBusy:
            self._put_in_spool(facts)

    def seal(self) -> None:
        """End the chain: its head goes to the chain of decisions, and pages see the run at once. Raises LogBusy."""
        self._write((), publish=False)
        with self._log.writing() as view:
            sealed = head_of(view, self._run)
            head = append(
                view, DECISIONS, self._author, [ChainSealed(sealed=self._run, length=sealed.seq, head=sealed.row_hash)]
            )
        append_checkpoint(self._log.folder, DECISIONS, head)

    def _write(self, facts: Sequence[Fact], *, publish: bool) -> None:
        waiting = self._spooled()
        if not facts and not waiting:
            return
        with self._log.writing(publish=publish, timeout_seconds=self._timeout_seconds) as view:
            head = head_of(view, self._run)
            for position, author, kept in waiting:
                if position >= head.seq:
                    head = append(view, self._run, author, kept)
            if facts:
                head = append(view, self._run, self._author, facts)
        append_checkpoint(self._log.folder, self._run, head)
        self._spool.unlink(missing_ok=True)

    def _put_in_spool(self, facts: Sequence[Fact]) -> None:
        """Facts wait with their own time, and with the count of rows that the chain will have ahead of them."""
        self._spool.parent.mkdir(exist_ok=True)
        waiting = self._spooled()
        position = self._length() if not waiting else waiting[-1][0] + len(waiting[-1][2]) + 1
        line = {
            "position": position,
            "recorded": self._author.clock.now().isoformat(),
            "actor": self._author.actor,
            "clock": self._author.clock.name,
            "facts": [[table_name(type(fact)), asdict(fact)] for fact in facts],
        }
        with self._spool.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=lambda value: value.isoformat()) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _length(self) -> int:
        """Rows that this run's chain is known to have, from the witness file, as the log itself is out of reach."""
        notes = witnessed(self._log.folder)
        return max((note.seq for note in notes if note and note.chain == self._run), default=0)

    def _spooled(self) -> list[tuple[int, Author, list[Fact]]]:
        if not self._spool.exists():
            return []
        kept = []
        for line in self._spool.read_text(encoding="utf-8").splitlines():
            content = json.loads(line)
            clock = _StoppedClock(content["clock"], datetime.fromisoformat(content["recorded"]))
            facts = [_revived(name, values) for name, values in content["facts"]]
            kept.append((int(content["position"]), Author(content["actor"], clock), facts))
        return kept


@dataclass(frozen=True)
class _StoppedClock:
    name: str
    at: datetime

    def now(self) -> datetime:
        return self.at


def _revived(name: str, values: dict[str, Any]) -> Fact:
    kind = BY_NAME[name]
    table = TABLES[kind]
    return fact_of(
        kind,
        [
            datetime.fromisoformat(value) if value is not None and table.c[key].type.python_type is datetime else value
            for key, value in values.items()
        ],
    )
