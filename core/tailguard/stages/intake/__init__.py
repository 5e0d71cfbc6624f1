"""Stage 1, intake and classify: read every record, tag its origin with the evidence, hold what cannot be told.

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
from tailguard.domain.sources import Contract
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.tags import Origin, Tag
from tailguard.policy.model import Intake
from tailguard.ports import RawRecord, Reject
from tailguard.stages.intake.counting import Counts, conflict_of, facts_of
from tailguard.stages.intake.reading import Batch, read_batch
from tailguard.stages.intake.seen import Seen
from tailguard.stages.intake.tagging import Rules, demoted
from tailguard.store.files import Store, TableWriter
from tailguard.store.writing import canonical_json, digest_of


@dataclass(frozen=True)
class BatchRequest:
    """A file, folder or address that arrives from one source. `declared` is the origin that it states, or `unknown`."""

    file: str
    source: str
    declared: str = Origin.UNKNOWN


@dataclass(frozen=True)
class Opened:
    """A batch that is ready to be read: the digest of its content, its rows, and its bytes (None where they are packed)."""

    digest: str
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
    tell: Watcher,
) -> Outcome:
    """Tag the records of all batches and of `released` (held ones that a person has decided since).

    `nothing_new` says that a run without any record is what was asked for.

    Raises InputError when a batch as a whole cannot be read; single broken records are set aside with their reasons.
    """
    facts: list[Fact] = []
    inputs: list[Named] = []
    outputs: list[Named] = []
    seen = Seen()
    released_ids = released["id"].to_pylist()
    seen.add(prints_of(released_ids))
    read: list[Batch] = []
    counted: list[Counts] = []
    with store.table_writer("records", RECORD) as records, store.table_writer("quarantine", RECORD) as quarantine:
        records.write(released)
        for request in requests:
            opened = open_batch(request)
            batch = read_batch(
                opened.rows,
                folder=_working_folder(store, run, [len(read), opened.digest, *released_ids], detector, own),
                seen=seen,
                detector=detector,
                own=own,
                tell=_teller(tell, request.file, opened.size),
            )
            read.append(batch)
            rules = Rules(
                request.source,
                Origin(request.declared),
                contracts.get(request.source),
                policy,
                detector.name,
            )
            kept = _tag(batch, request, opened.digest, rules, detector, records, quarantine, store)
            counted.append(kept.counts)
            rejects = store.put_json("rejects", [asdict(reject) for reject in batch.rejects])
            inputs.append(Named("file", Path(request.file).name, opened.digest))
            outputs += [
                Named("ledger", request.source, kept.ledger),
                Named("rejects", request.source, rejects),
            ]
            facts.append(LedgerKept(run, opened.digest, request.source, kept.ledger, kept.root, kept.counts.tags))
            facts += facts_of(run, request, opened.digest, batch, kept.counts, kept.conflict, detector, seed)
    released_digest = store.put_table("records", released)
    if len(released):
        ledger = store.put_table("ledger", released.select(LEDGER.names).cast(LEDGER))
        root = merkle.root(released["tag_digest"].to_pylist())
        facts.append(LedgerKept(run, "", "released from quarantine", ledger, root, len(released)))
        outputs.append(Named("ledger", "released from quarantine", ledger))
    for batch in read:
        batch.forget()
    result = {"records": records.digest, "quarantine": quarantine.digest}
    outputs += [Named(kind, "", digest) for kind, digest in result.items()]
    taken = [fact for fact in facts if isinstance(fact, BatchTaken)]
    return Outcome(
        result=result,
        criteria=_criteria(taken, counted, records.rows + quarantine.rows, policy, nothing_new),
        inputs=(*inputs, Named("records", "released from quarantine", released_digest)),
        outputs=tuple(outputs),
        facts=tuple(facts),
        records_in=sum(fact.read + fact.rejected for fact in taken) + len(released),
        records_out=records.rows,
    )


def _teller(tell: Watcher, file: str, size: int | None) -> Callable[[int, int], None]:
    return lambda records, characters: tell(file, records, min(1.0, characters / size) if size else 0.0)


@dataclass(frozen=True)
class _Kept:
    ledger: str
    root: str
    counts: Counts
    conflict: str | None


def _working_folder(store: Store, run: str, batch: Sequence[object], detector: Detector, own: OwnOutputs) -> Path:
    """Named by all that the first pass depends on, so that nothing is taken up that was judged otherwise."""
    parts = [*batch, detector.digest, detector.error_rate, len(own)]
    return store.root / ".intake" / run.replace("/", "-") / digest_of(canonical_json(parts))[:16]


def _tag(
    batch: Batch,
    request: BatchRequest,
    digest: str,
    rules: Rules,
    detector: Detector,
    records: TableWriter,
    quarantine: TableWriter,
    store: Store,
) -> _Kept:
    """Second pass: every record's tag into its row and into the ledger."""
    conflict = conflict_of(batch, rules, detector)
    counts = Counts()
    tree = merkle.Growing()
    with store.table_writer("ledger", LEDGER) as ledger:
        for part in batch.tables():
            rows = part.to_pylist()
            words = [rules.word(row) for row in rows]
            tags = [rules.tag(row) for row in rows]
            if conflict:
                tags = [demoted(tag, conflict, rules.detector) for tag in tags]
            table = _table(rows, words, tags, request.source, digest)
            counts.add(table, part)
            held = table["held"]
            records.write(table.filter(pa.compute.invert(held)))
            quarantine.write(table.filter(held))
            ledger.write(table.select(LEDGER.names).cast(LEDGER))
            for digest_of_tag in table["tag_digest"].to_pylist():
                tree.add(digest_of_tag)
    return _Kept(ledger.digest, tree.root(), counts, conflict)


def _table(
    rows: Sequence[dict[str, object]], words: Sequence[object], tags: Sequence[Tag], source: str, batch: str
) -> pa.Table:
    told = [tag_columns(tag) for tag in tags]
    columns: dict[str, list[object]] = {
        "id": [row["id"] for row in rows],
        "text": [row["text"] for row in rows],
        "source": [source] * len(rows),
        "batch": [batch] * len(rows),
        "declared": [str(word.origin) for word in words],  # type: ignore[attr-defined]
        "declared_by": [word.by for word in words],  # type: ignore[attr-defined]
        "score": [row["score"] for row in rows],
        "tokens": [token_count(str(row["text"])) for row in rows],
        "meta": [row["meta"] for row in rows],
    }
    for name in ("origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest"):
        columns[name] = [one[name] for one in told]
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
            "something was read",
            "nothing: the set is made from what is there" if nothing_new else "at least 1 record",
            f"{everything}",
            nothing_new or everything > 0,
        ),
        Criterion("every record is tagged", "0 untagged", f"{untagged} untagged", untagged == 0),
        Criterion("unknown does not advance", "0 unknown records advance", f"{unknown}", unknown == 0),
        Criterion(
            "input is readable",
            f"at most {policy.max_reject_share:.1%} rejected",
            f"{share:.1%} ({rejected} of {lines})",
            share <= policy.max_reject_share,
        ),
    )
