"""`tailguard ceiling`: how high the ceiling may be on the team's own data."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import Lineage
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

ceiling = typer.Typer(name="ceiling", help="The ceiling: how high may it be on your own data?", no_args_is_help=True)


@ceiling.command("calibrate")
def ceiling_calibrate(
    lineage: Lineage = "main",
    generations: Annotated[int, typer.Option(min=1, max=20, help="Generations of each chain.")] = 4,
    repeats: Annotated[int, typer.Option(min=2, max=50, help="Chains at each share, with seeds of their own.")] = 4,
    margin: Annotated[
        float, typer.Option(min=0.001, max=0.9, help="Loss of rare terms that is still accepted.")
    ] = 0.05,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first chain.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Let small models learn from their own output at several shares, on your own data, and recommend a ceiling."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from tailguard.plays.mixing import ceilings

    space = open_workspace(workspace)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=as_json,
        transient=True,
    ) as bar:
        task = bar.add_task("chains of generations", total=None)
        calibration = ceilings.calibrate(
            space,
            lineage,
            generations=generations,
            repeats=repeats,
            margin=margin,
            workers=workers,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show(calibration, calibration.text, as_json=as_json)


@ceiling.command("law")
def ceiling_law(
    cell: Annotated[int, typer.Argument(min=2, help="Records in the smallest cell that you want to protect.")],
    keep: Annotated[float, typer.Option(min=0.01, max=0.999, help="Share of its variance to keep.")] = 0.95,
    as_json: Json = False,
) -> None:
    """The largest share of synthetic text in closed form, for a cell of so many records refreshed in each generation."""
    from tailguard.experiments.laws import largest_share

    share = largest_share(cell, keep=keep)
    text = f"At most {share:.4f} synthetic keeps {keep:.0%} of the variance of a cell of {cell:,} records."
    show({"cell": cell, "keep": keep, "share": share}, text, as_json=as_json)
