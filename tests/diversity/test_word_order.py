"""Shuffled words are told from prose, lists and tables, by a table that is what its card says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.train_word_order import common_words, counts
from tailguard.diversity import word_order
from tailguard.diversity.lexical import numbered
from tailguard.diversity.metrics import words
from tailguard.diversity.word_order import (
    ENDINGS,
    FUNCTION_WORDS,
    SHRINKAGE,
    WordOrder,
    classes_of,
    disordered,
    function_words,
    word_orders,
)
from tailguard.errors import TailguardError

DATA = Path(__file__).parent.parent.parent / "data"
PROSE = """
The ferry left the island a little after six, when the fishermen had already sold what they caught in the night. From the upper
deck we could see the village, its white church and the two roads that lead up to the mountain. My sister had bought bread and
olives for the journey, but she forgot the water, so we drank the coffee that a waiter brought us in paper cups. He told us that
the weather would change before the evening and that nobody should count on the boat of the next day. An old man beside us
laughed and said that he had heard this every summer for forty years. It was true that there were clouds over the mainland, and
the wind had turned to the north. Still, most of the people around us were asleep on the benches, with their hats over their
faces, and the children were running from one end of the ship to the other as if they had never been on the sea before.
"""
LIST = """
1. Milk
2. Butter
3. Brown sugar
4. Flour
5. Baking powder
6. Two lemons
7. Vanilla extract
8. Sea salt
9. Olive oil
10. Red onions
11. Fresh basil
12. Tomato paste
13. Green lentils
14. Rice noodles
15. Soy sauce
16. Frozen peas
"""
NOUN_LIST = """
harbor velvet granite whistle lantern meadow tractor cinnamon pigeon ladder marble saddle thunder orchard pepper canvas
glacier walnut trumpet cushion beacon turnip hammer pebble curtain falcon ribbon kettle swamp copper
"""
NOUNS = NOUN_LIST.split()


def order_of(texts: Sequence[Sequence[str]]) -> WordOrder:
    units, offsets, vocabulary = numbered(texts)
    return word_orders(vocabulary, units, offsets)


def judged(texts: Sequence[str], *, english: bool = True) -> list[bool]:
    units, offsets, vocabulary = numbered([words(text) for text in texts])
    flags: list[bool] = disordered(vocabulary, units, offsets, texts, english=np.full(len(texts), english)).tolist()
    return flags


def mixed(tokens: Sequence[str], seed: int) -> list[str]:
    return random.Random(seed).sample(tokens, len(tokens))  # noqa: S311  a shuffle, not a secret


def sentences(first: int, last: int) -> list[str]:
    return words(". ".join(PROSE.split(". ")[first:last]))


def test_prose_has_the_order_of_english() -> None:
    order = order_of([words(PROSE), sentences(0, 1), sentences(2, 4), sentences(5, 8)])

    assert (order.gain > 0.7).all()
    assert (order.function_share > 0.35).all()
    assert judged([PROSE]) == [False]


@pytest.mark.parametrize("sep", [" ", "\n", ". "])
def test_shuffled_reversed_and_swapped_words_are_disordered(sep: str) -> None:
    tokens = words(PROSE)
    swapped = list(chain.from_iterable(pair[::-1] for pair in list(pairwise(tokens))[::2]))
    damaged = [mixed(tokens, seed) for seed in range(20)] + [tokens[::-1], swapped]

    assert all(judged([sep.join(text) for text in damaged]))


def test_long_prose_of_which_half_is_shuffled_is_disordered_and_the_same_in_short_lines_is_not() -> None:
    tokens = words(PROSE)
    half = len(tokens) // 2
    gains = order_of([[*tokens[:half], *mixed(tokens[half:], seed)] for seed in range(20)])
    lengths = np.full(20, len(tokens))

    between = (gains.gain >= word_order.SHUFFLED_GAIN) & (gains.gain < word_order.PARTLY_SHUFFLED_GAIN)
    assert between.any()
    assert word_order.shuffled(gains, lengths, np.full(20, 8.0))[between].all()
    assert not word_order.shuffled(gains, lengths, np.full(20, 2.0))[between].any()
    assert not word_order.shuffled(gains, np.full(20, 99), np.full(20, 8.0))[between].any()


def test_shuffling_gains_nothing_on_average_even_over_few_words() -> None:
    tokens = sentences(3, 4)[:12]

    gains = order_of([mixed(tokens, seed) for seed in range(4_000)]).gain

    assert gains.mean() == pytest.approx(0, abs=4 * gains.std() / np.sqrt(len(gains)))
    assert order_of([tokens]).gain[0] > gains.mean() + gains.std()


def test_gain_is_what_the_definition_says() -> None:
    with np.load(DATA / "word_order.npz") as arrays:
        common = arrays["words"].tobytes().decode().split()
        table = arrays["counts"].astype(float)
    information = np.log(
        (table + SHRINKAGE) / (np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum() + SHRINKAGE)
    )
    texts = [sentences(0, 3), mixed(sentences(2, 6), 1), ["the", "sea"], words(LIST)]
    expected = []
    for text in texts:
        classes = classes_of(text, common).astype(int)
        every = [(a, b) for i, a in enumerate(classes) for j, b in enumerate(classes) if i != j]
        chance = np.mean([information[pair] for pair in every])
        weights = np.exp([information[pair] for pair in every])
        english = np.average([information[pair] for pair in every], weights=weights)
        expected.append((np.mean([information[pair] for pair in pairwise(classes)]) - chance) / (english - chance))

    assert order_of(texts).gain == pytest.approx(np.array(expected), rel=1e-4)


def test_lists_are_spared_and_dictionary_words_are_not() -> None:
    noise = [" ".join(mixed(NOUNS, seed)) for seed in range(3)]
    sentence_like = "\n".join(" ".join(mixed(NOUNS, seed)[:9]).capitalize() + "." for seed in range(6))

    assert judged([LIST, "\n".join(f"- {noun}" for noun in NOUNS * 2)]) == [False, False]
    assert judged([*noise, sentence_like]) == [True] * 4


def test_noise_with_a_few_function_words_is_disordered() -> None:
    """A tenth of function words, of which English has two fifths: too few to be shuffled prose, too many to be bare words."""
    draw = random.Random(5)  # noqa: S311
    common = sorted(function_words())
    texts = [" ".join(mixed([*mixed(NOUNS, seed), *draw.sample(common, 3)], seed)) for seed in range(50)]
    share = order_of([words(text) for text in texts]).function_share

    assert ((share >= word_order.NOISE_FUNCTION_SHARE) & (share < word_order.SHUFFLED_FUNCTION_SHARE)).all()
    assert np.mean(judged(texts)) > 0.9
    assert not any(judged([text.replace(" ", ", ") for text in texts]))


def test_too_few_words_and_other_languages_are_not_judged() -> None:
    tokens = words(PROSE)

    assert judged([" ".join(mixed(tokens, 1)[:19]), " ".join(NOUNS[:19]), "", "Yes."]) == [False] * 4
    assert judged([" ".join(mixed(tokens, 1)), " ".join(NOUNS)], english=False) == [False] * 2


def test_fewer_than_two_words_have_no_gain() -> None:
    order = order_of([[], ["the"], ["velvet"], ["granite", "velvet"]])

    assert np.isnan(order.gain).all()
    assert order.function_share.tolist() == [0, 1, 0, 0]
    assert order_of([]).gain.shape == (0,)


def test_an_answer_is_measured_as_if_it_were_alone() -> None:
    texts = [mixed(words(PROSE), seed)[: 20 * seed] for seed in range(8)]

    together = order_of(texts)

    alone = [order_of([text]) for text in texts]
    assert np.array_equal(together.gain, [order.gain[0] for order in alone], equal_nan=True)
    assert np.array_equal(together.function_share, [order.function_share[0] for order in alone])


def test_function_words_are_the_closed_classes() -> None:
    assert len(function_words()) == FUNCTION_WORDS
    assert {"the", "of", "and", "don't", "her", "because"} <= function_words()
    assert not {"time", "people", "make", "new"} & function_words()


def test_endings_have_classes_of_their_own() -> None:
    classes = classes_of(
        ["running", "walked", "slowly", "happiness", "dogs", "dog", "the", "ring", "bus", "glass"], ["the"]
    )

    assert classes.tolist() == [1, 2, 3, 4, 5, 6, 0, 6, 6, 6]


def test_neighbours_are_counted_inside_texts_only() -> None:
    texts = [["the", "dog"], ["the"], [], ["dog", "the", "dog"]]

    table = counts(texts, ["the"])

    assert table.shape == (1 + ENDINGS, 1 + ENDINGS)
    assert (table[0, -1], table[-1, 0], table.sum()) == (2, 1, 3)


def test_a_word_of_one_domain_is_not_common() -> None:
    texts = [["python", "python", "python", "time", "the"], ["the", "time"], ["the", "time", "whale"]]

    assert common_words(texts, ["code", "news", "story"])[:2] == ["the", "time"]


def test_the_card_says_what_was_counted() -> None:
    with np.load(DATA / "word_order.npz") as arrays:
        pairs = int(arrays["counts"].sum())

    assert f"{pairs:,} pairs" in (DATA / "word_order.md").read_text()


def test_a_missing_table_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    word_order._shipped_order.cache_clear()
    monkeypatch.setattr(word_order, "shipped", tmp_path.joinpath)

    with pytest.raises(TailguardError, match=r"word_order\.npz is missing"):
        order_of([["the", "sea"]])
