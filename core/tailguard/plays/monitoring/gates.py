"""What the diversity gate decided, how small a planted loss it still blocks, and what the quality owner said to its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult, ComparedMeasure, GateDecision, GateSignedOff
from tailguard.domain.gates import Gate
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Verdict
from tailguard.runlog.view import LogView, Recorded

SHOWN_DAMAGE = Damage.RARE_WORDS_LOST
"""The damage whose size says how sensitive the gate is: the others are planted at a few strengths only."""
UNDECIDED = (Verdict.INCONCLUSIVE, Verdict.NOT_COMPARABLE)


@dataclass(frozen=True, kw_only=True)
class GateSummary:
    """The diversity gate of a lineage in a period. Rates have 90 % intervals; losses are shares of the rare words (0 to 1).

    `blocked` and `undecided` are candidates. Of the `planted` damage, of all kinds, `caught` were blocked; of lost rare words,
    `smallest_caught` is the smallest loss that was, `newest_caught` the last one. `harmless` changes must not be blocked:
    `false_blocks` is the share that was.
    """

    candidates: int
    blocked: int
    block_rate: Interval
    undecided: int
    undecided_share: float
    planted: int
    caught: int
    smallest_caught: float | None
    newest_caught: Recorded[CanaryResult] | None
    harmless: int
    false_blocks: Interval | None


@dataclass(frozen=True, kw_only=True)
class SensitivityCheck:
    """The smallest planted loss that a run's gate blocked (None: none), and the margin of rare words that it stood under; shares
    (0 to 1)."""

    run: str
    loss: float | None
    margin: float | None


def summary(view: LogView, lineage: str, since: datetime | None) -> GateSummary | None:
    """What the gate decided at `since` or later (None: ever); None where it has not decided anything."""
    verdicts = [
        row.fact.verdict for row in view.recorded(GateDecision, of_lineage=lineage, since=since, gate=Gate.DIVERSITY)
    ]
    blocked = verdicts.count(Verdict.BLOCK)
    block_rate = wilson(blocked, len(verdicts))
    if block_rate is None:
        return None
    tests = view.recorded(CanaryResult, of_lineage=lineage, since=since)
    planted = [test for test in tests if not test.fact.kind.harmless]
    caught = [test for test in planted if test.fact.verdict == Verdict.BLOCK]
    measured = [test for test in caught if test.fact.kind is SHOWN_DAMAGE]
    harmless = [test.fact.verdict for test in tests if test.fact.kind.harmless]
    undecided = sum(verdict in UNDECIDED for verdict in verdicts)
    return GateSummary(
        candidates=len(verdicts),
        blocked=blocked,
        block_rate=block_rate,
        undecided=undecided,
        undecided_share=undecided / len(verdicts),
        planted=len(planted),
        caught=len(caught),
        smallest_caught=min((test.fact.loss for test in measured), default=None),
        newest_caught=measured[-1] if measured else None,
        harmless=len(harmless),
        false_blocks=wilson(harmless.count(Verdict.BLOCK), len(harmless)),
    )


def sensitivity(view: LogView, lineage: str, since: datetime | None) -> list[SensitivityCheck]:
    """The self-tests of a lineage's gate with a planted loss, run by run, oldest first.

    A run that was compared with nothing has the margin of the run before it, the first ones that of the first that was.
    """
    tests: dict[str, list[CanaryResult]] = {}
    for row in view.recorded(CanaryResult, of_lineage=lineage, since=since, kind=SHOWN_DAMAGE):
        tests.setdefault(row.fact.run, []).append(row.fact)
    compared = view.recorded(ComparedMeasure, of_lineage=lineage, since=since, measure=Measure.RARE_DENSITY, slice="")
    margins = {row.fact.run: row.fact.margin for row in compared}
    return [
        SensitivityCheck(run=run, loss=_smallest_blocked(of_run), margin=margin)
        for (run, of_run), margin in zip(tests.items(), _filled([margins.get(run) for run in tests]), strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class SignOffs:
    """What the quality owner said to verdicts: every answer, oldest first, and the median time to decide (seconds; None: none)."""

    answers: tuple[Recorded[GateSignedOff], ...]
    median_seconds: float | None

    @property
    def declined(self) -> int:
        """How many of them declined a verdict."""
        return sum(not answer.fact.approved for answer in self.answers)


def sign_offs(
    view: LogView, lineage: str | None, since: datetime | None = None, until: datetime = datetime.max
) -> SignOffs:
    """The answers to a lineage's verdicts (None: to those of all) at `since` or later (None: ever), and before `until`."""
    rows = view.recorded(GateSignedOff, of_lineage=lineage, since=since)
    answers = tuple(row for row in rows if row.recorded < until)
    seconds = [answer.fact.seconds for answer in answers]
    return SignOffs(answers=answers, median_seconds=median(seconds) if seconds else None)


def _smallest_blocked(tests: Sequence[CanaryResult]) -> float | None:
    return min((test.loss for test in tests if test.verdict == Verdict.BLOCK), default=None)


def _filled(margins: Sequence[float | None]) -> list[float | None]:
    last = next((margin for margin in margins if margin is not None), None)
    filled = []
    for margin in margins:
        last = last if margin is None else margin
        filled.append(last)
    return filled
