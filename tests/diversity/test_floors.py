"""What a first generation has to meet: each floor held and broken, and what is counted over what."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from wordfreq import top_n_list

from tailguard.diversity.floors import floors
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.sides import Side
from tailguard.diversity.usable import alone, judge
from tailguard.domain.suite import SuiteKind
from tailguard.domain.verdict import Guard
from tests.diversity.answers import outputs, rare_words, with_texts


def german(number: int) -> str:
    """Some of the commonest German words."""
    return " ".join(random.Random(number).sample(top_n_list("de", 200), 50))  # noqa: S311  words, not secrets


def checked(given: Outputs, suite: int | None = None) -> dict[str, Guard]:
    side = judge(given)
    asked = given.ids if suite is None else [f"p{number:04d}" for number in range(suite)]
    return {
        guard.name: guard
        for guard in floors(Side(side, alone(side), rare_words()), asked, least_answered=0.9, least_usable=0.8)
    }


def broken(given: Outputs, suite: int | None = None) -> set[str]:
    return {name for name, guard in checked(given, suite).items() if not guard.met}


def test_sound_answers_meet_every_floor() -> None:
    held = checked(outputs(100, seed=1))

    assert list(held) == [
        "prompts answered",
        "tail prompts answered",
        "usable answers",
        "answers in their prompt's language",
    ]
    assert all(guard.met for guard in held.values())
    assert held["prompts answered"].observed == "100 of 100"
    assert held["usable answers"].observed == "100% (at least 97% with 95% certainty)"


def test_a_suite_without_tail_has_no_floor_for_it() -> None:
    assert "tail prompts answered" not in checked(outputs(20, seed=1, tail=0.0))


@pytest.mark.parametrize(("empty", "met"), [(10, True), (11, False)])
def test_nine_in_ten_prompts_have_to_be_answered(empty: int, met: bool) -> None:
    given = outputs(100, seed=1)

    check = checked(with_texts(given, lambda at, text: "" if at >= 100 - empty else text))["prompts answered"]

    assert (check.met, check.observed) == (met, f"{100 - empty} of 100")


@pytest.mark.parametrize(("empty", "met"), [(3, True), (4, False)])
def test_nine_in_ten_tail_prompts_have_to_be_answered(empty: int, met: bool) -> None:
    given = outputs(100, seed=1)

    check = checked(with_texts(given, lambda at, text: "" if at < empty else text))["tail prompts answered"]

    assert (check.met, check.observed) == (met, f"{30 - empty} of 30")


def test_prompts_of_the_suite_without_any_answer_count_against_it() -> None:
    given = outputs(100, seed=1)

    assert broken(given, 105) == set()
    assert broken(given, 130) == {"prompts answered", "usable answers"}
    assert checked(given, 130)["prompts answered"].observed == "100 of 130"


def test_a_prompt_is_answered_where_a_sample_of_it_says_something() -> None:
    given = outputs(40, seed=1, samples=2)

    halved = checked(with_texts(given, lambda at, text: "" if at % 2 else text))

    assert halved["prompts answered"].met
    assert halved["tail prompts answered"].met
    assert halved["usable answers"].observed.startswith("50%")
    assert not halved["usable answers"].met


@pytest.mark.parametrize(("refused", "met"), [(12, True), (15, False)])
def test_the_lower_bound_of_the_usable_share_counts(refused: int, met: bool) -> None:
    given = outputs(100, seed=1)

    check = checked(with_texts(given, lambda at, text: "I'm sorry, I can't." if at < refused else text))

    assert check["usable answers"].met is met
    assert check["prompts answered"].met


def test_answers_in_another_language_break_that_floor_too() -> None:
    given = replace(outputs(100, seed=1), kind=SuiteKind.CONTINUATION)

    foreign = with_texts(given, lambda at, text: german(at) if at % 3 == 0 else text)

    assert broken(foreign) == {"usable answers", "answers in their prompt's language"}


def test_nothing_answered_and_nothing_asked_meet_no_floor() -> None:
    given = with_texts(outputs(20, seed=1), lambda _at, _text: "")

    assert {"prompts answered", "tail prompts answered", "usable answers"} <= broken(given)
    assert "prompts answered" in broken(outputs(0, seed=1), 0)
