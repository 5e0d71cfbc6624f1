"""A measure's change in words."""

from __future__ import annotations

import pytest

from tailguard.domain import changes
from tailguard.domain.measures import Measure


@pytest.mark.parametrize(
    ("measure", "change", "text"),
    [
        (Measure.USABLE, -0.0449, "−4.5 points"),
        (Measure.RARE_DENSITY, 0.013, "+1.3%"),
        (Measure.TYPE_DENSITY, float("inf"), "no bound"),
        (Measure.TYPE_DENSITY, None, "no bound"),
    ],
)
def test_a_change_is_in_points_or_a_share_of_the_reference_as_its_measure_is(
    measure: Measure, change: float | None, text: str
) -> None:
    assert changes.signed(measure, change) == text


def test_an_interval_names_its_unit_once_where_that_is_a_word() -> None:
    assert changes.interval(Measure.USABLE, -0.01, 0.02) == "−1.0 to +2.0 points"
    assert changes.interval(Measure.RARE_DENSITY, -0.01, 0.02) == "−1.0% to +2.0%"
    assert changes.interval(Measure.USABLE, -0.01, None) == "−1.0 points to no bound"


def test_limits_and_levels_have_no_more_digits_than_they_need() -> None:
    assert changes.size(Measure.USABLE, 0.03) == "3 points"
    assert changes.size(Measure.TYPE_DENSITY, 0.0123) == "1.2%"
    assert changes.level(Measure.USABLE, 0.9512) == "95.1%"
    assert changes.level(Measure.RARE_DENSITY, 37.48) == "37.5"
    assert changes.level(Measure.TYPE_DENSITY, 1234.5) == "1,234"
