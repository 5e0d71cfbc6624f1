"""What a candidate lost against its references: the closest comparison of each measure, and the worst slice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import ComparedMeasure, SliceMeasure
from tailguard.domain.measures import Measure
from tailguard.domain.references import ReferenceKind
from tailguard.domain.verdict import Verdict
from tailguard.runlog.view import LogView

SLICED = Measure.TYPE_COVERAGE
"""The measure that slices are shown by."""


@dataclass(frozen=True, kw_only=True)
class ComparisonSummary:
    """The comparisons of a candidate with its references.

    `losses` of them show a loss past the margin. `closest` has the worst comparison of each measure, the one that is furthest past
    its margin or closest to it first. `least_sensitive` is the comparison that would miss the largest loss, in units of its margin.
    """

    comparisons: int
    losses: int
    closest: tuple[ComparedMeasure, ...]
    least_sensitive: ComparedMeasure


def summary(view: LogView, lineage: str, since: datetime | None, run: str) -> ComparisonSummary | None:
    """The comparisons of a run that were made at `since` or later (None: ever); None where there is none."""
    compared = [row.fact for row in view.recorded(ComparedMeasure, of_lineage=lineage, since=since, run=run)]
    if not compared:
        return None
    by_measure: dict[str, list[ComparedMeasure]] = {}
    for comparison in compared:
        by_measure.setdefault(comparison.label, []).append(comparison)
    return ComparisonSummary(
        comparisons=len(compared),
        losses=sum(comparison.verdict == Verdict.BLOCK for comparison in compared),
        closest=tuple(sorted((min(of_measure, key=_room) for of_measure in by_measure.values()), key=_room)),
        least_sensitive=max(compared, key=lambda comparison: comparison.detectable_loss / comparison.margin),
    )


def _room(comparison: ComparedMeasure) -> float:
    """Where the low end of its interval is, in units of the margin; below -1 a loss past the margin is possible."""
    return comparison.low / comparison.margin


def worst_slice(view: LogView, run: str) -> SliceMeasure | None:
    """The slice in which a candidate most surely lost vocabulary against its parent; None where no slice was compared."""
    slices = [
        row.fact for row in view.recorded(SliceMeasure, run=run, reference_kind=ReferenceKind.PARENT, measure=SLICED)
    ]
    return min(slices, key=lambda part: (part.p_holm, part.delta), default=None)
