"""A whole comparison for people and scripts: verdict and reason, every measure, what was lost and what was gained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tailguard.diversity.comparison import RESAMPLES, Limits, compare
from tailguard.diversity.lost import Shift, lost_and_gained
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.secondary import secondary
from tailguard.domain.verdict import Comparison, MeasureComparison, Verdict

FORMAT = "tailguard-comparison/1"


@dataclass(frozen=True)
class Report:
    """A candidate held against one reference. `rarity` says how rare words were told."""

    candidate: str
    reference: str
    rarity: str
    comparison: Comparison
    lost: tuple[Shift, ...]
    gained: tuple[Shift, ...]

    @property
    def verdict(self) -> Verdict:
        """What the comparison says."""
        return self.comparison.verdict

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return reason(self.comparison, f"against {self.reference}")

    def content(self) -> dict[str, Any]:
        """Everything as plain values; JSON of format `tailguard-comparison/1`."""
        values = asdict(self.comparison)
        worst = self.comparison.worst_slice
        for measure in values["measures"]:
            measure["high"] = measure["high"] if measure["high"] != float("inf") else None
        return {
            "format": FORMAT,
            "candidate": self.candidate,
            "reference": self.reference,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "rare_words": self.rarity,
            **values,
            "worst_slice": asdict(worst) if worst else None,
            "lost": [asdict(shift) for shift in self.lost],
            "gained": [asdict(shift) for shift in self.gained],
        }


def full_report(
    candidate: Outputs,
    reference: Outputs,
    *,
    names: tuple[str, str],
    rare_terms: frozenset[str],
    rarity: str,
    limits: Limits,
    seed: int,
    anchor: Mapping[str, int] | None = None,
    resamples: int = RESAMPLES,
) -> Report:
    """Compare on every measure. `names` are the candidate's and the reference's; `anchor` counts the anchor's words.

    Same arguments, same report.
    """
    compared = compare(candidate, reference, rare_terms=rare_terms, limits=limits, seed=seed, resamples=resamples)
    shown = secondary(candidate, reference, alpha=limits.alpha, seed=seed, anchor=anchor) if compared.measures else ()
    return Report(
        *names,
        rarity,
        replace(compared, secondary=shown),
        *lost_and_gained(candidate, reference, rare_terms=rare_terms),
    )


def reason(comparison: Comparison, against: str) -> str:
    """Why a comparison came to its verdict, in one sentence."""
    measure = comparison.deciding
    if comparison.verdict is Verdict.NOT_COMPARABLE:
        failed = [guard for guard in comparison.guards if not guard.met]
        why = "; ".join(f"{guard.name} is {guard.observed}, required {guard.required}" for guard in failed)
        past = measure is not None and measure.verdict is Verdict.BLOCK
        also = f". Laid side by side all the same, {told(measure)}" if measure and past else ""
        return f"not comparable {against}: {why}{also}"
    if measure is None:
        return f"cannot tell {against}: there is nothing to measure"
    if measure.verdict is Verdict.PASS:
        return f"no primary measure fell past its margin; closest is {told(measure)} {against}"
    if measure.verdict is Verdict.BLOCK:
        return f"{told(measure)} {against}"
    if measure.high == float("inf"):
        return f"cannot tell: too little to measure {measure.measure} {against} ({comparison.prompts} prompts)"
    settle = (
        f"about {measure.prompts_to_settle:,} prompts would settle it"
        if measure.prompts_to_settle
        else "it is so close to the margin that more prompts would not settle it"
    )
    return f"cannot tell: {told(measure)} {against}; {settle}"


def told(measure: MeasureComparison) -> str:
    """A measure's change with its interval and margin."""
    direction = "fell" if measure.delta < 0 else "rose"
    return (
        f"{measure.measure} {direction} {abs(measure.delta):.1%} "
        f"(90 % interval {measure.low:+.1%} to {measure.high:+.1%}, margin {measure.margin:.0%})"
    )
