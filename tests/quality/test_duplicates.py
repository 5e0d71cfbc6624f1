"""Near-duplicates are found at the resemblance that the policy names, whatever the order, and short texts are not over-flagged."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tailguard.quality.contamination import Contamination
from tailguard.quality.duplicates import NONE, near_duplicates, resemblance, signatures
from tests.builders import passages


def runs(text: str) -> set[tuple[str, ...]]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def jaccard(text: str, other: str) -> float:
    first, second = runs(text), runs(other)
    return len(first & second) / len(first | second)


def pairs(changed: int, *, words: int = 120, count: int = 200) -> list[tuple[str, str]]:
    """Texts of some words, and each with some of its words replaced."""
    rng = random.Random(changed)  # noqa: S311  a sample, not a secret
    pool = " ".join(passages()[:800]).split()
    found = []
    for at in range(count):
        text = pool[at * 60 : at * 60 + words]
        other = list(text)
        for place in rng.sample(range(len(text)), changed):
            other[place] = f"changed{place}"
        found.append((" ".join(text), " ".join(other)))
    return found


@pytest.mark.parametrize("changed", [1, 3, 8])
def test_resemblance_is_the_jaccard_index_of_five_word_runs(changed: int) -> None:
    errors = []
    for text, other in pairs(changed):
        first, second = signatures([text, other])
        errors.append(resemblance(first, second) - jaccard(text, other))

    assert abs(np.mean(errors)) < 0.01, "unbiased"
    assert np.std(errors) < 0.06


def test_planted_near_duplicates_are_found_and_others_are_not() -> None:
    near, far = pairs(2), pairs(25)

    recall = np.mean([_second_is_flagged(text, other) for text, other in near if jaccard(text, other) > 0.84])
    wrong = np.mean([_second_is_flagged(text, other) for text, other in far])

    assert recall > 0.97
    assert wrong == 0


def _second_is_flagged(text: str, other: str) -> bool:
    return bool(near_duplicates(signatures([text, other]), np.arange(2), standing=0, threshold=0.8)[1] != NONE)


def test_short_texts_that_share_half_of_their_words_are_not_duplicates() -> None:
    pool = [text.split()[:14] for text in passages()[:400]]
    flagged = 0
    for text in pool:
        other = [*text[:9], "one", "two", "three", "four", "five"]
        flagged += _second_is_flagged(" ".join(text), " ".join(other))

    assert flagged == 0


def test_the_answer_depends_on_the_order_given_and_not_on_the_order_of_arrival() -> None:
    texts = [text for pair in pairs(1, count=60) for text in pair]
    found = signatures(texts)
    rank = np.argsort([len(text) for text in texts], kind="stable")

    one = near_duplicates(found, rank, standing=0, threshold=0.8)
    shuffled = np.random.default_rng(0).permutation(len(texts))
    place = np.empty_like(shuffled)
    place[shuffled] = np.arange(len(texts))
    two = near_duplicates(found[shuffled], place[rank], standing=0, threshold=0.8)

    assert ((one != NONE) == (two[place] != NONE)).all()
    assert (one != NONE).sum() > 30


def test_what_stands_already_is_never_judged_and_always_counts() -> None:
    text = passages()[3]
    found = signatures([text, text, text])

    assert near_duplicates(found, np.array([2]), standing=2, threshold=0.8).tolist() == [NONE, NONE, 0]


@pytest.mark.parametrize("text", ["", "word", "three little words", "!!!"])
def test_texts_of_few_words_are_compared_as_a_whole(text: str) -> None:
    flagged = near_duplicates(signatures([text, text, "something else"]), np.arange(3), standing=0, threshold=0.8)

    assert (flagged[1] == 0) == bool(text.strip("! "))
    assert flagged[2] == NONE


def test_a_long_run_of_words_shared_with_the_suite_is_found_and_a_phrase_is_not() -> None:
    prompt = "In the third chapter the author explains why every careful reader should doubt the first two of them"
    suite = Contamination(
        {"long": prompt, "short": "Once upon a time there was a king", "tiny": "Once upon"}, length=13
    )

    found = suite.found(
        [
            "He wrote: IN THE THIRD CHAPTER the author explains, why every careful reader should doubt it.",
            "In the third chapter the author explains why nobody reads.",
            "so once upon a time there was a king, they say",
            "Once upon a time.",
            "",
        ]
    )

    assert found == ["long", None, "short", None, None]
