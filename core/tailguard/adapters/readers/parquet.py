"""Reads Parquet files with a `text` column, and an `origin` column if there is one, one row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.adapters.readers.fields import record_from
from tailguard.errors import InputError
from tailguard.ports import RawRecord, Reject


def read_parquet(path: Path) -> Iterator[RawRecord | Reject]:
    """Records and rejects in order; `line` is the row's number from 1. Raises InputError for a broken file or no text."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is not a Parquet file that can be read ({error}). Write it again.") from error
    with file:
        columns = file.schema_arrow.names
        if "text" not in columns:
            raise InputError(
                f"{path} has no column `text`; it has {', '.join(columns) or 'none'}. Rename the text column."
            )
        number = 0
        try:
            for batch in file.iter_batches(4096, columns=[name for name in ("text", "origin") if name in columns]):
                for row in batch.to_pylist():
                    number += 1
                    yield record_from(row, number)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise InputError(f"{path} breaks off after row {number} ({error}). Write it again.") from error
