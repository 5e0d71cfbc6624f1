"""The four verdicts and what a comparison of two generations says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate says of a candidate. Only PASS ships."""

    PASS = "PASS"
    BLOCK = "BLOCK"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_COMPARABLE = "NOT COMPARABLE"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict of a whole from the verdicts of its parts: NOT COMPARABLE, then BLOCK, then INCONCLUSIVE outrank PASS.

    Nothing to judge is not good news: an empty list is INCONCLUSIVE.
    """
    for verdict in (Verdict.NOT_COMPARABLE, Verdict.BLOCK, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS if verdicts else Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class MeasureComparison:
    """One primary measure of a candidate against one reference.

    `delta`, `low`, `high` and `margin` are shares of the reference's value (-0.04 is a loss of 4 %); `low` and `high`
    bound a two-sided 1 - 2 alpha interval. `detectable_loss` is the smallest true loss that this comparison would find
    with power .8; `prompts_to_settle` is how many prompts an INCONCLUSIVE would have needed, else None.
    """

    measure: str
    reference_value: float
    candidate_value: float
    delta: float
    low: float
    high: float
    margin: float
    verdict: Verdict
    detectable_loss: float
    prompts_to_settle: int | None


@dataclass(frozen=True)
class SecondaryComparison:
    """A measure that is shown and does not gate: `better` is +1 where more is more diverse, -1 where less is.

    `delta`, `low` and `high` as for a primary measure. `p` is the one-sided p-value of "nothing was lost", `p_holm` the same
    after Holm's correction over all secondary measures of the comparison, and `lost` whether that is below alpha.
    """

    measure: str
    better: int
    reference_value: float
    candidate_value: float
    delta: float
    low: float
    high: float
    p: float
    p_holm: float
    lost: bool


@dataclass(frozen=True)
class SliceComparison:
    """One measure within one slice of the suite; `p_holm` is corrected over all slices and measures. It does not gate."""

    slice: str
    tail: bool
    prompts: int
    measure: str
    delta: float
    low: float
    high: float
    p_holm: float
    lost: bool


@dataclass(frozen=True)
class Guard:
    """A condition without which two sets of outputs cannot be compared, with what was required and what was found.

    One that `yields` only keeps a candidate from passing: where a measure shows a loss, the loss is the verdict.
    """

    name: str
    required: str
    observed: str
    met: bool
    yields: bool = False


@dataclass(frozen=True)
class Comparison:
    """A candidate's outputs against a reference's: guards, then every primary measure, then what does not gate.

    `notes` say what a reader has to know before trusting the verdict. Where a guard failed and the texts could still be
    laid side by side, the measures are there to be read, and the verdict is NOT COMPARABLE all the same.
    """

    prompts: int
    samples_per_prompt: int
    tokens_compared: int
    guards: tuple[Guard, ...]
    measures: tuple[MeasureComparison, ...]
    secondary: tuple[SecondaryComparison, ...] = ()
    slices: tuple[SliceComparison, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """NOT COMPARABLE when a guard failed, else the worst verdict of the measures (an intersection-union test)."""
        measured = worst([measure.verdict for measure in self.measures])
        failed = [guard for guard in self.guards if not guard.met]
        if failed and not (measured is Verdict.BLOCK and all(guard.yields for guard in failed)):
            return Verdict.NOT_COMPARABLE
        return measured

    @property
    def worst_slice(self) -> SliceComparison | None:
        """The slice and measure with the strongest evidence of a loss."""
        return min(self.slices, key=lambda measure: (measure.p_holm, measure.delta), default=None)

    @property
    def deciding(self) -> MeasureComparison | None:
        """The measure that the verdict rests on: of those with the worst verdict, the one with the least room to its margin."""
        if not self.measures:
            return None
        decided = worst([measure.verdict for measure in self.measures])
        return min(
            (measure for measure in self.measures if measure.verdict is decided),
            key=lambda measure: measure.low + measure.margin,
        )
