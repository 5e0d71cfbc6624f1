"""Opens the run log, does one thing, closes it: DuckDB in one file by default, PostgreSQL for many writers.

DuckDB lets in one writer or many readers, and a file opened by two processes at once can lose committed rows, so every
opening goes through the reader_writer_lock. Dashboards read a published copy and never touch the live file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from tailguard.errors import InputError, LogBusy, TailguardError
from tailguard.runlog.locks import reader_writer_lock
from tailguard.runlog.schema import FIRST, HEAD
from tailguard.runlog.view import LogView

TIMEOUT_SECONDS = 60.0
PUBLISH_EVERY_SECONDS = 1.0
UNDEFINED_TABLE = "42P01"
"""PostgreSQL's name for that error."""
BLOCK_BYTES = 16384
"""Of a new log: its many small tables take 4 MB instead of DuckDB's 27, and each publication copies them."""


class RunLog(Protocol):
    """A run log that can be opened. `folder` keeps its side files (witness, spool)."""

    folder: Path

    def exists(self) -> bool:
        """Whether there is a log to read."""

    def writing(
        self, *, publish: bool = True, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> AbstractContextManager[LogView]:
        """One transaction, committed when the block ends and rolled back when it raises."""

    def publish(self) -> None:
        """Show pages the newest state now."""

    def reading(self) -> AbstractContextManager[LogView]:
        """The newest state, for commands."""

    def read_published(self) -> AbstractContextManager[LogView]:
        """The published state, for pages: at most a second old while a run writes, and never in a writer's way."""

    def version(self) -> tuple[int, ...]:
        """Changes whenever `read_published` would show something new; cheap enough to ask on each redraw."""


def open_log(url: str, folder: Path) -> RunLog:
    """The log behind an SQLAlchemy URL. `folder` is the workspace, which keeps the side files."""
    if url.startswith("duckdb:///"):
        return DuckdbLog(Path(url.removeprefix("duckdb:///")))
    if url.startswith("postgresql+psycopg://"):
        return PostgresLog(url, folder)
    raise InputError(
        f"The run log's address must start with duckdb:/// or postgresql+psycopg://, found {url.split(':', 1)[0]!r}. "
        "Fix TAILGUARD_RUNLOG or unset it."
    )


class DuckdbLog:
    """The run log in one local file, with a published copy beside it for pages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        self.published = path.with_name(path.stem + ".published" + path.suffix)
        self._migrated = False

    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def writing(self, *, publish: bool = True, timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[LogView]:
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is not a folder. Run `tailguard init` first.")
        with reader_writer_lock(self.path, exclusive=True, timeout_seconds=timeout_seconds):
            with _translating(str(self.path)), _databases.attached(self.path, read_only=False) as connection:
                if not self._migrated:
                    _migrate(connection, str(self.path))
                    self._migrated = True
                yield LogView(connection)
                connection.commit()
                publish = publish or self._published_age() >= PUBLISH_EVERY_SECONDS
                if publish:
                    self._checkpoint(connection)
            if publish:
                self._publish()

    @contextmanager
    def reading(self) -> Iterator[LogView]:
        if not self.path.exists():
            raise InputError(f"There is no run log at {self.path}. Run `tailguard init`, then `tailguard run`.")
        with (
            reader_writer_lock(self.path, exclusive=False, timeout_seconds=TIMEOUT_SECONDS),
            _translating(str(self.path)),
            _databases.attached(self.path, read_only=True) as connection,
        ):
            _refuse_other_versions(connection, str(self.path))
            yield LogView(connection)

    @contextmanager
    def read_published(self) -> Iterator[LogView]:
        if not self.published.exists():
            raise InputError(
                f"There is no published copy of the run log at {self.published}. `tailguard dashboard` makes one, and so does "
                "every run."
            )
        with (
            _translating(str(self.published)),
            _databases.attached(self.published, read_only=True, state=self.version()) as connection,
        ):
            _refuse_other_versions(connection, str(self.published))
            yield LogView(connection)

    def version(self) -> tuple[int, ...]:
        if not self.published.exists():
            return ()
        file_status = self.published.stat()
        return (file_status.st_ino, file_status.st_mtime_ns)

    def publish(self) -> None:
        with self.writing(publish=True):
            pass

    def _published_age(self) -> float:
        return time.time() - self.published.stat().st_mtime if self.published.exists() else float("inf")

    def _checkpoint(self, connection: Connection) -> None:
        """Fold what was committed into the file, which is then whole by itself."""
        try:
            connection.exec_driver_sql("CHECKPOINT")
            connection.commit()
        except DBAPIError as error:
            raise self._not_published(str(error.orig).splitlines()[0]) from error

    def _publish(self) -> None:
        """Copy the closed, checkpointed file to a temporary name and rename it into place."""
        temporary = self.published.with_name(self.published.name + ".new")
        try:
            shutil.copyfile(self.path, temporary)
            os.replace(temporary, self.published)
        except OSError as error:
            raise self._not_published(error.strerror) from error

    def _not_published(self, why: str | None) -> TailguardError:
        return TailguardError(
            f"{self.published} could not be written ({why}). The facts are in the log; free some space, "
            "and the next write publishes them."
        )


class PostgresLog:
    """The same log on a PostgreSQL server; every reader sees the newest state."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self._engine = _engine(url)
        self._name = self._engine.url.render_as_string(hide_password=True)
        self._migrated = False

    def exists(self) -> bool:
        with _opened(self._engine, self._name) as connection:
            return _schema_version(connection) is not None

    @contextmanager
    def writing(
        self,
        *,
        publish: bool = True,  # noqa: ARG002  every reader of a server sees each commit at once
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Iterator[LogView]:
        with _opened(self._engine, self._name) as connection:
            if not self._migrated:
                connection.execute(text("SELECT pg_advisory_lock(7261)"))
                _migrate(connection, self._name)
                connection.execute(text("SELECT pg_advisory_unlock(7261)"))
                connection.commit()
                self._migrated = True
            connection.execute(text(f"SET lock_timeout = {int(timeout_seconds * 1000)}"))
            yield LogView(connection)
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[LogView]:
        with _opened(self._engine, self._name) as connection:
            _refuse_other_versions(connection, self._name)
            yield LogView(connection)

    read_published = reading

    def publish(self) -> None:
        """Nothing to do: every reader of a server sees each commit."""

    def version(self) -> tuple[int, ...]:
        if not self.exists():
            return ()
        with _opened(self._engine, self._name) as connection:
            return (int(connection.execute(text("SELECT count(*) FROM entry")).scalar_one()),)


class _Duckdb:
    """DuckDB in the memory of this process; one file at a time is attached to it, for all who have it open.

    To start and end it takes 9 ms of CPU, which a run would pay at each of its 29 openings.
    """

    def __init__(self) -> None:
        self.engine = _engine(f"duckdb:///:memory:{uuid.uuid4().hex}")
        self.users = 0
        self.sound = True
        """False after any failure inside it; the next opening starts another one."""
        self._keeper = self.engine.connect()  # DuckDB ends with its last connection
        # Committed rows are safe in the write-ahead log; folding it into the file at each detaching costs 10 ms.
        self.do("PRAGMA disable_checkpoint_on_shutdown")

    def do(self, statement: str) -> None:
        self._keeper.exec_driver_sql(statement)
        self._keeper.commit()

    def end(self) -> None:
        self._keeper.close()


class _Databases:
    """Those that work in this process, and those that wait for work."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._idle: list[_Duckdb] = []
        self._open: dict[str, _Duckdb] = {}
        """By the file, and for a published copy the state, that is open. DuckDB does not open a file anew that it has open,
        however often it was replaced: who comes while others read the state before would be given that one."""
        self._left_behind: tuple[object, ...] = ()

    @contextmanager
    def attached(self, path: Path, *, read_only: bool, state: tuple[int, ...] = ()) -> Iterator[Connection]:
        """A connection in which the tables of the file bear their plain names. The lock keeps readers from a writer."""
        key = f"{path.resolve()} {state}"
        with self._guard:
            duckdb = self._take(key, path, read_only=read_only)
        try:
            with duckdb.engine.connect() as connection:
                connection.exec_driver_sql("USE runlog")
                connection.commit()
                yield connection
        except BaseException:
            duckdb.sound = False
            raise
        finally:
            with self._guard:
                self._leave(key, duckdb)

    def _take(self, key: str, path: Path, *, read_only: bool) -> _Duckdb:
        duckdb = self._open.get(key)
        if duckdb is None or not duckdb.sound:
            duckdb = self._idle.pop() if self._idle else _Duckdb()
            quoted = str(path).replace("'", "''")
            try:
                duckdb.do(f"ATTACH '{quoted}' AS runlog ({'TYPE duckdb, READ_ONLY' if read_only else 'TYPE duckdb'})")
            except BaseException:
                duckdb.end()
                raise
            self._open[key] = duckdb
        duckdb.users += 1
        return duckdb

    def _leave(self, key: str, duckdb: _Duckdb) -> None:
        """Let go of the file with its last user."""
        duckdb.users -= 1
        if duckdb.users:
            return
        if self._open.get(key) is duckdb:
            del self._open[key]
        if duckdb.sound:
            with suppress(SQLAlchemyError):
                duckdb.do("DETACH runlog")
                self._idle.append(duckdb)
                return
        duckdb.end()

    def forget(self) -> None:
        """In a forked process. DuckDB's threads stayed behind, and to end it would be to wait for them: it is left as it is."""
        self._left_behind = (self._idle, self._open)
        self._idle, self._open, self._guard = [], {}, threading.Lock()


_databases = _Databases()
os.register_at_fork(after_in_child=_databases.forget)


def _engine(url: str) -> Engine:
    options = {}
    if url.startswith("duckdb:"):
        # The size of blocks is no option of ATTACH, which would refuse a file that has others.
        scratch = str(Path(tempfile.gettempdir(), f"tailguard-{uuid.uuid4().hex}"))
        # Threads share a table by 122,880 rows; a log's are smaller, and to wake threads for each costs a quarter of an answer.
        options = {"config": {"default_block_size": BLOCK_BYTES, "temp_directory": scratch, "threads": 1}}
    # NullPool: a connection that was closed is closed, and holds neither a server's session nor a broken DuckDB.
    return create_engine(url, poolclass=NullPool, connect_args=options)


@contextmanager
def _opened(engine: Engine, name: str) -> Iterator[Connection]:
    """A connection whose failures are told in the user's words."""
    with _translating(name), engine.connect() as connection:
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise


@contextmanager
def _translating(name: str) -> Iterator[None]:
    """Failures of a log's database in the user's words. Errors of our own pass through unchanged."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(error, name) from error
    except SQLAlchemyError as error:
        raise TailguardError(f"The run log {name} failed: {error}") from error


def _translated(error: DBAPIError, name: str) -> TailguardError:
    message = str(error.orig).splitlines()[0] if error.orig else str(error)
    low = message.lower()
    if "set lock" in low or "lock timeout" in low:
        return LogBusy(f"{name} is held open by another program ({message}). Close it and try again.")
    if "no space" in low or "out of disk" in low or "could not write" in low:
        return TailguardError(
            f"The disk of {name} is full ({message}). Nothing was recorded. Free some space and try again."
        )
    if "not a valid duckdb" in low or "corrupt" in low or "serializ" in low:
        return InputError(f"{name} is not a run log that this version can read ({message}). Restore it from a backup.")
    if "permission" in low or "read-only" in low or "cannot open file" in low:
        return InputError(f"{name} cannot be written ({message}). The run log needs a folder that you may write to.")
    if "connection" in low and ("refused" in low or "failed" in low):
        return TailguardError(f"{name} does not answer ({message}). Start the server or fix TAILGUARD_RUNLOG.")
    return TailguardError(f"The run log {name} failed: {message}")


def _schema_version(connection: Connection) -> str | None:
    try:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except ProgrammingError as error:  # asking whether there is such a table costs more than all else that opening does
        connection.rollback()
        if getattr(error.orig, "sqlstate", UNDEFINED_TABLE) != UNDEFINED_TABLE:
            raise
        return None
    return None if version is None else str(version)


def _refuse_other_versions(connection: Connection, name: str) -> None:
    version = _schema_version(connection)
    if version == HEAD:
        return
    if version is None:
        raise InputError(f"{name} holds no Tailguard run log yet. Run `tailguard run` first.")
    if version < FIRST:
        raise InputError(
            f"{name} was written by a trial version of Tailguard (schema {version}) and cannot be read. Keep it with that version, "
            "and begin another workspace with `tailguard init`."
        )
    if version < HEAD:
        raise InputError(
            f"{name} has schema {version}, this Tailguard reads {HEAD}. Run `tailguard migrate` to upgrade it."
        )
    raise InputError(
        f"{name} was written by a newer Tailguard (schema {version}, this one knows up to {HEAD}). Upgrade Tailguard."
    )


def _migrate(connection: Connection, name: str) -> None:
    version = _schema_version(connection)
    if version == HEAD:
        connection.rollback()
        return
    if version is not None and not FIRST <= version <= HEAD:
        _refuse_other_versions(connection, name)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.rollback()
    command.upgrade(config, "head")
    connection.commit()
