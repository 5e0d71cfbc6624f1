"""Charts as pictures for a pack that opens without a network: SVG, the same bytes for the same figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailguard.plays.lineages import LineageStatus
from tailguard.plays.response.drills import Incident

HUMAN, AI, GREY, GREEN = "#0072B2", "#D55E00", "#808080", "#009E73"
_VERDICT = {
    "PASS": (GREEN, "o"),
    "BLOCK": ("#D62728", "X"),
    "INCONCLUSIVE": ("#E69F00", "D"),
    "NOT COMPARABLE": (GREY, "s"),
}


@dataclass(frozen=True)
class Picture:
    """A chart: its file name, its title (the finding), and its SVG."""

    name: str
    title: str
    svg: bytes


def pictures(lineages: Sequence[LineageStatus], incidents: Sequence[Incident]) -> list[Picture]:
    """Ratio against ceiling and primary measures for each lineage, and the times of drills; what has no figures is left out."""
    found: list[Picture] = []
    for lineage in lineages:
        if any(one.ratio_records is not None for one in lineage.generations):
            found.append(_ratio(lineage))
        if any(one.measures for one in lineage.generations):
            found.append(_measures(lineage))
    drills = [one for one in incidents if one.seconds("rollback") is not None]
    return [*found, _drills(drills)] if drills else found


def _ratio(lineage: LineageStatus) -> Picture:
    shown = [one for one in lineage.generations if one.ratio_records is not None]
    ratios = [max(one.ratio_records or 0.0, one.ratio_tokens or 0.0) for one in shown]
    title = f"{lineage.name}: synthetic ratio {ratios[-1]:.1%} in its newest training set"
    figure, axes = _blank(title)
    numbers = [one.number for one in shown]
    axes.plot(numbers, ratios, color=AI, marker="o", label="synthetic ratio")
    axes.step(numbers, [one.ceiling or 0.0 for one in shown], color=GREY, linestyle="--", where="mid", label="ceiling")
    axes.set_xlabel("generation")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(frameon=False)
    return Picture(f"{lineage.name}-ratio.svg", title, _svg(figure))


def _measures(lineage: LineageStatus) -> Picture:
    shown = [one for one in lineage.generations if one.measures]
    blocked = sum(one.verdict == "BLOCK" for one in shown)
    title = (
        f"{lineage.name}: {blocked} of {len(shown)} candidates were blocked; change against the parent, 90 % interval"
    )
    figure, axes = _blank(title)
    names = list(dict.fromkeys(one.measure for generation in shown for one in generation.measures))
    for place, (name, colour) in enumerate(zip(names, (HUMAN, AI, GREEN, GREY), strict=False)):
        points = [
            (generation.number + 0.12 * (place - 1), one)
            for generation in shown
            for one in generation.measures
            if one.measure == name and one.reference_kind == "parent" and one.high < float("inf")
        ]
        if points:
            at = [x for x, _ in points]
            deltas = [one.delta for _, one in points]
            errors = [[one.delta - one.low for _, one in points], [one.high - one.delta for _, one in points]]
            axes.errorbar(at, deltas, yerr=errors, fmt="o", color=colour, label=name, capsize=2)
            axes.axhline(-points[-1][1].margin, color=colour, linestyle="--", linewidth=0.8)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("generation (dashed: margin)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.legend(frameon=False)
    return Picture(f"{lineage.name}-diversity.svg", title, _svg(figure))


def _drills(drills: Sequence[Incident]) -> Picture:
    last = drills[-1].seconds("rollback") or 0.0
    title = f"Drills and incidents: the last rollback stood {last:,.0f} s after the freeze"
    figure, axes = _blank(title)
    for step, colour in (("detect", HUMAN), ("freeze", AI), ("rollback", GREEN)):
        axes.plot(
            [one.id for one in drills],
            [one.seconds(step) or 0.0 for one in drills],
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
