"""A long history in few rows: what the log selects and sums is what one would count by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from tailguard.domain.facts import (
    BatchTaken,
    CanaryResult,
    Composition,
    DetectorCalibrated,
    GateDecision,
    OwnOutputFound,
    ProvenanceCount,
    ReviewDecision,
    RunStarted,
    ShareEstimated,
    StageStarted,
)
from tailguard.runlog import history, queries
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import Author, Desk, RunRecorder
from tests.builders import Clock, Team


def told(log: RunLog, runs: int, *, lineage: str = "a_b") -> None:
    """Runs of which every tenth was blocked and every seventh has a larger ratio; one row each where that is enough."""
    clock = Clock()
    author = Author("ada", clock)
    Desk(log, author).record(
        *(
            RunStarted(f"{lineage}/{n}", lineage, n, f"{lineage}/{n - 1}" if n else None, "enforce", "p", "r", 0, "1")
            for n in range(runs)
        )
    )
    for n in range(runs):
        run = f"{lineage}/{n}"
        verdict = "BLOCK" if n % 10 == 3 else "PASS"
        ratio = 0.4 if n % 7 == 2 else 0.2
        RunRecorder(log, run, author).record(
            Composition(run, lineage, "s", "c", None, 100, 1000, 10, 20.0, 200.0, ratio, ratio / 2, 0.3, None),
            GateDecision(run, lineage, "diversity", verdict, True, "why", None),
            CanaryResult(run, "planted", 0.1, 0.05 + n / 1000, "BLOCK", True),
        )


@pytest.mark.parametrize(("runs", "all_of_them"), [(20, True), (50, False)])
def test_a_long_history_is_thinned_and_keeps_its_counts_its_ends_and_what_stands_out(
    log: RunLog, runs: int, all_of_them: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BUCKETS", 12)
    told(log, runs)

    with log.reading() as connection:
        found = history.history(connection, "a_b", None)
        nothing = history.history(connection, "aXb", None)

    drawn = [one.number for one in found.points]
    assert (found.runs, found.judged, found.stopped) == (runs, runs, len([n for n in range(runs) if n % 10 == 3]))
    assert drawn == sorted(set(drawn))
    assert drawn[-1] == runs - 1
    assert (len(drawn) == runs) is all_of_them
    assert len(drawn) <= 3 * history.BUCKETS
    assert {one.verdict for one in found.points} == {"PASS", "BLOCK"}
    assert max(one.ratio_records or 0 for one in found.points) == 0.4
    assert (nothing.runs, nothing.points) == (0, ()), "an underscore in a name is no wildcard"


def test_the_newest_row_of_each_is_what_a_walk_through_all_of_them_finds(log: RunLog) -> None:
    told(log, 12)

    with log.reading() as connection:
        every = queries.recorded(connection, GateDecision)
        by_verdict = {one.fact.verdict: one for one in every}

        assert queries.recorded(connection, GateDecision, newest_by=("verdict",)) == sorted(
            by_verdict.values(), key=lambda one: one.recorded
        )
        assert queries.newest(connection, GateDecision) == every[-1]
        assert queries.oldest(connection, GateDecision) == every[0]
        assert queries.newest(connection, GateDecision, verdict="BLOCK") == by_verdict["BLOCK"]
        assert queries.newest(connection, StageStarted) is None
        assert queries.recorded(connection, GateDecision, of_lineage="a_b", since=every[5].recorded) == every[5:]
        assert queries.recorded(connection, GateDecision, of_lineage="aXb") == []
        assert [one.fact.number for one in queries.newest_runs(connection, 3)["a_b"]] == [9, 10, 11]
        assert [one.run for one in history.teeth(connection)] == [f"a_b/{n}" for n in range(12)]
        assert [one.run for one in history.not_passed(connection, ["a_b"])] == ["a_b/3"]


def test_what_two_runs_found_in_the_same_file_is_not_added_up(log: RunLog) -> None:
    desk = Desk(log, Author("ada", Clock()))
    desk.record(DetectorCalibrated("d", "built-in", "a", "main/0", 9, 9, 0.9, 0.9, 0.01, 0.01))
    count = ProvenanceCount("main/0", "b", "docs", "human", "human", "declaration", 80, 800)
    share = ShareEstimated("main/0", "b", "docs", "batch", "PACC", 0.3, 0.25, 0.35, 100)
    desk.record(count, share)
    with log.reading() as connection:
        alone = queries.leaks(connection)

    desk.record(replace(count, run="other/0"), replace(share, run="other/0"))

    with log.reading() as connection:
        assert queries.leaks(connection) == alone


def test_a_source_agrees_with_its_own_declaration_and_not_with_another_ones(log: RunLog) -> None:
    desk = Desk(log, Author("ada", Clock()))
    taken = BatchTaken("main/0", "b", "docs", "human", "x", 9, 0, 0, 0, 1, None, None, None, None)
    desk.record(taken, ReviewDecision("r1", "b", "docs", "human", "checked", datetime(2026, 3, 1)))
    desk.record(replace(taken, run="main/1", source="vendor", declared="ai"))  # the same file, under another name

    with log.reading() as connection:
        assert queries.source_records(connection)["docs"].agreement == 1.0


def test_what_is_foreseen_is_what_would_have_been_asked(log: RunLog) -> None:
    told(log, 5)

    with log.reading() as connection:
        asked = {run: queries.recorded(connection, Composition, run=run) for run in ("a_b/1", "a_b/9")}
        with queries.remembering(connection):
            queries.foresee(connection, ["a_b/1", "a_b/9"], Composition)
            assert {run: queries.recorded(connection, Composition, run=run) for run in asked} == asked


def test_our_own_text_is_told_once_a_source_with_how_often_it_came(team: Team) -> None:
    recorder = RunRecorder(team.workspace.log, "main/0", team.workspace.author)
    for run in ("main/0", "main/1"):
        recorder.record(
            BatchTaken(run, f"batch of {run}", "wiki", "human", "file", 100, 0, 0, 100, 0, None, None, None, None),
            OwnOutputFound(run, f"batch of {run}", "wiki", "main/0", "copy", 9, "record"),
            OwnOutputFound(run, f"batch of {run}", "forum", "main/0", "copy", 2, "record"),
        )

    with team.workspace.log.reading() as connection:
        found = history.undeclared_returns(connection, 5)
        flows = history.passed(connection, 5)

    assert [(one.fact.run, one.fact.source, one.times) for one in found] == [("main/1", "wiki", 2)]
    assert flows.fed == (("wiki", "main"),)
    assert [(writer, source) for writer, source, _ in flows.came_back] == [("main", "wiki")]
    assert all(isinstance(when, datetime) for _, _, when in flows.came_back)
