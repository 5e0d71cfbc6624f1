"""Answers to another prompt than their own: swapped ones are found in any language, and the side that is right is not accused."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from tailguard.diversity.comparison import compare
from tailguard.diversity.decision import Limits
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.swapped import to_other_prompts
from tailguard.diversity.usable import DEFECTS, USABLE, alone, beside, judge
from tailguard.domain.defects import Defect
from tailguard.domain.suite import SuiteKind
from tailguard.domain.verdict import Verdict
from tests.diversity.answers import outputs, rare_words, with_texts

OFF_TOPIC = DEFECTS.index(Defect.OFF_TOPIC)
PROMPTS = 300


@pytest.fixture(scope="module")
def theirs() -> Outputs:
    return spoken(outputs(PROMPTS, seed=1, samples=2))


@pytest.fixture(scope="module")
def ours() -> Outputs:
    return spoken(outputs(PROMPTS, seed=2, samples=2))


def spoken(given: Outputs) -> Outputs:
    """In a language that nobody knows: every word backwards, with one more letter."""
    answers = {name: tuple(map(_backwards, texts)) for name, texts in given.answers.items()}
    return replace(given, answers=answers, prompts={name: _backwards(text) for name, text in given.prompts.items()})


def _backwards(text: str) -> str:
    return " ".join(f"{word[::-1]}e" for word in text.split())


def swapped(given: Outputs, share: float) -> tuple[Outputs, frozenset[str]]:
    """The same with the answers of some prompts in a ring: each has what belongs to the next."""
    hit = random.Random(0).sample(given.ids, round(share * len(given.ids)))  # noqa: S311  a sample, not a secret
    moved = {name: given.answers[other] for name, other in zip(hit, [*hit[1:], hit[0]], strict=True)}
    return replace(given, answers={**given.answers, **moved}), frozenset(hit)


def accused(ours: Outputs, theirs: Outputs) -> set[str]:
    """The prompts of which an answer counts as an answer to another."""
    defects = beside(judge(ours), judge(theirs))
    return {ours.ids[prompt] for prompt in ours.prompt_of[defects == OFF_TOPIC].tolist()}


def test_swapped_answers_are_found_on_the_side_that_has_them(ours: Outputs, theirs: Outputs) -> None:
    candidate, hit = swapped(ours, 0.1)
    found = accused(candidate, theirs)
    assert len(found & hit) >= 0.8 * len(hit)
    assert len(found - hit) <= 0.01 * PROMPTS
    assert len(accused(theirs, candidate)) <= 0.01 * PROMPTS
    comparison = compare(judge(candidate), judge(theirs), rare_terms=rare_words(), limits=Limits())
    assert comparison.verdict is Verdict.BLOCK


def test_honest_answers_and_openings_that_wander_are_not_accused(ours: Outputs, theirs: Outputs) -> None:
    assert len(accused(ours, theirs)) <= 0.01 * PROMPTS
    candidate, _ = swapped(replace(ours, kind=SuiteKind.CONTINUATION), 0.1)
    assert accused(candidate, replace(theirs, kind=SuiteKind.CONTINUATION)) == set()


def test_what_the_other_side_left_out_accuses_nobody(ours: Outputs, theirs: Outputs) -> None:
    silent = replace(theirs, answers={name: tuple("" for _ in texts) for name, texts in theirs.answers.items()})
    assert accused(ours, silent) == set()


def test_texts_without_words_are_no_answers_to_other_prompts() -> None:
    nothing = judge(Outputs({"a": ("",), "b": ("",)}, frozenset(), "", "", {"a": "", "b": ""}))
    flags = to_other_prompts(nothing.answers, nothing.answers, nothing.asked, np.arange(2), np.arange(2))
    assert flags.tolist() == [False, False]


def test_nothing_that_a_candidate_answers_makes_an_answer_of_the_reference_unusable(
    ours: Outputs, theirs: Outputs
) -> None:
    by_itself = float((alone(judge(theirs)) != USABLE).mean())
    everywhere = with_texts(ours, lambda number, text: f"{text} {' '.join(ours.texts)}"[:20_000] if number % 3 else "")
    backwards = with_texts(ours, lambda _, text: " ".join(reversed(text.split())))
    for candidate in (everywhere, backwards, swapped(ours, 0.3)[0]):
        comparison = compare(judge(candidate), judge(theirs), rare_terms=rare_words(), limits=Limits())
        assert sum(part.reference_share for part in comparison.unusable) == pytest.approx(by_itself)
        assert comparison.verdict is not Verdict.PASS
