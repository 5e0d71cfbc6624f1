"""What a candidate lost against its references: the closest comparison of each measure, and the worst slice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import ComparedMeasure, SliceMeasure
from tailguard.domain.measures import TYPE_COVERAGE
from tailguard.domain.verdict import Verdict
from tailguard.runlog.view import LogView

PARENT = "parent"
SLICED = TYPE_COVERAGE
"""The measure that slices are shown by."""


@dataclass(frozen=True, kw_only=True)
class ComparisonSummary:
    """The comparisons of a candidate with its parent, the best and the first generation.

    `losses` of them show a loss past the margin. `closest` has the worst comparison of each measure, `detectable_loss` is the
    largest of the smallest losses that they could see (a share of the reference's value, power .8).
    """

    comparisons: int
    losses: int
    closest: tuple[ComparedMeasure, ...]
    detectable_loss: float
    prompts: int


def summary(view: LogView, lineage: str, since: datetime | None, run: str) -> ComparisonSummary | None:
    """The comparisons of a run that were made at `since` or later (None: ever); None where there is none."""
    compared = [row.fact for row in view.recorded(ComparedMeasure, of_lineage=lineage, since=since, run=run)]
    if not compared:
        return None
    by_measure: dict[str, list[ComparedMeasure]] = {}
    for comparison in compared:
        by_measure.setdefault(comparison.measure, []).append(comparison)
    return ComparisonSummary(
        comparisons=len(compared),
        losses=sum(comparison.verdict == Verdict.BLOCK for comparison in compared),
        closest=tuple(min(of_measure, key=_distance) for of_measure in by_measure.values()),
        detectable_loss=max(comparison.detectable_loss for comparison in compared),
        prompts=compared[0].prompts,
    )


def _distance(comparison: ComparedMeasure) -> float:
    """How far the low end of its interval stands above the margin; below 0 is a possible loss."""
    return comparison.low + comparison.margin


def worst_slice(view: LogView, run: str) -> SliceMeasure | None:
    """The slice in which a candidate most surely lost type coverage against its parent; None where no slice was compared."""
    slices = [row.fact for row in view.recorded(SliceMeasure, run=run, reference_kind=PARENT, measure=SLICED)]
    return min(slices, key=lambda part: (part.p_holm, part.delta), default=None)
