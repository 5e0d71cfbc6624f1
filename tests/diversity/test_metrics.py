"""Diversity metrics against hand-made values, brute force, and their laws."""

from __future__ import annotations

import unicodedata
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.diversity.metrics import (
    after_words,
    bigrams,
    distinct_n,
    normal_form,
    rarefied_richness,
    seen_probability,
    split_words,
    type_counts,
    words,
)
from tests.builders import passages


def test_words_are_runs_of_letters_with_inner_apostrophes() -> None:
    assert words("Don't re-use x2 ‘Über’ 42!") == ["don't", "re", "use", "x", "über"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The dog’s bowl isn‘t here, nor is the boss's",
            ["the", "dog", "bowl", "isn't", "here", "nor", "is", "the", "boss"],
        ),
        ("\u2018quoted\u2019 and `so` and rock 'n' roll", ["quoted", "and", "so", "and", "rock", "n", "roll"]),
        ("co\u00adop\u00ader\u00adate zero\u200bwidth", ["cooperate", "zerowidth"]),
        ("STRASSE Straße ﬁne ＡＢＣ", ["strasse", "strasse", "fine", "abc"]),
        ("日本語 山 a日本", ["日本", "本語", "山", "a日", "日本"]),
        ("हिन्दी में लिखी", ["हिन्दी", "में", "लिखी"]),
        ("3 x 4 = 12!", ["x"]),
        ("", []),
    ],
)
def test_words_are_in_one_normal_form(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("text", ["Café über naïve", "a’s Ångström’s", "हिन्दी में लिखी", "한국어 문장", "が ガ"])
def test_words_are_the_same_however_accents_are_written(text: str) -> None:
    forms = [words(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")]

    assert forms[0]
    assert all(form == forms[0] for form in forms)


def test_what_stands_behind_some_words_has_the_others() -> None:
    normal = normal_form("ÜBER’S: one two, three's\nfour.")

    assert [split_words(after_words(normal, count)) for count in range(5)] == [
        split_words(normal)[count:] for count in range(5)
    ]
    assert after_words(normal, 5) == "."
    assert after_words(normal, 6) == ""


@pytest.mark.parametrize(
    ("count", "rest"), [(0, "日本語の 山 und"), (1, "語の 山 und"), (3, " 山 und"), (4, " und"), (5, "")]
)
def test_a_word_of_two_letters_of_an_unspaced_script_ends_behind_the_second(count: int, rest: str) -> None:
    assert after_words("日本語の 山 und", count) == rest


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
