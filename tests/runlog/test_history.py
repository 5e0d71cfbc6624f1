"""A long history in few rows: what the log selects and sums is what one would count by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from tailguard.domain.damage import Damage
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
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.verdict import Verdict
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import Author, RunRecorder
from tailguard.runlog.views import history as history_view
from tailguard.runlog.views.alarms import sensitivity
from tailguard.runlog.views.history import history
from tailguard.runlog.views.runs import newest_runs, not_passed
from tailguard.runlog.views.sources import leaks, passed, source_records, undeclared_returns
from tests.builders import Clock, Team
from tests.recording import record_in


def record_history(log: RunLog, runs: int, *, lineage: str = "a_b") -> None:
    """Runs of which every tenth was blocked and every seventh has a larger ratio; one row each where that is enough."""
    clock = Clock()
    author = Author("ada", clock)
    record_in(
        log,
        author,
        *(
            RunStarted(
                run=f"{lineage}/{n}",
                lineage=lineage,
                number=n,
                parent=f"{lineage}/{n - 1}" if n else None,
                mode=Mode.ENFORCE,
                policy="p",
                request="r",
                seed=0,
                tool_version="1",
            )
            for n in range(runs)
        ),
    )
    for n in range(runs):
        run = f"{lineage}/{n}"
        verdict = Verdict.BLOCK if n % 10 == 3 else Verdict.PASS
        ratio = 0.4 if n % 7 == 2 else 0.2
        RunRecorder(log, run, author).record(
            Composition(
                run=run,
                lineage=lineage,
                snapshot="s",
                content="c",
                anchor=None,
                records=100,
                tokens=1000,
                anchor_records=10,
                synthetic_records=20.0,
                synthetic_tokens=200.0,
                ratio_records=ratio,
                ratio_tokens=ratio / 2,
                ceiling=0.3,
                requested=None,
            ),
            GateDecision(
                run=run,
                lineage=lineage,
                gate=Gate.DIVERSITY,
                verdict=verdict,
                enforced=True,
                reason="why",
                override=None,
            ),
            CanaryResult(
                run=run,
                kind=Damage.RARE_WORDS_LOST,
                strength=0.1,
                loss=0.05 + n / 1000,
                verdict=Verdict.BLOCK,
                as_expected=True,
            ),
        )


@pytest.mark.parametrize(("runs", "all_of_them"), [(20, True), (50, False)])
def test_a_long_history_is_thinned_and_keeps_its_counts_its_ends_and_what_stands_out(
    log: RunLog, runs: int, all_of_them: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_view, "BUCKETS", 12)
    record_history(log, runs)

    with log.reading() as view:
        found = history(view, "a_b", None)
        nothing = history(view, "aXb", None)

    drawn = [point.number for point in found.points]
    assert (found.runs, found.judged, found.stopped) == (runs, runs, len([n for n in range(runs) if n % 10 == 3]))
    assert drawn == sorted(set(drawn))
    assert drawn[-1] == runs - 1
    assert (len(drawn) == runs) is all_of_them
    assert len(drawn) <= 3 * 12
    assert {point.verdict for point in found.points} == {"PASS", "BLOCK"}
    assert max(point.ratio_records or 0 for point in found.points) == 0.4
    assert (nothing.runs, nothing.points) == (0, ()), "an underscore in a name is no wildcard"


def test_the_newest_row_of_each_is_what_a_walk_through_all_of_them_finds(log: RunLog) -> None:
    record_history(log, 12)

    with log.reading() as view:
        every = view.recorded(GateDecision)
        by_verdict = {row.fact.verdict: row for row in every}

        assert view.recorded(GateDecision, newest_by=("verdict",)) == sorted(
            by_verdict.values(), key=lambda row: row.recorded
        )
        assert view.newest(GateDecision) == every[-1]
        assert view.oldest(GateDecision) == every[0]
        assert view.newest(GateDecision, verdict="BLOCK") == by_verdict[Verdict.BLOCK]
        assert view.newest(StageStarted) is None
        assert view.recorded(GateDecision, of_lineage="a_b", since=every[5].recorded) == every[5:]
        assert view.recorded(GateDecision, of_lineage="aXb") == []
        assert [run.fact.number for run in newest_runs(view, 3)["a_b"]] == [9, 10, 11]
        assert [test.run for test in sensitivity(view, Damage.RARE_WORDS_LOST)] == [f"a_b/{n}" for n in range(12)]
        assert [run.run for run in not_passed(view, ["a_b"])] == ["a_b/3"]


def test_what_two_runs_found_in_the_same_file_is_not_added_up(log: RunLog) -> None:
    author = Author("ada", Clock())
    record_in(
        log,
        author,
        DetectorCalibrated(
            detector="d",
            name="built-in",
            anchor="a",
            outputs_of="main/0",
            human_texts=9,
            ai_texts=9,
            auroc=0.9,
            true_positive_rate=0.9,
            false_positive_rate=0.01,
            error_rate=0.01,
        ),
    )
    count = ProvenanceCount(
        run="main/0",
        batch="b",
        source="docs",
        declared="human",
        origin="human",
        evidence="declaration",
        records=80,
        tokens=800,
    )
    share = ShareEstimated(
        run="main/0", batch="b", source="docs", pool="batch", method="PACC", share=0.3, low=0.25, high=0.35, records=100
    )
    record_in(log, author, count, share)
    with log.reading() as view:
        alone = leaks(view)

    record_in(log, author, replace(count, run="other/0"), replace(share, run="other/0"))

    with log.reading() as view:
        assert leaks(view) == alone


def test_a_source_agrees_with_its_own_declaration_and_not_with_another_ones(log: RunLog) -> None:
    author = Author("ada", Clock())
    taken = BatchTaken(
        run="main/0",
        batch="b",
        source="docs",
        declared="human",
        file="x",
        read=9,
        rejected=0,
        duplicates=0,
        confident=0,
        held=1,
        estimate=None,
        estimate_low=None,
        estimate_high=None,
        conflict=None,
    )
    record_in(
        log,
        author,
        taken,
        ReviewDecision(
            record="r1", batch="b", source="docs", origin="human", reason="checked", held_since=datetime(2026, 3, 1)
        ),
    )
    record_in(
        log, author, replace(taken, run="main/1", source="vendor", declared="ai")
    )  # the same file, under another name

    with log.reading() as view:
        assert source_records(view)["docs"].agreement == 1.0


def test_what_is_prefetched_is_what_would_have_been_asked(log: RunLog) -> None:
    record_history(log, 5)

    with log.reading() as view:
        asked = {run: view.recorded(Composition, run=run) for run in ("a_b/1", "a_b/9")}
        with view.cached():
            view.prefetch(["a_b/1", "a_b/9"], Composition)
            assert {run: view.recorded(Composition, run=run) for run in asked} == asked


def test_our_own_text_is_told_once_a_source_with_how_often_it_came(team: Team) -> None:
    recorder = RunRecorder(team.workspace.log, "main/0", team.workspace.author)
    for run in ("main/0", "main/1"):
        recorder.record(
            BatchTaken(
                run=run,
                batch=f"batch of {run}",
                source="wiki",
                declared="human",
                file="file",
                read=100,
                rejected=0,
                duplicates=0,
                confident=100,
                held=0,
                estimate=None,
                estimate_low=None,
                estimate_high=None,
                conflict=None,
            ),
            OwnOutputFound(
                run=run,
                batch=f"batch of {run}",
                source="wiki",
                generation="main/0",
                kind="copy",
                records=9,
                example="record",
            ),
            OwnOutputFound(
                run=run,
                batch=f"batch of {run}",
                source="forum",
                generation="main/0",
                kind="copy",
                records=2,
                example="record",
            ),
        )

    with team.workspace.log.reading() as view:
        found = undeclared_returns(view, 5)
        flows = passed(view, 5)

    assert [(returned.fact.run, returned.fact.source, returned.times) for returned in found] == [("main/1", "wiki", 2)]
    assert flows.fed == (("wiki", "main"),)
    assert [(writer, source) for writer, source, _ in flows.came_back] == [("main", "wiki")]
    assert all(isinstance(when, datetime) for _, _, when in flows.came_back)
