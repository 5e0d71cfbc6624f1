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
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tailguard.errors import InputError, TailguardError
from tailguard.store.writing import canonical_json, digest_of, write_atomically

PARQUET: dict[str, Any] = {"compression": "zstd", "version": "2.6"}
_NUMBERS = itertools.count()


class FileWriter:
    """A file that is being written: what goes in is hashed on the way."""

    digest = ""
    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Add bytes."""
        self.hash.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._file.tell()

    def flush(self) -> None:
        """Hand on what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """The file stays open: its owner closes it."""


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
        self.touched: set[str] = set()
        """Every content that was asked for or kept since, by its place under the root: what a record has to take along."""

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
    def file_writer(self, kind: str, suffix: str) -> Iterator[FileWriter]:
        """Keep a content that comes in parts, in bounded memory. Its digest is there once the block has ended well."""
        temporary = self.root / kind / f".{os.getpid()}.{next(_NUMBERS)}.new"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb", buffering=1 << 20) as file:
                writer = FileWriter(file)
                yield writer
                file.flush()
                os.fsync(file.fileno())
            writer.digest = writer.hash.hexdigest()
            os.replace(temporary, self.path(kind, writer.digest, suffix))
        except OSError as error:
            raise TailguardError(
                f"{temporary.parent} could not be written ({error.strerror or error}). Free some space and run again."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def table_writer(self, kind: str, schema: pa.Schema) -> Iterator[TableWriter]:
        """The same for a table, as Parquet."""
        with (
            self.file_writer(kind, ".parquet") as file,
            pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, **PARQUET) as parquet,
        ):
            writer = TableWriter(parquet)
            yield writer
        writer.digest = file.digest

    def batches(self, kind: str, digest: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """A kept table in parts, checked against its name first."""
        path = self.found(kind, digest, ".parquet")
        try:
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(path, error) from error
        if actual != digest:
            raise TailguardError(f"{path} was changed: its content no longer has the digest that it is named by.")
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(4096, columns=list(columns) if columns else None)

    def table(self, kind: str, digest: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a table back, or some of its columns, checked against its name."""
        content = _in_arrows_memory(self.bytes(kind, digest, ".parquet"))
        return pq.read_table(pa.BufferReader(content), columns=list(columns) if columns else None)

    def rows(self, kind: str, digest: str) -> int:
        """How many rows a kept table has."""
        path = self.found(kind, digest, ".parquet")
        try:
            with pq.ParquetFile(path) as file:
                return int(file.metadata.num_rows)
        except OSError as error:
            raise _unreadable(path, error) from error

    def json(self, kind: str, digest: str) -> Any:
        """Read a JSON value back, checked against its name."""
        return json.loads(self.bytes(kind, digest, ".json"))

    def bytes(self, kind: str, digest: str, suffix: str) -> bytes:
        """Read bytes back. Raises InputError when they are missing, TailguardError when they no longer fit their name."""
        path = self.found(kind, digest, suffix)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        if digest_of(content) != digest:
            raise TailguardError(f"{path} was changed: its content no longer has the digest that it is named by.")
        return content

    def path(self, kind: str, digest: str, suffix: str = "") -> Path:
        """Where a content is kept."""
        self.touched.add(f"{kind}/{digest}{suffix}")
        return self.root / kind / f"{digest}{suffix}"

    def found(self, kind: str, digest: str, suffix: str = "") -> Path:
        """Where a content that was kept lies. Raises InputError where it, or the whole store, is not there."""
        path = self.path(kind, digest, suffix)
        self.must_exist()
        if not path.exists():
            raise InputError(f"{path} is missing from the store. Restore it from a backup.")
        return path

    def must_exist(self) -> None:
        """Raises InputError where only the run log is here, without the store that it names contents of."""
        if not self.root.is_dir():
            raise InputError(
                f"There is no store at {self.root}: only the run log is here, and records, training sets, weights and reports "
                "are kept in the store. Copy the store of this workspace there."
            )

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
        path = self.found(kind, digest)
        if folder_digest(path) != digest:
            raise TailguardError(f"{path} was changed: its files no longer have the digest that it is named by.")
        return path


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read ({error.strerror or error}). Restore it from a backup.")


def _in_arrows_memory(content: bytes) -> pa.Buffer:
    """A copy that holds no object of Python.

    Arrow's own threads may be the last to let go of what they read. Were that a Python object after the interpreter began to end,
    the thread would be ended within a C++ destructor, and the process with SIGABRT after its work was done.
    """
    buffer = pa.allocate_buffer(len(content))
    memoryview(buffer).cast("B")[:] = content
    return buffer


def folder_digest(folder: Path) -> str:
    """SHA-256 over the sorted relative paths of a folder's files and the digests of their bytes."""
    listing = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            listing.append([path.relative_to(folder).as_posix(), hashlib.file_digest(file, "sha256").hexdigest()])
    return digest_of(canonical_json(listing))
