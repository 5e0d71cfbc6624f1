"""The built-in model against a slow reference, and the laws that trainers have to keep."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tailguard.adapters.trainers import ngram
from tailguard.errors import InputError
from tailguard.store.files import folder_digest
from tests.builders import passages

TOY = ["a b a b c", "a b c", "b a a b", "c a b d", "a c b d e", "e e a b a"]


def reference_distribution(texts: list[str], context: tuple[str, str]) -> dict[str, float]:
    """Interpolated modified Kneser-Ney for one trigram context, written out from Chen and Goodman (1999)."""
    sentences = [["<s>", "<s>", *text.split(), "</s>"] for text in texts]
    trigrams = Counter(tuple(s[i : i + 3]) for s in sentences for i in range(len(s) - 2))
    bigrams = Counter(gram[1:] for gram in trigrams)
    unigrams = Counter(gram[1:] for gram in bigrams)

    def level(grams: Counter[tuple[str, ...]], history: tuple[str, ...], below: dict[str, float]) -> dict[str, float]:
        n1, n2, n3, n4 = (sum(1 for count in grams.values() if count == n) for n in (1, 2, 3, 4))
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            d = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
            d = [0.0, *(min(max(value, 0.05), 0.95 * n) for n, value in enumerate(d[1:], start=1))]
        else:
            d = [0.0, 0.5, 0.5, 0.5]
        here = {gram[-1]: count for gram, count in grams.items() if gram[:-1] == history}
        total = sum(here.values())
        left = sum(d[min(count, 3)] for count in here.values()) / total
        words = set(here) | set(below)
        return {w: max(here.get(w, 0) - d[min(here.get(w, 0), 3)], 0) / total + left * below.get(w, 0) for w in words}

    weights = level(unigrams, (), {})
    lowest = {word: weight / sum(weights.values()) for word, weight in weights.items()}
    return level(trigrams, context, level(bigrams, context[1:], lowest))


@pytest.mark.parametrize("context", [("a", "b"), ("b", "a"), ("<s>", "a")])
def test_sampling_follows_the_interpolated_distribution(context: tuple[str, str]) -> None:
    model = ngram.fit(TOY)
    prompt = " ".join(word for word in context if word != "<s>")
    draws = 40_000

    drawn = Counter(
        text or "</s>" for text in ngram.sample(model, [prompt] * draws, max_tokens=1, temperature=1.0, seed=1)
    )

    expected = reference_distribution(TOY, context)
    assert sum(expected.values()) == pytest.approx(1)
    for word, chance in expected.items():
        assert drawn[word] / draws == pytest.approx(chance, abs=4 * (chance * (1 - chance) / draws) ** 0.5 + 1e-4), word


def test_the_same_texts_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    texts = list(passages()[:300])
    for name in ("one", "two"):
        ngram.save(ngram.fit(texts), tmp_path / name)

    samples = [
        ngram.sample(ngram.load(tmp_path / name), ["The"] * 5, max_tokens=20, temperature=1, seed=4)
        for name in ("one", "two")
    ]

    assert folder_digest(tmp_path / "one") == folder_digest(tmp_path / "two")
    assert samples[0] == samples[1]


def test_a_low_temperature_narrows_the_vocabulary() -> None:
    model = ngram.fit(list(passages()[:1000]))

    sizes = [
        len(
            {
                word
                for text in ngram.sample(model, [""] * 500, max_tokens=30, temperature=t, seed=2)
                for word in text.split()
            }
        )
        for t in (0.6, 1.0)
    ]

    assert sizes[0] < 0.6 * sizes[1]


def test_unknown_words_in_a_prompt_fall_back_to_shorter_contexts() -> None:
    model = ngram.fit(TOY)

    texts = ngram.sample(model, ["zebra quagga"] * 20, max_tokens=3, temperature=1, seed=0)

    assert {word for text in texts for word in text.split()} <= set("abcde")


def test_nothing_to_learn_from_is_a_clear_error() -> None:
    with pytest.raises(InputError, match="holds no words"):
        ngram.fit([])


def test_temperature_zero_is_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        ngram.sample(ngram.fit(TOY), [""], max_tokens=3, temperature=0, seed=0)


def test_loading_something_else_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")

    with pytest.raises(InputError, match="does not hold the weights"):
        ngram.load(tmp_path)


def test_discounts_stay_between_zero_and_the_count() -> None:
    model = ngram.fit(list(passages()[:200]))

    for level in model.levels:
        assert (level.weights > 0).all()
        assert ((level.backoff > 0) & (level.backoff < 1)).all()
