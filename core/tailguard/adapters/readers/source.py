"""Opening what a batch names: a local path or any fsspec address, plain, gzip or zstd."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

import fsspec
import pyarrow as pa

from tailguard.domain.reasons import Reason
from tailguard.errors import InputError
from tailguard.ports import RawRecord, Reject

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_BLOCK = 1 << 22
UNREADABLE = (OSError, EOFError, zlib.error)
BUFFER = 1 << 16
"""Bytes that are read ahead. A packed file that breaks off loses at most so much of what stands before the break."""


def filesystem(address: str) -> tuple[Any, str]:
    """The file system of an address and the path in it. Raises InputError for a protocol that nobody speaks."""
    try:
        return fsspec.core.url_to_fs(address)  # type: ignore[no-any-return]
    except (ValueError, ImportError) as error:
        raise InputError(
            f"{address} cannot be opened ({error}). Check the address, or install what it names."
        ) from error


def open_file(address: str) -> IO[bytes]:
    """The bytes of a file, unpacked if its name ends in .gz, .zst or .zstd. Raises InputError when it cannot be opened."""
    system, path = filesystem(address)
    try:
        raw = system.open(path, "rb")
    except OSError as error:
        raise InputError(f"{address} cannot be opened ({error.strerror or error}).") from error
    kind = COMPRESSED.get(PurePosixPath(path).suffix.lower())
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if kind == "zstd":
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), kind)  # type: ignore[no-any-return]
    return raw  # type: ignore[no-any-return]


def kind_of(path: str) -> str:
    """The ending that tells a file's format, without that of its compression: `.jsonl` for `a.jsonl.gz`."""
    name = PurePosixPath(path.lower())
    return PurePosixPath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix


def content_digest(address: str) -> str:
    """SHA-256 of a file's bytes, or of a folder's listing of relative paths and file digests, read in bounded memory."""
    system, path = filesystem(address)
    if not system.isdir(path):
        return _file_digest(system, path)
    listing = hashlib.sha256()
    for file in sorted(system.find(path)):
        listing.update(f"{file[len(path) :].lstrip('/')}\0{_file_digest(system, file)}\n".encode())
    return listing.hexdigest()


def state_of(address: str) -> str:
    """What tells one state of a file or folder from the next without reading it: names, sizes, times of change, a store's tags."""
    system, path = filesystem(address)
    system.invalidate_cache()  # a remote store remembers what it listed
    files = sorted(system.find(path)) if system.isdir(path) else [path]
    return hashlib.sha256("\n".join(system.ukey(file) for file in files).encode()).hexdigest()


def read_unchanged(address: str, rows: Iterator[RawRecord | Reject], *, state: str) -> Iterator[RawRecord | Reject]:
    """The rows of a file or folder that has had this state since before its digest was taken.

    A batch bears the digest of its content, which has to be known before its first row is read: by it an interrupted reading
    finds what it has read already. So the bytes are read twice, and must be the same both times.
    Raises InputError after the last row where the state is another one by then.
    """
    yield from rows
    if state_of(address) != state:
        raise InputError(f"{address} was changed while it was read. Run again when nothing writes to it any more.")


def plain_size(address: str) -> int | None:
    """Bytes of a file of plain text; None where what is read is packed or spread over files."""
    system, path = filesystem(address)
    if system.isdir(path) or PurePosixPath(path.lower()).suffix not in (".jsonl", ".ndjson", ".csv", ".tsv"):
        return None
    return int(system.size(path) or 0)


def broken_off(line: int, error: Exception) -> Reject:
    """What is said of the rest of a file that cannot be read any further."""
    return Reject(
        line, Reason.UNREADABLE, f"the file breaks off here, what follows could not be read ({str(error)[:120]})", ""
    )


def _file_digest(system: Any, path: str) -> str:
    digest = hashlib.sha256()
    with system.open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
