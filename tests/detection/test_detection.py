"""Conformal verdicts, estimated shares, the built-in detector, and one fitted to a team."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tailguard
from tailguard.adapters.trainers import ngram
from tailguard.detection import features, prevalence, scoring, team
from tailguard.detection.conformal import ai_p_values, human_p_values, share_is_excessive
from tailguard.detection.drift import drift
from tailguard.detection.judge import Detector
from tailguard.detection.texts import pack
from tailguard.detection.windows import windows
from tailguard.errors import InputError
from tailguard.store.files import Store
from tests.builders import passages
from tests.texts import HUMAN, MODEL

texts_of_bytes = st.lists(st.text(max_size=300), min_size=1, max_size=4)


def test_conformal_error_rate_holds_for_each_class() -> None:
    rng = np.random.default_rng(0)
    human, ai = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)

    wrongly_excluded = [
        float((human_p_values(rng.normal(0, 1, 20_000), {"one": human}) <= 0.05).mean()),
        float((ai_p_values(rng.normal(1, 1, 20_000), {"one": ai}) <= 0.05).mean()),
    ]

    assert wrongly_excluded == [pytest.approx(0.05, abs=0.012)] * 2


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50), st.floats(-6, 6), st.floats(0, 3))
def test_a_higher_score_is_never_more_human(calibration: list[float], score: float, more: float) -> None:
    human = np.array(calibration)

    lower, higher = human_p_values(np.array([score, score + more]), {"one": human})

    assert 0 < higher <= lower <= 1


@pytest.mark.parametrize("true_share", [0.0, 0.02, 0.3, 1.0])
def test_the_estimated_share_is_near_the_true_one_where_counting_flags_is_not(true_share: float) -> None:
    """SCIENCE 4: at AUROC .90 and a true 2 %, counting flags says 19.5 %."""
    rng = np.random.default_rng(1)
    human, ai = rng.normal(0, 1, 20_000), rng.normal(1.81, 1, 20_000)
    count = 20_000
    synthetic = int(true_share * count)
    pool = np.concatenate([rng.normal(1.81, 1, synthetic), rng.normal(0, 1, count - synthetic)])

    estimate = prevalence.adjusted_share(pool, human=human, ai=ai)

    assert estimate is not None
    assert estimate.share == pytest.approx(true_share, abs=0.015)
    assert estimate.low <= true_share + 0.01
    assert estimate.high >= true_share - 0.01
    if true_share == 0.02:
        assert (pool > 0.905).mean() > 0.15


def test_classes_that_do_not_differ_give_no_estimate() -> None:
    same = np.zeros(10)

    assert prevalence.adjusted_share(same, human=same, ai=same) is None
    assert prevalence.shares(np.zeros(50), human=same, ai=same, seed=0) is None


@pytest.mark.parametrize(
    ("hits", "trials", "excessive"), [(2, 100, False), (10, 100, False), (30, 100, True), (0, 0, False), (20, 20, True)]
)
def test_many_more_hits_than_the_error_rate_are_excessive(hits: int, trials: int, excessive: bool) -> None:
    assert share_is_excessive(hits, trials, expected=0.02) is excessive


def test_honest_batches_are_not_called_excessive() -> None:
    hits = np.random.default_rng(3).binomial(1000, 0.02, size=100_000)

    assert not any(share_is_excessive(int(count), 1000, expected=0.02) for count in np.unique(hits))


def test_an_error_rate_holds_in_the_worst_group_and_not_only_on_average() -> None:
    rng = np.random.default_rng(0)
    groups = {"plain": rng.normal(0, 1, 4000), "how-to": rng.normal(2, 1, 4000)}

    wrong = (human_p_values(rng.normal(2, 1, 20_000), groups) <= 0.05).mean()
    pooled = (human_p_values(rng.normal(2, 1, 20_000), {"all": np.concatenate(list(groups.values()))}) <= 0.05).mean()

    assert wrong == pytest.approx(0.05, abs=0.012)
    assert pooled > 0.08


def test_both_share_estimates_equal_quapys() -> None:
    """Reference: QuaPy's PACC and EMQ on the same posteriors."""
    rng = np.random.default_rng(2)
    human, ai = rng.beta(2, 5, 600), rng.beta(5, 2, 500)
    pool = np.concatenate([rng.beta(2, 5, 700), rng.beta(5, 2, 300)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from quapy.method.aggregative import ACC, EMQ, PACC

        posteriors = np.stack([1 - np.concatenate([human, ai]), np.concatenate([human, ai])], axis=1)
        labels = np.repeat([0, 1], [len(human), len(ai)])
        rates = PACC.getPteCondEstim(np.array([0, 1]), labels, posteriors)
        of_pool = np.array([1 - pool.mean(), pool.mean()])
        pacc = ACC.solve_adjustment(rates, of_pool, solver="exact-raise", method="inversion")[1]
        sld, _ = EMQ.EM(np.array([0.5, 0.5]), np.stack([1 - pool, pool], axis=1), epsilon=1e-10)

    assert prevalence.pacc(pool, human=human, ai=ai) == pytest.approx(pacc, abs=1e-6)
    assert prevalence.sld(pool, prior=0.5) == pytest.approx(sld[1], abs=1e-6)


def test_shares_have_intervals_that_hold_the_true_share_and_say_where_methods_differ() -> None:
    rng = np.random.default_rng(4)

    def chance(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated for two unit normals 2 apart."""
        return np.asarray(1 / (1 + np.exp(-(2 * scores - 2))))

    human, ai = chance(rng.normal(0, 1, 3000)), chance(rng.normal(2, 1, 3000))
    pool = chance(np.concatenate([rng.normal(0, 1, 1800), rng.normal(2, 1, 200)]))

    found = prevalence.shares(pool, human=human, ai=ai, seed=0)

    assert found is not None
    for estimate in (found.pacc, found.sld):
        assert estimate.low <= 0.1 <= estimate.high
        assert estimate.share == pytest.approx(0.1, abs=0.03)
    assert not found.disagree
    assert prevalence.shares(pool, human=human, ai=ai, seed=0) == found
    weights = np.stack([np.ones(len(pool)), np.arange(len(pool)) % 3.0])
    together = prevalence._sld_of_draws(pool, weights)
    alone = [prevalence.sld(pool, prior=0.5, weights=row) for row in weights]
    assert together == pytest.approx(alone, abs=2e-3)


@settings(max_examples=25)
@given(texts_of_bytes)
def test_the_compiled_kernel_does_what_the_same_code_does_in_plain_python(texts: list[str]) -> None:
    weights = scoring.shipped_detector().weights
    packed = pack([*texts, passages()[0]])
    for start, stop in zip(packed.offsets[:-1], packed.offsets[1:], strict=True):
        seen = []
        for plain, scan in (
            (features.plain, features.scan),
            (inspect.unwrap(features.plain), inspect.unwrap(features.scan)),
        ):
            room = int(stop - start)
            out = np.zeros(room + 8, np.uint8)
            char, word = np.zeros(3 * room + 8, np.int32), np.zeros(4 * room + 8, np.int32)
            style = np.zeros(features.STYLE, np.float32)
            with np.errstate(over="ignore"):
                size = plain(packed.data, int(start), int(stop), out)
                n_char, n_word, _ = scan(out, size, weights.keys, weights.codes, weights.zipf, char, word, style)
            seen.append((out[:size].tobytes(), char[:n_char].tolist(), word[:n_word].tolist(), style))
        assert seen[0][:3] == seen[1][:3]
        assert np.allclose(seen[0][3], seen[1][3], atol=1e-5)


def test_formatting_does_not_change_what_the_detector_sees() -> None:
    weights = scoring.shipped_detector().weights
    bare = 'It\'s a list - one, two. She said "yes" to 7 of them.'
    dressed = "## It\u2019s a **list** \u2014 one,\n\n two.  She said \u201cyes\u201d to 42 of\u00a0them."

    of_bare, of_dressed = scoring.parts_of(pack([bare, dressed]), weights).parts

    assert of_bare == pytest.approx(of_dressed)


def test_the_built_in_detector_tells_plain_cases_apart_and_never_needs_a_workspace() -> None:
    found = tailguard.detect([*HUMAN, *MODEL])

    assert [record.verdict for record in found.records][-3:] == ["ai", "ai", "ai"]
    assert "ai" not in [record.verdict for record in found.records][:2]
    assert found.summary.shares is None, "too few to estimate a share"
    assert found.summary.error_rate == 0.01


def test_what_cannot_be_judged_is_unknown_and_says_so() -> None:
    found = tailguard.detect(
        ["too short", "", "Das Wetter war den ganzen Tag so schlecht, dass wir lieber drinnen blieben. " * 5]
    )

    assert [record.verdict for record in found.records] == ["unknown"] * 3
    assert all(record.score is None and "not judged" in record.evidence for record in found.records)


def test_a_passage_of_a_model_inside_human_text_is_found_with_its_place() -> None:
    human = "\n\n".join(HUMAN * 2)
    made = " ".join(MODEL)

    (record,) = tailguard.detect([f"{human}\n\n{made}"], error_rate=0.05).records

    assert record.verdict == "mixed"
    ((start, stop),) = record.spans
    assert abs(start - len(human)) < 200
    assert stop == len(human) + 2 + len(made)


def test_posteriors_are_those_of_a_logistic_regression() -> None:
    """Reference: scikit-learn, with the classes weighted alike."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    human, ai = rng.normal(0, 1, 900), rng.normal(1.5, 2, 300)
    found = Detector(scoring.StyleScorer(), {"h": human}, {"a": ai}, 0.01, "", "")
    model = LogisticRegression(C=1e9, class_weight="balanced", max_iter=1000).fit(
        np.concatenate([human, ai])[:, None], np.repeat([0, 1], [900, 300])
    )
    asked = np.linspace(-4, 6, 11)

    assert found.posteriors(asked) == pytest.approx(model.predict_proba(asked[:, None])[:, 1], abs=1e-3)
    assert np.isfinite(
        Detector(scoring.StyleScorer(), {"h": human}, {"a": human + 99}, 0.01, "", "").posteriors(asked)
    ).all()


def test_windows_cover_a_text_without_gap_or_overlap() -> None:
    packed = pack([" ".join(passages()[:12]), "one two three", passages()[0]])

    places, owners = windows(packed.data, packed.offsets, np.arange(3))

    for text in range(3):
        own = places[owners == text]
        assert own[0, 0] == packed.offsets[text]
        assert own[-1, 1] == packed.offsets[text + 1]
        assert (own[1:, 0] == own[:-1, 1]).all()
    assert (owners == 0).sum() > 2


def test_a_source_that_writes_otherwise_than_the_calibration_has_drifted() -> None:
    rng = np.random.default_rng(0)
    groups = {"one": rng.normal(0, 1, 500), "two": rng.normal(3, 1, 500)}

    same, other = drift(rng.normal(3, 1, 300), groups), drift(rng.normal(6, 1, 300), groups)

    assert same is not None
    assert other is not None
    assert not same.drifted
    assert other.drifted
    assert drift(rng.normal(0, 1, 49), groups) is None


@pytest.fixture(scope="module")
def detector() -> Detector:
    human = list(passages()[:1200])
    written = ngram.sample(ngram.fit(human), [""] * 1500, max_tokens=50, temperature=1.0, seed=5)
    made = [text for text in written if len(text.split()) >= 8]
    return team.calibrate(human, made, scorer=None, error_rate=0.05, seed=0)


def test_a_teams_detector_ranks_its_models_text_above_its_human_text(detector: Detector) -> None:
    found = team.rates(detector)

    assert found.auroc > 0.6
    assert found.false_positive <= 0.06


def test_fresh_human_text_is_seldom_called_model_made(detector: Detector) -> None:
    judged = detector.judge(list(passages()[1200:2200]))

    assert sum(judgement.verdict == "ai" for judgement in judged) / len(judged) <= 0.08


def test_a_stored_detector_judges_alike(detector: Detector, tmp_path: Path) -> None:
    store = Store(tmp_path)
    texts = list(passages()[:20])
    digest = team.keep(detector, store)

    again = team.load(store, digest, error_rate=0.05, named=lambda _: pytest.fail("it is the built-in one"))

    assert again.judge(texts) == detector.judge(texts)
    assert again.judge([]) == []
    assert team.keep(again, store) == digest


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(InputError, match="at least 400 human texts"):
        team.calibrate(["a b c"] * 10, ["d e f"] * 500, scorer=None, error_rate=0.05, seed=0)


def test_another_scorer_is_calibrated_and_not_fitted() -> None:
    class Length:
        name = "length"

        def score(self, texts: Sequence[str]) -> list[float]:
            return [float(len(text)) for text in texts]

    found = team.calibrate(["a" * (number % 50) for number in range(500)], ["b" * (60 + number % 50) for number in range(500)],
                           scorer=Length(), error_rate=0.05, seed=0)  # fmt: skip

    assert team.rates(found).auroc == 1.0
    assert [judgement.verdict for judgement in found.judge(["x" * 10, "x" * 80])] == ["human", "ai"]


def test_the_shipped_card_names_what_the_weights_say() -> None:
    """The card's table is the measured rates, to the digit."""
    card = (Path(__file__).parent.parent.parent / "data" / "detector.md").read_text()
    rates = json.loads(json.dumps(dict(scoring.shipped_detector().rates)))

    for name, rate in rates.items():
        assert f"| {name} | {rate['human']:,} | {rate['ai']:,} | {rate['auroc']:.3f} |" in card
