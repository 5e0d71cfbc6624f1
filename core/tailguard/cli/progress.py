"""Takes a run through its stages with a progress bar on standard error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tailguard.cli.output import show
from tailguard.domain.stages import ORDER

if TYPE_CHECKING:
    from rich.progress import Progress

    from tailguard.workspace import Workspace


def advance_shown(space: Workspace, name: str, until: str, as_json: bool, *, one_stage: bool = False) -> None:
    """Take a run through its stages with a progress bar, and print what came of it; the exit code is that of its gate."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tailguard.pipeline import runner, summary

    if one_stage:
        runner.require_ready(space, name, until)
    last = ORDER.index(until) + 1
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("stage {task.completed:.0f} of {task.total:.0f}"),
        TextColumn("{task.fields[reading]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=as_json,
        transient=True,
    ) as bar:
        runner.advance(space, name, until=until, watch=_Shown(bar, name, last))
    summarized = summary.summarize(space, name)
    show(summarized, summarized.text, as_json=as_json)
    runner.require_passed(space, name)


class _Shown:
    """Shows the stage, and while a batch is read how many records, at which rate, and how long the rest may take."""

    def __init__(self, bar: Progress, name: str, last: int) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=last, reading="")
        self._file = ""
        self._begun = self._records = self._share = 0.0

    def stage(self, run: str, stage: str) -> None:
        self._bar.update(self._task, description=f"{run} {stage}", completed=ORDER.index(stage), reading="")

    def output(self, line: str) -> None:
        from rich.markup import escape

        self._bar.update(self._task, reading=escape("".join(letter for letter in line if letter.isprintable())[:80]))

    def reading(self, file: str, records: int, share: float) -> None:
        now = time.monotonic()
        if file != self._file:
            self._file, self._begun, self._records, self._share = file, now, records, share
        rate = (records - self._records) / max(now - self._begun, 0.1)
        text = f"{records:,} records, {rate:,.0f}/s"
        if share > self._share:
            left = (1 - share) * (now - self._begun) / (share - self._share)
            text += f", {share:.0%}, about {left:,.0f} s left"
        self._bar.update(self._task, reading=text)
