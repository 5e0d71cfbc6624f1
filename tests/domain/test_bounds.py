"""The uncertainty of the tags is carried into the ratio, and is never in the ratio's favour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.bounds import Group, Leak, bounds, leak


def test_what_a_batch_estimate_leaves_open_is_what_was_not_tagged_already() -> None:
    found = leak(records=1000, human=800, low=0.25, high=0.36)

    assert (found.low, found.high) == pytest.approx((50 / 800, 160 / 800))
    assert leak(records=1000, human=1000, low=0.0, high=0.03) == Leak(0.0, 0.03)
    assert leak(records=10, human=0, low=1.0, high=1.0) == Leak(0.0, 0.0)


def test_each_kind_of_evidence_has_its_own_doubt() -> None:
    groups = [
        Group("b", "human", "declaration", False, 100, 0),
        Group("b", "human", "anchor", False, 100, 0),
        Group("b", "human", "review", False, 100, 0),
        Group("c", "ai", "own output", False, 50, 50),
        Group("c", "ai", "detector", False, 50, 50),
        Group("c", "mixed", "declaration", True, 10, 5),
        Group("c", "mixed", "own output", False, 10, 3),
    ]

    found = bounds(groups, {"b": Leak(0.0, 0.2)}, error_rate=0.02)

    assert found.ratio == pytest.approx(108 / 420)
    assert found.low == pytest.approx((50 + 49 + 0 + 3) / 420)
    assert found.high == pytest.approx((20 + 50 + 50 + 10 + 3) / 420)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["human", "ai", "mixed"]),
            st.sampled_from(["declaration", "detector", "own output", "review"]),
            st.booleans(),
            st.floats(1, 100),
            st.floats(0, 1),
        ),
        min_size=1,
    ),
    st.floats(0, 1),
    st.floats(0, 0.5),
)
def test_the_ratio_lies_between_its_bounds(
    rows: list[tuple[str, str, bool, float, float]], high: float, rate: float
) -> None:
    groups = [Group("b", origin, evidence, guess, size, size * share) for origin, evidence, guess, size, share in rows]

    found = bounds(groups, {"b": Leak(0.0, high)}, error_rate=rate)

    assert 0 <= found.low <= found.ratio + 1e-12
    assert found.ratio <= found.high + 1e-12
    assert found.high <= 1 + 1e-9
