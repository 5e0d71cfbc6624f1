"""A training set for others, with each record's tag inside: Parquet, JSON Lines, or a Hugging Face data set folder.

Beside each stands a description in Croissant 1.1 with its provenance in W3C PROV.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.errors import InputError
from tailguard.exports.croissant import describe
from tailguard.stages.compose import rebuild
from tailguard.store.snapshots import Snapshot
from tailguard.store.writing import write_atomically
from tailguard.workspace import Workspace

FORMATS = ("parquet", "jsonl", "hf")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("role", "id", "text", "source", "batch", "declared", "origin", "evidence")),
        *((name, pa.string()) for name in ("reason", "by", "spans", "tag_digest")),
        ("held", pa.bool_()),
        ("share", pa.float64()),
        ("tokens", pa.int64()),
    ]
)
_AT_ONCE = 20_000


def export(workspace: Workspace, snapshot: str, *, form: str, out: Path) -> int:
    """Write the training set of a snapshot to `out`, and `out.croissant.json` beside it; returns the number of records.

    The same snapshot gives the same bytes. Raises InputError for an unknown format and where `out` exists already.
    """
    if form not in FORMATS:
        raise InputError(f"--format is {', '.join(FORMATS)}, found {form!r}.")
    if out.exists():
        raise InputError(f"{out} exists already. Name another place.")
    rebuilt = rebuild(workspace.store, snapshot)
    making = out.with_name(f".{out.name}.{os.getpid()}.new")
    making.parent.mkdir(parents=True, exist_ok=True)
    try:
        if form == "jsonl":
            shutil.copyfile(_file(workspace, rebuilt), making)
        elif form == "parquet":
            _parquet(workspace, rebuilt, making)
        else:
            _data_set(workspace, rebuilt, making)
        os.replace(making, out)
    finally:
        if making.is_dir():
            shutil.rmtree(making)
        making.unlink(missing_ok=True)
    description = describe(workspace, rebuilt, out, form=form, schema=SCHEMA)
    write_atomically(out.with_name(f"{out.name}.croissant.json"), description)
    return sum(len(part) for part in rebuilt.parts)


def write_again(workspace: Workspace, snapshot: str, out: Path) -> int:
    """Make a training set again from its manifest, to the same bytes, as JSON Lines; returns its number of records."""
    rebuilt = rebuild(workspace.store, snapshot)
    making = out.with_name(f".{out.name}.{os.getpid()}.new")
    shutil.copyfile(_file(workspace, rebuilt), making)
    os.replace(making, out)
    return sum(len(part) for part in rebuilt.parts)


def _file(workspace: Workspace, snapshot: Snapshot) -> Path:
    return workspace.store.found("training", snapshot.content, ".jsonl")


def _tables(workspace: Workspace, snapshot: Snapshot) -> Iterator[pa.Table]:
    """The records of the training file, some at a time."""
    rows: list[dict[str, object]] = []
    with _file(workspace, snapshot).open("rb") as file:
        for line in file:
            rows.append(json.loads(line))
            if len(rows) == _AT_ONCE:
                yield pa.Table.from_pylist(rows, schema=SCHEMA)
                rows = []
    yield pa.Table.from_pylist(rows, schema=SCHEMA)


def _schema(snapshot: Snapshot, **more: str) -> pa.Schema:
    named = {"format": "tailguard-export/1", "snapshot": snapshot.digest, "content": snapshot.content}
    return SCHEMA.with_metadata({"tailguard": json.dumps(named), **more})


def _parquet(workspace: Workspace, snapshot: Snapshot, out: Path) -> None:
    schema = _schema(snapshot)
    with pq.ParquetWriter(out, schema, compression="zstd", version="2.6") as file:
        for table in _tables(workspace, snapshot):
            file.write_table(table.cast(schema))


def _data_set(workspace: Workspace, snapshot: Snapshot, making: Path) -> None:
    """What `datasets.load_from_disk` reads: one Arrow stream, its features, and a state with a fingerprint."""
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    name = "data-00000-of-00001.arrow"
    features = {column.name: {"dtype": _dtype(column.type), "_type": "Value"} for column in SCHEMA}
    schema = _schema(snapshot, huggingface=json.dumps({"info": {"features": features}}))
    with pa.OSFile(str(making / name), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for table in _tables(workspace, snapshot):
            stream.write_table(table.cast(schema))
    state: dict[str, object] = {
        "_data_files": [{"filename": name}],
        "_fingerprint": snapshot.digest[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    info = {
        "citation": "",
        "description": f"Tailguard snapshot {snapshot.digest}",
        "features": features,
        "homepage": "",
        "license": "",
    }
    for file_name, value in (("state.json", state), ("dataset_info.json", info)):
        (making / file_name).write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _dtype(kind: pa.DataType) -> str:
    names = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
    return names[kind]
