"""Shuffled words are told in languages that nobody taught the gate: two invented ones, in Greek letters and in Han."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest

from tailguard.diversity import usable
from tailguard.diversity.comparison import compare
from tailguard.diversity.decision import Limits
from tailguard.diversity.languages import CODES, UNDECIDED, settled
from tailguard.diversity.learned_order import LEAST_PAIRS, learned_order, letters
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Encoded, Outputs, encoded
from tailguard.diversity.usable import DEFECTS, USABLE, alone, beside, judge
from tailguard.diversity.word_order import FUNCTION_WORDS, neighbours_from
from tailguard.domain.defects import Defect
from tests.diversity import answers as english

PROMPTS = 120
SCRIPTS = {"Greek": "αβγδεζηθικλμνοπρστυφχψω", "Han": "".join(chr(0x4E00 + at) for at in range(400))}
PATTERNS = (
    "article noun verb article adjective noun",
    "article adjective noun be adjective and adjective",
    "pronoun verb article noun preposition article noun",
    "preposition article noun pronoun verb adverb",
    "article noun preposition article noun verb adverb and verb",
)
KINDS = {
    "article": 3,
    "be": 2,
    "and": 2,
    "pronoun": 4,
    "preposition": 6,
    "adverb": 40,
    "adjective": 150,
    "noun": 400,
    "verb": 200,
}


class Language:
    """A grammar of five patterns; each kind of word has an ending of its own, in Han a word is one letter or two."""

    def __init__(self, script: str) -> None:
        self.spaced, draw = script != "Han", random.Random(script)  # noqa: S311  words, not secrets
        alphabet = SCRIPTS[script]
        self.words: dict[str, list[str]] = {}
        for kind, count in KINDS.items():
            ending = "".join(draw.choices(alphabet, k=2)) if self.spaced else ""
            length = (3, 5) if self.spaced else (1, 2)
            self.words[kind] = ["".join(draw.choices(alphabet, k=draw.randint(*length))) + ending for _ in range(count)]

    def tokens(self, seed: int, sentences: int = 8) -> list[list[str]]:
        """The words of each sentence."""
        draw = random.Random(seed)  # noqa: S311
        patterns = draw.choices(PATTERNS, k=sentences)
        return [[draw.choice(self.words[kind]) for kind in pattern.split()] for pattern in patterns]

    def text(self, sentences: list[list[str]]) -> str:
        """Written as people would."""
        return ". ".join((" " if self.spaced else "").join(sentence) for sentence in sentences) + "."

    def answer(self, seed: int) -> str:
        return self.text(self.tokens(seed))

    def shuffled(self, seed: int) -> str:
        """The same words in any order; the same letters, where there are no spaces."""
        units = list(chain.from_iterable(self.tokens(seed)))
        if not self.spaced:
            units = list("".join(units))
        random.Random(seed).shuffle(units)  # noqa: S311
        return self.text([units[at : at + 7] for at in range(0, len(units), 7)])

    def noise(self, seed: int) -> str:
        """Any words, none more often than another."""
        every = list(chain.from_iterable(self.words.values())) if self.spaced else list(SCRIPTS["Han"])
        drawn = random.Random(seed).choices(every, k=60)  # noqa: S311
        return self.text([drawn[at : at + 7] for at in range(0, len(drawn), 7)])


@pytest.fixture(params=SCRIPTS)
def language(request: pytest.FixtureRequest) -> Language:
    return Language(request.param)


def side(texts: list[str], prompts: list[str] | None = None) -> usable.Judged:
    ids = [f"p{number:04d}" for number in range(len(texts))]
    asked = dict(zip(ids, prompts, strict=True)) if prompts else {}
    return judge(Outputs({name: (text,) for name, text in zip(ids, texts, strict=True)}, frozenset(), "", "", asked))


def sound(language: Language, *, seed: int, prompts: int = PROMPTS) -> list[str]:
    return [language.answer(1_000 * seed + number) for number in range(prompts)]


def found(ours: usable.Judged, theirs: usable.Judged) -> list[int]:
    """The numbers of the answers without order; no answer has another defect."""
    defects = alone(ours) if theirs is ours else beside(ours, theirs)
    assert set(defects.tolist()) <= {USABLE, DEFECTS.index(Defect.WORD_ORDER)}
    return np.flatnonzero(defects != USABLE).tolist()


@pytest.mark.parametrize("damaged", [Language.shuffled, Language.noise])
def test_words_without_order_are_found_by_the_other_sides_order(language: Language, damaged: object) -> None:
    assert callable(damaged)
    texts = [
        damaged(language, number) if number % 4 == 0 else text for number, text in enumerate(sound(language, seed=1))
    ]
    ours, theirs = side(texts), side(sound(language, seed=2))

    hit = found(ours, theirs)

    assert set(hit) <= set(range(0, PROMPTS, 4))
    assert len(hit) >= 0.9 * PROMPTS / 4
    assert found(theirs, ours) == []


def test_two_sides_in_order_have_nothing_to_find(language: Language) -> None:
    ours, theirs = side(sound(language, seed=1)), side(sound(language, seed=2))

    assert found(ours, theirs) == found(theirs, ours) == found(ours, ours) == []


def test_without_another_side_the_order_is_that_of_the_other_prompts(language: Language) -> None:
    texts = sound(language, seed=1, prompts=2 * PROMPTS)
    shuffled = [language.shuffled(number) if number % 5 == 0 else text for number, text in enumerate(texts)]
    alone = side(shuffled)

    hit = found(alone, alone)

    assert set(hit) <= set(range(0, 2 * PROMPTS, 5))
    assert len(hit) >= 0.8 * 2 * PROMPTS / 5


def test_what_the_other_side_answers_alike_was_asked_for(language: Language) -> None:
    ours, theirs = sound(language, seed=1), sound(language, seed=2)
    ours[7] = language.noise(1)
    alike = [*theirs[:7], language.noise(2), *theirs[8:]]

    assert found(side(ours), side(theirs)) == [7]
    assert found(side(ours), side(alike)) == []


def test_a_few_thousand_words_are_no_language(language: Language) -> None:
    few = sound(language, seed=2, prompts=60)
    pairs = int((side(few).answers.lengths - 1).sum())
    assert pairs < LEAST_PAIRS

    assert found(side([language.shuffled(number) for number in range(60)]), side(few)) == []


def test_where_the_other_side_has_no_order_nobody_is_judged(language: Language) -> None:
    ours, shuffled = side(sound(language, seed=1)), side([language.shuffled(number) for number in range(PROMPTS)])
    noise = side([language.noise(number) for number in range(PROMPTS)])

    assert found(ours, shuffled) == found(ours, noise) == found(noise, noise) == []


def test_one_long_text_is_not_enough_to_know_an_order(language: Language) -> None:
    tokens = words(" ".join(sound(language, seed=2)))
    assert len(tokens) > LEAST_PAIRS

    assert (
        learned_order(encoded([tokens]))
        is learned_order(encoded([[], tokens, []]))
        is learned_order(encoded([]))
        is None
    )


def test_where_everything_is_english_nothing_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = (judge(english.outputs(60, seed=seed)) for seed in (1, 2))
    monkeypatch.setattr(usable, "learned_order", lambda _: pytest.fail("English has a table"))

    assert set(beside(ours, theirs).tolist()) == {USABLE}


@pytest.mark.parametrize("prompts", [True, False])
def test_random_letters_among_english_answers_are_without_order(prompts: bool) -> None:
    given = english.outputs(60, seed=1)
    draw = random.Random(3)  # noqa: S311
    letters_only = " ".join("".join(draw.choices("bcdfghjklmnpqrstvwxyz", k=draw.randint(2, 8))) for _ in range(40))
    damaged = english.with_texts(given, lambda at, text: letters_only if at == 7 else text)
    damaged = damaged if prompts else replace(damaged, prompts={})

    assert DEFECTS[judge(damaged).defects[7]] is Defect.WORD_ORDER


def test_the_order_is_what_the_definition_says() -> None:
    greek = Language("Greek")
    texts = [words(text) for text in sound(greek, seed=1)]
    order = learned_order(encoded(texts))
    assert order is not None
    times: dict[str, int] = {}
    for word in chain.from_iterable(texts):
        times[word] = times.get(word, 0) + 1
    common = sorted(times, key=lambda word: -times[word])[:FUNCTION_WORDS]  # as often: which comes first
    ends: dict[str, int] = {}
    for word in times.keys() - set(common):
        ends[word[-2:]] = ends.get(word[-2:], 0) + times[word]
    kept = sorted(ends, key=lambda end: -ends[end])[:6]

    def class_of(word: str) -> int:
        if word in common:
            return common.index(word)
        return FUNCTION_WORDS + (kept.index(word[-2:]) if word[-2:] in kept else 6)

    counts = np.zeros((FUNCTION_WORDS + 7, FUNCTION_WORDS + 7))
    for text in texts:
        for pair in pairwise(map(class_of, text)):
            counts[pair] += 1
    assert list(order.words) == common
    assert list(order.endings) == kept
    assert np.array_equal(order.neighbours.information, neighbours_from(counts, shrinkage=2).information)


def test_letters_are_what_was_written() -> None:
    draw = random.Random(4)  # noqa: S311
    alphabet = SCRIPTS["Han"]
    texts: list[list[str]] = []
    for _ in range(200):
        runs: list[str] = []
        for _ in range(draw.randint(0, 6)):
            runs.append(draw.choice(["ab", "abc", "".join(draw.sample(alphabet, draw.randint(1, 5)))]))
            if len(runs) > 1 and runs[-1][0] == runs[-2][-1]:  # where one would run into the other
                runs.pop()
        texts.append(runs)
    spelled = letters(encoded([words(" ".join(runs)) for runs in texts]))

    expected = [list(chain.from_iterable([run] if run.isascii() else run for run in runs)) for runs in texts]
    assert [written(spelled, at) for at in range(len(texts))] == expected


def written(texts: Encoded, at: int) -> list[str]:
    return [texts.vocabulary[unit] for unit in texts.units[texts.offsets[at] : texts.offsets[at + 1]].tolist()]


def test_an_open_language_is_settled_by_the_likely_one() -> None:
    russian, bulgarian, script, chinese = (
        CODES[name] for name in ("Russian", "Bulgarian", "Cyrillic script", "Chinese")
    )
    codes = np.array([UNDECIDED, script, script, russian, chinese, UNDECIDED, script], dtype=np.int16)
    likely = np.array([russian, russian, chinese, bulgarian, UNDECIDED, UNDECIDED, UNDECIDED], dtype=np.int16)

    assert settled(codes, likely).tolist() == [russian, russian, script, russian, chinese, UNDECIDED, script]


def test_order_that_nobody_can_judge_is_named_in_the_comparison() -> None:
    language = Language("Greek")
    few = [side(sound(language, seed=seed, prompts=40)) for seed in (1, 2)]
    comparison = compare(*few, rare_terms=frozenset(), limits=Limits())
    assert "the word order of 100% of the candidate's answers was not judged" in " ".join(comparison.notes)
