"""Readers of record files, chosen by the file's ending."""

from __future__ import annotations

from pathlib import Path

from tailguard.adapters.readers.jsonl import read_jsonl
from tailguard.errors import InputError
from tailguard.ports import Reader, Reject


def reader_for(path: Path) -> Reader:
    """The reader of a file. Raises InputError for a missing file, a folder, or an ending that nobody reads."""
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name the JSONL or Parquet file inside it.")
    if not path.exists():
        raise InputError(f"{path} does not exist. Check the path.")
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return read_jsonl
    if suffix == ".parquet":
        from tailguard.adapters.readers.parquet import read_parquet

        return read_parquet
    raise InputError(f"{path} ends in {suffix!r}. Tailguard reads .jsonl, .ndjson and .parquet.")


def read_texts(path: Path) -> list[str]:
    """All texts of a file that has to be whole. Raises InputError naming the first record that cannot be read."""
    texts = []
    for row in reader_for(path)(path):
        if isinstance(row, Reject):
            raise InputError(f"{path} line {row.line}: {row.reason}. Mend the line or take it out.")
        texts.append(row.text)
    return texts
