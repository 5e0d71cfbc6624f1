"""Figures that pages show: what a lineage's batches, training sets, gates and overrides come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tailguard.domain.damage import Damage
from tailguard.domain.facts import (
    BatchTaken,
    CanaryResult,
    ComparedMeasure,
    Composition,
    GateDecision,
    Measurement,
    RatioMeasured,
    RunStarted,
    ShareEstimated,
)
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.intervals import wilson
from tailguard.domain.measures import Measure
from tailguard.domain.references import ReferenceKind
from tailguard.domain.verdict import Verdict
from tailguard.plays.course import course, measured
from tailguard.plays.mixing import summary as mixing
from tailguard.plays.monitoring import comparisons, gates
from tailguard.plays.provenance import breakdown
from tailguard.plays.provenance import summary as provenance
from tailguard.plays.register import register
from tailguard.plays.side_by_side import side_by_side
from tailguard.plays.status import OverrideStatus
from tailguard.runlog.views.history import BUCKETS
from tailguard.workspace import Workspace
from tests.builders import Clock
from tests.recording import record

NOW = datetime(2026, 3, 1)
BATCH = BatchTaken(
    run="main/0", batch="b0", source="web", declared="human", file="f", read=110, rejected=0, duplicates=10, confident=80,
    held=5, estimate=0.2, estimate_low=0.1, estimate_high=0.3, conflict=None,
)  # fmt: skip
SET = Composition(
    run="main/0", lineage="main", snapshot="s", content="c", anchor=None, records=100, tokens=1000, anchor_records=20,
    synthetic_records=30.0, synthetic_tokens=250.0, ratio_records=0.3, ratio_tokens=0.25, ceiling=0.4, requested=None,
)  # fmt: skip
COMPARED = ComparedMeasure(
    run="main/1", reference_kind=ReferenceKind.PARENT, reference="main/0", measure=Measure.RARE_DENSITY, slice="",
    reference_value=0.5, candidate_value=0.4, delta=-0.2, low=-0.3, high=-0.1, margin=0.08, verdict=Verdict.BLOCK,
    detectable_loss=0.05, prompts=200, prompts_to_settle=None, confidence=0.9,
)  # fmt: skip
RUN = RunStarted(
    run="main/0", lineage="main", number=0, parent=None, mode=Mode.ENFORCE, policy="p", request="r", seed=1, tool_version="1",
)  # fmt: skip


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, "ada", clock=Clock())


def verdict(run: str, outcome: str, gate: Gate = Gate.DIVERSITY) -> GateDecision:
    return GateDecision(
        run=run, lineage="main", gate=gate, verdict=Verdict(outcome), enforced=True, reason="why", override=None
    )


def canary(run: str, kind: Damage, loss: float, outcome: str) -> CanaryResult:
    return CanaryResult(run=run, kind=kind, strength=0.1, loss=loss, verdict=Verdict(outcome), as_expected=True)


def test_coverage_counts_distinct_records_and_the_most_suspect_batch_was_declared_human(space: Workspace) -> None:
    sure = replace(BATCH, source="mail", declared="ai", estimate=0.9, read=100, confident=90, conflict="no")
    estimated = ShareEstimated(
        run="main/0", batch="b0", source="web", pool="batch", method="SLD", share=0.7, low=0.6, high=0.8, records=100
    )
    record(space, BATCH, sure, estimated, replace(estimated, method="PACC", share=0.2, low=0.1, high=0.3))

    with space.log.reading() as view:
        found = provenance.summary(view, "main", None)
        by_source = breakdown.coverage_by(view, "main", None, "source")
        estimates = breakdown.estimates(view, "main", None)
        web, mail = breakdown.sources(view, "main", None)
        assert provenance.summary(view, "other", None) is None

    assert found
    assert (found.records, found.confident, found.held, found.conflicts) == (190, 170, 10, 1)
    assert found.coverage == wilson(170, 190)
    assert found.newest_conflict == "mail: no"
    assert found.suspect
    assert (found.suspect.source, found.suspect.share, found.suspect.sld) == ("web", 0.2, 0.7)
    assert [(group.name, group.records) for group in by_source.groups] == [("web", 100), ("mail", 90)]
    assert (by_source.total, by_source.below) == (2, 1)
    assert (estimates.batches, estimates.apart) == (1, 1)
    assert (web.pacc, web.sld, web.coverage, web.conflict) == (0.2, 0.7, 0.8, "")
    assert (mail.pacc, mail.conflict, mail.contract) == (None, "no", None)


def test_the_larger_ratio_counts_and_room_is_what_still_fits_under_the_ceiling(space: Workspace) -> None:
    bounds = RatioMeasured(
        run="main/0", snapshot="s", unit="records", ratio=0.3, low=0.2, high=0.5, ceiling=0.4, enforced_on="upper bound"
    )
    record(space, SET, bounds, verdict("main/0", "BLOCK", gate=Gate.RATIO))

    with space.log.reading() as view:
        found = mixing.summary(view, "main", None, space.clock.now())
        records, tokens = mixing.ratios(view, "main", None)
        (job,) = mixing.blocked_jobs(view, "main", None, "tokens")

    assert found
    assert found.larger == records
    assert not found.over_the_ceiling
    assert found.room_records == pytest.approx(70 * 0.4 / 0.6 - 30)
    assert (found.anchor_share, found.recently_blocked, found.recently_stopped) == (0.2, 1, 1)
    assert (records.low, records.high, records.enforced_on) == (0.2, 0.5, "upper bound")
    assert (tokens.low, tokens.high, tokens.enforced_on) == (None, None, "ratio")
    assert (job.run, job.ratio) == ("main/0", 0.25)


def test_a_gates_figures_and_the_smallest_loss_that_each_run_blocked(space: Workspace) -> None:
    record(space, verdict("main/1", "BLOCK"), verdict("main/2", "PASS"), verdict("main/3", "INCONCLUSIVE"))
    record(
        space,
        canary("main/1", Damage.RARE_WORDS_LOST, 0.3, "BLOCK"),
        canary("main/1", Damage.RARE_WORDS_LOST, 0.1, "PASS"),
    )
    record(space, canary("main/2", Damage.RARE_WORDS_LOST, 0.2, "BLOCK"), canary("main/2", Damage.NONE, 0.0, "PASS"))
    record(space, canary("main/3", Damage.RARE_WORDS_LOST, 0.3, "PASS"), replace(COMPARED, run="main/2"))

    with space.log.reading() as view:
        found = gates.summary(view, "main", None)
        checks = gates.sensitivity(view, "main", None)

    assert found
    assert (found.candidates, found.blocked, found.undecided) == (3, 1, 1)
    assert (found.planted, found.caught, found.smallest_caught, found.harmless) == (4, 2, 0.2, 1)
    assert found.newest_caught
    assert found.newest_caught.fact.run == "main/2"
    assert found.false_blocks == wilson(0, 1)
    assert [(check.run, check.loss, check.margin) for check in checks] == [
        ("main/1", 0.3, 0.08), ("main/2", 0.2, 0.08), ("main/3", None, 0.08),
    ]  # fmt: skip


def test_the_closest_comparison_of_a_measure_is_the_one_that_stands_least_above_its_margin(space: Workspace) -> None:
    record(space, replace(COMPARED, verdict=Verdict.PASS, low=0.0, reference="main/9"), COMPARED)

    with space.log.reading() as view:
        found = comparisons.summary(view, "main", None, "main/1")
        assert comparisons.summary(view, "main", None, "main/0") is None
        assert comparisons.worst_slice(view, "main/1") is None

    assert found
    weakest = found.least_sensitive
    assert (found.comparisons, found.losses, weakest.detectable_loss, weakest.prompts) == (2, 1, 0.05, 200)
    assert [comparison.reference for comparison in found.closest] == ["main/0"]


def test_measures_are_sorted_by_the_room_that_their_margin_leaves_and_the_least_sensitive_is_told_in_units_of_it(
    space: Workspace,
) -> None:
    usable = replace(COMPARED, measure=Measure.USABLE, low=-0.04, high=-0.03, margin=0.01, detectable_loss=0.03)
    record(space, COMPARED, replace(COMPARED, measure=Measure.TYPE_DENSITY, low=-0.01, margin=0.03), usable)

    with space.log.reading() as view:
        found = comparisons.summary(view, "main", None, "main/1")

    assert found
    assert [comparison.measure for comparison in found.closest] == [
        Measure.USABLE,
        Measure.RARE_DENSITY,
        Measure.TYPE_DENSITY,
    ]
    assert found.least_sensitive == usable


def test_a_measure_in_points_changes_by_points_over_a_course(space: Workspace) -> None:
    record(space, RUN, replace(RUN, run="main/1", number=1))
    record(
        space, *(Measurement(run=f"main/{n}", measure=Measure.USABLE, value=0.9 - 0.2 * n, budget=1) for n in range(2))
    )

    with space.log.reading() as view:
        line = measured(view, "main", Measure.USABLE, None)

    assert line.change == pytest.approx(-0.2)


@pytest.mark.parametrize("runs", [3, 2 * BUCKETS + 60])
def test_a_long_course_is_thinned_out_and_its_measures_with_it(space: Workspace, runs: int) -> None:
    names = [f"main/{number}" for number in range(runs)]
    record(space, *(replace(RUN, run=name, number=number) for number, name in enumerate(names)))
    record(
        space,
        *(
            Measurement(run=name, measure=Measure.RARE_DENSITY, value=1 + number, budget=1)
            for number, name in enumerate(names)
        ),
    )

    with space.log.reading() as view:
        found = course(view, "main", None)
        line = measured(view, "main", Measure.RARE_DENSITY, None)

    assert found.runs == runs
    assert found.complete == (runs == 3)
    assert {point.run for point in line.points} == found.drawn
    assert line.change == pytest.approx(line.points[-1].value / line.points[0].value - 1)


def test_two_runs_side_by_side(space: Workspace) -> None:
    record(space, RUN, replace(RUN, run="main/1", number=1, seed=2), replace(SET, run="main/1"))

    with space.log.reading() as view:
        rows = {row.what: row for row in side_by_side(view, "main/0", "main/1")}

    assert (rows["seed"].first, rows["seed"].second, rows["seed"].differs) == ("1", "2", True)
    assert (rows["ceiling"].first, rows["ceiling"].second) == ("–", "40.0%")
    assert not rows["mode"].differs


def test_the_register_names_what_needs_attention() -> None:
    current = OverrideStatus(
        id="override-1", gate=Gate.RATIO, run="main/1", state="open", reason="why", requested_by="lin", decided_by="kim",
        expires=NOW + timedelta(days=6), uses=0, requested=NOW, lineage="main", renews=None, orphan="it was shipped",
        void=None, review_by=NOW - timedelta(days=1),
    )  # fmt: skip
    later = replace(current, id="override-2", expires=NOW + timedelta(days=7), uses=1, orphan=None, review_by=None)
    asked = replace(current, id="override-3", state="requested")

    found = register([current, later, asked], NOW)

    assert found.open == (current, later)
    assert found.requested == (asked,)
    assert found.expiring == found.unused == found.orphaned == found.overdue == (current,)
