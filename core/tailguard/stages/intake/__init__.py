"""Stage 1, intake and classify: read every record, tag its origin with the evidence, hold what has no known origin.

`reading` goes over a batch once and judges its records, `tagging` turns evidence into tags, `counting` into facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from tailguard.detection.judge import Detector
from tailguard.detection.own_outputs.index import OwnOutputs
from tailguard.detection.own_outputs.segments import prints_of
from tailguard.domain import merkle
from tailguard.domain.facts import BatchTaken, Fact, LedgerKept
from tailguard.domain.records import LEDGER, RECORD, tag_columns, token_count
from tailguard.domain.requests import BatchRequest
from tailguard.domain.runs import file_name_of
from tailguard.domain.sources import Contract
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement
from tailguard.domain.tags import Origin, Tag
from tailguard.policy.model import Intake
from tailguard.ports import RawRecord, Reject
from tailguard.stages.intake.counting import Counts, conflict_of, facts_of
from tailguard.stages.intake.reading import Batch, read_batch
from tailguard.stages.intake.seen import Seen
from tailguard.stages.intake.tagging import Rules, Word, demoted
from tailguard.store.files import Store, TableWriter
from tailguard.store.writing import canonical_json, digest_of


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A batch that is ready to be read.

    `digest` is that of its content, `state` tells whether a file was written to since, and `size` is in bytes (None where they
    are packed).
    """

    digest: str
    state: str
    rows: Iterator[RawRecord | Reject]
    size: int | None


class Watcher(Protocol):
    """Is told how far the reading has come: records, and about which share (0 to 1) of the file; 0 where nobody knows."""

    def __call__(self, file: str, records: int, share: float) -> None: ...


def intake(
    requests: Sequence[BatchRequest],
    *,
    run: str,
    store: Store,
    open_batch: Callable[[BatchRequest], Opened],
    detector: Detector,
    own: OwnOutputs,
    released: pa.Table,
    contracts: Mapping[str, Contract],
    policy: Intake,
    nothing_new: bool,
    seed: int,
    progress: Watcher,
) -> Outcome:
    """Tag the records of all batches and of `released` (held ones that a person has decided since).

    `nothing_new` says that a run without any record is what was asked for.

    Raises InputError when a batch as a whole cannot be read; single broken records are rejected with their reasons.
    """
    context = _Context(run, store, detector, own, contracts, policy, seed)
    released_ids = released["id"].to_pylist()
    seen = Seen()
    seen.add(prints_of(released_ids))
    batches: list[_TakenIn] = []
    with store.table_writer("records", RECORD) as records, store.table_writer("quarantine", RECORD) as quarantine:
        records.write(released)
        for request in requests:
            opened = open_batch(request)
            batch = read_batch(
                opened.rows,
                folder=_working_folder(context, [len(batches), opened.digest, opened.state, *released_ids]),
                seen=seen,
                detector=detector,
                own=own,
                progress=_progress_of_file(progress, request.file, opened.size),
            )
            batches.append(_take_in(context, request, opened.digest, batch, _Tables(records, quarantine)))
    input_parts = [*batches, _take_in_released(context, released)]
    for taken_in in batches:
        taken_in.batch.forget()
    result = {"records": records.digest, "quarantine": quarantine.digest}
    facts = tuple(fact for part in input_parts for fact in part.facts)
    taken = [fact for fact in facts if isinstance(fact, BatchTaken)]
    counted = [taken_in.counts for taken_in in batches]
    return Outcome(
        result=result,
        criteria=_criteria(taken, counted, records.rows + quarantine.rows, policy, nothing_new),
        inputs=tuple(named for part in input_parts for named in part.inputs),
        outputs=(
            *(named for part in input_parts for named in part.outputs),
            *(Named(kind, "", digest) for kind, digest in result.items()),
        ),
        facts=facts,
        records_in=sum(fact.read + fact.rejected for fact in taken) + len(released),
        records_out=records.rows,
    )


@dataclass(frozen=True)
class _Context:
    """What all batches of a run are read, judged and tagged with."""

    run: str
    store: Store
    detector: Detector
    own: OwnOutputs
    contracts: Mapping[str, Contract]
    policy: Intake
    seed: int


@dataclass(frozen=True)
class _Tables:
    """Where tagged records go."""

    records: TableWriter
    quarantine: TableWriter

    def write(self, table: pa.Table) -> None:
        """Held records go to quarantine, all others on to the next stage."""
        held = table["held"]
        self.records.write(table.filter(pa.compute.invert(held)))
        self.quarantine.write(table.filter(held))


@dataclass(frozen=True, kw_only=True)
class _TakenInPart:
    """What one part of the input adds to the stage's outcome."""

    inputs: Sequence[Named]
    outputs: Sequence[Named]
    facts: Sequence[Fact]


@dataclass(frozen=True, kw_only=True)
class _TakenIn(_TakenInPart):
    """A batch that was read and tagged."""

    batch: Batch
    counts: Counts


def _take_in(context: _Context, request: BatchRequest, digest: str, batch: Batch, tables: _Tables) -> _TakenIn:
    """Tag the records of a batch that was read, and keep its ledger and its rejects."""
    rules = Rules(
        request.source,
        Origin(request.declared),
        context.contracts.get(request.source),
        context.policy,
        context.detector.name,
    )
    conflict = conflict_of(batch, rules, context.detector)
    ledger = _tag(context.store, batch, digest, rules, conflict, tables)
    rejects = context.store.put_json("rejects", [asdict(reject) for reject in batch.rejects])
    counts = ledger.counts
    return _TakenIn(
        batch=batch,
        counts=counts,
        inputs=[Named("file", Path(request.file).name, digest)],
        outputs=[Named("ledger", request.source, ledger.digest), Named("rejects", request.source, rejects)],
        facts=[
            LedgerKept(
                run=context.run,
                batch=digest,
                source=request.source,
                ledger=ledger.digest,
                root=ledger.root,
                tags=counts.tags,
            ),
            *facts_of(context.run, request, digest, batch, counts, conflict, context.detector, context.seed),
        ],
    )


def _take_in_released(context: _Context, released: pa.Table) -> _TakenInPart:
    """Keep the held records that a person has decided, and their ledger where there are any."""
    name = "released from quarantine"
    inputs = [Named("records", name, context.store.put_table("records", released))]
    if not len(released):
        return _TakenInPart(inputs=inputs, outputs=(), facts=())
    ledger = context.store.put_table("ledger", released.select(LEDGER.names).cast(LEDGER))
    root = merkle.root(released["tag_digest"].to_pylist())
    return _TakenInPart(
        inputs=inputs,
        outputs=[Named("ledger", name, ledger)],
        facts=[LedgerKept(run=context.run, batch="", source=name, ledger=ledger, root=root, tags=len(released))],
    )


def _progress_of_file(progress: Watcher, file: str, size: int | None) -> Callable[[int, int], None]:
    return lambda records, characters: progress(file, records, min(1.0, characters / size) if size else 0.0)


def _working_folder(context: _Context, batch: Sequence[object]) -> Path:
    """Named by all that the first pass depends on, so that nothing is taken up that was judged otherwise."""
    parts = [*batch, context.detector.digest, context.detector.error_rate, len(context.own)]
    return context.store.root / ".intake" / file_name_of(context.run) / digest_of(canonical_json(parts))[:16]


@dataclass(frozen=True)
class _Ledger:
    """The tags of a batch: digest of the ledger, its Merkle root, and the sums over its records."""

    digest: str
    root: str
    counts: Counts


def _tag(store: Store, batch: Batch, digest: str, rules: Rules, conflict: str | None, tables: _Tables) -> _Ledger:
    """Second pass: every record's tag into its row and into the ledger."""
    counts = Counts()
    tree = merkle.Growing()
    with store.table_writer("ledger", LEDGER) as ledger:
        for part in batch.tables():
            rows = part.to_pylist()
            words = [rules.word(row) for row in rows]
            tags = [rules.tag(row) for row in rows]
            if conflict:
                tags = [demoted(tag, conflict, rules.detector) for tag in tags]
            table = _table(rows, words, tags, rules.source, digest)
            counts.add(table, part, tags)
            tables.write(table)
            ledger.write(table.select(LEDGER.names).cast(LEDGER))
            for digest_of_tag in table["tag_digest"].to_pylist():
                tree.add(digest_of_tag)
    return _Ledger(ledger.digest, tree.root(), counts)


def _table(
    rows: Sequence[dict[str, object]], words: Sequence[Word], tags: Sequence[Tag], source: str, batch: str
) -> pa.Table:
    of_tags = [tag_columns(tag) for tag in tags]
    columns: dict[str, list[object]] = {
        "id": [row["id"] for row in rows],
        "text": [row["text"] for row in rows],
        "source": [source] * len(rows),
        "batch": [batch] * len(rows),
        "declared": [str(word.origin) for word in words],
        "declared_by": [word.by for word in words],
        "score": [row["score"] for row in rows],
        "tokens": [token_count(str(row["text"])) for row in rows],
        "meta": [row["meta"] for row in rows],
    }
    for name in ("origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest"):
        columns[name] = [values[name] for values in of_tags]
    return pa.table({name: columns[name] for name in RECORD.names}, schema=RECORD)


def _criteria(
    taken: Sequence[BatchTaken], kept: Sequence[Counts], everything: int, policy: Intake, nothing_new: bool
) -> tuple[Criterion, ...]:
    rejected = sum(batch.rejected for batch in taken)
    lines = rejected + sum(batch.read for batch in taken)
    share = rejected / lines if lines else 0.0
    untagged = sum(counts.untagged for counts in kept)
    unknown = sum(counts.unknown_advancing for counts in kept)
    return (
        Criterion(
            Requirement.SOMETHING_READ,
            "nothing: the set is made from what is there" if nothing_new else "at least 1 record",
            f"{everything}",
            nothing_new or everything > 0,
        ),
        Criterion(Requirement.ALL_TAGGED, "0 untagged", f"{untagged} untagged", untagged == 0),
        Criterion(Requirement.UNKNOWN_HELD, "0 unknown records advance", f"{unknown}", unknown == 0),
        Criterion(
            Requirement.INPUT_READABLE,
            f"at most {policy.max_reject_share:.1%} rejected",
            f"{share:.1%} ({rejected} of {lines})",
            share <= policy.max_reject_share,
        ),
    )
