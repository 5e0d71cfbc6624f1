"""Opens the run log, does one thing, closes it: DuckDB in one file by default, PostgreSQL for many writers.

DuckDB lets in one writer or many readers, and a file opened by two processes at once can lose committed rows, so every
opening goes through the turnstile. Dashboards read a published copy and never touch the live file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection as Connection  # noqa: PLC0414  a type that others name
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from tailguard.errors import InputError, LogBusy, TailguardError
from tailguard.runlog.locks import turnstile
from tailguard.runlog.schema import HEAD

TIMEOUT_SECONDS = 60.0
PUBLISH_EVERY_SECONDS = 1.0
BLOCK_BYTES = 16384
"""Of a new log: its many small tables take 4 MB instead of DuckDB's 27, and each publication copies them."""


class RunLog(Protocol):
    """A run log that can be opened. `folder` keeps its side files (witness, spill)."""

    folder: Path

    def exists(self) -> bool:
        """Whether there is a log to read."""

    def writing(
        self, *, publish: bool = True, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> AbstractContextManager[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises."""

    def publish(self) -> None:
        """Show pages the newest state now."""

    def reading(self) -> AbstractContextManager[Connection]:
        """The newest state, for commands."""

    def glancing(self) -> AbstractContextManager[Connection]:
        """The published state, for pages: at most a second old while a run writes, and never in a writer's way."""

    def version(self) -> tuple[int, ...]:
        """Changes whenever `glancing` would show something new; cheap enough to ask on each redraw."""


def open_log(url: str, folder: Path) -> RunLog:
    """The log behind an SQLAlchemy URL. `folder` is the workspace, which keeps the side files."""
    if url.startswith("duckdb:///"):
        return DuckdbLog(Path(url.removeprefix("duckdb:///")))
    if url.startswith("postgresql+psycopg://"):
        return PostgresLog(url, folder)
    raise InputError(
        f"The run log's address must start with duckdb:/// or postgresql+psycopg://, found {url.split(':', 1)[0]!r}. "
        "Mend TAILGUARD_RUNLOG or unset it."
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
    def writing(self, *, publish: bool = True, timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[Connection]:
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is not a folder. Run `tailguard init` first.")
        with turnstile(self.path, exclusive=True, timeout_seconds=timeout_seconds):
            with _told(str(self.path)), _running().attached(self.path, read_only=False) as connection:
                if not self._migrated:
                    _migrate(connection, str(self.path))
                    self._migrated = True
                yield connection
                connection.commit()
                publish = publish or self._published_age() >= PUBLISH_EVERY_SECONDS
                if publish:
                    connection.exec_driver_sql("CHECKPOINT")
                    connection.commit()
            if publish:
                self._publish()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if not self.path.exists():
            raise InputError(f"There is no run log at {self.path}. Run `tailguard init`, then `tailguard run`.")
        with (
            turnstile(self.path, exclusive=False, timeout_seconds=TIMEOUT_SECONDS),
            _told(str(self.path)),
            _running().attached(self.path, read_only=True) as connection,
        ):
            _refuse_other_versions(connection, str(self.path))
            yield connection

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        if not self.published.exists():
            raise InputError(
                f"There is no published copy of the run log at {self.published}. `tailguard dashboard` makes one, and so does "
                "every run."
            )
        with (
            _told(str(self.published)),
            _for_state(f"{self.published} {self.version()}") as duckdb,
            duckdb.attached(self.published, read_only=True) as connection,
        ):
            _refuse_other_versions(connection, str(self.published))
            yield connection

    def version(self) -> tuple[int, ...]:
        if not self.published.exists():
            return ()
        found = self.published.stat()
        return (found.st_ino, found.st_mtime_ns)

    def publish(self) -> None:
        with self.writing(publish=True):
            pass

    def _published_age(self) -> float:
        return time.time() - self.published.stat().st_mtime if self.published.exists() else float("inf")

    def _publish(self) -> None:
        """Copy the closed, checkpointed file to a temporary name and rename it into place."""
        temporary = self.published.with_name(self.published.name + ".new")
        try:
            shutil.copyfile(self.path, temporary)
            os.replace(temporary, self.published)
        except OSError as error:
            raise TailguardError(
                f"{self.published} could not be written ({error.strerror}). The facts are in the log; free some space, "
                "and the next write publishes them."
            ) from error


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
    ) -> Iterator[Connection]:
        with _opened(self._engine, self._name) as connection:
            if not self._migrated:
                connection.execute(text("SELECT pg_advisory_lock(7261)"))
                _migrate(connection, self._name)
                connection.execute(text("SELECT pg_advisory_unlock(7261)"))
                connection.commit()
                self._migrated = True
            connection.execute(text(f"SET lock_timeout = {int(timeout_seconds * 1000)}"))
            yield connection
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with _opened(self._engine, self._name) as connection:
            _refuse_other_versions(connection, self._name)
            yield connection

    glancing = reading

    def publish(self) -> None:
        """Nothing to do: every reader of a server sees each commit."""

    def version(self) -> tuple[int, ...]:
        if not self.exists():
            return ()
        with _opened(self._engine, self._name) as connection:
            return (int(connection.execute(text("SELECT count(*) FROM entry")).scalar_one()),)


class _Duckdb:
    """DuckDB as it runs in this process; the file of a log is attached to it while somebody has the log open.

    DuckDB takes some 10 ms to start and 5 to end, which a run of sixty openings would pay each time.
    """

    def __init__(self) -> None:
        self.usable = True
        self._engine = _engine(f"duckdb:///:memory:{uuid.uuid4().hex}")
        self._keeper = self._engine.connect()
        """DuckDB ends with its last connection."""
        # Committed rows are safe in the write-ahead log; folding it into the file at each detaching costs 10 ms.
        self._keeper.exec_driver_sql("PRAGMA disable_checkpoint_on_shutdown")
        self._keeper.commit()
        self._attaching = threading.Lock()
        self._users: Counter[str] = Counter()

    @contextmanager
    def attached(self, path: Path, *, read_only: bool) -> Iterator[Connection]:
        """A connection in which the tables of the file bear their plain names. The turnstile keeps readers from a writer."""
        alias = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
        with self._engine.connect() as connection:
            self._attach(connection, path, alias, read_only=read_only)
            try:
                connection.exec_driver_sql(f'USE "{alias}"')
                connection.commit()
                yield connection
            except BaseException:
                with suppress(SQLAlchemyError):  # what went wrong first is what matters
                    self._detach(connection, alias)
                raise
            self._detach(connection, alias)

    def _attach(self, connection: Connection, path: Path, alias: str, *, read_only: bool) -> None:
        quoted = str(path).replace("'", "''")
        how = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
        with self._attaching:
            if not self._users[alias]:
                connection.exec_driver_sql(f"ATTACH '{quoted}' AS \"{alias}\" ({how})")
                connection.commit()
            self._users[alias] += 1

    def _detach(self, connection: Connection, alias: str) -> None:
        """Undo what was not committed, and let go of the file with its last user. A DuckDB that cannot is used no more."""
        try:
            connection.rollback()
            connection.exec_driver_sql("USE memory")
            connection.commit()
            with self._attaching:
                self._users[alias] -= 1
                if not self._users[alias]:
                    connection.exec_driver_sql(f'DETACH "{alias}"')
                    connection.commit()
        except BaseException:
            self.usable = False
            self._keeper.close()
            raise


_started: list[_Duckdb] = []
_starting = threading.Lock()


def _running() -> _Duckdb:
    with _starting:
        if not _started or not _started[0].usable:
            _started[:] = [_Duckdb()]
        return _started[0]


_states: dict[str, tuple[_Duckdb, int]] = {}
_idle: list[_Duckdb] = []


@contextmanager
def _for_state(state: str) -> Iterator[_Duckdb]:
    """The DuckDB of one state of a published file, which all who read that state share.

    DuckDB does not open a file anew that it has open, however often it was replaced meanwhile: who comes while others still
    read the state before would be given that one. So each state that is being read has a DuckDB of its own.
    """
    with _starting:
        duckdb, readers = _states.get(state) or (_idle.pop() if _idle else _Duckdb(), 0)
        _states[state] = (duckdb, readers + 1)
    try:
        yield duckdb
    finally:
        with _starting:
            _, readers = _states.pop(state)
            if readers > 1:
                _states[state] = (duckdb, readers - 1)
            elif duckdb.usable:
                _idle.append(duckdb)


def _engine(url: str) -> Engine:
    # Not as an option of ATTACH, which refuses a file with other blocks.
    options = {"config": {"default_block_size": BLOCK_BYTES}} if url.startswith("duckdb:") else {}
    # NullPool: SQLAlchemy's default pool would keep the file locked after close.
    return create_engine(url, poolclass=NullPool, connect_args=options)


@contextmanager
def _opened(engine: Engine, name: str) -> Iterator[Connection]:
    """A connection whose failures are told in the user's words."""
    with _told(name), engine.connect() as connection:
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Failures of a log's database in the user's words. Errors of our own pass through unchanged."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(error, name) from error
    except SQLAlchemyError as error:
        raise TailguardError(f"The run log {name} failed: {error}") from error


def _translated(error: DBAPIError, name: str) -> TailguardError:
    said = str(error.orig).splitlines()[0] if error.orig else str(error)
    low = said.lower()
    if "set lock" in low or "lock timeout" in low:
        return LogBusy(f"{name} is held open by another program ({said}). Close it and try again.")
    if "no space" in low or "out of disk" in low or "could not write" in low:
        return TailguardError(
            f"The disk of {name} is full ({said}). Nothing was recorded. Free some space and try again."
        )
    if "not a valid duckdb" in low or "corrupt" in low or "serializ" in low:
        return InputError(f"{name} is not a run log that this version can read ({said}). Restore it from a backup.")
    if "permission" in low or "read-only" in low or "cannot open file" in low:
        return InputError(f"{name} cannot be written ({said}). The run log needs a folder that you may write to.")
    if "connection" in low and ("refused" in low or "failed" in low):
        return TailguardError(f"{name} does not answer ({said}). Start the server or mend TAILGUARD_RUNLOG.")
    return TailguardError(f"The run log {name} failed: {said}")


def _schema_version(connection: Connection) -> str | None:
    try:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except ProgrammingError:  # asking whether there is such a table costs more than all else that opening does
        connection.rollback()
        return None
    return None if version is None else str(version)


def _refuse_other_versions(connection: Connection, name: str) -> None:
    version = _schema_version(connection)
    if version == HEAD:
        return
    if version is None:
        raise InputError(f"{name} holds no Tailguard run log yet. Run `tailguard run` first.")
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
    if version is not None and version > HEAD:
        _refuse_other_versions(connection, name)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.rollback()
    command.upgrade(config, "head")
    connection.commit()
