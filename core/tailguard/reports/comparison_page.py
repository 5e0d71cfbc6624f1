"""A comparison as a page that needs nothing else: no script, no address, light and dark. Text of models is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailguard.domain import changes
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Verdict

if TYPE_CHECKING:
    from jinja2 import Template

_MARKS = {"PASS": "✔", "BLOCK": "✖", "INCONCLUSIVE": "◆", "NOT COMPARABLE": "■"}
_LEFT, _WIDTH, _ROW = 230, 500, 34


def page(content: dict[str, Any]) -> bytes:
    """A report's content (format `tailguard-comparison/2`) as HTML; the same content gives the same bytes."""
    measures = content["measures"]
    lost = sum(m["verdict"] == Verdict.BLOCK for m in measures)
    met = sum(m["verdict"] == Verdict.PASS for m in measures)
    bars, zero = _bars(measures)
    return (
        _template()
        .render(
            r=content,
            marks=_MARKS,
            bars=bars,
            left=_LEFT,
            width=_WIDTH,
            row=_ROW,
            zero=zero,
            headline=f"{lost} of {len(measures)} measures fell past their margin"
            if lost
            else f"{met} of {len(measures)} measures are shown to stay within their margin",
            changed=_changed,
            interval=lambda row: changes.interval(Measure(row["measure"]), row["low"], row["high"]),
            size=lambda row, key: changes.size(Measure(row["measure"]), row[key]),
            level=lambda row, key: changes.level(Measure(row["measure"]), row[key]),
            share=changes.percent,
            number=_number,
            unusable={side: sum(part[f"{side}_share"] for part in content["unusable"]) for side in _SIDES},
            slices=sorted(content["slices"], key=lambda row: (row["p_holm"], row["delta"])),
            outer_first=True,
            shifted=[
                ("What was lost", content["lost"], content["reference"], content["candidate"]),
                ("What was gained", content["gained"], content["candidate"], content["reference"]),
            ],
        )
        .encode()
    )


_SIDES = ("candidate", "reference")


def _bars(measures: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], float]:
    """Where each measure's change, interval and margin are drawn, and where no change is."""
    ends = [
        0.0,
        0.02,
        *(m[key] for m in measures for key in ("delta", "low", "high") if m[key] is not None),
        *(-m["margin"] for m in measures),
    ]
    minimum, maximum = max(min(ends), -1.0) - 0.01, min(max(ends), 1.0) + 0.01

    def axis_position(value: float | None) -> float:
        inside = maximum if value is None else min(max(value, minimum), maximum)
        return float(round(_LEFT + _WIDTH * (inside - minimum) / (maximum - minimum), 1))

    bars = [
        {
            "title": m["title"],
            "verdict": m["verdict"],
            "margin": axis_position(-m["margin"]),
            **{key: axis_position(m[key]) for key in ("delta", "low", "high")},
            "change": _changed(m),
        }
        for m in measures
    ]
    return bars, axis_position(0.0)


def _changed(row: Mapping[str, Any]) -> str:
    return changes.signed(Measure(row["measure"]), row["delta"])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(
        Path(__file__).with_name("comparison.html").read_text(encoding="utf-8")
    )
