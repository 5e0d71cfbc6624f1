"""Slices that gate with margins of their own: one that is lost blocks, chance does not, and one that nobody asked is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tailguard.diversity.comparison import compare
from tailguard.diversity.decision import Limits
from tailguard.diversity.floors import floors
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.report import reason
from tailguard.diversity.sides import Side
from tailguard.diversity.usable import alone, judge
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Comparison, Verdict
from tests.diversity.answers import outputs, rare_words, with_texts

PROMPTS = 400
SLICES = {f"p{number:04d}": "recipes" if number % 10 == 0 else "talk" for number in range(PROMPTS)}
"""A tenth of the prompts are recipes."""
ROOMY = {Measure.USABLE: 0.2, Measure.TYPE_COVERAGE: 0.4}


@pytest.fixture(scope="module")
def theirs() -> Outputs:
    return replace(outputs(PROMPTS, seed=1), slices=SLICES)


@pytest.fixture(scope="module")
def ours() -> Outputs:
    return replace(outputs(PROMPTS, seed=2), slices=SLICES)


def silent(given: Outputs, every: int) -> Outputs:
    """No answer to each `every`-th of the recipes."""
    return with_texts(given, lambda number, text: "" if number % (10 * every) == 0 else text)


def compared(candidate: Outputs, reference: Outputs, slices: Mapping[str, Mapping[Measure, float]]) -> Comparison:
    limits = Limits(slices=slices)
    return compare(judge(candidate), judge(reference), rare_terms=rare_words(), limits=limits)


def test_a_slice_that_is_lost_blocks_where_it_gates_and_is_named(ours: Outputs, theirs: Outputs) -> None:
    hit = silent(ours, every=1)
    whole = compared(silent(ours, every=10), theirs, {})
    assert whole.verdict is Verdict.PASS  # 1 % of all answers, and a tenth of the slice
    comparison = compared(hit, theirs, {"recipes": ROOMY})
    lost = {(m.slice, m.measure) for m in comparison.measures if m.verdict is Verdict.BLOCK}
    assert ("recipes", Measure.USABLE) in lost
    assert "usable answers in recipes fell 100 points" in reason(comparison)
    tenth = compared(silent(ours, every=2), theirs, {"recipes": {Measure.USABLE: 0.05}})
    assert {m.slice for m in tenth.measures if m.verdict is Verdict.BLOCK} >= {"recipes"}


def test_a_slice_that_lost_nothing_passes_at_its_own_margin(ours: Outputs, theirs: Outputs) -> None:
    comparison = compared(ours, theirs, {"recipes": ROOMY})
    assert comparison.verdict is Verdict.PASS
    inside = [measure for measure in comparison.measures if measure.slice == "recipes"]
    assert [measure.measure for measure in inside] == [Measure.USABLE, Measure.TYPE_COVERAGE]
    assert [measure.margin for measure in inside] == [0.2, 0.4]
    assert all(measure.label.endswith(" in recipes") for measure in inside)


def test_the_more_slices_gate_the_wider_their_intervals(ours: Outputs, theirs: Outputs) -> None:
    alone = compared(ours, theirs, {"talk": {Measure.TYPE_DENSITY: 0.1}}).measures[-1]
    together = compared(ours, theirs, {"talk": {Measure.TYPE_DENSITY: 0.1}, "recipes": ROOMY}).measures
    shared = next(measure for measure in together if measure.slice == "talk")
    assert alone.confidence == pytest.approx(0.9)
    assert shared.confidence == pytest.approx(1 - 2 * 0.05 / 3)
    assert shared.low < alone.low < alone.delta < alone.high < shared.high


def test_a_slice_that_gates_and_is_not_in_the_suite_never_passes(ours: Outputs, theirs: Outputs) -> None:
    comparison = compared(ours, theirs, {"recipe": ROOMY})
    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert reason(comparison) == "prompts in recipe: 0, required at least 1, as the slice gates"


def test_a_slice_with_too_few_prompts_is_inconclusive_and_says_so(ours: Outputs, theirs: Outputs) -> None:
    few = {name: "few" if number < 5 else "many" for number, name in enumerate(theirs.ids)}
    comparison = compared(replace(ours, slices=few), replace(theirs, slices=few), {"few": {Measure.USABLE: 0.5}})
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert "too little text to measure usable answers in few (5 prompts)" in reason(comparison)


def test_every_prompt_of_a_slice_that_gates_has_to_be_answered(ours: Outputs, theirs: Outputs) -> None:
    left_out = {name for name, part in SLICES.items() if part == "recipes"}
    few = frozenset(sorted(left_out)[:3])  # under 1 % of all prompts
    comparison = compared(ours.only(frozenset(ours.ids) - few), theirs, {"recipes": ROOMY})
    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert "slices that gate: 3 not answered, required every prompt answered" in reason(comparison)


def test_a_slice_that_the_reference_did_not_answer_has_nothing_to_lose_and_meets_no_floor(
    ours: Outputs, theirs: Outputs
) -> None:
    empty = silent(theirs, every=1)
    comparison = compared(silent(ours, every=1), empty, {"recipes": ROOMY})
    assert comparison.verdict is Verdict.NOT_COMPARABLE
    assert reason(comparison).startswith("something to lose in recipes: 100% unusable, required at most 33%")
    judged = judge(empty)
    side = Side(judged, alone(judged), rare_words())
    missed = floors(side, theirs.ids, least_answered=0.5, least_usable=0.8, slices=("recipes", "recipe"))[-2:]
    assert [(floor.observed, floor.met) for floor in missed] == [
        ("0% of 40 prompts", False),
        ("no prompt in recipe", False),
    ]


def test_shorter_answers_are_not_comparable_also_where_a_slice_is_too_small_to_tell(theirs: Outputs) -> None:
    few = {name: "few" if number < 19 else "many" for number, name in enumerate(theirs.ids)}
    reference = replace(theirs, slices=few)
    shorter = with_texts(reference, lambda _, text: " ".join(text.split()[: round(0.6 * len(text.split()))]))
    for slices in ({}, {"few": {Measure.TYPE_DENSITY: 0.2}}):
        assert compared(shorter, reference, slices).verdict is Verdict.NOT_COMPARABLE


def test_a_pass_names_a_slice_that_lost_and_does_not_gate(ours: Outputs, theirs: Outputs) -> None:
    fewer = silent(ours, every=5)
    comparison = compared(fewer, theirs, {})
    assert comparison.verdict is Verdict.PASS
    assert reason(comparison).endswith("; but usable answers in recipes fell 20 points, which does not gate")
    assert "which does not gate" not in reason(compared(fewer, theirs, {"recipes": {Measure.USABLE: 0.5}}))
