"""Reads Parquet and Arrow files, a batch of rows at a time. `line` is the row's number, from 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.adapters.readers.fields import record_from
from tailguard.adapters.readers.source import broken_off, filesystem
from tailguard.domain.reasons import Reason
from tailguard.errors import InputError
from tailguard.ports import Columns, RawRecord, Reject

_ROWS = 2048
_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError, ValueError, OverflowError)


def read_parquet(path: str, columns: Columns) -> Iterator[RawRecord | Reject]:
    """Records and rejects in order. A row group that cannot be read is one reject, and the others are read all the same.

    Raises InputError for a file that is not Parquet, or has no text column.
    """
    system, location = filesystem(path)
    local = "file" in _protocols(system)
    try:
        file = pq.ParquetFile(pa.OSFile(location) if local else system.open(location, "rb"))
        names = file.schema_arrow.names
    except _UNREADABLE as error:
        raise InputError(f"{path} is not a Parquet file that can be read ({error}). Write it again.") from error
    with file:
        _require(path, names, columns)
        before = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            seen = 0
            try:
                # A thread of Arrow's must not be the last to hold a Python file: see store.files._in_arrows_memory.
                for batch in file.iter_batches(_ROWS, row_groups=[group], use_threads=local):
                    yield from _records(batch, before + seen, columns)
                    seen += len(batch)
            except _UNREADABLE as error:
                first, last = before + seen + 1, before + rows
                yield Reject(
                    first, Reason.UNREADABLE, f"rows {first} to {last} cannot be read ({str(error)[:120]})", ""
                )
            before += rows


def read_arrow(path: str, columns: Columns) -> Iterator[RawRecord | Reject]:
    """Records and rejects of an Arrow IPC file or stream, as Hugging Face data sets keep them on disk."""
    system, location = filesystem(path)
    try:
        source: Any = (
            pa.memory_map(location) if "file" in _protocols(system) else pa.PythonFile(system.open(location, "rb"))
        )
        batches = _batches(source)
        names = batches.schema.names
    except _UNREADABLE as error:
        raise InputError(f"{path} is not an Arrow file that can be read ({error}). Write it again.") from error
    _require(path, names, columns)
    seen = 0
    try:
        for batch in batches.rows:
            for start in range(0, len(batch), _ROWS):
                part = batch.slice(start, _ROWS)
                yield from _records(part, seen, columns)
                seen += len(part)
    except _UNREADABLE as error:
        yield broken_off(seen + 1, error)


class _Batches:
    def __init__(self, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
        self.schema, self.rows = schema, rows


def _batches(source: Any) -> _Batches:
    """Stream format first, then file format."""
    try:
        stream = pa.ipc.open_stream(source)
        return _Batches(stream.schema, iter(stream))
    except pa.ArrowInvalid:
        source.seek(0)
        file = pa.ipc.open_file(source)
        return _Batches(file.schema, (file.get_batch(number) for number in range(file.num_record_batches)))


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def _require(path: str, names: list[str], columns: Columns) -> None:
    if columns.text not in names:
        raise InputError(
            f"{path} has no column `{columns.text}`; it has {', '.join(names) or 'none'}. Name the right one under "
            "[columns] in policy.toml, or rename the column."
        )


def _records(batch: pa.RecordBatch, before: int, columns: Columns) -> Iterator[RawRecord | Reject]:
    """Rows one by one; where a whole batch is not sound (offsets that lead astray, not UTF-8), each row by itself."""
    try:
        batch.validate(full=True)
        rows = batch.to_pylist()
    except _UNREADABLE:
        rows = [_row(batch, at, before) for at in range(len(batch))]
    for at, row in enumerate(rows, start=1):
        yield row if isinstance(row, Reject) else record_from(row, before + at, columns)


def _row(batch: pa.RecordBatch, at: int, before: int) -> dict[str, Any] | Reject:
    try:
        single = batch.slice(at, 1)
        single.validate(full=True)
        (row,) = single.to_pylist()
    except _UNREADABLE as error:
        return Reject(before + at + 1, Reason.UNREADABLE, f"the row cannot be read ({str(error)[:120]})", "")
    return row  # type: ignore[no-any-return]
