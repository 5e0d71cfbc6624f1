"""The course of a lineage: what charts show of each of its runs, thinned out where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import Measurement
from tailguard.domain.intervals import wilson
from tailguard.domain.measures import Measure
from tailguard.domain.runs import number_of
from tailguard.plays.lineages import shipping_of
from tailguard.runlog.view import LogView
from tailguard.runlog.views.history import RunPoint, history
from tailguard.runlog.views.releases import release_history_of


@dataclass(frozen=True, kw_only=True)
class CoursePoint:
    """One run. Ratios, ceiling, and coverage with its 90 % interval are shares (0 to 1); what the run has not reached is None.

    `overrides` names the overrides that the run used, separated by commas.
    """

    run: str
    number: int
    parent: str | None
    started: datetime
    records: int | None
    ratio_records: float | None
    ratio_tokens: float | None
    ceiling: float | None
    coverage: float | None
    coverage_low: float | None
    coverage_high: float | None
    verdict: str | None
    shipping: str
    overrides: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Course:
    """The runs of a lineage in a period: how many there are, were judged and did not pass, and those that are drawn."""

    runs: int
    judged: int
    stopped: int
    points: tuple[CoursePoint, ...]

    @property
    def complete(self) -> bool:
        """Whether every run is drawn."""
        return len(self.points) == self.runs

    @property
    def drawn(self) -> frozenset[str]:
        """The names of the runs that are drawn."""
        return frozenset(point.run for point in self.points)


@dataclass(frozen=True, kw_only=True)
class MeasuredPoint:
    """The value of a measure in one generation."""

    run: str
    number: int
    value: float


@dataclass(frozen=True, kw_only=True)
class MeasuredCourse:
    """A measure over the generations that are drawn. `change` is the newest against the oldest, as a share of the oldest, or in
    points where the measure is in points."""

    points: tuple[MeasuredPoint, ...]
    change: float | None


def course(view: LogView, lineage: str, since: datetime | None) -> Course:
    """The runs of a lineage that were started at `since` or later (None: all), oldest first."""
    runs, ships = history(view, lineage, since), release_history_of(view, lineage)
    points = tuple(_point(run, shipping_of(ships, run.run, run.verdict)) for run in runs.points)
    return Course(runs=runs.runs, judged=runs.judged, stopped=runs.stopped, points=points)


def _point(run: RunPoint, shipping: str) -> CoursePoint:
    coverage = wilson(run.confident, run.distinct) if run.confident is not None and run.distinct else None
    return CoursePoint(
        run=run.run,
        number=run.number,
        parent=run.parent,
        started=run.started,
        records=run.records,
        ratio_records=run.ratio_records,
        ratio_tokens=run.ratio_tokens,
        ceiling=run.ceiling,
        coverage=coverage.share if coverage else None,
        coverage_low=coverage.low if coverage else None,
        coverage_high=coverage.high if coverage else None,
        verdict=run.verdict,
        shipping=shipping,
        overrides=run.overrides,
        reason=run.reason,
    )


def measured(view: LogView, lineage: str, measure: Measure, since: datetime | None) -> MeasuredCourse:
    """A gating measure over the generations of a lineage that charts draw, oldest first."""
    runs = history(view, lineage, since)
    drawn = {run.run for run in runs.points}
    points = tuple(
        MeasuredPoint(run=row.fact.run, number=number_of(row.fact.run), value=row.fact.value)
        for row in view.recorded(Measurement, of_lineage=lineage, since=since, measure=measure)
        if len(drawn) == runs.runs or row.fact.run in drawn
    )
    return MeasuredCourse(points=points, change=_change(measure, points))


def _change(measure: Measure, points: Sequence[MeasuredPoint]) -> float | None:
    if len(points) < 2:
        return None
    oldest, newest = points[0].value, points[-1].value
    if measure.in_points:
        return newest - oldest
    return newest / oldest - 1 if oldest else None
