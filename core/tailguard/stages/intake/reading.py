"""First pass over a batch: read, identify, match against our own outputs, judge. What comes of it is kept in parts on disk.

Memory holds a few thousand records at a time. A pass that was interrupted goes on after its last whole part.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tailguard.detection.judge import Detector
from tailguard.detection.own_outputs.index import Match, OwnOutputs
from tailguard.detection.own_outputs.segments import prints_of
from tailguard.domain.own_output import MatchKind
from tailguard.domain.reasons import Reason
from tailguard.domain.records import record_id
from tailguard.domain.tags import spans_text
from tailguard.ports import Judgement, RawRecord, Reject
from tailguard.stages.intake.seen import Seen

CHUNK = 1024
PART = 8
"""Chunks in a part."""
_OVERHEAD = 14  # characters of a JSON line besides its text

READ = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("declared", pa.string()),
        ("declared_by", pa.string()),
        ("meta", pa.string()),
        ("match", pa.string()),
        ("generation", pa.string()),
        ("match_share", pa.float64()),
        ("match_spans", pa.string()),
        ("score", pa.float64()),
        ("human_p", pa.float64()),
        ("ai_p", pa.float64()),
        ("verdict", pa.string()),
        ("share", pa.float64()),
        ("spans", pa.string()),
    ]
)
"""A record that was read and judged. `declared` is null where it says nothing of itself, `match` where nothing is ours."""

Progress = Callable[[int, int], None]
"""Called with the records and the characters read so far."""


@dataclass
class Batch:
    """A batch after its first pass: where its parts lie, and what was seen on the way."""

    folder: Path
    parts: int = 0
    read: int = 0
    duplicates: int = 0
    characters: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def tables(self) -> Iterator[pa.Table]:
        """The parts, in order."""
        for number in range(self.parts):
            yield pq.read_table(_part(self.folder, number))

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of all parts."""
        columns = [pq.read_table(_part(self.folder, number), columns=[name])[name] for number in range(self.parts)]
        chunks = [chunk for column in columns for chunk in column.chunks]
        return pa.chunked_array(chunks, type=READ.field(name).type)

    def forget(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_batch(
    rows: Iterator[RawRecord | Reject],
    *,
    folder: Path,
    seen: Seen,
    detector: Detector,
    own: OwnOutputs,
    progress: Progress,
) -> Batch:
    """Read a batch into parts under `folder`, going on after those that are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    batch = _taken_up(folder, seen)
    for _ in range(batch.read + len(batch.rejects)):
        next(rows, None)
    progress(batch.read, batch.characters)
    judged: list[pa.Table] = []
    state = (batch.read, batch.duplicates, len(batch.rejects))
    with ThreadPoolExecutor(1) as worker:
        waiting: Future[pa.Table] | None = None
        for records, ids, complete in _chunks(rows, batch, seen):
            following = worker.submit(_judge, records, ids, detector, own)
            if waiting:
                judged.append(waiting.result())
            waiting = following
            progress(batch.read, batch.characters)
            if complete:
                judged.append(waiting.result())
                waiting = None
                state = _write_part(batch, judged, state)
                judged = []
        if waiting:
            judged.append(waiting.result())
    if judged or state != (batch.read, batch.duplicates, len(batch.rejects)):
        _write_part(batch, judged, state)
    return batch


def _chunks(
    rows: Iterator[RawRecord | Reject], batch: Batch, seen: Seen
) -> Iterator[tuple[list[RawRecord], list[str], bool]]:
    """New records with their ids, a chunk at a time, and whether a part ends with it."""
    number = 0
    while True:
        records: list[RawRecord] = []
        for row in rows:
            if isinstance(row, Reject):
                batch.rejects.append(row)
            else:
                records.append(row)
                if len(records) == CHUNK:
                    break
        if not records:
            return
        batch.read += len(records)
        batch.characters += sum(len(record.text) + len(record.meta) + _OVERHEAD for record in records)
        ids = [record_id(record.text) for record in records]
        new = seen.add(prints_of(ids))
        batch.duplicates += int(len(new) - new.sum())
        number += 1
        kept = np.flatnonzero(new)
        yield [records[at] for at in kept], [ids[at] for at in kept], number % PART == 0


def _judge(records: Sequence[RawRecord], ids: Sequence[str], detector: Detector, own: OwnOutputs) -> pa.Table:
    texts = [record.text for record in records]
    matches = own.match(texts, ids)
    open_places = [at for at, match in enumerate(matches) if match is None or match.kind is MatchKind.PASSAGE]
    judged: list[Judgement | None] = [None] * len(texts)
    for at, judgement in zip(open_places, detector.judge([texts[at] for at in open_places]), strict=True):
        judged[at] = judgement
    columns = {
        "id": ids,
        "text": texts,
        "declared": [record.declared for record in records],
        "declared_by": [record.declared_by for record in records],
        "meta": [record.meta for record in records],
        **_of_matches(matches),
        **_of_judgements(judged),
    }
    return pa.table(columns, schema=READ)


def _of_matches(matches: Sequence[Match | None]) -> dict[str, list[object]]:
    return {
        "match": [match and str(match.kind) for match in matches],
        "generation": [match and match.generation for match in matches],
        "match_share": [match and match.share for match in matches],
        "match_spans": [match and spans_text(match.spans) for match in matches],
    }


def _of_judgements(judged: Sequence[Judgement | None]) -> dict[str, list[object]]:
    return {
        "score": [None if judgement is None or np.isnan(judgement.score) else judgement.score for judgement in judged],
        "human_p": [judgement and judgement.human_p for judgement in judged],
        "ai_p": [judgement and judgement.ai_p for judgement in judged],
        "verdict": [judgement and judgement.verdict for judgement in judged],
        "share": [judgement and judgement.share for judgement in judged],
        "spans": [judgement and spans_text(judgement.spans) for judgement in judged],
    }


def _part(folder: Path, number: int) -> Path:
    return folder / f"part-{number:06}.parquet"


def _write_part(batch: Batch, judged: Sequence[pa.Table], before: tuple[int, int, int]) -> tuple[int, int, int]:
    """One file, written whole or not at all, that also says how far the reading had come."""
    progress = {
        "read": batch.read,
        "duplicates": batch.duplicates,
        "characters": batch.characters,
        "rejects": [asdict(reject) for reject in batch.rejects[before[2] :]],
    }
    table = pa.concat_tables(judged) if judged else READ.empty_table()
    table = table.replace_schema_metadata({"progress": json.dumps(progress)})
    path = _part(batch.folder, batch.parts)
    temporary = path.with_suffix(".new")
    pq.write_table(table, temporary, compression="lz4")
    os.replace(temporary, path)
    batch.parts += 1
    return batch.read, batch.duplicates, len(batch.rejects)


def _taken_up(folder: Path, seen: Seen) -> Batch:
    """What an interrupted pass has left."""
    batch = Batch(folder)
    while _part(folder, batch.parts).exists():
        path = _part(folder, batch.parts)
        progress = json.loads(pq.read_schema(path).metadata[b"progress"])
        batch.read, batch.duplicates = progress["read"], progress["duplicates"]
        batch.characters = progress["characters"]
        batch.rejects += [Reject(**{**reject, "kind": Reason(reject["kind"])}) for reject in progress["rejects"]]
        seen.add(prints_of(pq.read_table(path, columns=["id"])["id"].to_pylist()))
        batch.parts += 1
    return batch


def numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A column of numbers; null is not a number."""
    return np.asarray(column.to_numpy(), dtype=np.float64)
