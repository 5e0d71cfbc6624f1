"""The gate plants damage in a candidate's own answers and finds it, and lets harmless changes through."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tailguard.diversity.decision import Limits
from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult
from tailguard.domain.measures import MARGINS, Measure
from tailguard.domain.verdict import Verdict
from tailguard.stages.gate.self_test import self_test
from tests.diversity.answers import outputs, rare_words

RUN = "main/3"


def results_of(*, tail: float = 0.3, limits: Limits | None = None) -> list[CanaryResult]:
    ours, again = (outputs(400, seed=seed, tail=tail) for seed in (1, 2))
    return self_test(ours, again, RUN, rare_terms=rare_words(), limits=limits or Limits(), seed=5)


def by_damage(results: list[CanaryResult]) -> dict[Damage, list[CanaryResult]]:
    found = defaultdict(list)
    for result in results:
        found[Damage(result.kind)].append(result)
    return dict(found)


@pytest.fixture(scope="module")
def results() -> list[CanaryResult]:
    return results_of()


def test_all_planted_damage_past_its_limit_is_found_and_harmless_changes_are_let_through(
    results: list[CanaryResult],
) -> None:
    found = by_damage(results)

    assert set(found) == set(Damage)
    assert [result.kind for result in results if not result.as_expected] == []
    for damage, of_kind in found.items():
        assert of_kind == sorted(of_kind, key=lambda result: result.strength)
        assert (of_kind[-1].verdict is Verdict.BLOCK) is not damage.harmless, damage
    assert [found[damage][-1].verdict for damage in Damage if damage.harmless] == [Verdict.PASS] * 3


def test_the_loss_is_that_of_the_measure_that_the_damage_is_aimed_at(results: list[CanaryResult]) -> None:
    found = by_damage(results)

    assert [result.loss for result in found[Damage.REFUSALS]] == pytest.approx([0.06, 0.12], abs=0.011)
    assert [result.loss for result in found[Damage.TAIL_UNANSWERED]] == pytest.approx([0.1, 0.25], abs=0.011)
    losses = [result.loss for result in found[Damage.RARE_WORDS_LOST]]
    assert losses == pytest.approx([0.048, 0.1, 0.3], abs=0.02)
    assert found[Damage.RARE_WORDS_LOST][0].verdict is not Verdict.BLOCK


def test_damage_is_planted_in_units_of_the_limits_margins() -> None:
    margins = {**MARGINS, Measure.USABLE: 0.1, Measure.RARE_DENSITY: 0.5}

    found = by_damage(results_of(limits=Limits(margins)))

    assert [result.strength for result in found[Damage.LOOPS]] == pytest.approx([0.2, 0.4])
    assert [result.strength for result in found[Damage.RARE_WORDS_LOST]] == pytest.approx([0.3, 0.625, 1.0])
    assert all(result.as_expected for results in found.values() for result in results)


def test_where_no_prompt_is_marked_as_tail_none_is_left_unanswered() -> None:
    assert Damage.TAIL_UNANSWERED not in by_damage(results_of(tail=0.0))


def test_the_same_answers_have_the_same_results(results: list[CanaryResult]) -> None:
    assert results_of() == results


def test_a_gate_that_is_blind_to_a_kind_of_damage_is_not_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not see, it measures as no loss: what was planted counts."""
    monkeypatch.setattr("tailguard.diversity.usable.refuses", lambda *_: False)
    margins = dict.fromkeys(Measure, 0.9) | {Measure.USABLE: MARGINS[Measure.USABLE]}
    monkeypatch.setattr("tailguard.diversity.usable._SHORT", 0.0)
    monkeypatch.setattr("tailguard.diversity.usable._SAME_SHARE", 1.0)

    missed = {result.kind for result in results_of(limits=Limits(margins)) if not result.as_expected}

    assert missed == {Damage.REFUSALS}
