"""A comparison as a page that needs nothing else: no script, no address, light and dark. Text of models is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

_MARKS = {"PASS": "✔", "BLOCK": "✖", "INCONCLUSIVE": "◆", "NOT COMPARABLE": "■"}
_LEFT, _WIDTH, _ROW = 210, 520, 34


def page(content: dict[str, Any]) -> bytes:
    """A report's content (format `tailguard-comparison/1`) as HTML; the same content gives the same bytes."""
    measures = content["measures"]
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
            "measure": m["measure"],
            "verdict": m["verdict"],
            "margin": axis_position(-m["margin"]),
            **{key: axis_position(m[key]) for key in ("delta", "low", "high")},
            "told": _share(m["delta"]),
        }
        for m in measures
    ]
    lost = sum(m["verdict"] == "BLOCK" for m in measures)
    held = sum(m["verdict"] == "PASS" for m in measures)
    return (
        _template()
        .render(
            r=content,
            marks=_MARKS,
            bars=bars,
            left=_LEFT,
            width=_WIDTH,
            row=_ROW,
            zero=axis_position(0.0),
            headline=f"{lost} of {len(measures)} primary measures fell past the margin"
            if lost
            else f"{held} of {len(measures)} primary measures are shown to hold",
            share=_share,
            number=_number,
            slices=sorted(content["slices"], key=lambda row: (row["p_holm"], row["delta"])),
            outer_first=True,
            shifted=[
                ("What was lost", content["lost"], content["reference"], content["candidate"]),
                ("What was gained", content["gained"], content["candidate"], content["reference"]),
            ],
        )
        .encode()
    )


def _share(value: float | None) -> str:
    return "no bound" if value is None else f"{100 * value:+.1f} %".replace("-", "−")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(
        Path(__file__).with_name("comparison.html").read_text(encoding="utf-8")
    )
