"""The gate's comparison: what passes, what blocks, what cannot be told, what cannot be compared."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tailguard.adapters.trainers import ngram
from tailguard.diversity.comparison import compare
from tailguard.diversity.damage import planted
from tailguard.diversity.decision import Limits
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.report import reason
from tailguard.diversity.usable import judge
from tailguard.domain.damage import Damage
from tailguard.domain.defects import Defect
from tailguard.domain.measures import MARGINS, Measure
from tailguard.domain.suite import SuiteKind
from tailguard.domain.verdict import Comparison, MeasureComparison, Verdict, worst
from tailguard.plays.monitoring.suite import rare_terms
from tests.builders import passages
from tests.diversity.answers import outputs, rare_words, with_texts

LIMITS = Limits()
TEXTS = passages()[:1500]
RARE = rare_terms(TEXTS)
PROMPTS = [" ".join(text.split()[:3]) for text in passages()[1500:1900]]
YES, EMPTY = "Yes.", ""
OPENING = "Thank you for your question, which I am glad to answer as well as I can."


@pytest.fixture(scope="module")
def model() -> ngram.NgramModel:
    return ngram.fit(TEXTS)


@pytest.fixture(scope="module")
def theirs() -> Outputs:
    return outputs(seed=1)


@pytest.fixture(scope="module")
def ours() -> Outputs:
    return outputs(seed=2)


def continued(model: ngram.NgramModel, seed: int, *, samples: int = 4, temperature: float = 1.0) -> Outputs:
    texts = ngram.sample(
        model, [prompt for prompt in PROMPTS for _ in range(samples)], max_tokens=30, temperature=temperature, seed=seed
    )
    answers = {f"p{n}": tuple(texts[n * samples : (n + 1) * samples]) for n in range(len(PROMPTS))}
    prompts = {f"p{n}": prompt for n, prompt in enumerate(PROMPTS)}
    return Outputs(answers, frozenset(answers), "suite", "decoding", prompts, kind=SuiteKind.CONTINUATION)


def compared(
    candidate: Outputs, reference: Outputs, *, limits: Limits = LIMITS, rare: frozenset[str] | None = None
) -> Comparison:
    terms = rare_words() if rare is None else rare
    return compare(judge(candidate), judge(reference), rare_terms=terms, limits=limits)


def of(comparison: Comparison, measure: Measure) -> MeasureComparison:
    return next(found for found in comparison.measures if found.measure is measure)


def failed(comparison: Comparison) -> list[str]:
    return [guard.name for guard in comparison.guards if not guard.met]


def blocked(comparison: Comparison) -> set[Measure]:
    return {found.measure for found in comparison.measures if found.verdict is Verdict.BLOCK}


def test_an_unchanged_model_passes(ours: Outputs, theirs: Outputs) -> None:
    comparison = compared(ours, theirs)

    assert comparison.verdict is Verdict.PASS
    assert [found.measure for found in comparison.measures] == [
        measure
        for measure in Measure
        if measure not in (Measure.ACCURACY, Measure.TAIL_ACCURACY, Measure.WITHIN_PROMPT)
    ]
    assert all(found.low <= found.delta <= found.high for found in comparison.measures)
    assert all(0.9 < found.candidate_value / found.reference_value < 1.1 for found in comparison.measures)
    assert (comparison.prompts, comparison.samples_per_prompt) == (300, 1)
    assert sum(part.candidate_share for part in comparison.unusable) < 0.005
    assert reason(comparison).startswith("no loss exceeds its limit; largest drop: ")


def test_an_unchanged_language_model_passes_and_a_sharpened_one_is_blocked_on_its_tail(model: ngram.NgramModel) -> None:
    reference = continued(model, 2)

    same, sharpened = (
        compared(continued(model, 1, temperature=temperature), reference, rare=RARE) for temperature in (1.0, 0.8)
    )

    assert same.verdict is not Verdict.BLOCK
    assert of(same, Measure.RARE_DENSITY).verdict is Verdict.PASS
    assert of(same, Measure.WITHIN_PROMPT).verdict is Verdict.PASS
    assert sharpened.verdict is Verdict.BLOCK
    assert Measure.RARE_DENSITY in blocked(sharpened)
    assert of(sharpened, Measure.RARE_DENSITY).high < -MARGINS[Measure.RARE_DENSITY]


def test_lost_rare_words_are_blocked_and_no_loss_is_not(ours: Outputs) -> None:
    comparisons = [
        compared(planted(ours, Damage.RARE_WORDS_LOST, share=share, rare_terms=rare_words(), seed=3), ours)
        for share in (0.0, 0.03, 0.3)
    ]

    assert [comparison.verdict for comparison in comparisons] == [Verdict.PASS, Verdict.PASS, Verdict.BLOCK]
    assert blocked(comparisons[2]) >= {Measure.RARE_DENSITY, Measure.RARE_COVERAGE}
    assert "rare words, word for word fell 2" in reason(comparisons[2])


def test_few_prompts_are_inconclusive_and_say_how_many_would_settle_it() -> None:
    comparison = compared(outputs(40, seed=1), outputs(40, seed=2))

    unsettled = [found for found in comparison.measures if found.verdict is Verdict.INCONCLUSIVE]
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert any(found.prompts_to_settle for found in unsettled)
    assert all(found.prompts_to_settle is None or found.prompts_to_settle > 40 for found in unsettled)
    assert reason(comparison).startswith("could not tell: ")


def test_almost_no_text_is_inconclusive_and_never_a_pass() -> None:
    few, small = outputs(5, seed=1), with_texts(outputs(seed=1), lambda at, _: f"Number {at}")

    assert compared(few, few).verdict is Verdict.INCONCLUSIVE
    assert "too little text" in reason(compared(few, few))
    assert compared(small, small).verdict is not Verdict.PASS


def test_a_prompt_that_everybody_calls_tail_is_no_tail_of_its_own(ours: Outputs) -> None:
    everything, nothing = (replace(ours, tail=tail) for tail in (frozenset(ours.answers), frozenset[str]()))

    for side in (everything, nothing):
        measures = [found.measure for found in compared(side, side).measures]
        assert Measure.USABLE_TAIL not in measures
        assert Measure.RARE_DENSITY in measures


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        (lambda outputs: replace(outputs, decoding="temperature=0.5"), "same decoding"),
        (lambda outputs: replace(outputs, suite="another"), "same suite"),
        (lambda outputs: outputs.only(frozenset(outputs.ids[:-4])), "same prompts"),
        (lambda outputs: replace(outputs, prompts={**outputs.prompts, "p0003": "What else?"}), "same prompts"),
        (lambda outputs: outputs.only(frozenset(outputs.ids[1:])), "tail prompts"),
        (lambda outputs: replace(outputs, scores={"p0001": (1.0,)}), "same items scored"),
        (
            lambda outputs: replace(outputs, answers={name: text * 2 for name, text in outputs.answers.items()}),
            "same samples per prompt",
        ),
    ],
)
def test_unlike_conditions_are_not_comparable(
    ours: Outputs, theirs: Outputs, change: Callable[[Outputs], Outputs], guard: str
) -> None:
    reference = replace(theirs, scores={"p0001": (1.0,), "p0002": (1.0,)}) if guard == "same items scored" else theirs

    comparison = compared(change(ours), reference)

    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert failed(comparison) == [guard]
    assert guard in reason(comparison)
    assert comparison.measures


def test_prompts_that_the_reference_was_not_asked_are_left_out_and_said() -> None:
    comparison = compared(outputs(304, seed=2), outputs(300, seed=1))

    assert comparison.prompts == 300
    assert failed(comparison) == []
    assert "4 prompts that only one side answered were left out" in comparison.notes


@pytest.mark.parametrize("empty", [False, True])
def test_no_prompt_in_common_is_not_comparable(ours: Outputs, theirs: Outputs, empty: bool) -> None:
    answers = {} if empty else {f"x{prompt}": samples for prompt, samples in ours.answers.items()}

    comparison = compared(replace(ours, answers=answers, tail=frozenset()), theirs)

    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert "same prompts" in failed(comparison)
    assert comparison.measures == ()


def test_a_reference_of_which_a_third_is_unusable_is_not_comparable(ours: Outputs, theirs: Outputs) -> None:
    def refusing(share: float) -> Outputs:
        return planted(theirs, Damage.REFUSALS, share=share, rare_terms=rare_words(), seed=1)

    assert failed(compared(ours, refusing(0.3))) == []
    comparison = compared(ours, refusing(0.4))
    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert failed(comparison) == ["something to lose"]
    assert "something to lose: 40% unusable" in reason(comparison)


def test_tail_prompts_answered_yes_block(theirs: Outputs) -> None:
    comparison = compared(with_texts(theirs, lambda at, text: YES if at < 12 and at % 2 else text), theirs)
    all_tail = compared(with_texts(theirs, lambda at, text: YES if at < 90 else text), theirs)

    assert of(comparison, Measure.USABLE_TAIL).delta == pytest.approx(-6 / 90)
    assert comparison.verdict is not Verdict.PASS
    assert {Measure.USABLE, Measure.USABLE_TAIL} <= blocked(all_tail)
    assert "usable answers to tail prompts fell 100 points" in reason(all_tail)
    assert "30.0% of the candidate's answers are unusable, 0.0% of the reference's: 30.0%" in reason(all_tail)


def test_a_loss_of_rare_words_is_not_hidden_by_noise(ours: Outputs) -> None:
    """Answers of random words are rich in rare words: they neither make up for lost ones nor pass."""
    lost = planted(ours, Damage.RARE_WORDS_LOST, share=0.3, rare_terms=rare_words(), seed=3)

    hidden = compared(planted(lost, Damage.NOISE, share=0.2, rare_terms=rare_words(), seed=4), ours)

    assert hidden.verdict is Verdict.BLOCK
    assert Measure.USABLE in blocked(hidden)
    assert of(hidden, Measure.RARE_DENSITY).verdict is not Verdict.PASS
    assert hidden.unusable[0].defect in (Defect.WORD_ORDER, Defect.OFF_TOPIC)


def test_small_faults_add_up(ours: Outputs) -> None:
    """Each of four faults at 2 % is under the limit of 3 points, all together are not."""
    kinds = (Damage.LOOPS, Damage.NOISE, Damage.REFUSALS, Damage.COPIES)
    together = ours
    for seed, kind in enumerate(kinds):
        together = planted(together, kind, share=0.02, rare_terms=rare_words(), seed=seed)

    apart = [
        compared(planted(ours, kind, share=0.02, rare_terms=rare_words(), seed=seed), ours)
        for seed, kind in enumerate(kinds)
    ]
    comparison = compared(together, ours)

    assert all(report.verdict is not Verdict.BLOCK for report in apart)
    assert Measure.USABLE in blocked(comparison)
    assert {part.defect for part in comparison.unusable} >= {Defect.LOOP, Defect.REFUSAL, Defect.COPY}


def test_only_shorter_answers_are_not_comparable_and_the_sentence_names_length(theirs: Outputs) -> None:
    comparison = compared(outputs(seed=2, sentences=3), theirs)

    assert failed(comparison) == []
    assert blocked(comparison) <= {Measure.RARE_COVERAGE, Measure.TYPE_COVERAGE}
    assert comparison.explained_by_length
    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert 0.45 < comparison.length < 0.55
    assert reason(comparison).startswith("answers are 50% shorter, as rich word for word, and hold less between them: ")


def test_shorter_answers_that_lost_words_as_well_are_blocked(theirs: Outputs) -> None:
    shorter = outputs(seed=2, sentences=3)

    comparison = compared(planted(shorter, Damage.RARE_WORDS_LOST, share=0.4, rare_terms=rare_words(), seed=1), theirs)

    assert comparison.verdict is Verdict.BLOCK
    assert Measure.RARE_DENSITY in blocked(comparison)


def test_longer_answers_pass(ours: Outputs, theirs: Outputs) -> None:
    comparison = compared(outputs(seed=2, sentences=10), theirs)

    assert comparison.length > 1.5
    assert comparison.verdict is Verdict.PASS
    assert compared(ours, theirs).verdict is Verdict.PASS


def test_a_longer_answer_does_not_hide_lost_words(theirs: Outputs) -> None:
    longer = outputs(seed=2, sentences=10)

    comparison = compared(planted(longer, Damage.RARE_WORDS_LOST, share=0.4, rare_terms=rare_words(), seed=1), theirs)

    assert Measure.RARE_DENSITY in blocked(comparison)


@pytest.mark.parametrize("damage", [Damage.OPENING, Damage.TYPOGRAPHY])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_fixed_opening_and_other_typography_pass(
    ours: Outputs, theirs: Outputs, damage: Damage, share: float
) -> None:
    changed = planted(ours, damage, share=share, rare_terms=rare_words(), seed=1)

    assert compared(changed, theirs).verdict is Verdict.PASS
    assert compared(theirs, changed).verdict is Verdict.PASS


def test_an_opening_is_said_in_the_notes(ours: Outputs, theirs: Outputs) -> None:
    comparison = compared(with_texts(ours, lambda _at, text: f"{OPENING} {text}"), theirs)

    assert (
        "100% of the candidate's answers open with the same 16 words, which were excluded: "
        '"thank you for your question which i am glad to answer as ..."'
    ) in comparison.notes


def test_rare_words_strewn_into_answers_are_blocked(ours: Outputs, theirs: Outputs) -> None:
    rng, rare = random.Random(5), sorted(rare_words())  # noqa: S311  words, not secrets
    strewn = with_texts(
        ours,
        lambda _at, text: " ".join(rng.choice(rare) if word in rare_words() else word for word in text.split()),
    )

    comparison = compared(strewn, theirs)

    assert of(comparison, Measure.RARE_DENSITY).verdict is Verdict.PASS
    assert Measure.RARE_IN_PLACE in blocked(comparison)


def test_samples_that_are_all_alike_are_blocked() -> None:
    theirs = outputs(200, seed=1, samples=3)
    alike = replace(theirs, answers={name: texts[:1] * 3 for name, texts in theirs.answers.items()})

    same, collapsed = compared(outputs(200, seed=2, samples=3), theirs), compared(alike, theirs)

    assert of(same, Measure.WITHIN_PROMPT).verdict is Verdict.PASS
    assert of(collapsed, Measure.WITHIN_PROMPT).candidate_value == 0
    assert Measure.WITHIN_PROMPT in blocked(collapsed)


def test_accuracy_falls_as_a_share_of_the_references(ours: Outputs, theirs: Outputs) -> None:
    def scored(given: Outputs, right: int) -> Outputs:
        return replace(given, scores={name: (float(number % 10 < right),) for number, name in enumerate(given.ids)})

    same, worse = (compared(scored(ours, right), scored(theirs, 8)) for right in (8, 6))

    assert [of(same, measure).verdict for measure in (Measure.ACCURACY, Measure.TAIL_ACCURACY)] == [Verdict.PASS] * 2
    assert of(worse, Measure.ACCURACY).delta == pytest.approx(-0.25)
    assert {Measure.ACCURACY, Measure.TAIL_ACCURACY} <= blocked(worse)
    assert worse.verdict is Verdict.BLOCK


def test_a_slice_in_which_the_loss_is_is_named(ours: Outputs) -> None:
    sliced = replace(ours, slices={name: "even" if at % 2 else "odd" for at, name in enumerate(ours.ids)})
    refusing = with_texts(sliced, lambda at, text: "I'm sorry, I can't help." if at % 14 == 1 else text)

    comparison = compared(refusing, sliced)

    assert {part.slice for part in comparison.slices if part.lost} == {"even"}
    assert comparison.worst_slice is not None
    assert (comparison.worst_slice.slice, comparison.worst_slice.measure) == ("even", Measure.USABLE)
    assert compared(refusing, ours).slices == ()


def test_the_same_arguments_give_the_same_answer(ours: Outputs, theirs: Outputs) -> None:
    backwards = replace(ours, answers=dict(reversed(list(ours.answers.items()))))

    assert compared(ours, theirs) == compared(ours, theirs) == compared(backwards, theirs)


def test_the_error_matches_the_spread_of_independent_repeats() -> None:
    comparisons = [compared(outputs(120, seed=2 * at), outputs(120, seed=2 * at + 1)) for at in range(24)]

    for measure in (Measure.RARE_DENSITY, Measure.RARE_COVERAGE, Measure.TYPE_DENSITY, Measure.PAIR_DENSITY):
        pairs = [of(comparison, measure) for comparison in comparisons]
        spread = float(np.std([np.log1p(pair.delta) for pair in pairs], ddof=1))
        claimed = float(np.mean([(np.log1p(pair.high) - np.log1p(pair.low)) / (2 * 1.66) for pair in pairs]))

        assert 0.6 < claimed / spread < 1.7, measure


def test_the_worst_verdict_decides_and_nothing_is_not_a_pass() -> None:
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.BLOCK]) is Verdict.BLOCK
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([]) is Verdict.INCONCLUSIVE


def test_planted_loss_keeps_the_length_of_every_answer(ours: Outputs) -> None:
    lost = planted(ours, Damage.RARE_WORDS_LOST, share=0.4, rare_terms=rare_words(), seed=1)

    assert [len(words(text)) for text in lost.texts] == [len(words(text)) for text in ours.texts]


def test_numbers_stand_for_words_in_the_order_in_which_these_first_appear() -> None:
    given = Outputs({"b": ("red red fish",), "a": ("", "a fish")}, frozenset(), "suite", "decoding", {"b": "a pond?"})

    assert given.encoded.vocabulary == ("a", "fish", "red", "pond")
    assert given.encoded.units.tolist() == [0, 1, 2, 2, 1, 0, 3]
    assert given.encoded.offsets.tolist() == [0, 0, 2, 5, 5, 7]
    assert given.encoded.first(3).lengths.tolist() == [0, 2, 3]
    assert given.encoded.after(3).units.tolist() == [0, 3]
    assert Outputs({}, frozenset(), "suite", "decoding").encoded.units.tolist() == []
