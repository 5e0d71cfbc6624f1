"""The workflow: run for all stages, and each stage by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.stages import ORDER
from tailguard.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from tailguard.stages.intake import BatchRequest
    from tailguard.workspace import Workspace

Lineage = Annotated[str, typer.Option("--lineage", "-l", help="The line of generations, as the policy names it.")]
Batches = Annotated[
    list[str] | None,
    typer.Option(
        "--batch",
        "-b",
        help="SOURCE:ORIGIN:FILE; origin human, ai, mixed, unknown, or empty for what the source's contract says; "
        "FILE is a file, a folder or an fsspec address. May be repeated.",
    ),
]
Share = Annotated[
    float | None, typer.Option("--synthetic-share", min=0, max=1, help="Synthetic share to aim at; default: what fits.")
]
NoAnchor = Annotated[bool, typer.Option("--no-anchor", help="Leave the anchor out (stopped, except in observe mode).")]
NoEarlier = Annotated[bool, typer.Option("--no-earlier-human", help="Leave out the human records of earlier sets.")]
Seed = Annotated[int, typer.Option(help="Seed of training and sampling.")]
RunName = Annotated[str | None, typer.Option("--run", help="The run, such as main/3; default: the lineage's newest.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(run)
    app.command()(intake)
    app.command()(cancel)
    for stage in ORDER[1:]:
        app.command(stage, help=f"Take a run through `{stage}`, after the stages ahead of it.")(_stage_command(stage))


def run(
    lineage: Lineage = "main",
    batch: Batches = None,
    synthetic_share: Share = None,
    no_anchor: NoAnchor = False,
    no_earlier_human: NoEarlier = False,
    seed: Seed = 0,
    resume: Annotated[str | None, typer.Option(help="Go on with this run after its last finished stage.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take records through all stages: intake, score, compose, train, evaluate, gate, handoff."""
    from tailguard.pipeline import runner

    space = open_workspace(workspace)
    name = resume or _start(space, lineage, batch or [], synthetic_share, no_anchor, no_earlier_human, seed)
    advance_shown(space, name, runner.last_stage(space.policy()), as_json)


def intake(
    lineage: Lineage = "main",
    batch: Batches = None,
    synthetic_share: Share = None,
    no_anchor: NoAnchor = False,
    no_earlier_human: NoEarlier = False,
    seed: Seed = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Begin a run: read batches, tag every record, hold what cannot be told."""
    space = open_workspace(workspace)
    name = _start(space, lineage, batch or [], synthetic_share, no_anchor, no_earlier_human, seed)
    advance_shown(space, name, "intake", as_json)


def cancel(
    run: Annotated[str, typer.Argument(help="The run whose trainer or generator is to end, such as main/3.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """End the command that a run waits for; `tailguard run --resume RUN` begins that stage again."""
    from tailguard.pipeline import runner

    runner.cancel(open_workspace(workspace), run)
    show({"cancelled": run}, f"{run} is asked to end.", as_json=as_json)


def _stage_command(stage: str) -> Callable[..., None]:
    def command(
        lineage: Lineage = "main", run: RunName = None, workspace: WorkspaceFolder = None, as_json: Json = False
    ) -> None:
        space = open_workspace(workspace)
        advance_shown(space, run or _newest(space, lineage), stage, as_json, only=True)

    return command


def _start(
    space: Workspace,
    lineage: str,
    batches: list[str],
    share: float | None,
    no_anchor: bool,
    no_earlier_human: bool,
    seed: int,
) -> str:
    from tailguard.domain.recipe import Recipe
    from tailguard.pipeline import runner

    recipe = Recipe(share, anchor=not no_anchor, earlier_human=not no_earlier_human)
    return runner.start(space, lineage, [_batch(text) for text in batches], recipe=recipe, seed=seed)


def _batch(text: str) -> BatchRequest:
    from tailguard.domain.tags import Origin
    from tailguard.stages.intake import BatchRequest

    source, _, rest = text.partition(":")
    origin, _, file = rest.partition(":")
    if not source or not file or origin not in {"", *Origin}:
        raise InputError(f"--batch is SOURCE:ORIGIN:FILE with origin human, ai, mixed or unknown, found {text!r}.")
    address = file if "://" in file else str(Path(file).resolve())
    return BatchRequest(address, source, origin or Origin.UNKNOWN)


def _newest(space: Workspace, lineage: str) -> str:
    from tailguard.runlog.queries import runs_of

    with space.log.reading() as connection:
        runs = runs_of(connection, lineage)
    if not runs:
        raise InputError(f"Lineage {lineage} has no run yet. Begin one with `tailguard intake` or `tailguard run`.")
    return runs[-1].fact.run


def advance_shown(space: Workspace, name: str, until: str, as_json: bool, *, only: bool = False) -> None:
    """Take a run through its stages with a progress bar, and print what came of it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tailguard.pipeline import runner

    if only:
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
    report = runner.report(space, name)
    show(report, report.text, as_json=as_json)


class _Shown:
    """Shows the stage, and while a batch is read how many records, at which rate, and how long the rest may take."""

    def __init__(self, bar: Progress, name: str, last: int) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=last, reading="")
        self._file = ""
        self._begun = self._records = self._share = 0.0

    def stage(self, run: str, stage: str) -> None:
        self._bar.update(self._task, description=f"{run} {stage}", completed=ORDER.index(stage), reading="")

    def said(self, line: str) -> None:
        from rich.markup import escape

        self._bar.update(self._task, reading=escape("".join(one for one in line if one.isprintable())[:80]))

    def reading(self, file: str, records: int, share: float) -> None:
        now = time.monotonic()
        if file != self._file:
            self._file, self._begun, self._records, self._share = file, now, records, share
        rate = (records - self._records) / max(now - self._begun, 0.1)
        told = f"{records:,} records, {rate:,.0f}/s"
        if share > self._share:
            left = (1 - share) * (now - self._begun) / (share - self._share)
            told += f", {share:.0%}, about {left:,.0f} s left"
        self._bar.update(self._task, reading=told)
