"""Expected types in a budget, and with each prompt left out, against every sample that can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.diversity.rarefaction import Rarefied, Units, by_prompts, by_words

Word = tuple[int, bool]
"""A unit and whether it is counted."""
Prompts = Sequence[Sequence[Word]]

PROMPTS = st.lists(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=4), min_size=2, max_size=5)


def units_of(prompts: Prompts) -> Units:
    units = [unit for words in prompts for unit, _ in words]
    counted = [flag for words in prompts for _, flag in words]
    starts = np.cumsum([0, *map(len, prompts)])
    return Units(np.array(units, dtype=np.int64), starts, np.array(counted, dtype=np.bool_))


def expected_by_words(prompts: Prompts, budget: int) -> float:
    """The mean over every sample of the words, these told apart by where they stand."""
    words = list(chain.from_iterable(prompts))
    samples = combinations(words, min(budget, len(words)))
    return float(np.mean([len({unit for unit, counted in sample if counted}) for sample in samples]))


def expected_by_prompts(prompts: Prompts, budget: int) -> float:
    """The mean over every sample of the prompts."""
    samples = combinations(prompts, min(budget, len(prompts)))
    return float(np.mean([len({unit for words in sample for unit, counted in words if counted}) for sample in samples]))


def without(prompts: Prompts, prompt: int) -> Prompts:
    return [*prompts[:prompt], *prompts[prompt + 1 :]]


@given(PROMPTS, st.data())
def test_types_in_equal_words_are_the_mean_over_every_sample(prompts: Prompts, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, max(1, sum(map(len, prompts)))))

    rarefied = by_words(units_of(prompts), budget=budget)

    assert rarefied.budget == budget
    assert rarefied.value == pytest.approx(expected_by_words(prompts, budget), abs=1e-9)
    assert rarefied.without == pytest.approx(
        [expected_by_words(without(prompts, prompt), budget) for prompt in range(len(prompts))], abs=1e-9
    )


@given(PROMPTS, st.data())
def test_types_in_equal_prompts_are_the_mean_over_every_sample(prompts: Prompts, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(prompts)))

    rarefied = by_prompts(units_of(prompts), budget=budget)

    assert rarefied.value == pytest.approx(expected_by_prompts(prompts, budget), abs=1e-9)
    assert rarefied.without == pytest.approx(
        [expected_by_prompts(without(prompts, prompt), budget) for prompt in range(len(prompts))], abs=1e-9
    )


def test_a_hand_made_case_with_an_empty_prompt_and_words_that_do_not_count() -> None:
    a, b, plain = (0, True), (1, True), (2, False)
    units = units_of([[a, a, plain], [], [b, plain]])

    two_words, one_prompt = by_words(units, budget=2), by_prompts(units, budget=1)

    assert two_words.value == pytest.approx(7 / 10 + 4 / 10)  # 1 - C(3,2)/C(5,2), and 1 - C(4,2)/C(5,2)
    assert two_words.without == pytest.approx([1.0, 1.1, 1.0])
    assert one_prompt.value == pytest.approx(2 / 3)
    assert one_prompt.without == pytest.approx([1 / 2, 1, 1 / 2])


def test_a_longer_answer_is_no_richer_word_for_word_and_is_prompt_for_prompt() -> None:
    rng = np.random.default_rng(5)
    prompts = [[(int(unit), True) for unit in rng.integers(0, 3_000, 60)] for _ in range(80)]
    cut = [words[:30] for words in prompts]

    def change(long: Rarefied, short: Rarefied) -> float:
        return float(np.log(short.value / long.value))

    assert abs(change(by_words(units_of(prompts), budget=300), by_words(units_of(cut), budget=300))) < 0.03
    assert change(by_prompts(units_of(prompts), budget=10), by_prompts(units_of(cut), budget=10)) < -0.5


def test_types_that_stand_in_every_sample_are_counted_whole_when_a_prompt_is_left_out() -> None:
    """The counts above which a type is sure to be seen are lumped together; most words here are among them."""
    rng = np.random.default_rng(3)
    prompts = [[(int(unit), True) for unit in rng.zipf(1.6, 40) % 500] for _ in range(60)]
    units = units_of(prompts)

    rarefied = by_words(units, budget=600)

    for prompt in (0, 17, 59):
        alone = by_words(units_of(without(prompts, prompt)), budget=600)
        assert rarefied.without[prompt] == pytest.approx(alone.value, rel=1e-9)
