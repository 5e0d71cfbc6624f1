"""A whole comparison for people and scripts: verdict and reason, every measure, what was lost and what was gained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tailguard.diversity.comparison import compare
from tailguard.diversity.decision import Limits
from tailguard.diversity.lost import Shift, lost_and_gained
from tailguard.diversity.secondary import secondary
from tailguard.diversity.usable import Judged, on_shared_prompts
from tailguard.domain.changes import interval, size
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Comparison, MeasureComparison, Unusable, Verdict
from tailguard.domain.wording import counted

FORMAT = "tailguard-comparison/2"
_NAMED = 3


@dataclass(frozen=True)
class Report:
    """A candidate compared with one reference. `rarity` says which words count as rare."""

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
        """Why, in a sentence."""
        return reason(self.comparison)

    def content(self) -> dict[str, Any]:
        """Everything as plain values; JSON of format `tailguard-comparison/2`."""
        values = asdict(self.comparison)
        worst = self.comparison.worst_slice
        for measure, compared in zip(values["measures"], self.comparison.measures, strict=True):
            measure["high"] = compared.high if math.isfinite(compared.high) else None
            measure["title"], measure["points"] = compared.label, compared.measure.in_points
        for unusable, defect in zip(values["unusable"], self.comparison.unusable, strict=True):
            unusable["title"] = defect.defect.label
        for part, compared_slice in zip(values["slices"], self.comparison.slices, strict=True):
            part["title"] = compared_slice.measure.label
        return {
            "format": FORMAT,
            "candidate": self.candidate,
            "reference": self.reference,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "rare_words": self.rarity,
            **values,
            "worst_slice": {**asdict(worst), "title": worst.measure.label} if worst else None,
            "lost": [asdict(shift) for shift in self.lost],
            "gained": [asdict(shift) for shift in self.gained],
        }


def full_report(
    candidate: Judged,
    reference: Judged,
    *,
    names: tuple[str, str],
    rare_terms: frozenset[str],
    rarity: str,
    limits: Limits,
    seed: int,
    anchor: Mapping[str, int] | None = None,
    in_depth: bool = True,
) -> Report:
    """Compare on every measure. `names` are the candidate's and the reference's; `anchor` counts the anchor's words; `seed` draws
    the groups of prompts that the secondary measures are taken in; `in_depth` asks for these and for what was lost and gained.

    Same arguments, same report.
    """
    compared = compare(candidate, reference, rare_terms=rare_terms, limits=limits)
    if not in_depth or not compared.measures:
        return Report(*names, rarity, compared, (), ())
    ours, theirs = on_shared_prompts(candidate, reference)
    shown = secondary(ours.outputs, theirs.outputs, alpha=limits.alpha, seed=seed, anchor=anchor)
    return Report(
        *names, rarity, replace(compared, secondary=shown), *lost_and_gained(ours, theirs, rare_terms=rare_terms)
    )


def reason(comparison: Comparison) -> str:
    """Why a comparison came to its verdict: a clause that follows the name of the candidate and a colon."""
    measure = comparison.deciding
    match comparison.verdict:
        case Verdict.NOT_COMPARABLE:
            return _not_comparable(comparison)
        case Verdict.BLOCK if measure:
            return _lost(comparison)
        case Verdict.PASS if measure:
            return _passed(comparison)
        case _ if measure is None:
            return "there is nothing to measure"
        case _ if not math.isfinite(measure.high):
            prompts = f"{measure.prompts:,} prompts"
            return f"could not tell: there is too little text to measure {measure.label} ({prompts})"
        case _:
            settle = (
                f"about {measure.prompts_to_settle:,} prompts {f'in {measure.slice} ' if measure.slice else ''}would settle it"
                if measure.prompts_to_settle
                else "it is so close to the limit that more prompts would not settle it"
            )
            undecided = sum(other.verdict is Verdict.INCONCLUSIVE for other in comparison.measures) - 1
            more = (
                f"; {counted(undecided, 'other measure is', 'other measures are')} undecided as well"
                if undecided
                else ""
            )
            return f"could not tell: {change(measure)}; {settle}{more}"


def _not_comparable(comparison: Comparison) -> str:
    failed = [guard for guard in comparison.guards if not guard.met]
    if failed:
        return "; ".join(f"{guard.name}: {guard.observed}, required {guard.required}" for guard in failed)
    lost = ", ".join(change(measure) for measure in comparison.measures if measure.verdict is Verdict.BLOCK)
    return (
        f"answers are {1 - comparison.length:.0%} shorter, as rich word for word, and hold less between them: {lost}. Ask for "
        "answers of the reference's length, and compare again"
    )


def _passed(comparison: Comparison) -> str:
    """The largest drop in units of its limit, where there is one."""
    largest = min(comparison.measures, key=lambda measure: measure.delta / measure.margin)
    if largest.delta >= 0:
        return f"no measure fell{_slice_lost(comparison)}"
    return f"no loss exceeds its limit; largest drop: {change(largest)}{_slice_lost(comparison)}"


def _slice_lost(comparison: Comparison) -> str:
    """The slice that most surely lost something, more than all prompts may, and does not gate; empty where there is none."""
    gating = {(measure.slice, measure.measure) for measure in comparison.measures}
    margins = {measure.measure: measure.margin for measure in comparison.measures if not measure.slice}
    lost = [
        part
        for part in comparison.slices
        if part.lost and -part.delta > margins[part.measure] and (part.slice, part.measure) not in gating
    ]
    worst = min(lost, key=lambda part: (part.p_holm, part.delta), default=None)
    if worst is None:
        return ""
    return (
        f"; but {worst.measure.within(worst.slice)} fell {size(worst.measure, abs(worst.delta))}, which does not gate"
    )


def _lost(comparison: Comparison) -> str:
    """The losses past their limit, the largest in units of its limit first, and what is unusable where that is one of them."""
    lost = sorted(
        (measure for measure in comparison.measures if measure.verdict is Verdict.BLOCK),
        key=lambda measure: measure.delta / measure.margin,
    )
    named = "; ".join(change(measure) for measure in lost[:_NAMED])
    more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    whole = [measure.measure for measure in lost if not measure.slice]
    unusable = Measure.USABLE in whole or Measure.USABLE_TAIL in whole
    return f"{named}{more}" + (f". {unusable_answers(comparison.unusable)}" if unusable else "")


def unusable_answers(unusable: tuple[Unusable, ...]) -> str:
    """What share of the candidate's answers is unusable and why, beside the reference's."""
    ours, theirs = (
        sum(shares) for shares in zip(*((u.candidate_share, u.reference_share) for u in unusable), strict=True)
    )
    kinds = ", ".join(f"{part.candidate_share:.1%} {part.defect.label}" for part in unusable if part.candidate_share)
    return f"{ours:.1%} of the candidate's answers are unusable, {theirs:.1%} of the reference's: {kinds}"


def change(measure: MeasureComparison) -> str:
    """A measure's change with its interval and limit."""
    what, direction = measure.measure, "fell" if measure.delta < 0 else "rose"
    amount, limit = size(what, abs(measure.delta)), size(what, measure.margin)
    return (
        f"{measure.label} {direction} {amount} ({measure.confidence:.0%} interval "
        f"{interval(what, measure.low, measure.high)}, limit {limit})"
    )
