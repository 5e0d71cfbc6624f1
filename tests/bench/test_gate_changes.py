"""What the gate's bench plants: each kind on a few answers, its shares, and which verdicts it calls wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.gate.answers import Answers, random_of
from bench.gate.damage import Result
from bench.gate.kinds import HARMLESS, KINDS, Expected, Kind, halved
from tailguard.diversity.metrics import words
from tailguard.domain.verdict import Verdict

COUNT = 60


def answers_to_few() -> Answers:
    topics = ("a zither and a samovar", "the lichen on a menhir", "an otter in the fjord")
    return Answers(
        ids=tuple(f"p{at // 2}" for at in range(COUNT)),
        prompts=tuple(f"Tell me about {topics[at // 2 % 3]}, number {at // 2}." for at in range(COUNT)),
        texts=tuple(
            f"Here follows what's known of {topics[at // 2 % 3]}. Of them {at} were seen. Nobody understood why, {at}."
            for at in range(COUNT)
        ),
        tail=frozenset(f"p{at}" for at in range(10)),
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_keeps_the_prompts_and_is_the_same_with_the_same_seed(kind: Kind) -> None:
    before = answers_to_few()

    first, second = (kind.edit(before, kind.shares[0], random_of(3)) for _ in range(2))

    assert first == second
    assert sorted(zip(first.ids, first.prompts, strict=True)) == sorted(zip(before.ids, before.prompts, strict=True))
    assert len(first.texts) == COUNT
    assert (first.texts != before.texts) is (kind.name not in ("nothing", "NFD"))


@pytest.mark.parametrize("kind", HARMLESS, ids=lambda kind: kind.name)
def test_a_harmless_change_keeps_every_answer_s_words_in_their_order(kind: Kind) -> None:
    before = answers_to_few()
    after = kind.edit(before, kind.shares[0], random_of(3))

    texts = [" ".join(words(text.replace("’", "'").replace("\u00ad", ""))) for text in after.texts]
    kept = sum(any(" ".join(words(old)) in new for new in texts) for old in before.texts)

    assert kept >= 0.98 * COUNT - 1


def test_shares_are_halved_down_to_just_past_the_margin() -> None:
    assert halved(0.3) == (0.3, 0.15, 0.075, 0.04)
    assert halved(0.1) == (0.1, 0.04)


def test_harmful_may_not_pass_and_is_stopped_at_full_share_and_harmless_is_not_stopped() -> None:
    full = Result(
        pair="vicuna", kind="loops", share=0.2, expected=Expected.HARMFUL, full=True, prompts=0, seed=0,
        verdict=Verdict.BLOCK, seconds=1.0, reason="",
    )  # fmt: skip
    lower, harmless = replace(full, full=False), replace(full, expected=Expected.HARMLESS)

    def right(result: Result) -> set[Verdict]:
        return {verdict for verdict in Verdict if replace(result, verdict=verdict).right}

    assert right(full) == {Verdict.BLOCK, Verdict.NOT_COMPARABLE}
    assert right(lower) == {Verdict.BLOCK, Verdict.NOT_COMPARABLE, Verdict.INCONCLUSIVE}
    assert right(harmless) >= {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert not right(harmless) & right(full)
