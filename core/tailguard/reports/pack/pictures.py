"""Charts as pictures for a pack that opens without a network: SVG, the same bytes for the same figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailguard.domain.measures import Measure
from tailguard.domain.references import ReferenceKind
from tailguard.domain.verdict import Verdict
from tailguard.plays.lineages import LineageStatus
from tailguard.plays.response.drills import Incident

HUMAN, AI, GREY, GREEN = "#0072B2", "#D55E00", "#808080", "#009E73"


@dataclass(frozen=True)
class Picture:
    """A chart: its file name, its title (the finding), and its SVG."""

    name: str
    title: str
    svg: bytes


def pictures(lineages: Sequence[LineageStatus], incidents: Sequence[Incident]) -> list[Picture]:
    """Ratio against ceiling and three measures of diversity for each lineage, and the times of drills.

    What has no figures is left out.
    """
    charts: list[Picture] = []
    for lineage in lineages:
        if any(generation.ratio_records is not None for generation in lineage.generations):
            charts.append(_ratio(lineage))
        if any(generation.measures for generation in lineage.generations):
            charts.append(_measures(lineage))
    drills = [incident for incident in incidents if incident.seconds("rollback") is not None]
    return [*charts, _drills(drills)] if drills else charts


def _ratio(lineage: LineageStatus) -> Picture:
    shown = [generation for generation in lineage.generations if generation.ratio_records is not None]
    ratios = [max(generation.ratio_records or 0.0, generation.ratio_tokens or 0.0) for generation in shown]
    title = f"{lineage.name}: synthetic ratio {ratios[-1]:.1%} in its newest training set"
    figure, axes = _blank(title)
    numbers = [generation.number for generation in shown]
    axes.plot(numbers, ratios, color=AI, marker="o", label="synthetic ratio")
    axes.step(
        numbers,
        [generation.ceiling or 0.0 for generation in shown],
        color=GREY,
        linestyle="--",
        where="mid",
        label="ceiling",
    )
    axes.set_xlabel("generation")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(frameon=False)
    return Picture(f"{lineage.name}-ratio.svg", title, _svg(figure))


_DRAWN = (Measure.USABLE, Measure.RARE_DENSITY, Measure.TYPE_DENSITY)
"""What one picture has room for: whether answers are usable, and the tail and the breadth of their words. The model card has every
measure."""


def _measures(lineage: LineageStatus) -> Picture:
    shown = [generation for generation in lineage.generations if generation.measures]
    blocked = sum(generation.verdict == Verdict.BLOCK for generation in shown)
    title = (
        f"{lineage.name}: {blocked} of {len(shown)} candidates were blocked; change against the parent, 90% interval"
    )
    figure, axes = _blank(title)
    for position, (drawn, colour) in enumerate(zip(_DRAWN, (HUMAN, AI, GREEN), strict=True)):
        points = [
            (generation.number + 0.12 * (position - 1), measure)
            for generation in shown
            for measure in generation.measures
            if measure.measure is drawn
            and not measure.slice
            and measure.reference_kind is ReferenceKind.PARENT
            and measure.high < float("inf")
        ]
        if points:
            at = [x for x, _ in points]
            deltas = [measure.delta for _, measure in points]
            errors = [
                [measure.delta - measure.low for _, measure in points],
                [measure.high - measure.delta for _, measure in points],
            ]
            label = f"{drawn.label} (points)" if drawn.in_points else drawn.label
            axes.errorbar(at, deltas, yerr=errors, fmt="o", color=colour, label=label, capsize=2)
            axes.axhline(-points[-1][1].margin, color=colour, linestyle="--", linewidth=0.8)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("generation (dashed: margin)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.legend(frameon=False)
    return Picture(f"{lineage.name}-diversity.svg", title, _svg(figure))


def _drills(drills: Sequence[Incident]) -> Picture:
    last = drills[-1].seconds("rollback") or 0.0
    title = f"Drills and incidents: the last rollback was done {last:,.0f} s after the freeze"
    figure, axes = _blank(title)
    for step, colour in (("detect", HUMAN), ("freeze", AI), ("rollback", GREEN)):
        axes.plot(
            [drill.id for drill in drills],
            [drill.seconds(step) or 0.0 for drill in drills],
            marker="o",
            color=colour,
            label=step,
        )
    axes.set_yscale("symlog")
    axes.set_yticks([1, 10, 60, 600, 3600], ["1 s", "10 s", "1 min", "10 min", "1 h"], minor=False)
    axes.yaxis.set_ticks([], minor=True)
    axes.legend(frameon=False)
    return Picture("drills.svg", title, _svg(figure))


def _blank(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> bytes:
    import matplotlib

    sink = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tailguard", "svg.fonttype": "none"}):
        figure.savefig(sink, format="svg", metadata={"Date": None})
    return sink.getvalue()
