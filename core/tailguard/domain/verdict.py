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
class Guard:
    """A condition without which two sets of outputs cannot be compared, with what was required and what was found."""

    name: str
    required: str
    observed: str
    held: bool


@dataclass(frozen=True)
class Comparison:
    """A candidate's outputs against a reference's: guards first, then every primary measure."""

    prompts: int
    samples_per_prompt: int
    tokens_compared: int
    guards: tuple[Guard, ...]
    measures: tuple[MeasureComparison, ...]

    @property
    def verdict(self) -> Verdict:
        """NOT COMPARABLE when a guard failed, else the worst verdict of the measures (an intersection-union test)."""
        if any(not guard.held for guard in self.guards):
            return Verdict.NOT_COMPARABLE
        return worst([measure.verdict for measure in self.measures])
