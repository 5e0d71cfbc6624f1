"""The training sets of a lineage in figures: ratios and bounds, room under the ceiling, blocked jobs, what the filter did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tailguard.domain.facts import Composition, GateDecision, RatioMeasured, ReasonCount, SliceCoverage
from tailguard.domain.gates import Gate
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.stages import Stage
from tailguard.domain.verdict import Verdict
from tailguard.plays.course import course
from tailguard.plays.lineages import GenerationStatus
from tailguard.runlog.view import LogView, Recorded

Unit = Literal["records", "tokens"]
UNITS: tuple[Unit, ...] = ("records", "tokens")
RECENT = timedelta(days=92)
_RATIO_ITSELF = "ratio"


@dataclass(frozen=True, kw_only=True)
class SetRatio:
    """The synthetic share of a training set in one unit, its bounds, and the ceiling as it stood: shares (0 to 1).

    Sets of earlier versions have no bounds. `enforced_on` is what was held against the ceiling, and `row` the row of the log.
    """

    run: str
    unit: Unit
    ratio: float
    low: float | None
    high: float | None
    ceiling: float
    enforced_on: str
    row: str


@dataclass(frozen=True, kw_only=True)
class BlockedJob:
    """A run whose training job was over the ceiling when it asked, with the ratio of its set (None: it has none)."""

    run: str
    ratio: float | None


@dataclass(frozen=True, kw_only=True)
class OverriddenRatio:
    """A run that used overrides (their names, separated by commas), with the upper bound of its ratio."""

    run: str
    high: float
    overrides: str


@dataclass(frozen=True, kw_only=True)
class MixingSummary:
    """The newest training set of a lineage in a period, and the jobs that were over the ceiling.

    `larger` is the larger of its two ratios, the one that counts. `room_records` and `room_tokens` are wholly synthetic records
    and tokens that would still fit under the ceiling (negative: too many). `anchor_share` is a share of its records (0 to 1).
    `recently_blocked` and `recently_stopped` are decisions of the last 92 days; in observe mode nothing is stopped.
    """

    newest: Composition
    sets: int
    larger: SetRatio
    room_records: float
    room_tokens: float
    anchor_share: float
    recently_blocked: int
    recently_stopped: int

    @property
    def over_the_ceiling(self) -> bool:
        """Whether the newest set holds more synthetic text than it may."""
        return self.larger.ratio > self.newest.ceiling


@dataclass(frozen=True, kw_only=True)
class FilterSummary:
    """What scoring did with a run's records: how many it judged, how many it did not keep, and the slices of which it lost more
    rare cells than chance would. `reasons` are those of each outcome."""

    records: int
    not_kept: int
    rare_cells: int
    narrowed: int
    reasons: dict[RecordOutcome, tuple[Reason, ...]]


def ratios(view: LogView, lineage: str, since: datetime | None) -> list[SetRatio]:
    """The ratios of a lineage's training sets, all in records and then all in tokens, oldest first."""
    sets = view.recorded(Composition, of_lineage=lineage, since=since)
    measured = {
        (row.fact.run, row.fact.unit): row for row in view.recorded(RatioMeasured, of_lineage=lineage, since=since)
    }
    return [_ratio(made, unit, measured.get((made.fact.run, unit))) for unit in UNITS for made in sets]


def _ratio(made: Recorded[Composition], unit: Unit, measured: Recorded[RatioMeasured] | None) -> SetRatio:
    return SetRatio(
        run=made.fact.run,
        unit=unit,
        ratio=made.fact.ratio_records if unit == "records" else made.fact.ratio_tokens,
        low=measured.fact.low if measured else None,
        high=measured.fact.high if measured else None,
        ceiling=made.fact.ceiling,
        enforced_on=measured.fact.enforced_on if measured else _RATIO_ITSELF,
        row=measured.id if measured else made.id,
    )


def summary(view: LogView, lineage: str, since: datetime | None, now: datetime) -> MixingSummary | None:
    """The training sets that a lineage composed at `since` or later (None: ever); None where there is none."""
    sets = view.recorded(Composition, of_lineage=lineage, since=since)
    if not sets:
        return None
    newest = sets[-1].fact
    of_newest = [ratio for ratio in ratios(view, lineage, since) if ratio.run == newest.run]
    recent = [row.fact for row in blocked(view, lineage, since) if row.recorded >= now - RECENT]
    return MixingSummary(
        newest=newest,
        sets=len(sets),
        larger=max(of_newest, key=lambda ratio: ratio.ratio),
        room_records=_room(newest.records, newest.synthetic_records, newest.ceiling),
        room_tokens=_room(newest.tokens, newest.synthetic_tokens, newest.ceiling),
        anchor_share=newest.anchor_records / newest.records if newest.records else 0.0,
        recently_blocked=len(recent),
        recently_stopped=sum(decision.enforced for decision in recent),
    )


def _room(total: int, synthetic: float, ceiling: float) -> float:
    """Human x ceiling / (1 - ceiling) - synthetic."""
    return (total - synthetic) * ceiling / (1 - ceiling) - synthetic if ceiling < 1 else float("inf")


def blocked(view: LogView, lineage: str, since: datetime | None) -> list[Recorded[GateDecision]]:
    """Decisions of the ratio gate that refused a training job, oldest first."""
    return view.recorded(GateDecision, of_lineage=lineage, since=since, gate=Gate.RATIO, verdict=str(Verdict.BLOCK))


def blocked_jobs(view: LogView, lineage: str, since: datetime | None, unit: Unit) -> list[BlockedJob]:
    """The runs that the ratio gate refused, each once, with their ratio in a unit."""
    by_run = _of_unit(ratios(view, lineage, since), unit)
    runs = dict.fromkeys(row.fact.run for row in blocked(view, lineage, since))
    return [BlockedJob(run=run, ratio=by_run[run].ratio if run in by_run else None) for run in runs]


def overridden(view: LogView, lineage: str, since: datetime | None, unit: Unit) -> list[OverriddenRatio]:
    """The runs that charts draw and that used an override, with their ratio in a unit."""
    used = {point.run: point.overrides for point in course(view, lineage, since).points if point.overrides}
    return [
        OverriddenRatio(
            run=ratio.run, high=ratio.ratio if ratio.high is None else ratio.high, overrides=used[ratio.run]
        )
        for ratio in ratios(view, lineage, since)
        if ratio.unit == unit and ratio.run in used
    ]


def _of_unit(set_ratios: Sequence[SetRatio], unit: Unit) -> dict[str, SetRatio]:
    return {ratio.run: ratio for ratio in set_ratios if ratio.unit == unit}


def filtered(view: LogView, run: str) -> FilterSummary:
    """What scoring did with the records of a run."""
    counts = [row.fact for row in view.recorded(ReasonCount, run=run, stage=str(Stage.SCORE))]
    slices = [row.fact for row in view.recorded(SliceCoverage, run=run)]
    reasons: dict[RecordOutcome, set[Reason]] = {}
    for count in counts:
        reasons.setdefault(count.outcome, set()).add(count.reason)
    return FilterSummary(
        records=sum(count.records for count in counts),
        not_kept=sum(count.records for count in counts if count.outcome is not RecordOutcome.KEPT),
        rare_cells=sum(part.before for part in slices),
        narrowed=sum(part.narrowed for part in slices),
        reasons={
            outcome: tuple(sorted(of_outcome, key=lambda reason: reason.label))
            for outcome, of_outcome in reasons.items()
        },
    )


def larger_ratio(generation: GenerationStatus) -> float | None:
    """The larger of a generation's ratios in records and in tokens (0 to 1), the one that counts; None before it has a set."""
    known = [ratio for ratio in (generation.ratio_records, generation.ratio_tokens) if ratio is not None]
    return max(known, default=None)
