"""From a change and its error to an interval, a verdict, and how many prompts would settle it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from tailguard.diversity.decision import (
    Estimate,
    Limits,
    decide,
    jackknifed,
    mean_difference,
    undecided,
    unseen,
)
from tailguard.domain.measures import MARGINS, Measure
from tailguard.domain.verdict import Verdict

LIMITS = Limits()


def estimate(measure: Measure = Measure.USABLE, *, change: float, error: float, floor: float = 0.0) -> Estimate:
    return Estimate(measure=measure, reference=0.9, candidate=0.8, change=change, error=error, prompts=101, floor=floor)


def test_points_are_a_difference_and_shares_come_from_a_log_ratio() -> None:
    reach = float(student.ppf(0.95, 100))

    points = decide(estimate(Measure.USABLE, change=-0.02, error=0.01), LIMITS)
    share = decide(estimate(Measure.TYPE_DENSITY, change=math.log(0.9), error=0.02), LIMITS)

    assert (points.delta, points.low, points.high) == pytest.approx((-0.02, -0.02 - reach / 100, -0.02 + reach / 100))
    assert share.delta == pytest.approx(-0.1)
    assert 1 + share.low == pytest.approx(0.9 * math.exp(-reach * 0.02))
    assert 1 + share.high == pytest.approx(0.9 * math.exp(reach * 0.02))
    assert (share.reference_value, share.candidate_value, share.margin) == (0.9, 0.8, MARGINS[Measure.TYPE_DENSITY])


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (0.0, Verdict.PASS),
        (-0.0199, Verdict.PASS),
        (-0.0201, Verdict.INCONCLUSIVE),
        (-0.03, Verdict.INCONCLUSIVE),
        (-0.0399, Verdict.INCONCLUSIVE),
        (-0.0401, Verdict.BLOCK),
    ],
)
def test_the_whole_interval_decides_against_the_margin(change: float, verdict: Verdict) -> None:
    error = 0.01 / float(student.ppf(0.95, 100))

    compared = decide(estimate(change=change, error=error), LIMITS)

    assert compared.verdict is verdict
    assert (compared.prompts_to_settle is not None) is (verdict is Verdict.INCONCLUSIVE and change != -0.03)


def test_margin_and_error_rate_are_those_of_the_limits() -> None:
    change = estimate(change=-0.05, error=0.01)
    wide = Limits(margins={Measure.USABLE: 0.5}, alpha=0.05)

    assert decide(change, LIMITS).verdict is Verdict.BLOCK
    assert decide(change, wide).verdict is Verdict.PASS
    assert decide(change, Limits(alpha=0.001)).verdict is Verdict.INCONCLUSIVE


def test_the_interval_reaches_as_far_as_its_floor() -> None:
    compared = decide(estimate(change=0.0, error=0.0, floor=0.04), LIMITS)

    assert (compared.low, compared.high) == (-0.04, 0.04)
    assert compared.verdict is Verdict.INCONCLUSIVE
    assert compared.detectable_loss == pytest.approx(0.04)


def test_the_detectable_loss_is_found_four_times_in_five() -> None:
    """The noise is that of a measure whose true loss is margin + detectable loss: 80 % of the intervals end below the margin."""
    error = 0.01
    compared = decide(estimate(change=0.0, error=error), LIMITS)
    rng = np.random.default_rng(1)

    measured = rng.normal(-compared.margin - compared.detectable_loss, error, 2_000)
    found = [decide(estimate(change=change, error=error), LIMITS).verdict is Verdict.BLOCK for change in measured]

    assert 0.77 < np.mean(found) < 0.83


@pytest.mark.parametrize("measure", [Measure.USABLE, Measure.TYPE_DENSITY])
@pytest.mark.parametrize("change", [-0.01, -0.028, -0.05])
def test_as_many_prompts_as_are_said_settle_it(measure: Measure, change: float) -> None:
    error = 0.03
    before = decide(estimate(measure, change=change, error=error), LIMITS)
    prompts = before.prompts_to_settle

    def with_prompts(count: int) -> Verdict:
        scaled = replace(estimate(measure, change=change, error=error * math.sqrt(101 / count)), prompts=count)
        return decide(scaled, LIMITS).verdict

    assert before.verdict is Verdict.INCONCLUSIVE
    assert prompts is not None
    assert prompts > 101
    assert with_prompts(prompts) is (Verdict.BLOCK if change < -0.03 else Verdict.PASS)
    assert with_prompts(math.floor(prompts * 0.9)) is Verdict.INCONCLUSIVE


def test_as_many_prompts_as_are_said_settle_what_only_the_floor_leaves_open() -> None:
    same = np.full(50, 0.9)
    before = decide(mean_difference(Measure.USABLE, same, same, samples=8, alpha=0.05), LIMITS)
    assert before.verdict is Verdict.INCONCLUSIVE
    assert before.prompts_to_settle is not None

    more = np.full(before.prompts_to_settle, 0.9)
    fewer = np.full(round(before.prompts_to_settle * 0.9), 0.9)

    assert decide(mean_difference(Measure.USABLE, more, more, samples=8, alpha=0.05), LIMITS).verdict is Verdict.PASS
    after = decide(mean_difference(Measure.USABLE, fewer, fewer, samples=8, alpha=0.05), LIMITS)
    assert after.verdict is Verdict.INCONCLUSIVE


def test_what_lies_on_the_margin_is_settled_by_no_number_of_prompts() -> None:
    assert decide(estimate(change=-0.03, error=0.01), LIMITS).prompts_to_settle is None


def test_the_jackknife_is_exact_for_a_mean() -> None:
    values = np.random.default_rng(2).normal(3, 2, 40)

    without = np.array([np.delete(values, at).mean() for at in range(40)])

    assert jackknifed(without) == pytest.approx(values.std(ddof=1) / math.sqrt(40))
    assert jackknifed(np.ones(5)) == 0


def test_shares_that_never_differ_have_a_spread_all_the_same() -> None:
    same = np.ones(200)

    one, eight = (mean_difference(Measure.USABLE, same, same, samples=samples, alpha=0.05) for samples in (1, 8))

    assert one.change == eight.change == 0
    assert one.error == pytest.approx(math.sqrt(1 / 202) / math.sqrt(202))
    assert eight.error == pytest.approx(one.error / math.sqrt(8))
    assert one.floor == unseen(200, 0.05) == pytest.approx(1 - 0.05 ** (1 / 200))


def test_a_mean_difference_is_that_of_the_shares_and_its_error_near_that_of_their_mean() -> None:
    rng = np.random.default_rng(4)
    ours, theirs = rng.binomial(1, 0.8, 900).astype(float), rng.binomial(1, 0.9, 900).astype(float)

    found = mean_difference(Measure.USABLE, ours, theirs, samples=1, alpha=0.05)

    assert found.change == pytest.approx(ours.mean() - theirs.mean())
    assert (found.reference, found.candidate) == (theirs.mean(), ours.mean())
    assert found.error == pytest.approx((ours - theirs).std(ddof=1) / 30, rel=0.02)


def test_intervals_of_rare_differences_are_not_too_narrow() -> None:
    """A share of 1 % of the answers is lost and found by chance: 90 % intervals hold the truth (no loss) 90 % of the time."""
    rng = np.random.default_rng(6)
    held = []
    for _ in range(400):
        sides = [rng.binomial(1, 0.99, 150).astype(float) for _ in range(2)]
        compared = decide(mean_difference(Measure.USABLE, *sides, samples=1, alpha=0.05), LIMITS)
        held.append(compared.low <= 0 <= compared.high)

    assert np.mean(held) >= 0.9


def test_too_little_is_inconclusive_whatever_the_values() -> None:
    compared = undecided(Measure.TYPE_DENSITY, 10.0, 5.0, LIMITS, 12)

    assert compared.verdict is Verdict.INCONCLUSIVE
    assert (compared.low, compared.high, compared.detectable_loss) == (-1.0, math.inf, 1.0)
    assert compared.prompts_to_settle is None
