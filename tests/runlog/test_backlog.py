"""What waits for a person is what was held and is not decided, by record: in the queue and in every count that people see."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.detection.judge import Detector
from tailguard.domain.facts import Artifact, BatchTaken, Fact, RecordsHeld, ReviewDecision
from tailguard.domain.records import RECORD
from tailguard.domain.requests import BatchRequest
from tailguard.domain.stages import Stage
from tailguard.domain.tags import Origin
from tailguard.plays.finding import FindingKind
from tailguard.plays.provenance import quarantine
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import Author
from tailguard.runlog.views.backlog import HeldSince, backlog, undecided, waiting_now
from tailguard.stages.intake import counting
from tailguard.stages.intake.reading import Batch
from tailguard.workspace import Workspace
from tests.builders import Clock
from tests.recording import record, record_in, record_policy

TEXTS = {f"{number:032x}": f"held passage number {number} of nobody in particular" for number in range(9)}
RUNS = st.tuples(
    st.just("hold"),
    st.sampled_from("abc"),
    st.sampled_from(["docs", "share"]),
    st.sets(st.sampled_from(sorted(TEXTS)), min_size=1),
)
ANSWERS = st.tuples(
    st.just("answer"), st.sampled_from(sorted(TEXTS)), st.sampled_from(["human", "ai", "unknown"]), st.none()
)


def held(workspace: Workspace, run: str, batch: str, source: str, ids: set[str]) -> list[Fact]:
    """What a run's intake leaves behind of the records that it holds."""
    row: dict[str, object] = {
        "declared": "unknown",
        "declared_by": "",
        "origin": "unknown",
        "evidence": "none",
        "reason": "no declared origin",
    }
    row |= {"by": "intake", "spans": "", "meta": "", "tag_digest": "t", "source": source, "batch": batch}
    rows = [
        row | {"id": identity, "text": TEXTS[identity], "held": True, "share": 1.0, "score": None, "tokens": 7}
        for identity in sorted(ids)
    ]
    digest = workspace.store.put_table("quarantine", pa.Table.from_pylist(rows, schema=RECORD))
    return [
        BatchTaken(
            run=run,
            batch=batch,
            source=source,
            declared="unknown",
            file="x.jsonl",
            read=20,
            rejected=0,
            duplicates=0,
            confident=0,
            held=len(ids),
            estimate=None,
            estimate_low=None,
            estimate_high=None,
            conflict=None,
        ),
        RecordsHeld(run=run, batch=batch, source=source, records=" ".join(sorted(ids))),
        Artifact(run=run, stage=Stage.INTAKE, direction="out", kind="quarantine", name="", digest=digest),
    ]


def founded(folder: Path) -> tuple[Workspace, Clock]:
    clock = Clock()
    (folder / "policy.toml").write_text(template("ada"))
    workspace = Workspace(folder, "ada", clock)
    record_policy(workspace)
    return workspace, clock


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    founded(folder)
    return folder


@settings(max_examples=8)
@given(steps=st.lists(RUNS | ANSWERS, min_size=3, max_size=12))
def test_what_waits_is_what_was_held_and_is_not_decided_however_records_repeat(
    empty: Path, steps: list[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as folder:
        shutil.copytree(empty, folder, dirs_exist_ok=True)
        clock = Clock()
        workspace = Workspace(Path(folder), "ada", clock)
        first_run: dict[str, str] = {}
        decided: set[str] = set()
        facts: list[Fact] = []
        for number, (what, name, more, ids) in enumerate(steps):
            run = f"{'main' if number % 2 else 'other'}/{number}"
            if what == "hold":
                facts += held(workspace, run, name, more, ids)
                first_run = dict.fromkeys(ids, run) | first_run
            elif (
                name in first_run
            ):  # in which batch the reviewer found it makes no difference, nor does answering twice
                facts.append(
                    ReviewDecision(
                        record=name,
                        batch="abc"[number % 3],
                        source="docs",
                        origin=more,
                        reason="checked",
                        held_since=clock.moment,
                    )
                )
                decided = decided - {name} if more == "unknown" else decided | {name}
        record(workspace, *facts)

        queue = quarantine.waiting(workspace)
        with workspace.log.reading() as view:
            waits = waiting_now(view)
            by_name = undecided(view)
            points = backlog(view, clock.now())
            found = [
                finding
                for finding in status(view, now=clock.now()).findings
                if finding.kind is FindingKind.RECORDS_WAIT
            ]

        left = {record: run for record, run in first_run.items() if record not in decided}
        assert {record.id: record.run for record in queue} == left
        assert len(queue) == len(left)
        assert by_name == {record.id: HeldSince(record.run, record.since) for record in queue}
        assert (waits.records if waits else 0) == len(left)
        assert (waits.since if waits else None) == min((record.since for record in queue), default=None)
        assert sum(point.records for point in points if point.moment == points[-1].moment) == len(left)
        assert [finding.what.split()[0] for finding in found] == ([str(len(left))] if left else [])


def test_deciding_one_runs_records_leaves_those_of_another_that_read_the_same_file(tmp_path: Path) -> None:
    workspace, clock = founded(tmp_path)
    first, *others = sorted(TEXTS)
    record(workspace, *held(workspace, "main/0", "a", "docs", {first}))
    clock.move(30)
    record(workspace, *held(workspace, "other/0", "a", "docs", set(others)))

    quarantine.decide(workspace, others, origin=Origin.HUMAN, code="checked")

    assert [(record.id, record.run) for record in quarantine.waiting(workspace)] == [(first, "main/0")]


def test_that_records_wait_is_true_since_the_queue_was_last_empty(log: RunLog) -> None:
    clock = Clock()
    author = Author("ada", clock)

    def answer(record: str) -> ReviewDecision:
        return ReviewDecision(
            record=record, batch="a", source="docs", origin="human", reason="checked", held_since=clock.moment
        )

    seen = []
    for step in (
        RecordsHeld(run="main/0", batch="a", source="docs", records="r0"),
        answer("r0"),  # the queue is empty
        RecordsHeld(run="main/1", batch="a", source="docs", records="r1"),
        RecordsHeld(run="main/2", batch="a", source="docs", records="r2"),
        answer("r1"),
        answer("r2"),
    ):
        record_in(log, author, step)
        with log.reading() as view:
            waits = waiting_now(view)
        seen.append((waits.records, (waits.unbroken_since - datetime(2026, 3, 2)).days, waits.row) if waits else None)
        clock.move(1)

    rows = [answer[2] if answer else None for answer in seen]
    assert [answer[:2] if answer else None for answer in seen] == [(1, 0), None, (1, 2), (2, 2), (1, 2), None]
    assert rows[2] == rows[3] == rows[4] != rows[0]


class Length:
    """A detector that tells texts by their length."""

    name = "length"

    def score(self, texts: Sequence[str]) -> list[float]:
        return [float(len(text)) for text in texts]


def test_many_held_ids_are_written_in_rows_of_a_thousand(log: RunLog, tmp_path: Path) -> None:
    names = [f"r{number}" for number in range(2_500)]
    counts = counting.Counts(held_ids=names)
    scale = {"texts": np.linspace(0, 1, 60)}
    detector = Detector(Length(), scale, scale, 0.05, "d", "none")

    facts = counting.facts_of(
        "main/0", BatchRequest("x.jsonl", "docs"), "a", Batch(tmp_path), counts, None, detector, seed=0
    )
    rows = [fact for fact in facts if isinstance(fact, RecordsHeld)]
    record_in(log, Author("ada", Clock()), *rows)

    assert [len(row.records.split()) for row in rows] == [1_000, 1_000, 500]
    with log.reading() as view:
        assert set(undecided(view)) == set(names)


def test_what_waited_at_each_moment_is_told_by_how_long_it_had_waited(log: RunLog) -> None:
    clock = Clock()
    author = Author("ada", clock)
    record_in(log, author, RecordsHeld(run="main/0", batch="a", source="docs", records="r1 r2 r3"))
    begun = clock.moment
    clock.move(10)
    record_in(
        log,
        author,
        RecordsHeld(run="main/1", batch="b", source="docs", records="r3 r4"),
        ReviewDecision(record="r1", batch="a", source="docs", origin="human", reason="checked", held_since=begun),
    )
    clock.move(20)

    with log.reading() as view:
        points = backlog(view, clock.now())
        waits = waiting_now(view)

    def at(days: float) -> list[int]:
        moment = max(point.moment for point in points if point.moment <= begun + timedelta(days=days, seconds=30))
        return [point.records for point in points if point.moment == moment]

    assert (at(0), at(7), at(10), at(30)) == ([3, 0, 0], [0, 3, 0], [1, 2, 0], [0, 1, 2])
    assert waits is not None
    assert (waits.records, waits.since) == (3, datetime(2026, 3, 2, 9, 0, 1))


@pytest.mark.parametrize("runs", [2000])
def test_only_files_of_runs_that_are_not_decided_whole_are_read(tmp_path: Path, runs: int) -> None:
    workspace, clock = founded(tmp_path)
    first, *_ = sorted(TEXTS)
    record(workspace, *held(workspace, "main/0", "a", "docs", {first}))
    record(workspace,
        *(fact for n in range(1, runs) for fact in (
            RecordsHeld(run=f"main/{n}", batch=f"b{n}", source="docs", records=f"r{n}"),
            Artifact(run=f"main/{n}", stage=Stage.INTAKE, direction="out", kind="quarantine", name="", digest=f"not there {n}"),
            ReviewDecision(record=f"r{n}", batch=f"b{n}", source="docs", origin="human", reason="checked", held_since=clock.moment),
        ))
    )  # fmt: skip

    assert [record.id for record in quarantine.waiting(workspace)] == [first]
