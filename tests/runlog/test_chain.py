"""The hash chains, on DuckDB and on PostgreSQL: what was changed, removed or inserted is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tailguard.domain.facts import FACTS, ReasonCount, StageStarted
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.stages import Stage
from tailguard.errors import InputError, LogBusy, TailguardError
from tailguard.runlog import connection as opening
from tailguard.runlog.connection import DuckdbLog, RunLog, open_log
from tailguard.runlog.locks import reader_writer_lock
from tailguard.runlog.recorder import Author, RunRecorder, transaction
from tailguard.runlog.schema import TABLES, metadata
from tailguard.runlog.verify import verify
from tests.builders import Clock
from tests.recording import record_in

AUTHOR = Author("ada", Clock())


def write_two_runs(log: RunLog) -> None:
    for run in ("main/0", "main/1"):
        recorder = RunRecorder(log, run, AUTHOR)
        recorder.record(
            StageStarted(run=run, stage=Stage.INTAKE),
            _reason_count(run, "s", 3),
        )
        recorder.record(StageStarted(run=run, stage=Stage.SCORE))
        if run == "main/0":
            recorder.seal()
    record_in(log, AUTHOR, StageStarted(run="main/2", stage=Stage.INTAKE))


def _reason_count(run: str, source: str, records: int) -> ReasonCount:
    return ReasonCount(
        run=run,
        stage=Stage.INTAKE,
        outcome=RecordOutcome.HELD,
        source=source,
        origin="unknown",
        reason=Reason.NO_DECLARATION,
        records=records,
    )


def change(log: RunLog, statement: str) -> None:
    with log.writing() as view:
        view.connection.execute(text(statement))


def test_an_untouched_log_verifies(log: RunLog) -> None:
    write_two_runs(log)

    found = verify(log)

    assert found.problems == ()
    assert (found.chains, found.sealed) == (3, 1)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE reason_count SET records = 4 WHERE run = 'main/0'", "changed"),
        ("UPDATE entry SET actor = 'eve' WHERE id = 'main/1#1'", "changed"),
        ("UPDATE entry SET recorded = '2020-01-01' WHERE id = 'decisions#1'", "changed"),
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
def test_tampering_is_found(log: RunLog, statement: str, message: str) -> None:
    write_two_runs(log)

    change(log, statement)

    assert any(message in problem.what for problem in verify(log).problems), verify(log).problems


def test_a_whole_chain_that_was_cut_out_is_missed(log: RunLog) -> None:
    write_two_runs(log)

    change(log, "DELETE FROM stage_started WHERE run = 'main/0'")
    change(log, "DELETE FROM reason_count WHERE run = 'main/0'")
    change(log, "DELETE FROM entry WHERE chain = 'main/0'")

    assert any(problem.chain == "main/0" for problem in verify(log).problems)


def test_facts_come_back_as_they_were_written(log: RunLog) -> None:
    fact = _reason_count("main/0", 'a;b quote \' and "snow" ☃', 7)

    RunRecorder(log, "main/0", AUTHOR).record(fact, *[replace(fact, records=n) for n in range(50)])

    with log.reading() as view:
        found = view.recorded(ReasonCount, run="main/0")
    assert found[0].fact == fact
    assert len(found) == 51
    assert found[0].id == "main/0#1"
    assert verify(log).problems == ()


def test_migrations_add_up_to_the_facts(log: RunLog) -> None:
    with log.writing():
        pass

    with log.reading() as view:
        seen = inspect(view.connection)
        for table in metadata.tables.values():
            assert {column["name"] for column in seen.get_columns(table.name)} == {
                column.name for column in table.columns
            }, table.name
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


def test_a_log_of_a_trial_version_is_refused_by_that_name(log: RunLog) -> None:
    write_two_runs(log)
    change(log, "UPDATE alembic_version SET version_num = '0008'")

    with pytest.raises(InputError, match="trial version of Tailguard"), log.reading():
        pass


def test_a_value_that_no_row_can_have_is_named_with_its_row(log: RunLog) -> None:
    write_two_runs(log)
    change(log, "UPDATE stage_started SET stage = 'intakX' WHERE id = 'main/0#1'")

    with (
        log.reading() as view,
        pytest.raises(TailguardError, match=r"Row main/0#1 of the run log was changed: 'intakX'"),
    ):
        view.recorded(StageStarted)
    assert any("changed" in problem.what for problem in verify(log).problems)


def test_a_decision_that_raises_leaves_nothing(log: RunLog) -> None:
    def refused() -> None:
        with transaction(log, AUTHOR) as opened:
            opened.record(StageStarted(run="main/0", stage=Stage.SCORE))
            raise InputError("no")

    with pytest.raises(InputError):
        refused()

    record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.INTAKE))
    assert verify(log).rows == 2


def test_facts_wait_beside_a_busy_log_and_are_folded_in(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    recorder = RunRecorder(log, "main/0", AUTHOR, timeout_seconds=0.1)
    recorder.record(StageStarted(run="main/0", stage=Stage.INTAKE))

    with reader_writer_lock(log.path, exclusive=True, timeout_seconds=1):
        recorder.record(StageStarted(run="main/0", stage=Stage.SCORE))
        recorder.record(StageStarted(run="main/0", stage=Stage.COMPOSE), StageStarted(run="main/0", stage=Stage.TRAIN))
    spooled = (tmp_path / "runlog.spool" / "main-0.jsonl").read_bytes()
    recorder.record(StageStarted(run="main/0", stage=Stage.GATE))

    with log.reading() as view:
        stages = [row.fact.stage for row in view.recorded(StageStarted)]
    assert stages == ["intake", "score", "compose", "train", "gate"]
    assert not (tmp_path / "runlog.spool" / "main-0.jsonl").exists()
    assert verify(log).problems == ()

    # A crash between commit and removal leaves the file; its facts are not written twice.
    (tmp_path / "runlog.spool" / "main-0.jsonl").write_bytes(spooled)
    recorder.record(StageStarted(run="main/0", stage=Stage.HANDOFF))
    with log.reading() as view:
        assert len(view.recorded(StageStarted)) == 6


def test_a_decision_on_a_busy_log_is_refused_and_not_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.INTAKE))
    monkeypatch.setattr(opening, "TIMEOUT_SECONDS", 0.1)

    with (
        reader_writer_lock(log.path, exclusive=False, timeout_seconds=1),
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


def test_pages_see_a_decision_at_once(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "runlog.duckdb")
    record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.INTAKE))
    before = log.version()

    record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.SCORE))

    assert log.version() != before
    with log.read_published() as view:
        assert len(view.recorded(StageStarted)) == 2


def test_a_page_sees_what_was_written_while_another_page_of_its_server_reads(tmp_path: Path) -> None:
    log = DuckdbLog(tmp_path / "it's a:log" / "runlog.duckdb")
    log.folder.mkdir()
    record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.INTAKE))

    with log.read_published() as slow:
        assert len(slow.recorded(StageStarted)) == 1
        record_in(log, AUTHOR, StageStarted(run="main/0", stage=Stage.SCORE))
        with log.read_published() as fresh:
            assert len(fresh.recorded(StageStarted)) == 2
        assert len(slow.recorded(StageStarted)) == 1
