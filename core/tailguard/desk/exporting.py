"""A training set for others, with each record's tag inside: Parquet, JSON Lines, or a Hugging Face data set folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.errors import InputError
from tailguard.stages.compose import rebuild
from tailguard.store.files import digest_of, write_atomically
from tailguard.workspace import Workspace

FORMATS = ("parquet", "jsonl", "hf")


def export(workspace: Workspace, snapshot: str, *, form: str, out: Path) -> int:
    """Write the training set of a snapshot to `out`; returns its number of records.

    The same snapshot gives the same bytes. Raises InputError for an unknown format and where `out` exists already.
    """
    if form not in FORMATS:
        raise InputError(f"--format is {', '.join(FORMATS)}, found {form!r}.")
    if out.exists():
        raise InputError(f"{out} exists already. Name another place.")
    content = rebuild(workspace.store, snapshot)
    records = content.count(b"\n")
    if form == "jsonl":
        write_atomically(out, content)
        return records
    table = pa.Table.from_pylist([json.loads(line) for line in content.splitlines()])
    table = table.replace_schema_metadata(
        {"tailguard": json.dumps({"format": "tailguard-export/1", "snapshot": snapshot, "content": digest_of(content)})}
    )
    if form == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", version="2.6")
        write_atomically(out, sink.getvalue().to_pybytes())
    else:
        _data_set(table, snapshot, out)
    return records


def _data_set(table: pa.Table, snapshot: str, out: Path) -> None:
    """What `datasets.load_from_disk` reads: one Arrow stream, its features, and a state with a fingerprint."""
    making = out.with_name(f".{out.name}.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    name = "data-00000-of-00001.arrow"
    features = {column.name: {"dtype": _dtype(column.type), "_type": "Value"} for column in table.schema}
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"huggingface": json.dumps({"info": {"features": features}})}
    )
    with pa.OSFile(str(making / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    state: dict[str, object] = {
        "_data_files": [{"filename": name}],
        "_fingerprint": snapshot[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    info = {
        "citation": "",
        "description": f"Tailguard snapshot {snapshot}",
        "features": features,
        "homepage": "",
        "license": "",
    }
    for file_name, value in (("state.json", state), ("dataset_info.json", info)):
        (making / file_name).write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    making.rename(out)


def _dtype(kind: pa.DataType) -> str:
    names = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
    return names[kind]
