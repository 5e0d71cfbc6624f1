"""The laws of collapse hold against their check values and against simulation; chains of models behave as the laws say."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tailguard.domain.facts import CeilingCalibrated, CeilingPoint
from tailguard.errors import InputError
from tailguard.experiments import laws
from tailguard.experiments.chains import Chain, Loss, Point, curve, recommended, run
from tailguard.plays.mixing import ceilings
from tailguard.plays.monitoring.suite import rare_terms
from tests.builders import Team, passages
from tests.recording import record_policy


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (laws.replaced_variance(50, 40), 0.4457),
        (laws.replaced_deviation(50, 40), 0.8154),
        (laws.accumulated_limit(10), 0.8434),
        (laws.accumulated_limit(50), 0.9674),
        (laws.accumulated_variance(10, 100_000), 0.8434),
        (laws.fresh_loop_variance(100, 0.5), 0.98675),
        (laws.fresh_loop_variance(100, 0.9), 0.94975),
        (laws.fresh_loop_variance(100, 0.99), 0.66443),
        (laws.replaced_heterozygosity(laws.zipf(1000), 2000, 60), 0.9420),
        (laws.types_alive(laws.zipf(1000), 2000), 499),
        (laws.survival(1, 1), 0.632),
        (laws.survival(1, 5), 0.268),
        (laws.survival(1, 10), 0.158),
        (laws.replaced_regression_error(10, samples=30, dimensions=10), 5.263),
        (laws.accumulated_regression_error(10, samples=30, dimensions=10), 0.738),
        (laws.accumulated_regression_error(100_000, samples=30, dimensions=10), 0.770),
        (laws.accumulated_regression_bound(samples=30, dimensions=10), 0.866),
        (laws.weighted_variance((math.sqrt(5) - 1) / 2), 0.618),
        (laws.largest_share(100, keep=0.95), 0.899),
        (laws.largest_share(1000, keep=0.95), 0.990),
        (laws.largest_share(10_000, keep=0.95), 0.9990),
    ],
)
def test_each_law_has_its_check_value(value: float, expected: float) -> None:
    digits = len(f"{expected}".partition(".")[2]) if expected < 10 else 0
    assert value == pytest.approx(expected, abs=0.51 * 10**-digits)


def test_the_often_seen_formula_for_the_fresh_loop_is_wrong() -> None:
    f, n = 0.99, 100
    wrong = (1 - f) / (1 - f + f / n)

    assert wrong == pytest.approx(0.5025, abs=1e-4)
    assert abs(laws.fresh_loop_variance(n, f) - wrong) > 0.15


def test_the_golden_ratio_is_the_best_weight() -> None:
    weights = np.linspace(0.05, 0.99, 2000)

    assert weights[np.argmin([laws.weighted_variance(w) for w in weights])] == pytest.approx(0.618, abs=0.001)


def test_a_filter_helps_above_its_threshold() -> None:
    assert laws.filter_helps(0.26, phi=0.9, psi=0.3)
    assert not laws.filter_helps(0.25, phi=0.9, psi=0.3)


def test_the_gaussian_chain_loses_variance_as_the_law_says() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = np.zeros(20_000), np.ones(20_000)
    for _ in range(40):
        drawn = rng.normal(mean[:, None], deviation[:, None], (20_000, 50))
        mean, deviation = drawn.mean(axis=1), drawn.std(axis=1)

    assert (deviation**2).mean() == pytest.approx(laws.replaced_variance(50, 40), rel=0.02)


def test_the_unbiased_chain_keeps_its_mean_square_and_loses_its_median() -> None:
    rng = np.random.default_rng(1)
    deviation = np.ones(40_000)
    for _ in range(40):
        deviation = deviation * np.sqrt(rng.chisquare(49, 40_000) / 49)

    assert deviation.mean() == pytest.approx(laws.replaced_deviation(50, 40), rel=0.01)
    assert np.median(deviation**2) == pytest.approx(0.434, abs=0.01)


def test_the_fresh_loop_settles_where_the_law_says() -> None:
    rng = np.random.default_rng(2)
    n, f, chains = 100, 0.9, 4000
    mean, variance = np.zeros(chains), np.ones(chains)
    own = round(n * f / (1 - f))
    law = n + own  # samples a generation, of which a share f are its own
    for _ in range(150):
        fresh_mean, fresh = rng.normal(0, 1 / np.sqrt(n), chains), rng.chisquare(n - 1, chains) / n
        own_mean = mean + rng.normal(0, np.sqrt(variance / own))
        own_variance = variance * rng.chisquare(own - 1, chains) / own
        mean = (1 - f) * fresh_mean + f * own_mean
        variance = (1 - f) * fresh + f * own_variance + f * (1 - f) * (fresh_mean - own_mean) ** 2

    assert law == 1000
    assert variance.mean() == pytest.approx(laws.fresh_loop_variance(n, f), rel=0.06)


def test_a_chain_of_models_loses_rare_words_with_its_share_of_synthetic_text() -> None:
    human = list(passages()[:600])
    rare = rare_terms(human)

    none, most = (run(Chain(share, 3, 1), human, rare) for share in (0.0, 0.8))

    assert none.recall[0] == most.recall[0] == 1.0
    assert most.recall[-1] < 0.93 < none.recall[-1]
    assert run(Chain(0.8, 3, 1), human, rare) == most, "same seed, same chain"


def test_the_recommended_ceiling_is_where_the_lower_bound_meets_the_margin() -> None:
    points = [
        Point(share, 2, low + 0.01, low, low + 0.02)
        for share, low in ((0.0, 0.99), (0.2, 0.97), (0.4, 0.93), (0.6, 0.99))
    ]

    assert recommended(points, margin=0.05) == pytest.approx(0.3)
    assert recommended(points, margin=0.005) == 0.0
    assert recommended(points, margin=0.5) == 0.6


def test_an_interval_comes_from_the_repeats() -> None:
    losses = [Loss(Chain(0.5, 1, seed), (1.0, value)) for seed, value in enumerate((0.8, 0.9, 1.0))]

    (point,) = curve(losses)

    assert point.value == pytest.approx(0.9)
    assert point.low == pytest.approx(0.9 - 2.92 * 0.1 / math.sqrt(3), abs=1e-3)


def test_a_calibration_is_kept_and_goes_on_where_it_was_interrupted(team: Team) -> None:
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    def calibrated(progress: Callable[[int, int], None]) -> ceilings.Calibration:
        return ceilings.calibrate(
            team.workspace, "main", generations=1, repeats=2, margin=0.2, workers=2, seed=0, progress=progress
        )

    with pytest.raises(KeyboardInterrupt):
        calibrated(stop)
    found = calibrated(lambda done, total: seen.append((done, total)))

    first_after = seen[seen.index((3, 14)) + 1]
    assert first_after[0] >= 3, "what had ended is not done again"
    assert "Recommended ceiling at a margin of 20%" in found.text
    with team.workspace.log.reading() as view:
        (kept,) = view.recorded(CeilingCalibrated)
        points = view.recorded(CeilingPoint, experiment=kept.fact.experiment)
    assert kept.fact.recommended == found.recommended
    assert len(points) == 7
    assert team.workspace.store.json("experiments", kept.fact.experiment)["format"] == "tailguard-ceiling/1"


def test_a_small_anchor_is_told_apart(tmp_path: Path) -> None:
    from tailguard.policy.reading import template
    from tailguard.workspace import Workspace
    from tests.builders import Clock

    (tmp_path / "policy.toml").write_text(template("ada"))
    space = Workspace(tmp_path, "ada", Clock())
    record_policy(space)

    with pytest.raises(InputError, match="No anchor is frozen"):
        ceilings.calibrate(
            space, "main", generations=1, repeats=2, margin=0.1, workers=1, seed=0, progress=lambda *_: None
        )
