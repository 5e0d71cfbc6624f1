"""Content-addressed files: written under a temporary name, flushed, renamed; the same content is kept once."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.errors import InputError, TailguardError


def digest_of(content: bytes) -> str:
    """SHA-256 in hex, the name of a content."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON bytes that depend on the value alone: sorted keys, no spaces, ASCII, one final newline."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing. Raises TailguardError when the disk is full, InputError where writing is denied."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except PermissionError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}). The workspace must be a folder you may write to."
        ) from error
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == 30:
            raise InputError(f"{path} is on a read-only file system. Choose another workspace.") from error
        raise TailguardError(
            f"{path} could not be written ({error.strerror}). Free some space and run again."
        ) from error


PARQUET: dict[str, Any] = {"compression": "zstd", "version": "2.6"}
_NUMBERS = itertools.count()


class TableWriter:
    """A table that is being written, part by part."""

    digest = ""

    def __init__(self, parquet: pq.ParquetWriter) -> None:
        self._parquet = parquet
        self.rows = 0

    def write(self, part: pa.Table) -> None:
        """Add rows. The same parts in the same order give the same bytes."""
        if len(part):
            self._parquet.write_table(part)
            self.rows += len(part)


class Store:
    """Files under one folder, as `kind/digest.suffix`. Kinds are named by their callers (records, ledger, snapshot, ...)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_bytes(self, kind: str, content: bytes, suffix: str) -> str:
        """Keep bytes; returns their digest."""
        digest = digest_of(content)
        path = self.path(kind, digest, suffix)
        if not path.exists():
            write_atomically(path, content)
        return digest

    def put_json(self, kind: str, value: Any) -> str:
        """Keep a JSON value in canonical form."""
        return self.put_bytes(kind, canonical_json(value), ".json")

    def put_table(self, kind: str, table: pa.Table) -> str:
        """Keep an Arrow table as Parquet."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, **PARQUET)
        return self.put_bytes(kind, sink.getvalue().to_pybytes(), ".parquet")

    @contextmanager
    def table_writer(self, kind: str, schema: pa.Schema) -> Iterator[TableWriter]:
        """Keep a table that comes in parts, in bounded memory. Its digest is there once the block has ended well."""
        temporary = self.root / kind / f".{os.getpid()}.{next(_NUMBERS)}.new"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file, pq.ParquetWriter(file, schema, **PARQUET) as parquet:
                writer = TableWriter(parquet)
                yield writer
            with temporary.open("rb+") as written:
                writer.digest = hashlib.file_digest(written, "sha256").hexdigest()
                os.fsync(written.fileno())
            os.replace(temporary, self.path(kind, writer.digest, ".parquet"))
        except OSError as error:
            raise TailguardError(
                f"{temporary.parent} could not be written ({error.strerror or error}). Free some space and run again."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def batches(self, kind: str, digest: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """A kept table in parts, checked against its name first."""
        path = self.path(kind, digest, ".parquet")
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                f"{path} is missing from the store ({error.strerror}). Restore it from a backup."
            ) from error
        if found != digest:
            raise TailguardError(f"{path} was changed: its content no longer has the digest that it is named by.")
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(4096, columns=list(columns) if columns else None)

    def table(self, kind: str, digest: str) -> pa.Table:
        """Read a table back, checked against its name."""
        return pq.read_table(pa.BufferReader(self.bytes(kind, digest, ".parquet")))

    def json(self, kind: str, digest: str) -> Any:
        """Read a JSON value back, checked against its name."""
        return json.loads(self.bytes(kind, digest, ".json"))

    def bytes(self, kind: str, digest: str, suffix: str) -> bytes:
        """Read bytes back. Raises InputError when they are missing, TailguardError when they no longer fit their name."""
        path = self.path(kind, digest, suffix)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} is missing from the store ({error.strerror}). Restore it from a backup."
            ) from error
        if digest_of(content) != digest:
            raise TailguardError(f"{path} was changed: its content no longer has the digest that it is named by.")
        return content

    def path(self, kind: str, digest: str, suffix: str = "") -> Path:
        """Where a content is kept."""
        return self.root / kind / f"{digest}{suffix}"

    def scratch(self) -> Path:
        """An empty folder on the store's own disk, to be handed to `put_folder` or removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".scratch-", dir=self.root))

    def put_folder(self, kind: str, folder: Path) -> str:
        """Move a folder into the store under the digest of its files."""
        digest = folder_digest(folder)
        target = self.path(kind, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(folder)
        else:
            os.replace(folder, target)
        return digest

    def folder(self, kind: str, digest: str) -> Path:
        """A stored folder, checked against its name."""
        path = self.path(kind, digest)
        if not path.is_dir():
            raise InputError(f"{path} is missing from the store. Restore it from a backup.")
        if folder_digest(path) != digest:
            raise TailguardError(f"{path} was changed: its files no longer have the digest that it is named by.")
        return path


def folder_digest(folder: Path) -> str:
    """SHA-256 over the sorted relative paths of a folder's files and the digests of their bytes."""
    listing = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            listing.append([path.relative_to(folder).as_posix(), hashlib.file_digest(file, "sha256").hexdigest()])
    return digest_of(canonical_json(listing))
