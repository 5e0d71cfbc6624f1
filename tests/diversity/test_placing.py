"""Rare words that belong where they stand are in place, and strewn ones half of the time."""

from __future__ import annotations

import random

import numpy as np

from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import encoded
from tailguard.diversity.placing import out_of_place
from tailguard.diversity.topics import summed_vectors
from tests.diversity.answers import outputs, rare_words


def placed(texts: list[list[str]], rare: frozenset[str]) -> tuple[list[int], list[bool]]:
    answers = encoded(texts)
    counted = np.array([answers.vocabulary[unit] in rare for unit in answers.units], dtype=np.bool_)
    owners, out = out_of_place(answers, summed_vectors(answers), counted)
    return owners.tolist(), out.tolist()


def test_words_of_a_topic_are_in_place_there_and_out_of_place_elsewhere() -> None:
    cooking = words("we bake the bread in a warm oven with butter and stir the soup with an onion and")
    driving = words("the driver repairs the engine of the car and parks it on the road near the garage with")
    rare = frozenset({"saffron", "carburetor"})
    texts = [[*cooking, "saffron"], [*driving, "carburetor"], [*cooking, "carburetor"], [*driving, "saffron"]]

    owners, out = placed([*texts, *[cooking] * 20, *[driving] * 20], rare)

    assert owners == [0, 1, 2, 3]
    assert out == [False, False, True, True]


def test_a_word_that_stands_twice_in_an_answer_is_a_pair_with_it() -> None:
    owners, _ = placed([["a", "zither", "and", "a", "zither"], ["the", "zither"], ["none"]], frozenset({"zither"}))

    assert owners == [0, 1]


def test_the_answer_is_taken_without_the_word_itself() -> None:
    """An answer of this word alone would else be nearest to it, wherever it stood."""
    rng = random.Random(1)  # noqa: S311  words, not secrets
    texts = [[rng.choice(["bread", "oven", "flour", "dough"]) for _ in range(6)] for _ in range(40)]
    strewn = [[*text, "stethoscope", "stethoscope", "stethoscope"] for text in texts[:10]]

    _, out = placed([*strewn, *texts[10:]], frozenset({"stethoscope"}))

    assert np.mean(out) < 1
    assert np.mean(out) > 0.3


def test_rare_words_strewn_into_answers_are_out_of_place_far_more_often() -> None:
    texts = [words(text) for text in outputs(200, seed=1).texts]
    rare = sorted(rare_words())
    rng = random.Random(2)  # noqa: S311  words, not secrets
    strewn = [[rng.choice(rare) if word in rare_words() else word for word in text] for text in texts]

    shares = [float(np.mean(placed(side, rare_words())[1])) for side in (texts, strewn)]

    assert shares[0] < 0.25
    assert shares[1] > 0.4


def test_nothing_rare_and_no_answers() -> None:
    assert placed([["a", "b"], []], frozenset({"c"})) == ([], [])
    assert placed([], frozenset()) == ([], [])
