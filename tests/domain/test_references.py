"""What a candidate is compared with: nothing passes against nothing, against what was blocked, or against what is suspect alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.references import (
    Predecessor,
    ReferenceKind,
    Ruling,
    compared,
    reference_name,
    references,
    sound,
    trained_before,
    uncompared,
)
from tailguard.domain.shipping import State
from tailguard.domain.verdict import SHIPS, Guard, Verdict

MET = Guard("usable answers", "at least 80%", "99%", True)
MISSED = Guard("prompts answered", "at least 90%", "0 of 80", False)
NO_LOSS = Ruling(verdict=Verdict.PASS, reason="no loss exceeds its limit")


def sound_predecessor(run: str) -> Predecessor:
    """A generation that passed and was never shipped, which answered the suite."""
    return Predecessor(
        run=run, state=State.CANDIDATE, verdict=Verdict.PASS, in_production=False, comparable=True, richness=0.5
    )


@st.composite
def lineages(draw: st.DrawFn) -> list[Predecessor]:
    """Generations of a lineage as the log may have them, oldest first; at most one of them is in production."""
    count = draw(st.integers(0, 6))
    production = draw(st.none() | st.integers(0, 5))
    verdicts = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.BASELINE, *Verdict]) | st.none()
    states = st.sampled_from([state for state in State if state is not State.SHIPPED])
    return [
        Predecessor(
            run=f"main/{number}",
            state=draw(st.sampled_from([State.SHIPPED, State.FROZEN])) if number == production else draw(states),
            verdict=draw(verdicts),
            in_production=number == production,
            comparable=draw(st.sampled_from([True, True, False, None])),
            richness=draw(st.none() | st.floats(0, 1)),
        )
        for number in range(count)
    ]


@given(lineages())
def test_a_reference_answered_its_suite_and_was_not_blocked_unless_it_is_in_production(
    predecessors: list[Predecessor],
) -> None:
    for kind, other in references(predecessors).items():
        assert other in predecessors
        assert other.comparable is not None
        assert other.verdict not in (None, Verdict.BLOCK) or kind is ReferenceKind.PRODUCTION
        assert other.in_production or kind is not ReferenceKind.PRODUCTION


@given(lineages())
def test_parent_is_the_newest_first_the_oldest_and_best_the_richest_of_any_shipping_state(
    predecessors: list[Predecessor],
) -> None:
    judged = [replace(other, comparable=True, verdict=Verdict.PASS, richness=0.1) for other in predecessors]

    for chosen in [references(judged[:count]) for count in range(1, len(judged) + 1)]:
        assert chosen[ReferenceKind.FIRST] == judged[0]
        assert chosen[ReferenceKind.BEST] == judged[0]
    if not judged or not any(map(sound, judged)):
        return
    chosen = references(judged)
    if any(sound(other) for other in (judged[0], judged[-1])):
        assert chosen[ReferenceKind.PARENT] == judged[-1]
    assert any(map(sound, chosen.values()))


@given(lineages())
def test_a_sound_predecessor_is_never_left_out_for_unsound_ones(predecessors: list[Predecessor]) -> None:
    assert any(map(sound, references(predecessors).values())) == any(map(sound, predecessors))


@given(lineages())
def test_nothing_passes_without_a_sound_reference(predecessors: list[Predecessor]) -> None:
    chosen = references(predecessors)
    against = {other.run for other in chosen.values()}

    ruling = compared(NO_LOSS, against, predecessors) if chosen else uncompared(predecessors, [MET])

    if ruling.verdict.ships:
        assert not predecessors or any(map(sound, chosen.values()))
    else:
        assert ruling.verdict is Verdict.INCONCLUSIVE
        assert "`tailguard override request`" in ruling.reason


@given(lineages(), st.sampled_from(Verdict))
def test_a_loss_stays_one_whatever_it_was_shown_against(predecessors: list[Predecessor], verdict: Verdict) -> None:
    ruling = Ruling(verdict=verdict, reason="as measured")
    against = {other.run for other in references(predecessors).values()}

    if not verdict.ships:
        assert compared(ruling, against, predecessors) == ruling


@given(lineages())
def test_without_references_only_the_first_generation_is_a_baseline_and_a_missed_floor_blocks_any(
    predecessors: list[Predecessor],
) -> None:
    assert uncompared(predecessors, [MET]).verdict is (Verdict.INCONCLUSIVE if predecessors else Verdict.BASELINE)
    blocked = uncompared(predecessors, [MET, MISSED])
    assert blocked.verdict is Verdict.BLOCK
    assert "prompts answered: 0 of 80, required at least 90%" in blocked.reason
    assert "usable" not in blocked.reason


@given(st.lists(st.sampled_from([Verdict.BLOCK, Verdict.INCONCLUSIVE]), min_size=1, max_size=5))
def test_a_lineage_that_never_had_a_baseline_cannot_pass_by_running_again(verdicts: list[Verdict]) -> None:
    """A blocked number 0, an INCONCLUSIVE number 1, and so on: each is compared, and none vouches for the next."""
    predecessors = [
        replace(sound_predecessor(f"main/{number}"), verdict=verdict) for number, verdict in enumerate(verdicts)
    ]
    chosen = references(predecessors)
    against = {other.run for other in chosen.values()}

    ruling = compared(NO_LOSS, against, predecessors) if chosen else uncompared(predecessors, [MET])

    assert ruling.verdict is Verdict.INCONCLUSIVE


def test_an_override_that_shipped_an_undecided_generation_makes_it_sound() -> None:
    undecided = replace(sound_predecessor("main/1"), verdict=Verdict.INCONCLUSIVE)

    assert not sound(undecided)
    assert sound(replace(undecided, state=State.SHIPPED))
    assert not sound(replace(undecided, state=State.SHIPPED, verdict=Verdict.BLOCK))
    assert not sound(replace(undecided, state=State.SHIPPED, comparable=False))


def test_after_a_new_suite_the_old_answers_are_compared_until_somebody_ships_on_the_new_one() -> None:
    old = [replace(sound_predecessor("main/0"), comparable=False)]
    tried = replace(sound_predecessor("main/1"), verdict=Verdict.NOT_COMPARABLE)
    shipped = replace(tried, state=State.SHIPPED, in_production=True)

    assert references(old) == {ReferenceKind.PARENT: old[0]}
    assert references([*old, tried])[ReferenceKind.PARENT] == tried
    assert not any(map(sound, references([*old, tried]).values()))
    assert references([*old, shipped]) == dict.fromkeys(
        (ReferenceKind.PARENT, ReferenceKind.PRODUCTION, ReferenceKind.BEST, ReferenceKind.FIRST), shipped
    )


def test_the_reason_says_where_each_predecessor_stands_and_what_to_do() -> None:
    missing = [
        replace(sound_predecessor("main/0"), verdict=Verdict.BLOCK),
        replace(sound_predecessor("main/1"), verdict=None),
        replace(sound_predecessor("main/2"), comparable=None, verdict=None),
        replace(sound_predecessor("main/3"), verdict=Verdict.BLOCK),
    ]
    assert uncompared(missing, []).reason == (
        "compared with no earlier generation: main/1 has no verdict, main/2 has not answered the suite, main/3 was blocked and 1 "
        "earlier. Finish main/2 (`tailguard run --resume main/2`) and run again, or ask for an override of the diversity gate "
        "(`tailguard override request`)"
    )
    frozen = replace(sound_predecessor("main/0"), state=State.FROZEN)
    assert compared(NO_LOSS, {"main/0"}, [frozen]).reason == (
        "no loss exceeds its limit. That proves nothing: main/0 is frozen. Unfreeze main/0 if it is sound (`tailguard unfreeze`) "
        "and run again, or ask for an override of the diversity gate (`tailguard override request`)"
    )
    undecided = replace(sound_predecessor("main/0"), verdict=Verdict.INCONCLUSIVE)
    assert "main/0 was INCONCLUSIVE and was not shipped. Ask for" in compared(NO_LOSS, {"main/0"}, [undecided]).reason


def test_predecessors_are_told_by_the_order_of_training_and_not_by_number() -> None:
    trained = ["main/1", "main/0", "main/2"]

    assert trained_before("main/1", trained) == []
    assert trained_before("main/0", trained) == ["main/1"]
    assert trained_before("main/2", trained) == ["main/1", "main/0"]


@pytest.mark.parametrize("kind", ReferenceKind)
def test_a_reference_is_named_with_why_it_is_one(kind: ReferenceKind) -> None:
    words = {
        ReferenceKind.PARENT: "its parent main/3",
        ReferenceKind.PRODUCTION: "main/3 (in production)",
        ReferenceKind.BEST: "main/3 (best so far)",
        ReferenceKind.FIRST: "main/3 (first)",
    }
    assert reference_name(kind, "main/3") == words[kind]


def test_pass_and_baseline_ship_and_nothing_else() -> None:
    assert [verdict for verdict in Verdict if verdict.ships] == list(SHIPS) == [Verdict.PASS, Verdict.BASELINE]
