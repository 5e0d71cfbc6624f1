"""Mixing: the anchor set, clearance for training jobs, audits, what two sets do not share, and the ceiling's calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.cli.work import Lineage, advance_shown

anchor = typer.Typer(help="The frozen human anchor set.", no_args_is_help=True)
ceiling = typer.Typer(help="The ceiling: how high may it be on your own data?", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with verified human records in `text`.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.add_typer(anchor, name="anchor")
    app.command()(check)
    app.command()(key)
    app.command()(audit)
    app.command()(diff)
    app.command()(retrain)
    app.add_typer(ceiling, name="ceiling")


@anchor.command("freeze")
def anchor_freeze(
    file: File,
    name: Annotated[str, typer.Option(help="What the team calls it.")] = "anchor",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze the human anchor set, once."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.mixing import anchor

    digest = anchor.freeze(open_workspace(workspace), file, name=name, reader=reader_for(str(file)), columns=WHOLE)
    show({"anchor": digest}, f"Anchor {name} frozen as {digest[:12]}.", as_json=as_json)


@anchor.command("add")
def anchor_add(file: File, reason: Reason, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Add verified human records, within the year's bound."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.mixing import anchor

    space = open_workspace(workspace)
    count = anchor.add(space, file, reason=reason, reader=reader_for(str(file)), columns=WHOLE)
    show({"added": count}, f"{count:,} records added.\n{anchor.show(space).text}", as_json=as_json)


@anchor.command("retire")
def anchor_retire(
    records: Annotated[list[str], typer.Argument(help="Record ids, or their beginnings.")],
    reason: Reason,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take records out of the anchor, within the year's bound."""
    from tailguard.plays.mixing import anchor

    space = open_workspace(workspace)
    count = anchor.retire(space, records, reason=reason)
    show({"retired": count}, f"{count:,} records retired.\n{anchor.show(space).text}", as_json=as_json)


@anchor.command("verify")
def anchor_verify(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Hold the anchor against its digest, record by record; what was found is recorded."""
    from tailguard.plays.mixing import anchor

    count = anchor.verify(open_workspace(workspace))
    show({"records": count, "intact": True}, f"All {count:,} anchor records are what they were.", as_json=as_json)


@anchor.command("show")
def anchor_show(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Its age, its slices, what may still change this year, and whether it is stale or thin."""
    from tailguard.plays.mixing import anchor

    found = anchor.show(open_workspace(workspace))
    show(found, found.text, as_json=as_json)


def check(
    lineage: Annotated[str, typer.Option("--lineage", "-l", help="The line of generations.")],
    snapshot: Annotated[str, typer.Option("--snapshot", "-s", help="Digest of the training set, or its beginning.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the signed clearance; default: the workspace's clearances/.")
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """May a training job use this snapshot? Exit code 0 or 3; make it the first line of the job."""
    from tailguard.plays.mixing import clearance

    answer = clearance.check(open_workspace(workspace), lineage=lineage, snapshot=snapshot, out=out)
    word = "CLEARED" if answer.allowed else "BLOCKED"
    told = f"{word} {answer.run} {answer.snapshot[:12]}: {answer.reason}"
    show(answer, told + (f"\n{answer.statement}" if answer.statement else ""), as_json=as_json)
    raise typer.Exit(answer.exit_code)


def key(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Print the public key by which clearances are verified, for those who have no workspace."""
    from tailguard.plays.mixing import clearance, statement

    pem = statement.public_key(open_workspace(workspace).root / clearance.KEYS)
    show({"key": pem.decode(), "id": statement.key_id(pem)}, pem.decode().rstrip(), as_json=as_json)


def audit(
    run: Annotated[str, typer.Argument(help="The run, such as main/3.")],
    note: Annotated[str, typer.Option(help="What was looked at.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not sign.")] = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Sign a run's training set as data lead: the second role, beside the engineer who ran it."""
    from tailguard.plays.mixing import audit as auditing

    auditing.audit(open_workspace(workspace), run, signed=not refuse, note=note)
    show({"run": run, "signed": not refuse}, f"{run}: {'refused' if refuse else 'signed'}.", as_json=as_json)


def diff(
    first: Annotated[str, typer.Argument(help="A run, or the digest of its training set.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """What two training sets do not share."""
    from tailguard.plays.mixing import difference

    found = difference.difference(open_workspace(workspace), first, second)
    show(found, found.text, as_json=as_json)


def retrain(
    lineage: Lineage = "main",
    synthetic_share: Annotated[
        float, typer.Option(min=0, max=1, help="Synthetic share of this run's own records.")
    ] = 0.0,
    without: Annotated[list[str] | None, typer.Option(help="A source to leave out; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of training and sampling.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Train again from the anchor and the human text that is there, without model-made text: the way out of a collapse."""
    from tailguard.domain.recipe import Recipe
    from tailguard.pipeline import runner

    space = open_workspace(workspace)
    recipe = Recipe(synthetic_share, without=tuple(without or ()), from_anchor=True)
    name = runner.start(space, lineage, [], recipe=recipe, seed=seed)
    advance_shown(space, name, "handoff", as_json)


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
        found = ceilings.calibrate(
            space,
            lineage,
            generations=generations,
            repeats=repeats,
            margin=margin,
            workers=workers,
            seed=seed,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show(found, found.text, as_json=as_json)


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
