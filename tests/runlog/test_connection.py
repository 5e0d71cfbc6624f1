"""The run log's file: small when it is new, readable when an earlier release made it, and let go of after each use."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import duckdb
import pytest

from tailguard.domain.facts import PolicyInForce
from tailguard.errors import TailguardError
from tailguard.runlog import connection as log_connection
from tailguard.runlog.connection import open_log
from tailguard.runlog.recorder import Author
from tests.builders import Clock
from tests.recording import record_in

MEGABYTE = 1_000_000
OLD_BLOCK_BYTES = 262_144


def test_a_new_log_takes_a_few_megabytes(tmp_path: Path) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)

    record_in(log, Author("ada", Clock()), PolicyInForce(digest="digest", team="team", text="text"))

    assert (tmp_path / "runlog.duckdb").stat().st_size < 8 * MEGABYTE
    assert (tmp_path / "runlog.published.duckdb").stat().st_size < 8 * MEGABYTE


@pytest.mark.parametrize("reader", ["reading", "read_published"])
def test_a_log_with_the_larger_blocks_of_earlier_releases_is_written_and_read(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "runlog.duckdb"
    duckdb.connect(str(path), config={"default_block_size": OLD_BLOCK_BYTES}).close()
    log = open_log(f"duckdb:///{path}", tmp_path)

    record_in(log, Author("ada", Clock()), PolicyInForce(digest="digest", team="team", text="text"))

    with getattr(log, reader)() as view:
        assert [row.fact.text for row in view.recorded(PolicyInForce)] == ["text"]


def test_work_that_fails_lets_go_of_the_file(tmp_path: Path) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)
    author = Author("ada", Clock())
    record_in(log, author, PolicyInForce(digest="digest", team="team", text="text"))

    for opened in (log.reading, log.writing, log.read_published):
        with pytest.raises(ZeroDivisionError), opened():
            1 / 0  # noqa: B018  any failure

    record_in(log, author, PolicyInForce(digest="other", team="team", text="text"))
    duckdb.connect(str(tmp_path / "runlog.duckdb")).close()  # fails while anything has the file open
    with log.read_published() as view:
        assert len(view.recorded(PolicyInForce)) == 2


@pytest.mark.parametrize("reader", ["reading", "read_published"])
def test_a_database_that_broke_is_started_anew(tmp_path: Path, reader: str) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)
    author = Author("ada", Clock())
    record_in(log, author, PolicyInForce(digest="digest", team="team", text="text"))

    with pytest.raises(TailguardError), getattr(log, reader)() as view:
        view.connection.connection.dbapi_connection.close()

    with getattr(log, reader)() as view:
        assert len(view.recorded(PolicyInForce)) == 1
    record_in(log, author, PolicyInForce(digest="other", team="team", text="text"))


def test_an_opening_that_is_interrupted_lets_go_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(f"duckdb:///{tmp_path / 'runlog.duckdb'}", tmp_path)
    author = Author("ada", Clock())
    record_in(log, author, PolicyInForce(digest="digest", team="team", text="text"))
    do = log_connection._Duckdb.do

    def interrupted(self: log_connection._Duckdb, statement: str) -> None:
        do(self, statement)
        raise KeyboardInterrupt

    for opened in (log.reading, log.read_published, log.writing):
        monkeypatch.setattr(log_connection._Duckdb, "do", interrupted)
        with pytest.raises(KeyboardInterrupt), opened():
            pass
        monkeypatch.undo()
        record_in(log, author, PolicyInForce(digest=opened.__name__, team="team", text="text"))

    duckdb.connect(str(tmp_path / "runlog.duckdb")).close()


def test_one_log_is_made_while_another_is_read(tmp_path: Path) -> None:
    folders = [tmp_path / "o'ne ü%20", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    first, second = (open_log(f"duckdb:///{folder / 'runlog.duckdb'}", folder) for folder in folders)
    record_in(first, Author("ada", Clock()), PolicyInForce(digest="one", team="team", text="text"))

    with first.reading() as view:
        record_in(second, Author("ada", Clock()), PolicyInForce(digest="other", team="team", text="text"))
        with second.reading() as beside, first.read_published() as published:
            digests = [[row.fact.digest for row in each.recorded(PolicyInForce)] for each in (view, beside, published)]

    assert digests == [["one"], ["other"], ["one"]]


def test_a_disk_that_fills_while_the_log_is_published_does_not_deny_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "runlog.duckdb"
    log = open_log(f"duckdb:///{path}", tmp_path)
    author = Author("ada", Clock())
    record_in(log, author, PolicyInForce(digest="digest", team="team", text="text"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.stat().st_size
    text = random.Random(1).randbytes(size // 3).hex()  # noqa: S311  nothing that compresses

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(TailguardError, match="The facts are in the log; free some space"):
            record_in(log, author, PolicyInForce(digest="large", team="team", text=text))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with log.reading() as view:
        assert [row.fact.digest for row in view.recorded(PolicyInForce)] == ["digest", "large"]
    record_in(log, author, PolicyInForce(digest="next", team="team", text="text"))
    with log.read_published() as view:
        assert len(view.recorded(PolicyInForce)) == 3
