"""The verdicts and what a comparison of two generations says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tailguard.domain.defects import Defect
from tailguard.domain.measures import Measure


class Verdict(StrEnum):
    """What a gate says of a candidate. PASS and BASELINE ship.

    BASELINE is the verdict on a first generation: there was nothing to compare it with, and its answers meet the absolute floors.
    """

    PASS = "PASS"
    BASELINE = "BASELINE"
    BLOCK = "BLOCK"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_COMPARABLE = "NOT COMPARABLE"

    @property
    def ships(self) -> bool:
        """Whether a candidate with this verdict may ship."""
        return self in SHIPS


SHIPS = (Verdict.PASS, Verdict.BASELINE)
"""The verdicts with which a candidate may ship."""


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a whole from the verdicts of its parts: BLOCK, NOT COMPARABLE, INCONCLUSIVE and BASELINE outrank PASS.

    Nothing to judge is not good news: an empty list is INCONCLUSIVE.
    """
    order = (Verdict.BLOCK, Verdict.NOT_COMPARABLE, Verdict.INCONCLUSIVE, Verdict.BASELINE, Verdict.PASS)
    return next((verdict for verdict in order if verdict in verdicts), Verdict.INCONCLUSIVE)


@dataclass(frozen=True)
class MeasureComparison:
    """One gating measure of a candidate against one reference.

    `delta`, `low`, `high` and `margin` are shares of the reference's value (-0.04 is a loss of 4 %), or differences of two shares
    where the measure is `in_points`; `low` and `high` bound a two-sided interval of the `confidence` given (0 to 1).
    `detectable_loss` is the smallest true loss that this comparison would find with power .8; `prompts_to_settle` is how many
    prompts an INCONCLUSIVE would have needed, else None. `prompts` counts those that it is over: those of the `slice`, or all
    where that is empty.
    """

    measure: Measure
    reference_value: float
    candidate_value: float
    delta: float
    low: float
    high: float
    margin: float
    verdict: Verdict
    detectable_loss: float
    prompts_to_settle: int | None
    prompts: int
    confidence: float
    slice: str = ""

    @property
    def label(self) -> str:
        """What people call it."""
        return self.measure.within(self.slice)


@dataclass(frozen=True)
class Unusable:
    """Answers with one defect: the share (0 to 1) of either side's answers that have it, and a few of the candidate's."""

    defect: Defect
    reference_share: float
    candidate_share: float
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Example:
    """An answer to a prompt, both cut to a length that can be read at a glance."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class SecondaryComparison:
    """A measure that is shown and does not gate: `better` is +1 where more is more diverse, -1 where less is.

    `delta`, `low` and `high` as for a gating measure. `p` is the one-sided p-value of "nothing was lost", `p_holm` the same
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
    """One measure within one slice of the suite, to be shown; `p_holm` is corrected over all slices and measures."""

    slice: str
    tail: bool
    prompts: int
    measure: Measure
    delta: float
    low: float
    high: float
    p_holm: float
    lost: bool


@dataclass(frozen=True)
class Guard:
    """A condition without which two sets of outputs cannot be compared, with what was required and what was found."""

    name: str
    required: str
    observed: str
    met: bool


@dataclass(frozen=True)
class Comparison:
    """A candidate's outputs against a reference's: guards, then every gating measure, then what does not gate.

    `length` is the candidate's mean number of words over the reference's. `notes` say what a reader has to know before trusting
    the verdict. Where a guard failed and the texts could still be laid side by side, the measures are there to be read, and the
    verdict is NOT COMPARABLE all the same.
    """

    prompts: int
    samples_per_prompt: int
    length: float
    guards: tuple[Guard, ...]
    measures: tuple[MeasureComparison, ...]
    unusable: tuple[Unusable, ...] = ()
    secondary: tuple[SecondaryComparison, ...] = ()
    slices: tuple[SliceComparison, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """NOT COMPARABLE when a guard failed or shorter answers alone explain the loss, else the worst verdict of the measures
        (an intersection-union test)."""
        if not all(guard.met for guard in self.guards) or self.explained_by_length:
            return Verdict.NOT_COMPARABLE
        return worst([measure.verdict for measure in self.measures])

    @property
    def explained_by_length(self) -> bool:
        """Whether the candidate only lost what shorter answers lose: fewer words prompt for prompt, as many word for word."""
        lost = [measure.measure for measure in self.measures if measure.verdict is Verdict.BLOCK]
        whole = [measure for measure in self.measures if not measure.slice]
        dense = [measure.verdict for measure in whole if measure.measure in _DENSITIES]
        return (
            bool(lost)
            and all(measure.grows_with_length for measure in lost)
            and set(dense) == {Verdict.PASS}
            and self.length < _SHORTER
        )

    @property
    def worst_slice(self) -> SliceComparison | None:
        """The slice and measure with the strongest evidence of a loss."""
        return min(self.slices, key=lambda measure: (measure.p_holm, measure.delta), default=None)

    @property
    def deciding(self) -> MeasureComparison | None:
        """The measure that the verdict rests on: of those with the worst verdict, the one that is furthest past its margin, or
        closest to it, in units of the margin."""
        decided = worst([measure.verdict for measure in self.measures])
        return min(
            (measure for measure in self.measures if measure.verdict is decided),
            key=lambda measure: measure.low / measure.margin,
            default=None,
        )


_SHORTER = 0.9
_DENSITIES = frozenset({Measure.RARE_DENSITY, Measure.TYPE_DENSITY, Measure.PAIR_DENSITY})
