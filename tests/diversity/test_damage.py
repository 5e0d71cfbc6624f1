"""Planted damage: what is hit, how much of it, what stays as it was, and that it can be repeated."""

from __future__ import annotations

import random
import unicodedata

import pytest

from tailguard.diversity.damage import planted
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.usable import DEFECTS, judge
from tailguard.domain.damage import Damage
from tailguard.domain.defects import Defect

PLANTED = [damage for damage in Damage if damage is not Damage.NONE]
HARMLESS = [damage for damage in PLANTED if damage.harmless]
RARE = frozenset({"quokka", "zither", "lichen", "samovar"})
_SENTENCE = "the river runs past a mill and the people work there every day of the long year"
PLAIN = tuple(_SENTENCE.split(" "))


def outputs_of(prompts: int, samples: int = 2) -> Outputs:
    rng = random.Random(7)  # noqa: S311  words, not secrets
    answers = {}
    for number in range(prompts):
        texts = []
        for _ in range(samples):
            sentences = [" ".join(rng.choices(PLAIN, k=9)) for _ in range(4)]
            sentences[rng.randrange(4)] += f" {rng.choice(sorted(RARE))}"
            texts.append(" ".join(f"{sentence.capitalize()}." for sentence in sentences) + f"\n\nIt's day {number}.")
        answers[f"p{number:03d}"] = tuple(texts)
    return Outputs(answers, frozenset(list(answers)[: prompts // 4]), "suite", "")


def plant(outputs: Outputs, damage: Damage, share: float = 0.25, *, seed: int = 0) -> Outputs:
    return planted(outputs, damage, share=share, rare_terms=RARE, seed=seed)


def changed(before: Outputs, after: Outputs) -> list[tuple[str, str]]:
    return [
        (old, new)
        for prompt in before.answers
        for old, new in zip(before.answers[prompt], after.answers[prompt], strict=True)
        if old != new
    ]


@pytest.mark.parametrize("damage", PLANTED)
def test_the_same_seed_plants_the_same_damage_in_any_order_of_prompts_and_another_seed_hits_others(
    damage: Damage,
) -> None:
    outputs = outputs_of(40)
    other_order = Outputs(dict(reversed(list(outputs.answers.items()))), outputs.tail, outputs.suite, outputs.decoding)

    first = plant(outputs, damage, seed=1)

    assert first.answers == plant(other_order, damage, seed=1).answers
    assert first.answers != plant(outputs, damage, seed=2).answers
    assert (first.tail, first.suite) == (outputs.tail, outputs.suite)


@pytest.mark.parametrize("damage", PLANTED)
def test_no_share_changes_nothing_and_a_small_share_changes_something(damage: Damage) -> None:
    outputs = outputs_of(20)

    assert plant(outputs, damage, 0.0).answers == outputs.answers
    assert plant(outputs, damage, 0.001).answers != outputs.answers


@pytest.mark.parametrize("damage", [Damage.LOOPS, Damage.NOISE, Damage.COPIES, Damage.REFUSALS, *HARMLESS])
def test_a_share_of_the_answers_is_hit_and_the_others_stay_as_they_were(damage: Damage) -> None:
    outputs = outputs_of(40)

    assert len(changed(outputs, plant(outputs, damage, 0.25))) == 20


@pytest.mark.parametrize(("share", "left"), [(0.25, 3), (0.5, 2), (1.0, 0)])
def test_lost_rare_words_are_gone_from_every_answer_and_nothing_else_changes(share: float, left: int) -> None:
    outputs = outputs_of(40)

    damaged = plant(outputs, Damage.RARE_WORDS_LOST, share)

    assert len(RARE.intersection(*[{word for text in damaged.texts for word in words(text)}])) == left
    for old, new in changed(outputs, damaged):
        differing = [
            (before, after) for before, after in zip(old.split(" "), new.split(" "), strict=True) if before != after
        ]
        assert all(words(before)[0] in RARE and words(after)[0] not in RARE for before, after in differing)
        assert all(before[-1] == after[-1] for before, after in differing if before.endswith("."))


def test_a_rare_word_is_found_in_capitals_beside_punctuation_and_with_an_ending_and_not_inside_another() -> None:
    outputs = Outputs({"p": ("Art! A (ZITHER), its zithers, party-art.\nQuokka",)}, frozenset(), "s", "")

    damaged = planted(
        outputs, Damage.RARE_WORDS_LOST, share=1.0, rare_terms=frozenset({"zither", "art", "quokka"}), seed=0
    )

    text = damaged.answers["p"][0]
    assert "zithers," in text
    assert "party-" in text
    assert "(ZITHER)" not in text
    assert not {"zither", "art", "quokka"} & set(words(text))
    assert text.count("\n") == 1


def test_unanswered_tail_prompts_have_a_word_in_every_sample_and_no_other_prompt_is_touched() -> None:
    outputs = outputs_of(40, samples=3)

    damaged = plant(outputs, Damage.TAIL_UNANSWERED, 0.5)

    hit = {prompt for prompt in outputs.answers if damaged.answers[prompt] != outputs.answers[prompt]}
    assert len(hit) == 5
    assert hit < outputs.tail
    assert all(len(words(text)) == 1 for prompt in hit for text in damaged.answers[prompt])


def test_loops_keep_the_length_and_repeat_the_beginning() -> None:
    for old, new in changed(outputs := outputs_of(40), plant(outputs, Damage.LOOPS)):
        assert 0.7 < len(new) / len(old) < 1.3
        assert new.startswith(old[:20])
        runs = list(zip(*(new.split()[at:] for at in range(4)), strict=False))
        assert 1 - len(set(runs)) / len(runs) > 0.45


@pytest.mark.parametrize(
    "text", ["one long sentence that never comes to an end at all " * 3, "山高水长。" * 9, "Yes.", ""]
)
def test_any_text_can_loop(text: str) -> None:
    looped = plant(Outputs({"p": (text,)}, frozenset(), "s", ""), Damage.LOOPS, 1.0).answers["p"][0]

    assert abs(len(looped) - len(text)) <= max(2, len(text) // 3)


def test_noise_is_random_words_of_the_answers_at_the_same_length() -> None:
    outputs = outputs_of(40)
    known = {word.strip(".") for text in outputs.texts for word in text.split()}

    for old, new in changed(outputs, plant(outputs, Damage.NOISE)):
        assert len(old.split()) == len(new.split())
        assert set(new.split()) <= known


def test_noise_of_a_script_without_spaces_is_random_characters() -> None:
    outputs = Outputs({f"p{at}": ("山高水长流不尽" * 5 + str(at),) for at in range(5)}, frozenset(), "s", "")

    [(old, new)] = changed(outputs, plant(outputs, Damage.NOISE, 0.2))

    assert len(new) == len(old)
    assert new != old


def test_copies_are_answers_to_five_other_prompts() -> None:
    outputs = outputs_of(40)
    damaged = plant(outputs, Damage.COPIES, 0.5)

    copies = [new for _, new in changed(outputs, damaged)]

    assert len(copies) == 40
    assert len(set(copies)) == 5
    assert set(copies) <= set(outputs.texts)
    assert max(map(copies.count, set(copies))) <= 9


def test_refusals_are_seen_as_refusals_and_harmless_changes_are_not() -> None:
    outputs = outputs_of(40)

    def refused(damage: Damage, share: float) -> int:
        return int((judge(plant(outputs, damage, share)).defects == DEFECTS.index(Defect.REFUSAL)).sum())

    assert refused(Damage.REFUSALS, 0.25) == 20
    assert [refused(damage, 1.0) for damage in HARMLESS] == [0, 0]


def test_harmless_changes_keep_every_word() -> None:
    outputs = outputs_of(10)

    opened, retyped = (plant(outputs, damage, 1.0) for damage in (Damage.OPENING, Damage.TYPOGRAPHY))

    assert all(new.endswith(old) for old, new in changed(outputs, opened))
    assert len({new.removesuffix(old) for old, new in changed(outputs, opened)}) == 1
    for old, new in changed(outputs, retyped):
        assert " ".join(unicodedata.normalize("NFC", new).replace("’", "'").split()) == " ".join(old.split())


def test_nothing_planted_changes_nothing() -> None:
    outputs = outputs_of(10)

    assert plant(outputs, Damage.NONE, 1.0).answers == outputs.answers


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        plant(outputs_of(4), Damage.LOOPS, share)
