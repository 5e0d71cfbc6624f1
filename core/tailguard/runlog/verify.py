"""Walks every hash chain of the run log and names each row that was changed, removed or inserted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tailguard.domain.facts import ChainSealed
from tailguard.domain.wording import counted
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import GENESIS, WITNESS_FILE, row_hash, witnessed
from tailguard.runlog.schema import COMMIT, ENTRY, TABLES, table_name


@dataclass(frozen=True)
class Problem:
    """One thing that does not fit: the chain, the row (or the place where it should be), and what is wrong with it."""

    chain: str
    seq: int
    what: str


@dataclass(frozen=True)
class Verification:
    """What was walked, which chains were sealed, and every problem found."""

    rows: int
    chains: int
    sealed: int
    problems: tuple[Problem, ...]


def verify(log: RunLog) -> Verification:
    """Check row hashes, links, gaps, commits, seals and the witness file. Reads every row of the log once."""
    chains: dict[str, list[dict[str, Any]]] = {}
    facts: dict[str, dict[str, Any]] = {}
    with log.reading() as view:
        for entry in view.connection.execute(select(ENTRY)).mappings():
            chains.setdefault(str(entry["chain"]), []).append(dict(entry))
        for table in TABLES.values():
            for fact in view.connection.execute(select(table)).mappings():
                facts[_key(table.name, str(fact["id"]))] = dict(fact)
    problems: list[Problem] = []
    hashes: dict[str, dict[int, str]] = {}
    seals = [fact for key, fact in facts.items() if key.startswith(_key(table_name(ChainSealed), ""))]
    for chain, entries in sorted(chains.items()):
        entries.sort(key=lambda entry: entry["seq"])
        problems += _walk(chain, entries, facts)
        hashes[chain] = {int(entry["seq"]): str(entry["row_hash"]) for entry in entries}
    for key in facts:
        kind, row = key.split(" ", 1)
        chain, _, seq = row.rpartition("#")
        problems.append(Problem(chain, int(seq), f"inserted: {kind} has a row that no entry knows"))
    problems += [problem for seal in seals if (problem := _broken_seal(seal, hashes))]
    problems += _against_witness(log, hashes)
    return Verification(sum(map(len, chains.values())), len(chains), len(seals), tuple(problems))


def _key(kind: str, row: str) -> str:
    return f"{kind} {row}"


def _walk(chain: str, entries: list[dict[str, Any]], facts: dict[str, dict[str, Any]]) -> list[Problem]:
    """Check one chain in order, taking the facts that it accounts for out of `facts`."""
    problems = []
    expected, previous = 1, GENESIS
    for entry in entries:
        seq, kind = int(entry["seq"]), str(entry["kind"])
        fact = {} if kind == COMMIT else facts.pop(_key(kind, str(entry["id"])), None)
        if seq != expected:
            what = (
                f"{counted(seq - expected, 'row is', 'rows are')} missing ahead of it"
                if seq > expected
                else "inserted: its place is taken"
            )
            problems.append(Problem(chain, seq, what))
        elif entry["prev_hash"] != previous:
            problems.append(Problem(chain, seq, "does not follow from the row ahead of it"))
        if fact is None:
            problems.append(Problem(chain, seq, f"removed: its row in {kind} is gone"))
        elif row_hash(entry, {key: value for key, value in fact.items() if key != "id"}) != entry["row_hash"]:
            problems.append(Problem(chain, seq, f"changed: a value in {kind} no longer fits the row's hash"))
        expected, previous = seq + 1, str(entry["row_hash"])
    if entries and entries[-1]["kind"] != COMMIT:
        problems.append(Problem(chain, expected, "removed: the last transaction has no commit"))
    return problems


def _broken_seal(seal: dict[str, Any], hashes: dict[str, dict[int, str]]) -> Problem | None:
    rows = hashes.get(seal["sealed"], {})
    length = int(seal["length"])
    if len(rows) < length or rows.get(length) != seal["head"]:
        return Problem(
            seal["sealed"], length, f"sealed with {length} rows, found {len(rows)}: its end was changed or removed"
        )
    if len(rows) > length:
        return Problem(seal["sealed"], length + 1, f"inserted: {counted(len(rows) - length, 'row')} after the seal")
    return None


def _against_witness(log: RunLog, hashes: dict[str, dict[int, str]]) -> list[Problem]:
    problems = []
    for number, note in enumerate(witnessed(log.folder), start=1):
        if note is None:
            problems.append(Problem(WITNESS_FILE, number, "changed: this line of the witness file names no commit"))
        elif hashes.get(note.chain, {}).get(note.seq) != note.row_hash:
            problems.append(
                Problem(note.chain, note.seq, "removed: the witness file saw a commit here that the log lacks")
            )
    return problems
