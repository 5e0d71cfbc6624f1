"""Diversity metrics against hand-made values, brute force, and their laws."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.diversity.metrics import bigrams, distinct_n, rarefied_richness, seen_probability, type_counts, words
from tests.builders import passages


def test_words_are_runs_of_letters_with_inner_apostrophes() -> None:
    assert words("Don't re-use x2 ‘Über’ 42!") == ["don't", "re", "use", "x", "über"]


def test_bigrams_of_one_word_are_none() -> None:
    assert bigrams(["a"]) == []
    assert bigrams(["a", "b", "a"]) == [("a", "b"), ("b", "a")]


def test_rarefied_richness_equals_the_mean_over_every_possible_sample() -> None:
    units = ["a", "a", "a", "b", "b", "c", "d"]

    for size in range(1, len(units) + 1):
        every_sample = [len({units[at] for at in chosen}) for chosen in combinations(range(len(units)), size)]

        assert rarefied_richness(type_counts(units), sample_size=size) == pytest.approx(np.mean(every_sample))


def test_rarefied_richness_of_hurlberts_formula_on_a_known_sample() -> None:
    counts = np.array([13, 9, 5, 2, 1])

    expected = sum(1 - comb(30 - int(count), 10) / comb(30, 10) for count in counts)

    assert rarefied_richness(counts, sample_size=10) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.data())
def test_richness_grows_with_the_sample_up_to_all_types(counts: list[int], data: st.DataObject) -> None:
    array = np.array(counts)
    small = data.draw(st.integers(0, sum(counts)))
    large = data.draw(st.integers(small, sum(counts)))

    richness = [rarefied_richness(array, sample_size=size) for size in (small, large, sum(counts))]

    assert richness[0] <= richness[1] + 1e-9 <= richness[2] + 2e-9
    assert richness[2] == pytest.approx(len(counts))


def test_a_sample_larger_than_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot come from 3"):
        seen_probability(np.array([1, 2]), total=3, sample_size=4)


def test_rarefied_richness_is_flat_where_the_type_token_ratio_falls() -> None:
    """SCIENCE 2: from an unchanging source, a statistic that moves with size alone must not gate."""
    tokens = [word for passage in passages()[:3000] for word in words(passage)]
    short, long = tokens[:20_000], tokens[:60_000]

    ratio_of_ratios = (len(set(long)) / len(long)) / (len(set(short)) / len(short))
    rarefied = [rarefied_richness(type_counts(part), sample_size=5000) for part in (short, long)]

    assert ratio_of_ratios < 0.75
    assert rarefied[1] / rarefied[0] == pytest.approx(1, abs=0.05)


def test_distinct_n_sees_all_answers_becoming_the_same() -> None:
    varied = bigrams([f"w{number}" for number in range(400)])
    same = bigrams(["the", "same", "answer", "again"] * 100)

    assert distinct_n(varied, sample_size=100) == pytest.approx(1.0)
    assert distinct_n(same, sample_size=100) < 0.05
