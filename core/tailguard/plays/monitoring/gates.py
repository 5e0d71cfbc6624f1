"""What the diversity gate decided, and how small a planted loss it still blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import CanaryResult, ComparedMeasure, GateDecision
from tailguard.domain.gates import Gate
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.measures import TAIL_RECALL
from tailguard.domain.verdict import Verdict
from tailguard.runlog.view import LogView, Recorded

PLANTED = "planted"
SAME = "A/A"
"""The self-test that compares a candidate with its own second sample."""
UNDECIDED = (Verdict.INCONCLUSIVE, Verdict.NOT_COMPARABLE)


@dataclass(frozen=True, kw_only=True)
class GateSummary:
    """The diversity gate of a lineage in a period. Rates have 90 % intervals; losses are shares of tail recall (0 to 1).

    `blocked` and `undecided` are candidates. Of the `planted` losses `caught` were blocked: `smallest_caught` is the smallest of
    them, `newest_caught` the last one. `self_comparisons` must not be blocked: `false_blocks` is the share that was.
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
    self_comparisons: int
    false_blocks: Interval | None


@dataclass(frozen=True, kw_only=True)
class SensitivityCheck:
    """The smallest planted loss that a run's gate blocked (None: none), and the margin of tail recall that it stood under; shares
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
    planted = [test for test in tests if test.fact.kind == PLANTED]
    caught = [test for test in planted if test.fact.verdict == Verdict.BLOCK]
    same = [test.fact.verdict for test in tests if test.fact.kind == SAME]
    undecided = sum(verdict in UNDECIDED for verdict in verdicts)
    return GateSummary(
        candidates=len(verdicts),
        blocked=blocked,
        block_rate=block_rate,
        undecided=undecided,
        undecided_share=undecided / len(verdicts),
        planted=len(planted),
        caught=len(caught),
        smallest_caught=min((test.fact.loss for test in caught), default=None),
        newest_caught=caught[-1] if caught else None,
        self_comparisons=len(same),
        false_blocks=wilson(same.count(Verdict.BLOCK), len(same)),
    )


def sensitivity(view: LogView, lineage: str, since: datetime | None) -> list[SensitivityCheck]:
    """The self-tests of a lineage's gate with a planted loss, run by run, oldest first.

    A run that was compared with nothing has the margin of the run before it, the first ones that of the first that was.
    """
    tests: dict[str, list[CanaryResult]] = {}
    for row in view.recorded(CanaryResult, of_lineage=lineage, since=since, kind=PLANTED):
        tests.setdefault(row.fact.run, []).append(row.fact)
    compared = view.recorded(ComparedMeasure, of_lineage=lineage, since=since, measure=TAIL_RECALL)
    margins = {row.fact.run: row.fact.margin for row in compared}
    return [
        SensitivityCheck(run=run, loss=_smallest_blocked(of_run), margin=margin)
        for (run, of_run), margin in zip(tests.items(), _filled([margins.get(run) for run in tests]), strict=True)
    ]


def _smallest_blocked(tests: Sequence[CanaryResult]) -> float | None:
    return min((test.loss for test in tests if test.verdict == Verdict.BLOCK), default=None)


def _filled(margins: Sequence[float | None]) -> list[float | None]:
    last = next((margin for margin in margins if margin is not None), None)
    filled = []
    for margin in margins:
        last = last if margin is None else margin
        filled.append(last)
    return filled
