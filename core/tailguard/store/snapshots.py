"""Snapshots: the manifest of a training set, by which it can be made again to the same bytes.

A manifest is JSON: lineage, policy, seed, version, anchor, the parts of the set, and the digests of its members and of the
training file that it makes. The members are a table beside it: for every record its id, its part, and its row in the part's
stored table. Format `tailguard-snapshot/1`, whose manifests hold the ids themselves and order the file by id, is still read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tailguard.store.files import Store

FORMAT, FIRST_FORMAT = "tailguard-snapshot/2", "tailguard-snapshot/1"
MEMBERS = pa.schema([("part", pa.int32()), ("row", pa.int64()), ("id", pa.string())])
"""The records of a set: number of the part, row in that part's table, id. Ordered by part and row."""

_TAG = ("origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest")
COLUMNS = ("id", "text", "source", "batch", "declared", "tokens", *_TAG)
"""What a training file holds of each record, besides its role."""


@dataclass(frozen=True)
class Part:
    """Records of one role from one stored table: `kind` and `digest` name the table, `rows` (ascending) the records."""

    role: str
    kind: str
    digest: str
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Snapshot:
    """A training set as its manifest tells it."""

    digest: str
    manifest: dict[str, Any]
    parts: tuple[Part, ...]

    @property
    def content(self) -> str:
        """Digest of the training file."""
        return str(self.manifest["content"])

    @property
    def ordered_by_id(self) -> bool:
        """Whether the training file is ordered by id, as the first format's were, and not by part and row."""
        return bool(self.manifest["format"] == FIRST_FORMAT)


def read_snapshot(store: Store, digest: str) -> Snapshot:
    """The snapshot that a digest names. Raises InputError when it is missing and TailguardError when it was changed."""
    manifest = store.json("snapshots", digest)
    if manifest["format"] == FIRST_FORMAT:
        parts = tuple(
            Part(
                part["role"], part["kind"], part["digest"], _rows_with(store, part["kind"], part["digest"], part["ids"])
            )
            for part in manifest["parts"]
        )
        return Snapshot(digest, manifest, parts)
    members = store.table("members", manifest["members"])
    numbers, rows = members["part"].to_numpy(), members["row"].to_numpy()
    parts = tuple(
        Part(part["role"], part["kind"], part["digest"], rows[numbers == at])
        for at, part in enumerate(manifest["parts"])
    )
    return Snapshot(digest, manifest, parts)


def members_of(store: Store, digest: str) -> list[tuple[str, list[str]]]:
    """Role and record ids of each part of a snapshot."""
    manifest = store.json("snapshots", digest)
    if manifest["format"] == FIRST_FORMAT:
        return [(part["role"], list(part["ids"])) for part in manifest["parts"]]
    members = store.table("members", manifest["members"])
    numbers = members["part"].to_numpy()
    return [
        (part["role"], members["id"].filter(pa.array(numbers == at)).to_pylist())
        for at, part in enumerate(manifest["parts"])
    ]


def _rows_with(store: Store, kind: str, digest: str, ids: Sequence[str]) -> NDArray[np.int64]:
    wanted = set(ids)
    rows = [row for row, identity in enumerate(store.table(kind, digest)["id"].to_pylist()) if identity in wanted]
    return np.array(rows, dtype=np.int64)


def rows_of(store: Store, part: Part, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The records of a part, in their order, in bounded memory; the table is checked against its name first."""
    first = 0
    for batch in store.batches(part.kind, part.digest, columns):
        low, high = np.searchsorted(part.rows, [first, first + len(batch)])
        if high > low:
            yield batch.take(pa.array(part.rows[low:high] - first))
        first += len(batch)


def training_file(store: Store, snapshot: Snapshot) -> Iterator[bytes]:
    """The training file in pieces: a JSON object a line, with the record's role and its tag."""
    for part in snapshot.parts if not snapshot.ordered_by_id else ():
        for batch in rows_of(store, part, COLUMNS):
            yield lines(batch, part.role)
    if snapshot.ordered_by_id:
        rows = [
            {"role": part.role, **row}
            for part in snapshot.parts
            for batch in rows_of(store, part, COLUMNS)
            for row in batch.to_pylist()
        ]
        for row in sorted(rows, key=lambda row: (row["id"], row["role"])):
            yield json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines(batch: pa.RecordBatch, role: str) -> bytes:
    """Records as they stand in a training file: what `json.dumps` writes with sorted keys, in a third of its time."""
    keys = sorted([*batch.schema.names, "role"])
    columns = [[_text(role)] * len(batch) if key == "role" else _encoded(batch.column(key)) for key in keys]
    form = "{" + ",".join(f'"{key}":%s' for key in keys) + "}\n"
    return "".join([form % row for row in zip(*columns, strict=True)]).encode()


def _encoded(column: pa.Array) -> list[str]:
    """Each value of a column as JSON; values that occur again and again are encoded once."""
    if pa.types.is_string(column.type):
        encoded = column.dictionary_encode()
        if 2 * len(encoded.dictionary) > len(column):
            return [_text(value) for value in column.to_pylist()]
        known = [_text(value) for value in encoded.dictionary.to_pylist()]
        return ["null" if at is None else known[at] for at in encoded.indices.to_pylist()]
    if pa.types.is_boolean(column.type):
        return ["true" if value else "false" for value in column.to_pylist()]
    return [repr(value) for value in column.to_pylist()]  # whole numbers and floats, as json writes them


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)
