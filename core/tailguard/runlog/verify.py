"""Walks every hash chain of the run log and names each row that was changed, removed or inserted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlalchemy import select, text

from tailguard.domain.facts import ChainSealed, Fact
from tailguard.domain.wording import counted
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import GENESIS, WITNESS_FILE, row_hash, witnessed
from tailguard.runlog.schema import COMMIT, ENTRY, TABLES, table_name
from tailguard.runlog.view import LogView, Recorded

HOW_TO_RESTORE = "`tailguard verify` lists all that was changed; restore the log from a backup"
"""What to do where a row was changed."""
_MISFIT = "a value in {} no longer fits the row's hash"


@dataclass(frozen=True)
class Problem:
    """One thing that does not fit: the chain, the row (or the place where it should be), and what is wrong with it."""

    chain: str
    seq: int
    what: str

    @property
    def words(self) -> str:
        """For a sentence: `row main/3#17 of the run log: changed: ...`."""
        return f"row {self.chain}#{self.seq} of the run log was {self.what}"


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


def altered(
    view: LogView, rows: Iterable[Recorded[Any]], *, kinds: Collection[type[Fact]], chains: Collection[str]
) -> Problem | None:
    """The first of these rows that is not what was recorded, or the first place where one of these chains is broken; None where
    all is as it was. What a decision rests on is checked by this, at the cost of those rows; `verify` checks the whole log.

    A row has to be there once, with values that fit its hash. A chain has to have every entry, each with the hash of the one
    ahead, and each entry of these kinds its row: so what was removed is missed too, and a hash that was computed anew no
    longer fits its successor. Whoever writes a chain anew to its end is found by `verify`, which also reads the witness file.
    """
    by_kind: dict[type[Fact], list[str]] = {}
    for row in rows:
        by_kind.setdefault(type(row.fact), []).append(row.id)
    checks = (
        *(_altered(view, kind, ids) for kind, ids in by_kind.items()),
        *(_removed(view, kind, chain) for chain in chains for kind in kinds),
        *(view.answer(("broken", chain), partial(_broken, view, chain)) for chain in chains),
    )
    return next((problem for problem in checks if problem), None)


def _altered(view: LogView, kind: type[Fact], ids: list[str]) -> Problem | None:
    """The first of some rows of a kind whose values do not fit its hash, or that is there more than once."""
    table = TABLES[kind]
    entries = view.connection.execute(select(ENTRY).where(ENTRY.c.id.in_(ids), ENTRY.c.kind == table.name)).mappings()
    by_id = {str(entry["id"]): dict(entry) for entry in entries}
    seen: set[str] = set()
    for fact in view.connection.execute(select(table).where(table.c.id.in_(ids))).mappings():
        entry = by_id[str(fact["id"])]
        if entry["id"] in seen or not _fits(entry, dict(fact)):
            return Problem(str(entry["chain"]), int(entry["seq"]), f"changed: {_MISFIT.format(table.name)}")
        seen.add(entry["id"])
    return None


def _removed(view: LogView, kind: type[Fact], chain: str) -> Problem | None:
    """The first entry of a kind in a chain that has no row."""
    table = TABLES[kind]
    query = select(ENTRY.c.seq).outerjoin(table, table.c.id == ENTRY.c.id).where(table.c.id.is_(None))
    query = query.where(ENTRY.c.chain == chain, ENTRY.c.kind == table.name).order_by(ENTRY.c.seq).limit(1)
    seq = view.connection.execute(query).scalar()
    return Problem(chain, int(seq), f"removed: its row in {table.name} is gone") if seq is not None else None


def _fits(entry: dict[str, Any], fact: dict[str, Any]) -> bool:
    """Whether a fact's values are those that its entry has the hash of."""
    values = {key: value for key, value in fact.items() if key != "id"}
    return row_hash(entry, values) == str(entry["row_hash"])


def _broken(view: LogView, chain: str) -> Problem | None:
    """The first entry of a chain that does not follow from the one ahead of it, or where its end is not as it was sealed."""
    seals = [asdict(seal.fact) for seal in view.recorded(ChainSealed, sealed=chain)]
    if seals:
        entries = view.connection.execute(select(ENTRY.c.seq, ENTRY.c.row_hash).where(ENTRY.c.chain == chain))
        hashes = {chain: {int(entry.seq): str(entry.row_hash) for entry in entries}}
        if problem := next(filter(None, (_broken_seal(seal, hashes) for seal in seals)), None):
            return problem
    row = view.connection.execute(
        text(
            "SELECT seq FROM (SELECT seq, prev_hash, lag(seq) OVER (ORDER BY seq) AS before, "
            "lag(row_hash) OVER (ORDER BY seq) AS expected FROM entry WHERE chain = :chain) AS linked "
            "WHERE seq <> coalesce(before, 0) + 1 OR prev_hash <> coalesce(expected, :genesis) ORDER BY seq LIMIT 1"
        ),
        {"chain": chain, "genesis": GENESIS},
    ).first()
    return Problem(chain, int(row.seq), "changed, or the row ahead of it was changed or removed") if row else None


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
        elif not _fits(entry, fact):
            problems.append(Problem(chain, seq, f"changed: {_MISFIT.format(kind)}"))
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
