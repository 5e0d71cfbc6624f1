"""Each defect on texts that a reader would call by its name, which one counts where several apply, and what is no defect."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.usable import DEFECTS, USABLE, alone, beside, judge, on_shared_prompts
from tailguard.domain.defects import Defect
from tailguard.domain.suite import SuiteKind
from tests.diversity.answers import answer, outputs, prompt, with_texts

PROMPTS = 60
GERMAN = (
    "Der Zug hatte wieder Verspätung, und so gingen wir am Fluss entlang nach Hause und sprachen über das, was wir im Sommer "
    "machen wollen, wenn die Kinder nicht mehr in der Schule sind und wir alle zusammen am See sein können."
)


def ours() -> Outputs:
    return outputs(PROMPTS, seed=1)


def named(codes: np.ndarray[tuple[int], np.dtype[np.int8]]) -> list[Defect | None]:
    return [None if code == USABLE else DEFECTS[code] for code in codes.tolist()]


def judged(given: Outputs) -> list[Defect | None]:
    return named(judge(given).defects)


def defect_of(text: str, number: int = 7, *, kind: SuiteKind = SuiteKind.INSTRUCTIONS) -> Defect | None:
    """The defect of a text as the answer to a prompt, among sound answers to the others; of these, none has one."""
    given = replace(with_texts(ours(), lambda at, sound: text if at == number else sound), kind=kind)
    side = judge(given)
    defects = named(alone(side))

    assert [defect for at, defect in enumerate(defects) if at != number] == [None] * (PROMPTS - 1)
    return defects[number]


def shuffled(text: str) -> str:
    tokens = words(text)
    return " ".join(random.Random(2).sample(tokens, len(tokens)))  # noqa: S311  a shuffle, not a secret


def test_sound_answers_have_none() -> None:
    assert judged(ours()) == [None] * PROMPTS


@pytest.mark.parametrize("text", ["", " \n\t", "...", "?!", "\u201c\u201d \u2014", "\u200b", "。"])
def test_an_answer_that_says_nothing_is_empty(text: str) -> None:
    assert defect_of(text) is Defect.EMPTY


@pytest.mark.parametrize("text", ["42", "\U0001f44d", "3.14", "\u2713", "\u20ac", "π", "Yes.", "山"])
def test_a_number_a_symbol_and_a_word_are_answers(text: str) -> None:
    assert defect_of(text) is None


def test_a_refusal() -> None:
    assert defect_of("I'm sorry, but I can't help with that request.") is Defect.REFUSAL


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        (prompt(7), Defect.PROMPT_COPY),
        (f"{prompt(7)} Well, that is a good question and I like it.", Defect.PROMPT_COPY),
        (f"{prompt(7)} {answer(7, seed=9)}", Defect.PROMPT_COPY),
        (f"You ask how people work with them and what you should know. {answer(7, seed=9)}", None),
        ("The bank, and the loan.", None),
    ],
)
def test_a_copy_of_the_prompt(text: str, defect: Defect | None) -> None:
    assert defect_of(text) is defect


def test_a_loop() -> None:
    sentence = answer(7, seed=9, sentences=1)

    assert defect_of(" ".join([sentence] * 5)) is Defect.LOOP


def test_half_a_loop_is_a_loop() -> None:
    assert defect_of(f"{answer(7, seed=9, sentences=12)} {'and so on and on we go ' * 20}") is Defect.LOOP


def test_a_short_refrain_is_no_loop() -> None:
    assert defect_of("Row, row, row your boat, gently down the stream. Row, row, row your boat.") is None


def test_words_without_order() -> None:
    assert defect_of(shuffled(answer(7, seed=9))) is Defect.WORD_ORDER


def test_words_without_grammar() -> None:
    nouns = (
        "velvet bank granite loan whistle account lantern salary meadow tax tractor market cinnamon price pigeon debt ladder "
        "pension marble saving saddle money thunder interest orchard bank pepper loan canvas account glacier salary"
    )

    assert defect_of(nouns) is Defect.WORD_ORDER


def test_a_list_is_spared_and_with_it_random_words_that_have_a_mark_behind_every_second_one() -> None:
    """A known limit: docs/gate.md names it."""
    noise = "velvet, bank granite, loan. whistle account, lantern salary. meadow, tax tractor, market. cinnamon price, "

    assert defect_of(noise + noise.replace("a", "o"), kind=SuiteKind.CONTINUATION) is None


def test_copies_of_an_answer_to_another_prompt_and_their_source() -> None:
    source = ours().texts[3]
    given = with_texts(ours(), lambda at, sound: source if at in (8, 20) else sound)

    assert {at for at, defect in enumerate(judged(given)) if defect is Defect.COPY} == {3, 8, 20}


def test_the_same_answer_in_each_sample_of_a_prompt_is_no_copy() -> None:
    given = ours()

    assert judged(replace(given, answers={name: texts * 4 for name, texts in given.answers.items()})) == [None] * 240


@pytest.mark.parametrize(("times", "defect"), [(5, None), (6, Defect.COPY)])
def test_a_short_answer_is_a_copy_where_more_than_five_prompts_have_it(times: int, defect: Defect | None) -> None:
    given = with_texts(ours(), lambda at, sound: "It depends, of course!" if at < times else sound)

    assert judged(given)[:times] == [defect] * times


def test_answers_to_another_question() -> None:
    """The prompts' topics come round every ten; an answer from the topic of its own prompt is not told from its own."""
    given = with_texts(ours(), lambda at, sound: answer(at + 1005, seed=3) if at == 4 else sound)
    alike = with_texts(ours(), lambda at, sound: answer(at + 1000, seed=3) if at == 4 else sound)

    assert judged(given)[4] is Defect.OFF_TOPIC
    assert judged(alike)[4] is None


def test_a_continuation_may_wander_and_begin_with_its_prompt() -> None:
    for text in (answer(1003, seed=9), f"{prompt(7)} {answer(7, seed=9)}"):
        assert defect_of(text) is not None
        assert defect_of(text, kind=SuiteKind.CONTINUATION) is None


@pytest.mark.parametrize("english", ["", answer(7, seed=9, sentences=3)])
def test_another_language_whole_or_half(english: str) -> None:
    assert defect_of(f"{english} {GERMAN}") in (Defect.LANGUAGE, Defect.OFF_TOPIC)
    assert defect_of(f"{english} {GERMAN}", kind=SuiteKind.CONTINUATION) is Defect.LANGUAGE


def test_a_language_that_the_prompt_or_the_other_side_has_is_none() -> None:
    german = replace(with_texts(ours(), lambda at, sound: GERMAN if at == 7 else sound), kind=SuiteKind.CONTINUATION)
    asked = replace(german, prompts={**german.prompts, "p0007": GERMAN})
    plain, foreign, fitting = judge(replace(ours(), kind=SuiteKind.CONTINUATION)), judge(german), judge(asked)

    assert named(beside(foreign, plain))[7] is Defect.LANGUAGE
    assert named(beside(plain, foreign))[7] is None
    assert named(alone(foreign))[7] is Defect.LANGUAGE
    assert named(beside(foreign, judge(german)))[7] is None
    assert named(alone(fitting))[7] is None


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("Sailors need the same thing here, a calm harbor", Defect.SHORT),
        ("Sailors need the same thing here as fishermen do, namely a calm harbor", None),
    ],
)
def test_far_too_short_is_a_tenth_of_the_other_sides_answer(text: str, defect: Defect | None) -> None:
    longer = judge(ours())
    assert 90 < longer.sizes[7] < 120
    short = judge(with_texts(ours(), lambda at, sound: text if at == 7 else sound))

    assert named(beside(short, longer))[7] is defect
    assert named(beside(longer, short))[7] is None
    assert named(alone(short))[7] is None


def test_numbers_count_as_much_as_words_against_a_long_answer_and_nothing_is_short_beside_a_short_one() -> None:
    longer = judge(ours())
    figures = judge(
        with_texts(ours(), lambda at, sound: "10 20 30 40 50 60 70 80 90 100 110 120" if at == 7 else sound)
    )
    single = judge(with_texts(ours(), lambda at, sound: "Seven" if at == 7 else sound))
    brief = judge(with_texts(ours(), lambda at, sound: " ".join(sound.split()[:25]) if at == 7 else sound))

    assert named(beside(figures, longer))[7] is None
    assert named(beside(single, longer))[7] is Defect.SHORT
    assert named(beside(single, brief))[7] is None


def test_the_first_defect_in_the_list_counts() -> None:
    """A refusal that loops is a refusal; a loop without order is a loop; what has a defect already is not short besides."""
    refusing = "I can't help. " * 15
    looping = shuffled(answer(7, seed=9, sentences=1)) + " "

    assert defect_of(refusing) is Defect.REFUSAL
    assert defect_of(looping * 8) is Defect.LOOP
    empty = judge(with_texts(ours(), lambda at, sound: "" if at == 7 else sound))
    assert named(beside(empty, judge(ours())))[7] is Defect.EMPTY


def test_boilerplate_is_set_aside_before_an_answer_is_judged() -> None:
    opening = "Thank you for your question, which I am glad to answer."

    assert judged(with_texts(ours(), lambda _, sound: f"{opening} {sound}")) == [None] * PROMPTS
    emptied = with_texts(ours(), lambda at, sound: f"{opening} {'' if at == 7 else sound}")
    assert judged(emptied)[7] is Defect.EMPTY


def test_only_shared_prompts_are_judged_beside_each_other() -> None:
    both = judge(ours()), judge(outputs(PROMPTS - 10, seed=2))

    sides = on_shared_prompts(*both)

    assert [len(side.outputs.ids) for side in sides] == [PROMPTS - 10] * 2
    assert on_shared_prompts(both[0], both[0])[0] is both[0]


def test_nobody_asked_and_nothing_answered() -> None:
    nothing, blank = judge(outputs(0, seed=1)), judge(with_texts(ours(), lambda _at, _text: ""))

    assert alone(nothing).tolist() == []
    assert named(alone(blank)) == [Defect.EMPTY] * PROMPTS
