"""Openings and closings that many answers share are found as far as they are shared, and nothing in ordinary answers is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tailguard.diversity.boilerplate import Body, Boilerplate, End, body
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Encoded, encoded

GREETING = "Thank you for asking me this question today."
"""Eight words."""
FAREWELL = "Let me know if you have any further questions."


def answer(number: int, length: int = 30) -> str:
    """Words that no other answer has at the same place."""
    rng = np.random.default_rng(number)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(letters[at] for at in rng.integers(0, 26, 5)) for _ in range(length)) + "."


def aside(texts: Sequence[str]) -> Body:
    return body(encoded([words(text) for text in texts]))


def text_of(answers: Encoded, number: int) -> list[str]:
    return [answers.vocabulary[unit] for unit in answers.units[answers.offsets[number] : answers.offsets[number + 1]]]


def test_ordinary_answers_have_none() -> None:
    texts = [answer(number) for number in range(50)]

    found = aside(texts)

    assert found.boilerplate == ()
    assert [text_of(found.encoded, at) for at in range(50)] == [words(text) for text in texts]
    assert not found.skipped.any()


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_an_opening_goes_on_to_where_answers_part(share: float) -> None:
    opened = round(50 * share)
    texts = [(f"{GREETING} " if at < opened else "") + answer(at) for at in range(50)]

    found = aside(texts)

    assert found.boilerplate == (Boilerplate(End.OPENING, tuple(words(GREETING)), share),)
    assert [text_of(found.encoded, at) for at in range(50)] == [words(answer(at)) for at in range(50)]
    assert found.skipped.tolist() == [8] * opened + [0] * (50 - opened)


def test_a_word_in_ten_that_differs_ends_no_opening_and_one_in_two_does() -> None:
    def opened(other: int) -> tuple[Boilerplate, ...]:
        texts = [
            f"Thank you for asking me this {'thing' if at < other else 'question'} today. {answer(at)}"
            for at in range(50)
        ]
        return aside(texts).boilerplate

    few, many = opened(5), opened(25)

    assert few[0] == Boilerplate(End.OPENING, tuple(words(GREETING)), 0.9)
    assert many[0].words == ("thank", "you", "for", "asking", "me", "this")
    assert many[0].share == 1.0


def test_a_closing_is_found_from_its_end() -> None:
    texts = [f"{answer(at)} {FAREWELL}" if at % 2 else answer(at) for at in range(50)]

    found = aside(texts)

    assert found.boilerplate == (Boilerplate(End.CLOSING, tuple(words(FAREWELL)), 0.5),)
    assert [text_of(found.encoded, at) for at in range(50)] == [words(answer(at)) for at in range(50)]
    assert not found.skipped.any()


def test_two_openings_of_one_model_and_one_behind_the_other_are_all_taken() -> None:
    second = "Here is what you need to know about it:"
    texts = [f"{GREETING} {second} {answer(at)}" if at % 2 else f"{second} {answer(at)}" for at in range(50)]

    found = aside(texts)

    assert [part.end for part in found.boilerplate] == [End.OPENING, End.OPENING]
    assert [text_of(found.encoded, at) for at in range(50)] == [words(answer(at)) for at in range(50)]
    assert set(found.skipped.tolist()) == {9, 17}


def test_opening_and_closing_are_both_taken() -> None:
    texts = [f"{GREETING} {answer(at)} {FAREWELL}" for at in range(50)]

    found = aside(texts)

    assert [part.end for part in found.boilerplate] == [End.OPENING, End.CLOSING]
    assert [text_of(found.encoded, at) for at in range(50)] == [words(answer(at)) for at in range(50)]


def test_a_constant_answer_is_no_boilerplate() -> None:
    constant = aside([GREETING] * 50)
    nearly = aside([f"{GREETING} {answer(at, 5)}" for at in range(50)])
    endless = aside([f"{answer(0, 70)} {answer(at, 200)}" for at in range(1, 50)])

    assert constant.boilerplate == nearly.boilerplate == endless.boilerplate == ()
    assert text_of(nearly.encoded, 0)[:8] == words(GREETING)


def test_what_fewer_than_a_fifth_open_with_stays() -> None:
    texts = [(f"{GREETING} " if at < 9 else "") + answer(at) for at in range(50)]

    assert aside(texts).boilerplate == ()


@pytest.mark.parametrize("texts", [[], [""], ["", "one two"], ["one two three four five"] * 5])
def test_no_text_and_short_answers_have_none(texts: list[str]) -> None:
    found = aside(texts)

    assert found.boilerplate == ()
    assert found.encoded.lengths.tolist() == [len(words(text)) for text in texts]
