"""The gate against itself: damage of several kinds planted in the candidate's own answers, which it must find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailguard.diversity.comparison import compare
from tailguard.diversity.damage import planted
from tailguard.diversity.decision import Limits
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.usable import judge
from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult
from tailguard.domain.measures import Measure
from tailguard.domain.suite import SuiteKind
from tailguard.domain.verdict import Comparison, MeasureComparison, Verdict


@dataclass(frozen=True)
class _Plan:
    """What a kind of damage is planted at (in units of its measure's margin), and the measure that has to show it."""

    measure: Measure
    strengths: tuple[float, ...]


_PLANS = {
    Damage.RARE_WORDS_LOST: _Plan(Measure.RARE_DENSITY, (0.6, 1.25, 3.75)),
    Damage.TAIL_UNANSWERED: _Plan(Measure.USABLE_TAIL, (2.0, 5.0)),
    Damage.LOOPS: _Plan(Measure.USABLE, (2.0, 4.0)),
    Damage.NOISE: _Plan(Measure.USABLE, (2.0, 4.0)),
    Damage.COPIES: _Plan(Measure.USABLE, (2.0, 4.0)),
    Damage.REFUSALS: _Plan(Measure.USABLE, (2.0, 4.0)),
}
_WHOLE = 1.0


def self_test(
    ours: Outputs, again: Outputs, run: str, *, rare_terms: frozenset[str], limits: Limits, seed: int
) -> list[CanaryResult]:
    """Plant each kind of damage around the limit, and make harmless changes; compare each with the candidate as it is.

    Args:
        ours: The candidate's answers.
        again: Its second sample, which it is compared with as well (A/A).
        run: The candidate.
        rare_terms: The suite's rare words.
        limits: Those of the gate.
        seed: Draws which answers are hit.

    Returns:
        A result for each comparison. Damage past the margin and what the comparison can detect has to be blocked, damage past the
        margin must not pass, and what is harmless must not be blocked.
    """
    reference = judge(ours)

    def result(damage: Damage, strength: float, outputs: Outputs) -> CanaryResult:
        comparison = compare(judge(outputs), reference, rare_terms=rare_terms, limits=limits)
        aimed = _aimed_at(damage, comparison)
        loss = -aimed.delta if aimed else 0.0
        expected = _as_expected(damage, strength, aimed, comparison)
        return CanaryResult(
            run=run, kind=damage, strength=strength, loss=loss, verdict=comparison.verdict, as_expected=expected
        )

    results = []
    for damage, strength in _planned(ours, limits):
        outputs = planted(ours, damage, share=strength, rare_terms=rare_terms, seed=seed)
        results.append(result(damage, strength, outputs))
    return [*results, result(Damage.NONE, 0.0, again)]


def _planned(ours: Outputs, limits: Limits) -> Sequence[tuple[Damage, float]]:
    marked = 0 < len(ours.tail) < len(ours.answers)
    continued = ours.kind is SuiteKind.CONTINUATION  # of whose short, wandering texts noise cannot be told
    harmful = [
        (damage, min(_WHOLE, strength * limits.margins[plan.measure]))
        for damage, plan in _PLANS.items()
        if (marked or plan.measure is not Measure.USABLE_TAIL) and (damage is not Damage.NOISE or not continued)
        for strength in plan.strengths
    ]
    return [*harmful, (Damage.OPENING, _WHOLE), (Damage.TYPOGRAPHY, _WHOLE)]


def _aimed_at(damage: Damage, comparison: Comparison) -> MeasureComparison | None:
    """The measure that has to show the damage; of a harmless change, the one that fell furthest towards its limit."""
    plan = _PLANS.get(damage)
    if plan is None:
        return min(comparison.measures, key=lambda measure: measure.delta / measure.margin, default=None)
    return next((measure for measure in comparison.measures if measure.measure is plan.measure), None)


def _as_expected(damage: Damage, strength: float, aimed: MeasureComparison | None, comparison: Comparison) -> bool:
    blocked = comparison.verdict is Verdict.BLOCK
    if damage.harmless:
        return not blocked
    if aimed is None or blocked:
        return True
    # A defect that goes unseen is measured as no loss, so what was planted counts: in answers that were usable before.
    loss = strength * aimed.reference_value if aimed.measure.in_points else -aimed.delta
    return loss <= aimed.margin or (
        loss <= aimed.margin + aimed.detectable_loss and comparison.verdict is not Verdict.PASS
    )
