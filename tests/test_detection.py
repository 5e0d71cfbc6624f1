"""Conformal plausibility, estimated shares, and the built-in detector on real text against a model's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.adapters.trainers import ngram
from tailguard.detection import linear
from tailguard.detection.conformal import adjusted_share, ai_p_values, human_p_values, share_is_excessive
from tailguard.errors import InputError
from tailguard.store.files import Store
from tests.builders import passages


def test_conformal_error_rate_holds_for_each_class() -> None:
    rng = np.random.default_rng(0)
    human, ai = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)

    wrongly_excluded = [
        float((human_p_values(rng.normal(0, 1, 20_000), human) <= 0.05).mean()),
        float((ai_p_values(rng.normal(1, 1, 20_000), ai) <= 0.05).mean()),
    ]

    assert wrongly_excluded == [pytest.approx(0.05, abs=0.012)] * 2


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50), st.floats(-6, 6), st.floats(0, 3))
def test_a_higher_score_is_never_more_human(calibration: list[float], score: float, more: float) -> None:
    human = np.array(calibration)

    lower, higher = human_p_values(np.array([score, score + more]), human)

    assert 0 < higher <= lower <= 1


@pytest.mark.parametrize("true_share", [0.0, 0.02, 0.3, 1.0])
def test_the_estimated_share_is_near_the_true_one_where_counting_flags_is_not(true_share: float) -> None:
    """SCIENCE 4: at AUROC .90 and a true 2 %, counting flags says 19.5 %."""
    rng = np.random.default_rng(1)
    human, ai = rng.normal(0, 1, 20_000), rng.normal(1.81, 1, 20_000)
    count = 20_000
    synthetic = int(true_share * count)
    pool = np.concatenate([rng.normal(1.81, 1, synthetic), rng.normal(0, 1, count - synthetic)])

    estimate = adjusted_share(pool, human=human, ai=ai)

    assert estimate is not None
    assert estimate.share == pytest.approx(true_share, abs=0.015)
    assert estimate.low <= true_share + 0.01
    assert estimate.high >= true_share - 0.01
    if true_share == 0.02:
        assert (pool > 0.905).mean() > 0.15


def test_classes_that_do_not_differ_give_no_estimate() -> None:
    same = np.zeros(10)

    assert adjusted_share(same, human=same, ai=same) is None


@pytest.mark.parametrize(
    ("hits", "trials", "excessive"), [(2, 100, False), (10, 100, False), (30, 100, True), (0, 0, False), (20, 20, True)]
)
def test_many_more_hits_than_the_error_rate_are_excessive(hits: int, trials: int, excessive: bool) -> None:
    assert share_is_excessive(hits, trials, expected=0.02) is excessive


def test_honest_batches_are_not_called_excessive() -> None:
    hits = np.random.default_rng(3).binomial(1000, 0.02, size=100_000)

    assert not any(share_is_excessive(int(count), 1000, expected=0.02) for count in np.unique(hits))


@pytest.fixture(scope="module")
def detector() -> linear.LinearDetector:
    human = list(passages()[:1200])
    written = ngram.sample(ngram.fit(human), [""] * 1500, max_tokens=50, temperature=1.0, seed=5)
    return linear.calibrate(human, [text for text in written if len(text.split()) >= 8], error_rate=0.05, seed=0)


def test_the_detector_ranks_a_models_text_above_human_text(detector: linear.LinearDetector) -> None:
    found = linear.rates(detector)

    assert found.auroc > 0.6
    assert found.false_positive <= 0.06


def test_fresh_human_text_is_seldom_called_model_made(detector: linear.LinearDetector) -> None:
    judged = detector.judge(list(passages()[1200:2200]))

    called = [one for one in judged if one.ai_plausible and not one.human_plausible]

    assert len(called) / len(judged) <= 0.08


def test_a_stored_detector_judges_alike(detector: linear.LinearDetector, tmp_path: Path) -> None:
    store = Store(tmp_path)
    texts = list(passages()[:20])

    again = linear.load(store, linear.keep(detector, store))

    assert again.judge(texts) == detector.judge(texts)
    assert again.judge([]) == []


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(InputError, match="at least 200 human texts"):
        linear.calibrate(["a b c"] * 10, ["d e f"] * 500, error_rate=0.05, seed=0)
