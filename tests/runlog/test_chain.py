"""The hash chains, on DuckDB and on PostgreSQL: what was changed, removed or inserted is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tailguard.domain.facts import FACTS, ReasonCount, StageStarted
from tailguard.errors import InputError, LogBusy
from tailguard.runlog import connection as opening
from tailguard.runlog.connection import DuckdbLog, RunLog, open_log
from tailguard.runlog.locks import turnstile
from tailguard.runlog.queries import recorded
from tailguard.runlog.recorder import Author, Desk, RunRecorder
from tailguard.runlog.schema import TABLES, metadata
from tailguard.runlog.verify import verify
from tests.builders import Clock

AUTHOR = Author("ada", Clock())


def write_two_runs(log: RunLog) -> None:
    for run in ("main/0", "main/1"):
        recorder = RunRecorder(log, run, AUTHOR)
        recorder.record(StageStarted(run, "intake"), ReasonCount(run, "intake", "held", "s", "unknown", "why", 3))
        recorder.record(StageStarted(run, "score"))
        if run == "main/0":
            recorder.seal()
    Desk(log, AUTHOR).record(StageStarted("main/2", "intake"))


def change(log: RunLog, statement: str) -> None:
    with log.writing() as connection:
        connection.execute(text(statement))


def test_an_untouched_log_verifies(log: RunLog) -> None:
    write_two_runs(log)

    found = verify(log)

    assert found.problems == ()
    assert (found.chains, found.sealed) == (3, 1)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE reason_count SET records = 4 WHERE run = 'main/0'", "changed"),
        ("UPDATE entry SET actor = 'eve' WHERE id = 'main/1#1'", "changed"),
        ("UPDATE entry SET recorded = '2020-01-01' WHERE id = 'desk#1'", "changed"),
        ("DELETE FROM reason_count WHERE run = 'main/1'", "removed"),
        ("DELETE FROM entry WHERE id = 'main/1#2'", "missing"),
        ("DELETE FROM entry WHERE chain = 'main/0' AND seq > 3", "sealed with 5 rows"),
        ("DELETE FROM entry WHERE id = 'main/1#5'", "removed"),
        ("DELETE FROM entry WHERE chain = 'main/1' AND seq > 3", "witness"),
        ("INSERT INTO stage_started VALUES ('main/1#9', 'main/1', 'gate')", "inserted"),
        (
            "INSERT INTO entry SELECT 'main/0#6', chain, 6, 'commit', recorded, actor, clock, row_hash, row_hash "
            "FROM entry WHERE id = 'main/0#5'",
            "inserted",
        ),
    ],
)
def test_tampering_is_found(log: RunLog, statement: str, told: str) -> None:
    write_two_runs(log)

    change(log, statement)

    assert any(told in problem.what for problem in verify(log).problems), verify(log).problems


def test_a_whole_chain_that_was_cut_out_is_missed(log: RunLog) -> None:
    write_two_runs(log)

    change(log, "DELETE FROM stage_started WHERE run = 'main/0'")
    change(log, "DELETE FROM reason_count WHERE run = 'main/0'")
    change(log, "DELETE FROM entry WHERE chain = 'main/0'")

    assert any(problem.chain == "main/0" for problem in verify(log).problems)


def test_facts_come_back_as_they_were_written(log: RunLog) -> None:
    fact = ReasonCount("main/0", "intake", "rejected", "a;b", "", 'quote \' and "snow" ☃', 7)

    RunRecorder(log, "main/0", AUTHOR).record(fact, *[replace(fact, records=n) for n in range(50)])

    with log.reading() as connection:
        found = recorded(connection, ReasonCount, run="main/0")
    assert found[0].fact == fact
    assert len(found) == 51
    assert found[0].id == "main/0#1"
    assert verify(log).problems == ()


def test_migrations_add_up_to_the_facts(log: RunLog) -> None:
    with log.writing():
        pass

    with log.reading() as connection:
        seen = inspect(connection)
        for table in metadata.tables.values():
            assert {one["name"] for one in seen.get_columns(table.name)} == {one.name for one in table.columns}, (
                table.name
            )
    assert len(TABLES) == len(FACTS)


def test_a_log_from_a_newer_version_is_refused_and_left_alone(log: RunLog) -> None:
    write_two_runs(log)
    change(log, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(InputError, match="newer Tailguard"), log.reading():
        pass
    fresh = open_log(f"duckdb:///{log.path}", log.folder) if isinstance(log, DuckdbLog) else log
    if isinstance(log, DuckdbLog):
        with pytest.raises(InputError, match="newer Tailguard"), fresh.writing():
            pass


def test_a_decision_that_raises_leaves_nothing(log: RunLog) -> None:
    def look(_: object) -> list[StageStarted]:
        raise InputError("no")

    with pytest.raises(InputError):
        Desk(log, AUTHOR).decide(look)

    Desk(log, AUTHOR).record(StageStarted("main/0", "intake"))
    assert verify(log).rows == 2


def test_facts_wait_beside_a_busy_log_and_are_folded_in(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    recorder = RunRecorder(log, "main/0", AUTHOR, timeout_seconds=0.1)
    recorder.record(StageStarted("main/0", "intake"))

    with turnstile(log.path, exclusive=True, timeout_seconds=1):
        recorder.record(StageStarted("main/0", "score"))
        recorder.record(StageStarted("main/0", "compose"), StageStarted("main/0", "train"))
    spilled = (tmp_path / "runlog.spill" / "main-0.jsonl").read_bytes()
    recorder.record(StageStarted("main/0", "gate"))

    with log.reading() as connection:
        stages = [one.fact.stage for one in recorded(connection, StageStarted)]
    assert stages == ["intake", "score", "compose", "train", "gate"]
    assert not (tmp_path / "runlog.spill" / "main-0.jsonl").exists()
    assert verify(log).problems == ()

    # A crash between commit and removal leaves the file; its facts are not written twice.
    (tmp_path / "runlog.spill" / "main-0.jsonl").write_bytes(spilled)
    recorder.record(StageStarted("main/0", "handoff"))
    with log.reading() as connection:
        assert len(recorded(connection, StageStarted)) == 6


def test_a_decision_on_a_busy_log_is_refused_and_not_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    Desk(log, AUTHOR).record(StageStarted("main/0", "intake"))
    monkeypatch.setattr(opening, "TIMEOUT_SECONDS", 0.1)

    with (
        turnstile(log.path, exclusive=False, timeout_seconds=1),
        pytest.raises(LogBusy),
        log.writing(timeout_seconds=0.1),
    ):
        pass


def test_a_file_that_is_no_log_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "runlog.duckdb").write_bytes(b"this is not a database" * 500)

    with (
        pytest.raises(InputError, match="not a run log that this version can read"),
        DuckdbLog(tmp_path / "runlog.duckdb").reading(),
    ):
        pass


def test_a_missing_log_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tailguard init"), DuckdbLog(tmp_path / "runlog.duckdb").reading():
        pass


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="TAILGUARD_RUNLOG"):
        open_log("sqlite:///x.db", tmp_path)


def test_pages_see_a_write_of_the_desk_at_once(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    Desk(log, AUTHOR).record(StageStarted("main/0", "intake"))
    before = log.version()

    Desk(log, AUTHOR).record(StageStarted("main/0", "score"))

    assert log.version() != before
    with log.glancing() as connection:
        assert len(recorded(connection, StageStarted)) == 2


def test_a_page_sees_what_was_written_while_another_page_of_its_server_reads(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "it's a:log" / "runlog.duckdb")
    log.folder.mkdir()
    Desk(log, AUTHOR).record(StageStarted("main/0", "intake"))

    with log.glancing() as slow:
        assert len(recorded(slow, StageStarted)) == 1
        Desk(log, AUTHOR).record(StageStarted("main/0", "score"))
        with log.glancing() as fresh:
            assert len(recorded(fresh, StageStarted)) == 2
        assert len(recorded(slow, StageStarted)) == 1
