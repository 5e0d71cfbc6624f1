"""A measure's value and its change in words: points where the measure is in points, else per cent of the reference's value."""

from __future__ import annotations

import math

from tailguard.domain.measures import Measure

_SHARES = frozenset({Measure.ACCURACY, Measure.TAIL_ACCURACY})


def size(measure: Measure, loss: float) -> str:
    """A loss or a limit (0 to 1), without a sign: `3 points`, `7.5%`."""
    return f"{round(100 * loss, 1):g}{unit(measure)}"


def signed(measure: Measure, change: float | None) -> str:
    """A change or an end of its interval: `+1.2 points`, `−0.4%`; `no bound` for None and for infinity."""
    if change is None or not math.isfinite(change):
        return "no bound"
    return _minus(f"{100 * change:+.1f}{unit(measure)}")


def percent(change: float) -> str:
    """A change as a share of the reference's value, for measures that do not gate: `−0.4%`."""
    return _minus(f"{change:+.1%}")


def interval(measure: Measure, low: float, high: float | None) -> str:
    """Both ends of an interval: `−1.2% to +0.4%`, `−1.2 to +0.4 points`."""
    first, last = signed(measure, low), signed(measure, high)
    return f"{first.removesuffix(' points') if last.endswith(' points') else first} to {last}"


def level(measure: Measure, value: float) -> str:
    """A side's value in a comparison: a share of answers, items or words as a percentage, else a count or a mean."""
    if measure.in_points or measure in _SHARES:
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def unit(measure: Measure) -> str:
    """What stands after a change of the measure."""
    return " points" if measure.in_points else "%"


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
