"""The ceiling is exact: by no record and by no token is it ever exceeded, and the order of the records does not matter."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.composing.ceiling import (
    OVER_QUOTA,
    TAKEN,
    WHOLE,
    Candidates,
    Mass,
    ceiling_parts,
    fill,
    mass,
    share_parts,
)
from tailguard.composing.ranking import id_columns, keys, priority
from tailguard.policy.model import Compose, Weights

POOLS = st.tuples(
    st.integers(0, 2**32),
    st.integers(0, 300),
    st.integers(0, 500),
    st.integers(1, 400),
    st.sampled_from([1, 3, 1000]),
    st.one_of(st.floats(0, 1).map(lambda value: round(value, 4)), st.sampled_from([0.0, 0.3, 1.0, 1 / 3])),
    st.dictionaries(st.integers(0, 3), st.floats(0, 1), max_size=4),
)


def pool(seed: int, size: int, longest: int) -> Candidates:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 2**64, (size, 2), dtype=np.uint64)
    shares = rng.choice([WHOLE, WHOLE, WHOLE // 2, 1, 250_000], size)
    ranks = np.round(rng.random(size), rng.integers(1, 6))  # many equal priorities
    return Candidates(shares, rng.integers(1, longest + 1, size), keys(ranks, ids), ids, rng.integers(0, 4, size))


def exact(found: Mass, ceiling: float) -> bool:
    """The rule with fractions, as a person would write it."""
    limit = Fraction(str(ceiling))
    return (
        found.synthetic_records <= limit * found.records * WHOLE
        and found.synthetic_tokens <= limit * found.tokens * WHOLE
    )


@settings(max_examples=1000)
@given(POOLS)
def test_no_composition_exceeds_the_ceiling_by_one_record_or_one_token(
    drawn: tuple[int, int, int, int, int, float, dict[int, float]],
) -> None:
    seed, size, human, tokens, longest, ceiling, quotas = drawn
    found, base = pool(seed, size, longest), Mass(human, human * tokens)

    outcome = fill(found, base, ceiling=ceiling, quotas=quotas)

    taken = outcome == TAKEN
    whole = base + mass(found.shares[taken], found.tokens[taken])
    assert exact(whole, ceiling)
    assert whole.within(ceiling)
    for number, quota in quotas.items():
        inside = taken & (found.slices == number) & (found.shares > ceiling_parts(ceiling))
        cost = int((found.shares[inside] - ceiling_parts(ceiling)).sum())
        free = found.shares <= ceiling_parts(ceiling)
        room = base.room(ceiling)[0] - int((found.shares[free] - ceiling_parts(ceiling)).sum())
        assert cost <= Fraction(str(quota)) * room


@settings(max_examples=200)
@given(POOLS)
def test_what_is_taken_is_the_longest_beginning_that_fits(
    drawn: tuple[int, int, int, int, int, float, dict[int, float]],
) -> None:
    seed, size, human, tokens, longest, ceiling, _ = drawn
    found, base = pool(seed, size, longest), Mass(human, human * tokens)

    outcome = fill(found, base, ceiling=ceiling, quotas={})

    free = found.shares <= ceiling_parts(ceiling)
    order = [at for at in np.lexsort((found.ids[:, 1], found.ids[:, 0], found.keys)) if not free[at]]
    whole = base + mass(found.shares[free], found.tokens[free])
    expected = set(np.flatnonzero(free).tolist())
    for at in order:
        more = whole + mass(found.shares[at : at + 1], found.tokens[at : at + 1])
        if not exact(more, ceiling):
            break
        whole = more
        expected.add(int(at))
    assert set(np.flatnonzero(outcome == TAKEN).tolist()) == expected


@given(POOLS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(
    drawn: tuple[int, int, int, int, int, float, dict[int, float]], random: Random
) -> None:
    seed, size, human, tokens, longest, ceiling, quotas = drawn
    found, base = pool(seed, size, longest), Mass(human, human * tokens)
    shuffled = np.array(random.sample(range(size), size), dtype=np.int64)
    other = Candidates(
        found.shares[shuffled],
        found.tokens[shuffled],
        found.keys[shuffled],
        found.ids[shuffled],
        found.slices[shuffled],
    )

    kept = fill(found, base, ceiling=ceiling, quotas=quotas)
    kept_of_shuffled = fill(other, base, ceiling=ceiling, quotas=quotas)

    assert (kept[shuffled] == kept_of_shuffled).all()


def test_a_quota_leaves_room_for_other_slices() -> None:
    size = 1000
    ids = np.stack([np.arange(size, dtype=np.uint64)] * 2, axis=1)
    slices = np.where(np.arange(size) < 800, 0, 1)
    ranks = np.where(slices == 0, 0.9, 0.1)
    found = Candidates(np.full(size, WHOLE), np.ones(size, np.int64), keys(ranks, ids), ids, slices)

    outcome = fill(found, Mass(1400, 1400), ceiling=0.3, quotas={0: 0.5})

    assert int((outcome[slices == 0] == TAKEN).sum()) == 300
    assert int((outcome[slices == 1] == TAKEN).sum()) == 200
    assert int((outcome == OVER_QUOTA).sum()) == 500
    assert (fill(found, Mass(1400, 1400), ceiling=0.3, quotas={}) == TAKEN).sum() == 600


@pytest.mark.parametrize(
    ("ceiling", "human", "fits"), [(0.3, 7, 3), (0.29, 71, 29), (0.1, 9, 1), (0.0, 10, 0), (1.0, 0, 50)]
)
def test_thirty_per_cent_are_three_of_ten_and_not_one_more(ceiling: float, human: int, fits: int) -> None:
    ids = np.stack([np.arange(50, dtype=np.uint64)] * 2, axis=1)
    found = Candidates(np.full(50, WHOLE), np.ones(50, np.int64), keys(np.zeros(50), ids), ids, np.zeros(50, np.int64))

    outcome = fill(found, Mass(human, human), ceiling=ceiling, quotas={})

    assert (outcome == TAKEN).sum() == fits


def test_shares_are_rounded_against_the_set_and_ceilings_too() -> None:
    assert share_parts(np.array([1 / 3, 0.5, 1e-6])).tolist() == [333_334, 500_000, 1]
    assert ceiling_parts(0.3) == 300_000
    assert ceiling_parts(1 / 3) == 333_333


def test_keys_sort_by_priority_then_identity() -> None:
    ids = id_columns(["00" * 15 + "02", "00" * 15 + "01", "ff" * 16])

    order = np.lexsort((ids[:, 1], ids[:, 0], keys(np.array([0.5, 0.5, 0.9]), ids)))

    assert order.tolist() == [2, 1, 0]


def test_the_detector_weighted_draw_prefers_what_looks_human_and_depends_on_the_seed_alone() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 2**64, (20_000, 2), dtype=np.uint64)
    score = np.where(np.arange(20_000) % 2 == 0, 2.0, -2.0)  # log-odds of being model-made
    policy, zeros = Compose(strategy="detector-weighted"), np.zeros(20_000)

    drawn = priority(zeros, zeros, zeros, score, ids, policy=policy, seed=1)
    again = priority(zeros, zeros, zeros, score[::-1], ids[::-1], policy=policy, seed=1)[::-1]
    other = priority(zeros, zeros, zeros, score, ids, policy=policy, seed=2)
    first = np.argsort(-drawn)[:2000]

    assert (drawn == again).all()
    assert not (drawn == other).all()
    # Of the first of a weighted draw, human-looking ones are there as their weights are: .881 against .119.
    assert np.mean(score[first] < 0) == pytest.approx(0.881, abs=0.03)


def test_the_weights_of_the_team_decide_what_is_best() -> None:
    quality, diversity = np.array([1.0, 0.5]), np.array([0.0, 0.4])
    ids, none = np.zeros((2, 2), np.uint64), np.array([np.nan, np.nan])

    by_quality = priority(
        quality,
        diversity,
        quality,
        none,
        ids,
        policy=Compose(weights=Weights(quality=1, diversity=0, reliability=0)),
        seed=0,
    )
    by_diversity = priority(
        quality,
        diversity,
        quality,
        none,
        ids,
        policy=Compose(weights=Weights(quality=0, diversity=1, reliability=0)),
        seed=0,
    )

    assert by_quality[0] > by_quality[1]
    assert by_diversity[1] > by_diversity[0]
