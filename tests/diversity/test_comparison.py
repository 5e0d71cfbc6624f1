"""The gate's comparison: what passes, what blocks, what cannot be told, what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tailguard.adapters.trainers import ngram
from tailguard.diversity.canary import planted_collapse
from tailguard.diversity.comparison import PRIMARY, TAIL_RECALL, Limits, compare
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.domain.verdict import Verdict, worst
from tailguard.plays.monitoring.suite import rare_terms
from tests.builders import passages

LIMITS = Limits(
    {"tail accuracy": 0.05, "tail recall": 0.10, "rarefied type coverage": 0.05, "between-response variety": 0.05}
)
TEXTS = passages()[:1500]
RARE = rare_terms(TEXTS)
PROMPTS = [" ".join(text.split()[:3]) for text in passages()[1500:1900]]


@pytest.fixture(scope="module")
def model() -> ngram.NgramModel:
    return ngram.fit(TEXTS)


def answers(
    model: ngram.NgramModel, seed: int, *, prompts: int = 400, samples: int = 6, temperature: float = 1.0
) -> Outputs:
    chosen = PROMPTS[:prompts]
    texts = ngram.sample(
        model, [one for one in chosen for _ in range(samples)], max_tokens=30, temperature=temperature, seed=seed
    )
    grouped = {f"p{n}": tuple(texts[n * samples : (n + 1) * samples]) for n in range(len(chosen))}
    return Outputs(grouped, frozenset(grouped), "suite", "decoding")


def test_an_unchanged_model_passes(model: ngram.NgramModel) -> None:
    comparison = compare(answers(model, 1), answers(model, 2), rare_terms=RARE, limits=LIMITS, seed=0)

    assert comparison.verdict is Verdict.PASS
    assert [measure.measure for measure in comparison.measures] == list(PRIMARY[1:])
    assert all(measure.low <= measure.delta <= measure.high for measure in comparison.measures)


def test_a_sharpened_model_is_blocked_on_its_tail(model: ngram.NgramModel) -> None:
    comparison = compare(answers(model, 1, temperature=0.85), answers(model, 2), rare_terms=RARE, limits=LIMITS, seed=0)

    tail = comparison.measures[0]
    assert comparison.verdict is Verdict.BLOCK
    assert tail.measure == TAIL_RECALL
    assert tail.high < -tail.margin


def test_a_planted_collapse_is_blocked_and_a_mild_one_is_not(model: ngram.NgramModel) -> None:
    ours = answers(model, 1)

    verdicts = {
        strength: compare(
            planted_collapse(ours, rare_terms=RARE, strength=strength, seed=3),
            ours,
            rare_terms=RARE,
            limits=LIMITS,
            seed=0,
        ).verdict
        for strength in (0.0, 0.3)
    }

    assert verdicts == {0.0: Verdict.PASS, 0.3: Verdict.BLOCK}


def test_few_prompts_are_inconclusive_and_say_how_many_would_settle_it(model: ngram.NgramModel) -> None:
    tight = replace(LIMITS, margins=dict.fromkeys(PRIMARY, 0.01))

    comparison = compare(
        answers(model, 1, prompts=40), answers(model, 2, prompts=40), rare_terms=RARE, limits=tight, seed=0
    )

    unsettled = [measure for measure in comparison.measures if measure.verdict is Verdict.INCONCLUSIVE]
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert all((measure.prompts_to_settle or 0) > 40 for measure in unsettled)


def test_almost_no_text_is_inconclusive_and_never_a_pass(model: ngram.NgramModel) -> None:
    few = answers(model, 1, prompts=5)

    assert compare(few, few, rare_terms=RARE, limits=LIMITS, seed=0).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        (lambda outputs: replace(outputs, decoding="temperature=0.5"), "same decoding"),
        (lambda outputs: replace(outputs, suite="another"), "same suite"),
    ],
)
def test_unlike_conditions_are_not_comparable(
    model: ngram.NgramModel, change: Callable[[Outputs], Outputs], guard: str
) -> None:
    comparison = compare(change(answers(model, 1)), answers(model, 2), rare_terms=RARE, limits=LIMITS, seed=0)

    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert [one.name for one in comparison.guards if not one.met] == [guard]


def test_other_prompts_and_much_shorter_answers_are_not_comparable(model: ngram.NgramModel) -> None:
    ours, theirs = answers(model, 1), answers(model, 2)
    renamed = replace(ours, answers={f"x{prompt}": samples for prompt, samples in ours.answers.items()})
    cut = replace(
        ours, answers={p: tuple(" ".join(text.split()[:4]) for text in samples) for p, samples in ours.answers.items()}
    )

    failed = [
        {one.name for one in compare(side, theirs, rare_terms=RARE, limits=LIMITS, seed=0).guards if not one.met}
        for side in (renamed, cut)
    ]

    assert "same prompts" in failed[0]
    assert "response length" in failed[1]


def test_missing_samples_are_not_comparable(model: ngram.NgramModel) -> None:
    comparison = compare(answers(model, 1, samples=3), answers(model, 2), rare_terms=RARE, limits=LIMITS, seed=0)

    assert "same samples per prompt" in {one.name for one in comparison.guards if not one.met}


def test_the_same_arguments_give_the_same_answer(model: ngram.NgramModel) -> None:
    first, second = (
        compare(answers(model, 1), answers(model, 2), rare_terms=RARE, limits=LIMITS, seed=7) for _ in range(2)
    )

    assert first == second


def test_half_sample_error_matches_the_spread_of_independent_repeats(model: ngram.NgramModel) -> None:
    """SCIENCE 3: the spread of the half-sample statistic is the standard error of the full one."""
    pairs = [
        compare(answers(model, seed), answers(model, seed + 100), rare_terms=RARE, limits=LIMITS, seed=seed).measures[1]
        for seed in range(12)
    ]

    spread = float(np.std([np.log1p(pair.delta) for pair in pairs], ddof=1))
    claimed = float(np.mean([(np.log1p(pair.high) - np.log1p(pair.low)) / (2 * 1.6449) for pair in pairs]))

    assert 0.5 < claimed / spread < 2.0


def test_the_worst_verdict_decides_and_nothing_is_not_a_pass() -> None:
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.BLOCK]) is Verdict.BLOCK
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([]) is Verdict.INCONCLUSIVE


def test_planted_collapse_keeps_the_length_of_every_answer(model: ngram.NgramModel) -> None:
    ours = answers(model, 1, prompts=50)

    planted = planted_collapse(ours, rare_terms=RARE, strength=0.4, seed=1)

    for prompt, ranked in ours.tokens.items():
        assert [len(words(text)) for text in planted.answers[prompt]] == [len(answer) for answer in ranked]


def test_a_planted_collapse_reads_as_it_would_from_its_texts(model: ngram.NgramModel) -> None:
    planted = planted_collapse(answers(model, 1, prompts=40), rare_terms=RARE, strength=0.4, seed=1)

    from_texts = replace(planted)

    assert planted.split == from_texts.split
    assert planted.encoded.vocabulary == from_texts.encoded.vocabulary
    assert list(map(list, planted.encoded.answers)) == list(map(list, from_texts.encoded.answers))


def test_numbers_stand_for_words_in_the_order_in_which_these_first_appear() -> None:
    outputs = Outputs({"b": ("red red fish",), "a": ("", "a fish")}, frozenset(), "suite", "decoding")

    assert outputs.encoded.vocabulary == ("a", "fish", "red")
    assert list(map(list, outputs.encoded.answers)) == [[0, 1], [], [2, 2, 1]]
    assert Outputs({}, frozenset(), "suite", "decoding").encoded.answers == ()
