"""Readers of record files and folders, chosen by what is there: its ending, or that it is a folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tailguard.adapters.readers.source import COMPRESSED, filesystem, kind_of
from tailguard.errors import InputError
from tailguard.ports import Columns, Reader, Reject

WHOLE = Columns()


def reader_for(path: str) -> Reader:
    """The reader of a file or folder. Raises InputError for what is missing, or has an ending that nobody reads."""
    system, location = filesystem(path)
    if system.isdir(location):
        from tailguard.adapters.readers.folder import read_folder

        return partial(read_folder, readers=_readers())
    if not system.exists(location):
        raise InputError(f"{path} does not exist. Check the path.")
    readers = _readers()
    suffix = kind_of(location)
    if suffix not in readers:
        raise InputError(
            f"{path} ends in {suffix!r}. Tailguard reads {', '.join(readers)}, the text formats among them also with "
            f"{', '.join(COMPRESSED)}; and folders of these, of text files, and Hugging Face data sets."
        )
    return readers[suffix]


def _readers() -> dict[str, Reader]:
    from tailguard.adapters.readers.delimited import read_delimited
    from tailguard.adapters.readers.jsonl import read_jsonl
    from tailguard.adapters.readers.parquet import read_arrow, read_parquet

    return {
        ".jsonl": read_jsonl,
        ".ndjson": read_jsonl,
        ".parquet": read_parquet,
        ".arrow": read_arrow,
        ".csv": read_delimited,
        ".tsv": read_delimited,
    }


def read_texts(path: str, columns: Columns = WHOLE) -> Iterator[str]:
    """The texts of a file that has to be whole. Raises InputError naming the first record that cannot be read."""
    for row in reader_for(path)(path, columns):
        if isinstance(row, Reject):
            location = f"{row.file} line {row.line}" if row.file else f"line {row.line}"
            raise InputError(f"{path} {location}: {row.reason}. Fix the line or take it out.")
        yield row.text
