"""Each compiled count of runs of words, against the same said in plain Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.diversity.grams import (
    copied_share,
    numbered_pairs,
    repeated_share,
    repeats_in_others,
    shared_share,
    variety_within,
)

Text = Sequence[int]
Arrays = tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]

TEXTS = st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=6)


def arrays(texts: Sequence[Text]) -> Arrays:
    units = np.array([unit for text in texts for unit in text], dtype=np.int64)
    return units, np.cumsum([0, *map(len, texts)], dtype=np.int64)


def runs(text: Text, n: int) -> list[tuple[int, ...]]:
    return [tuple(text[at : at + n]) for at in range(len(text) - n + 1)]


def share(part: Sequence[object], whole: Sequence[object]) -> float:
    return len(part) / len(whole) if whole else 0.0


def repeated(text: Text, n: int) -> float:
    found = runs(text, n)
    return 1 - len(set(found)) / len(found) if found else 0.0


@given(TEXTS)
def test_pairs_are_numbered_as_they_first_come_and_none_reaches_into_the_next_answer(texts: list[Text]) -> None:
    numbers: dict[tuple[int, ...], int] = {}
    expected = []
    for text in texts:
        expected += [numbers.setdefault(pair, len(numbers)) for pair in runs(text, 2)]
        expected += [-1] if text else []

    assert numbered_pairs(*arrays(texts)).tolist() == expected


@given(TEXTS, st.integers(1, 4))
def test_repeats_in_one_window_are_those_of_the_whole_answer(texts: list[Text], n: int) -> None:
    assert repeated_share(*arrays(texts), n=n, window=100).tolist() == pytest.approx([repeated(t, n) for t in texts])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_repeats_in_windows_are_those_of_the_worst_of_them(text: Text) -> None:
    """Windows of 8 that overlap by half; what is left at the end, under half a window, belongs to the last one."""
    windows, begin = [], 0
    while len(text) - begin - 8 >= 4:
        windows.append(text[begin : begin + 8])
        begin += 4
    windows.append(text[begin:])

    assert all(len(window) < 12 for window in windows)
    assert repeated_share(*arrays([text]), n=2, window=8)[0] == pytest.approx(max(repeated(w, 2) for w in windows))


def test_half_a_loop_is_seen_in_its_window_and_not_in_the_whole() -> None:
    text = [*range(300), *([1, 2, 3, 4, 5] * 30)]

    windowed, whole = (repeated_share(*arrays([text]), n=4, window=window)[0] for window in (100, 1_000))

    assert windowed > 0.9
    assert whole < 0.4


@given(TEXTS, TEXTS, st.integers(1, 4), st.data())
def test_what_is_copied_from_the_prompt(texts: list[Text], asked: list[Text], n: int, data: st.DataObject) -> None:
    prompts = [data.draw(st.integers(0, len(asked) - 1)) for _ in texts]
    expected = [
        share([run for run in runs(text, n) if run in runs(asked[prompt], n)], runs(text, n))
        for text, prompt in zip(texts, prompts, strict=True)
    ]

    assert copied_share(*arrays(texts), *arrays(asked), np.array(prompts), n=n).tolist() == pytest.approx(expected)


@given(TEXTS, st.integers(1, 4), st.data())
def test_what_stands_in_answers_to_other_prompts(texts: list[Text], n: int, data: st.DataObject) -> None:
    prompts = [data.draw(st.integers(0, 2)) for _ in texts]
    expected = [
        share(
            [
                run
                for run in runs(text, n)
                if any(
                    run in runs(other, n)
                    for other, asked in zip(texts, prompts, strict=True)
                    if asked != prompts[place]
                )
            ],
            runs(text, n),
        )
        for place, text in enumerate(texts)
    ]

    assert shared_share(*arrays(texts), np.array(prompts), n=n).tolist() == pytest.approx(expected)


@given(TEXTS, st.integers(1, 4))
def test_repeats_in_other_texts(texts: list[Text], n: int) -> None:
    expected = [
        sum(run in runs(other, n) for run in set(runs(text, n)) for place, other in enumerate(texts) if place != at)
        for at, text in enumerate(texts)
    ]

    assert repeats_in_others(*arrays(texts), n=n).tolist() == expected


def variety(texts: list[Text], n: int) -> float:
    found = [set(runs(text, min(n, len(text)))) for text in texts if text]
    k = len(found)
    if k < 2:
        return float("nan")
    return (len(set().union(*found)) / sum(map(len, found)) - 1 / k) / (1 - 1 / k)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 4))
def test_variety_within_a_prompt(prompts: list[list[Text]], n: int) -> None:
    prompt_of = np.repeat(np.arange(len(prompts)), [len(texts) for texts in prompts])
    texts = [text for group in prompts for text in group]

    found = variety_within(*arrays(texts), prompt_of, len(prompts), n=n)

    assert found.tolist() == pytest.approx([variety(group, n) for group in prompts], nan_ok=True)


def test_variety_is_0_of_the_same_answer_again_1_of_nothing_shared_and_nan_of_one_answer() -> None:
    same, other, lone = [[1, 2, 3, 4, 5]] * 3, [[1, 2, 3, 4], [5, 6, 7, 8], []], [[1, 2], []]
    texts = [*same, *other, *lone]

    found = variety_within(*arrays(texts), np.array([0, 0, 0, 1, 1, 1, 3, 3]), 4, n=4)

    assert found.tolist() == pytest.approx([0, 1, float("nan"), float("nan")], nan_ok=True)
