"""Stage 1, intake and classify: read every record, tag its origin with the evidence, hold what cannot be told.

Order of evidence: our own logged output, then the declaration, then the detector. The detector may take a declaration's
word away; it never makes an undeclared record human.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa

from tailguard.detection.conformal import share_is_excessive
from tailguard.domain.facts import BatchTaken, Fact, ProvenanceCount, ReasonCount
from tailguard.domain.records import LEDGER, RECORD, record_id, token_count
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.tags import Evidence, Origin, Tag
from tailguard.policy import Intake
from tailguard.ports import Detector, RawRecord, Reader, Reject, ShareEstimate, Suspicion
from tailguard.store.files import Store, digest_of
from tailguard.store.own_outputs import OwnOutputs

_NO_DETECTOR_RATE = 0.001
_SURPRISE = 3.3  # standard errors: a chance of one in two thousand for an honest batch
_SUSPECT_SHARE = 0.1


@dataclass(frozen=True)
class BatchRequest:
    """A file that arrives from one source. `declared` is the origin that the source states, or `unknown`."""

    file: str
    source: str
    declared: str = Origin.UNKNOWN


@dataclass(frozen=True)
class _Read:
    request: BatchRequest
    digest: str
    records: dict[str, RawRecord]
    rejects: list[Reject]
    duplicates: int


@dataclass(frozen=True)
class _Tagged:
    tags: list[Tag]
    estimate: ShareEstimate | None
    conflict: str | None


def intake(
    requests: Sequence[BatchRequest],
    *,
    run: str,
    store: Store,
    reader_for: Callable[[Path], Reader],
    detector: Detector | None,
    own: OwnOutputs,
    released: pa.Table,
    policy: Intake,
) -> Outcome:
    """Tag the records of all batches and of `released` (held ones that a person has decided since).

    Raises InputError when a file as a whole cannot be read; single broken records are set aside with their reasons.
    """
    facts: list[Fact] = []
    tables, inputs, outputs = [released], [], []
    seen: set[str] = set(released["id"].to_pylist())
    for request in requests:
        read = _read(request, reader_for, seen)
        seen |= read.records.keys()
        tagged = _tag(read, detector, own, policy)
        table = _table(read, tagged.tags)
        rejects = store.put_json("rejects", [asdict(reject) for reject in read.rejects])
        inputs.append(Named("file", Path(request.file).name, read.digest))
        outputs += [
            Named("ledger", request.source, store.put_table("ledger", table.select(LEDGER.names))),
            Named("rejects", request.source, rejects),
        ]
        facts += _facts(run, read, tagged, table)
        tables.append(table)
    everything = pa.concat_tables(tables)
    held = everything.filter(everything["held"])
    advancing = everything.filter(pa.compute.invert(everything["held"]))
    result = {
        "records": store.put_table("records", advancing),
        "quarantine": store.put_table("quarantine", held),
    }
    outputs += [Named(kind, "", digest) for kind, digest in result.items()]
    taken = [fact for fact in facts if isinstance(fact, BatchTaken)]
    return Outcome(
        result=result,
        criteria=_criteria(taken, everything, advancing, policy),
        inputs=(*inputs, Named("records", "released from quarantine", store.put_table("records", released))),
        outputs=tuple(outputs),
        facts=tuple(facts),
        records_in=sum(fact.read + fact.rejected for fact in taken) + len(released),
        records_out=len(advancing),
    )


def _read(request: BatchRequest, reader_for: Callable[[Path], Reader], seen: set[str]) -> _Read:
    path = Path(request.file)
    records: dict[str, RawRecord] = {}
    rejects: list[Reject] = []
    duplicates = 0
    for row in reader_for(path)(path):
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        identity = record_id(row.text)
        if identity in records or identity in seen:
            duplicates += 1
        else:
            records[identity] = row
    return _Read(request, digest_of(path.read_bytes()), records, rejects, duplicates)


def _tag(read: _Read, detector: Detector | None, own: OwnOutputs, policy: Intake) -> _Tagged:
    ids = list(read.records)
    texts = [record.text for record in read.records.values()]
    writers = own.writer_of(ids)
    open_texts = [text for text, writer in zip(texts, writers, strict=True) if writer is None]
    judged = detector.judge(open_texts) if detector else []
    waiting = iter(judged)
    suspicions = [next(waiting, None) if writer is None else None for writer in writers]
    tags = [
        _tag_one(
            identity,
            read.records[identity].declared or read.request.declared,
            writer,
            suspicion,
            policy,
            read.request.source,
        )
        for identity, writer, suspicion in zip(ids, writers, suspicions, strict=True)
    ]
    estimate = _estimate(
        detector.share(judged) if detector else None, own=len(texts) - len(open_texts), rest=len(open_texts)
    )
    conflict = _conflict(read, tags, detector, estimate)
    if conflict:
        tags = [
            replace(tag, origin=Origin.UNKNOWN, evidence=Evidence.DETECTOR, held=True, reason=conflict)
            if tag.origin is Origin.HUMAN
            else tag
            for tag in tags
        ]
    return _Tagged(tags, estimate, conflict)


def _estimate(judged: ShareEstimate | None, *, own: int, rest: int) -> ShareEstimate | None:
    """The share of a whole batch: what we wrote ourselves is known, the rest is estimated by the detector."""
    if judged is None:
        return ShareEstimate(1.0, 1.0, 1.0, 0.0) if own and not rest else None
    share, low, high = ((own + value * rest) / (own + rest) for value in (judged.share, judged.low, judged.high))
    return ShareEstimate(share, low, high, judged.surprise)


def _tag_one(
    record: str, declared: str, writer: str | None, suspicion: Suspicion | None, policy: Intake, source: str
) -> Tag:
    """The evidence for one record, strongest first."""
    origin = Origin(declared)
    looks_made = suspicion is not None and suspicion.ai_plausible and not suspicion.human_plausible
    trusted = not policy.trusted_sources or source in policy.trusted_sources
    if writer:
        return Tag(record, Origin.AI, Evidence.OWN_OUTPUT, f"written by {writer}", False)
    if origin is not Origin.UNKNOWN and trusted:
        if origin is Origin.HUMAN and looks_made:
            return Tag(record, Origin.UNKNOWN, Evidence.DETECTOR, "declared human, looks model-made", True)
        return Tag(record, origin, Evidence.DECLARATION, f"declared {origin} by its source", False)
    if looks_made:
        return Tag(record, Origin.AI, Evidence.DETECTOR, "no trusted declaration, looks model-made", False)
    reason = "no declared origin" if origin is Origin.UNKNOWN else f"declared {origin} by a source that is not trusted"
    return Tag(record, Origin.UNKNOWN, Evidence.NONE, reason, True)


def _conflict(
    read: _Read, tags: Sequence[Tag], detector: Detector | None, estimate: ShareEstimate | None
) -> str | None:
    """Why a batch's declaration of human origin is not believed as a whole, or None.

    Single records are hard to tell. That far more of them than the detector's error rate look model-made is not, nor is
    a batch whose scores as a whole are not those of human text.
    """
    declared = [
        tag
        for tag, record in zip(tags, read.records.values(), strict=True)
        if (record.declared or read.request.declared) == Origin.HUMAN
    ]
    hits = sum(tag.evidence in (Evidence.OWN_OUTPUT, Evidence.DETECTOR) for tag in declared)
    expected = detector.error_rate if detector else _NO_DETECTOR_RATE
    if share_is_excessive(hits, len(declared), expected=expected):
        return (
            f"the batch is declared human, but {hits / len(declared):.1%} of it looks model-made or is our own output "
            f"({expected:.1%} expected)"
        )
    if declared and estimate and estimate.surprise > _SURPRISE and estimate.low > _SUSPECT_SHARE:
        return (
            f"the batch is declared human, but an estimated {estimate.share:.0%} of it looks model-made "
            f"({estimate.low:.0%} to {estimate.high:.0%})"
        )
    return None


def _table(read: _Read, tags: Sequence[Tag]) -> pa.Table:
    rows = [
        {
            "id": tag.record,
            "text": record.text,
            "source": read.request.source,
            "batch": read.digest,
            "declared": record.declared or read.request.declared,
            "origin": str(tag.origin),
            "evidence": str(tag.evidence),
            "reason": tag.reason,
            "held": tag.held,
            "tokens": token_count(record.text),
            "tag_digest": tag.digest,
        }
        for tag, record in zip(tags, read.records.values(), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=RECORD)


def _facts(run: str, read: _Read, tagged: _Tagged, table: pa.Table) -> list[Fact]:
    held = sum(tag.held for tag in tagged.tags)
    unknown = sum(tag.origin is Origin.UNKNOWN for tag in tagged.tags)
    estimate = tagged.estimate
    source = read.request.source
    facts: list[Fact] = [
        BatchTaken(
            run=run,
            batch=read.digest,
            source=source,
            declared=str(read.request.declared),
            file=Path(read.request.file).name,
            read=len(tagged.tags) + read.duplicates,
            rejected=len(read.rejects),
            duplicates=read.duplicates,
            confident=len(tagged.tags) - unknown,
            held=held,
            estimate=estimate.share if estimate else None,
            estimate_low=estimate.low if estimate else None,
            estimate_high=estimate.high if estimate else None,
            conflict=tagged.conflict,
        )
    ]
    records: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    for row in table.select(["declared", "origin", "evidence", "tokens"]).to_pylist():
        key = (row["declared"], row["origin"], row["evidence"])
        records[key] += 1
        tokens[key] += row["tokens"]
    facts += [
        ProvenanceCount(run, read.digest, source, declared, origin, evidence, records[key], tokens[key])
        for key in sorted(records)
        for declared, origin, evidence in [key]
    ]
    reasons = Counter(("held", str(tag.origin), tag.reason) for tag in tagged.tags if tag.held)
    reasons.update(("rejected", "", reject.reason) for reject in read.rejects)
    if read.duplicates:
        reasons[("dropped", "", "duplicate of a record already taken in")] += read.duplicates
    facts += [
        ReasonCount(run, "intake", outcome, source, origin, reason, count)
        for (outcome, origin, reason), count in sorted(reasons.items())
    ]
    return facts


def _criteria(
    taken: Sequence[BatchTaken], everything: pa.Table, advancing: pa.Table, policy: Intake
) -> tuple[Criterion, ...]:
    untagged = sum(not digest for digest in everything["tag_digest"].to_pylist())
    unknown = sum(origin == Origin.UNKNOWN for origin in advancing["origin"].to_pylist())
    rejected = sum(batch.rejected for batch in taken)
    lines = rejected + sum(batch.read for batch in taken)
    share = rejected / lines if lines else 0.0
    return (
        Criterion("something was read", "at least 1 record", f"{len(everything)}", len(everything) > 0),
        Criterion("every record is tagged", "0 untagged", f"{untagged} untagged", untagged == 0),
        Criterion("unknown does not advance", "0 unknown records advance", f"{unknown}", unknown == 0),
        Criterion(
            "input is readable",
            f"at most {policy.max_reject_share:.1%} rejected",
            f"{share:.1%} ({rejected} of {lines})",
            share <= policy.max_reject_share,
        ),
    )
