"""The demo, whole: what the story promises has to be the outcome of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pytest

from pages.shared.places import page_of
from tailguard.clock import SystemClock
from tailguard.domain.facts import (
    BatchTaken,
    CaseShift,
    CeilingCalibrated,
    CeilingPoint,
    Clearance,
    Fact,
    Measurement,
    MeetingDecided,
    MeetingEnded,
    OverrideDecided,
    OverrideUsed,
    Reproduced,
    ReviewDecision,
    RunStarted,
    ShippingEvent,
)
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import SHIPS
from tailguard.plays.deviations import repetitions
from tailguard.plays.loops.standing import loops as loops_of
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import status
from tailguard.policy.model import PLAYS
from tailguard.reports.minutes import minutes
from tailguard.runlog.verify import verify
from tailguard.runlog.views.releases import shipped_generations
from tailguard.runlog.views.runs import gate_decision_of
from tailguard.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
F = TypeVar("F", bound=Fact)


def facts(demo: Path, kind: type[F], **equal: Any) -> list[F]:
    with Workspace(demo, "ada").log.reading() as view:
        return [row.fact for row in view.recorded(kind, **equal)]


def recall(demo: Path, lineage: str) -> dict[str, float]:
    found = facts(demo, Measurement, measure=Measure.RARE_DENSITY)
    return {measurement.run: measurement.value for measurement in found if measurement.run.startswith(f"{lineage}/")}


def test_two_lineages_of_at_least_eight_generations_span_a_year_on_the_demos_clock(demo: Path) -> None:
    with Workspace(demo, "ada").log.reading() as view:
        runs = view.recorded(RunStarted)
        now = status(view, now=SystemClock().now())

    counts = {name: sum(run.fact.lineage == name for run in runs) for name in ("guarded", "unguarded")}
    assert min(counts.values()) >= 8
    assert (runs[-1].recorded - runs[0].recorded).days > 330
    assert {run.clock for run in runs} == {"demo"}
    assert now.clock == "demo"
    assert verify(Workspace(demo, "ada").log).problems == ()


def test_the_unguarded_line_loses_its_tail_and_the_guarded_one_does_not(demo: Path) -> None:
    guarded, unguarded = recall(demo, "guarded"), recall(demo, "unguarded")

    assert unguarded["unguarded/7"] < 0.65 * unguarded["unguarded/0"]
    with Workspace(demo, "ada").log.reading() as view:
        newest = shipped_generations(view, "guarded")[-1]
    assert guarded[newest] > 0.95 * guarded["guarded/0"]


def test_the_vendor_is_caught_and_honest_batches_are_not(demo: Path) -> None:
    batches = facts(demo, BatchTaken)

    assert {batch.source for batch in batches if batch.conflict} == {"vendor-7"}
    honest = [batch for batch in batches if batch.source == "docs" and batch.estimate is not None]
    assert sum(batch.held for batch in honest) / sum(batch.read for batch in honest) < 0.03


def test_the_batch_without_an_origin_is_held_and_partly_decided(demo: Path) -> None:
    batch = facts(demo, BatchTaken, source="shared-drive")[0]
    decided = facts(demo, ReviewDecision)

    assert batch.held > 0.9 * batch.read
    assert 0 < len(decided) < batch.held


def test_the_job_over_the_ceiling_is_blocked_excused_and_then_stopped_by_its_diversity(demo: Path) -> None:
    answers = facts(demo, Clearance, run="guarded/5")
    with Workspace(demo, "ada").log.reading() as view:
        decision = gate_decision_of(view, "guarded/5")

    assert [(answer.allowed, answer.exit_code) for answer in answers] == [(False, 3), (True, 0)]
    assert answers[1].override == facts(demo, OverrideUsed)[0].override
    assert [decision.decision for decision in facts(demo, OverrideDecided, override="override-1")] == ["approved"]
    assert decision
    assert decision.fact.verdict == "BLOCK"
    assert [event.action for event in facts(demo, ShippingEvent, run="guarded/5")] == ["refused"]
    assert facts(demo, CaseShift, run="guarded/5", direction="lost")


def test_every_other_guarded_candidate_ships_and_no_unguarded_one_would(demo: Path) -> None:
    with Workspace(demo, "ada").log.reading() as view:
        now = status(view, now=SystemClock().now())

    verdicts = {generation.run: generation.verdict for lineage in now.lineages for generation in lineage.generations}
    guarded = {run for run, verdict in verdicts.items() if run.startswith("guarded/") and verdict not in SHIPS}
    assert guarded == {"guarded/5"}
    assert [run for run, verdict in verdicts.items() if run.startswith("unguarded/") and verdict in SHIPS] == [
        "unguarded/0"
    ]


def test_the_meeting_decided_and_its_minutes_can_be_read(demo: Path) -> None:
    (ended,) = facts(demo, MeetingEnded)
    decided = facts(demo, MeetingDecided)

    assert (ended.decided, ended.open_items) == (2, 0)
    assert {override.decision for override in decided} == {"closed", "refused"}
    assert b"Minutes of meeting-1" in minutes(Workspace(demo, "ada"), "meeting-1", form="html")
    with Workspace(demo, "ada").log.reading() as view:
        now = status(view, now=SystemClock().now())
    assert [override.id for override in now.overrides if override.state == "open"] == ["override-5"]


def test_the_ceiling_was_calibrated_on_the_anchor_itself(demo: Path) -> None:
    (found,) = facts(demo, CeilingCalibrated)

    assert 0.1 < found.recommended < 0.5
    assert len(facts(demo, CeilingPoint, experiment=found.experiment)) == 7 * found.generations


def test_the_loop_through_the_vendor_was_found_guarded_and_only_then_shipped(demo: Path) -> None:
    events = facts(demo, ShippingEvent, run="guarded/2")

    assert [event.action for event in events] == ["refused", "shipped"]
    assert "guarded -> vendor-7 -> guarded training set -> guarded" in events[0].reason
    with Workspace(demo, "ada").log.reading() as view:
        loops = loops_of(view, SystemClock().now())
    assert {loop.lineages[0] for loop in loops.unguarded} == {"unguarded"}
    assert not loops.unguarded[0].declared
    assert len(loops.loops) == 3


def test_two_drills_were_held_and_the_second_was_faster(demo: Path) -> None:
    with Workspace(demo, "ada").log.reading() as view:
        first, second = incidents(view)

    assert first.closed
    assert second.closed
    assert "alert" in first.steps[0].fact.evidence
    assert (second.seconds("freeze") or 0) < (first.seconds("freeze") or 0)
    assert all(
        "is in production, weights as their digest says" in side.steps[2].fact.evidence for side in (first, second)
    )


def test_every_play_runs_at_the_end_and_was_attested(demo: Path) -> None:
    with Workspace(demo, "ada").log.reading() as view:
        now = status(view, now=SystemClock().now())

    assert {play.name: (play.state, play.attested) for play in now.plays} == dict.fromkeys(PLAYS, ("running", True))
    assert not [finding for finding in now.findings if page_of(finding.kind) == "plays"]


def test_a_colleague_repeated_the_newest_generation_fact_for_fact(demo: Path) -> None:
    (found,) = facts(demo, Reproduced)

    assert found.identical
    assert found.compared > 200
    with Workspace(demo, "ada").log.reading() as view:
        assert [repetition.by for repetition in repetitions(view, found.run)] == ["kim"]
