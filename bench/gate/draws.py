"""Many comparisons of one setting: how often each measure's interval held the truth, and what was decided."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from rich.table import Table

from bench.gate.workers import workers
from tailguard.diversity.report import Report
from tailguard.domain.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Change:
    """One measure of one draw; the measure's change is a share or in points, as the measure has it."""

    measure: str
    delta: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One comparison."""

    verdict: Verdict
    changes: tuple[Change, ...]


class Setting(Protocol):
    """What is drawn again and again; the same number, the same draw. Its text is the title of its table."""

    @property
    def times(self) -> int:
        """How many draws."""
        ...

    @property
    def damaged(self) -> bool:
        """Whether something is planted; otherwise the truth is 0."""
        ...

    def drawn(self, number: int) -> Draw:
        """One comparison."""
        ...


def run(settings: Iterable[Setting], *, times: int | None, processes: int, out: Path | None) -> Iterator[Table]:
    """A table of each setting when it is drawn, `times` times or as often as it says; `out` gets every interval as CSV."""
    found: list[tuple[str, list[Draw]]] = []
    with workers(processes) as pool:
        for setting in settings:
            draws = list(pool.map(setting.drawn, range(times or setting.times)))
            found.append((str(setting), draws))
            if out:
                write(found, out)
            yield summary(str(setting), draws, damaged=setting.damaged)


def draw_of(report: Report) -> Draw:
    """The verdict and each measure's interval."""
    return Draw(
        verdict=report.verdict,
        changes=tuple(
            Change(
                measure=str(measure.measure),
                delta=measure.delta,
                low=measure.low,
                high=measure.high,
                verdict=measure.verdict,
            )
            for measure in report.comparison.measures
        ),
    )


def summary(title: str, draws: Sequence[Draw], *, damaged: bool) -> Table:
    """How often each measure's interval held the truth, where it missed, and how often it passed were its margin the truth.

    The truth is 0 where nothing is damaged, else the mean of the changes.
    """
    verdicts = Counter(draw.verdict for draw in draws)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    table = Table(
        "measure", "truth", "interval holds it", "all below", "all above (5 %)", "half-width", "passes", "blocks",
        title=f"{title}: {len(draws)} draws: {counts}",
    )  # fmt: skip
    for measure in dict.fromkeys(change.measure for draw in draws for change in draw.changes):
        changes = [change for draw in draws for change in draw.changes if change.measure == measure]
        delta, low, high = np.array([(change.delta, change.low, change.high) for change in changes]).T
        truth = float(delta.mean()) if damaged else 0.0
        passes, blocks = (
            np.mean([change.verdict is verdict for change in changes]) for verdict in (Verdict.PASS, Verdict.BLOCK)
        )
        table.add_row(
            measure, f"{truth:+.1%}", f"{((low <= truth) & (truth <= high)).mean():.1%}", f"{(high < truth).mean():.1%}",
            f"{(low > truth).mean():.1%}", f"{np.median(high - low) / 2:.1%}", f"{passes:.0%}", f"{blocks:.0%}",
        )  # fmt: skip
    return table


def write(found: Sequence[tuple[str, Sequence[Draw]]], path: Path) -> None:
    """Every interval of every draw as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("setting", "draw", "verdict", "measure", "delta", "low", "high", "verdict of the measure"))
        for title, draws in found:
            for number, draw in enumerate(draws):
                for change in draw.changes:
                    table.writerow((title, number, draw.verdict, *astuple(change)))
