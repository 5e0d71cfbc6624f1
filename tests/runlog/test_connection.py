"""The run log's file: small when it is new, readable when an earlier release made it, and let go of after each use."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tailguard.domain.facts import PolicyInForce
from tailguard.errors import TailguardError
from tailguard.runlog.connection import open_log
from tailguard.runlog.queries import recorded
from tailguard.runlog.recorder import Author, Desk
from tests.builders import Clock

MEGABYTE = 1_000_000
OLD_BLOCK_BYTES = 262_144


def test_a_new_log_takes_a_few_megabytes(tmp_path: Path) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)

    Desk(log, Author("ada", Clock())).record(PolicyInForce("digest", "team", "text"))

    assert (tmp_path / "runlog.duckdb").stat().st_size < 8 * MEGABYTE
    assert (tmp_path / "runlog.published.duckdb").stat().st_size < 8 * MEGABYTE


@pytest.mark.parametrize("reader", ["reading", "glancing"])
def test_a_log_with_the_larger_blocks_of_earlier_releases_is_written_and_read(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "runlog.duckdb"
    duckdb.connect(str(path), config={"default_block_size": OLD_BLOCK_BYTES}).close()
    log = open_log(f"duckdb:///{path}", tmp_path)

    Desk(log, Author("ada", Clock())).record(PolicyInForce("digest", "team", "text"))

    with getattr(log, reader)() as connection:
        assert [row.fact.text for row in recorded(connection, PolicyInForce)] == ["text"]


def test_work_that_fails_lets_go_of_the_file(tmp_path: Path) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)
    desk = Desk(log, Author("ada", Clock()))
    desk.record(PolicyInForce("digest", "team", "text"))

    for opened in (log.reading, log.writing, log.glancing):
        with pytest.raises(ZeroDivisionError), opened():
            1 / 0  # noqa: B018  any failure

    desk.record(PolicyInForce("other", "team", "text"))
    duckdb.connect(str(tmp_path / "runlog.duckdb")).close()  # fails while anything has the file open
    with log.glancing() as connection:
        assert len(recorded(connection, PolicyInForce)) == 2


@pytest.mark.parametrize("reader", ["reading", "glancing"])
def test_a_database_that_broke_is_started_anew(tmp_path: Path, reader: str) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)
    desk = Desk(log, Author("ada", Clock()))
    desk.record(PolicyInForce("digest", "team", "text"))

    with pytest.raises(TailguardError), getattr(log, reader)() as connection:
        connection.connection.dbapi_connection.close()

    with getattr(log, reader)() as connection:
        assert len(recorded(connection, PolicyInForce)) == 1
    desk.record(PolicyInForce("other", "team", "text"))
