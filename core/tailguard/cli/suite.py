"""`tailguard suite`: the frozen evaluation suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.suite import SuiteKind

suite = typer.Typer(name="suite", help="The frozen evaluation suite.", no_args_is_help=True)


@suite.command("freeze")
def suite_freeze(
    file: Annotated[Path, typer.Argument(help="JSONL with `prompt`, and `id`, `slice`, `tail` where wanted.")],
    name: Annotated[str, typer.Option(help="What the team calls it.")] = "suite",
    kind: Annotated[
        SuiteKind, typer.Option(help="Instructions to be answered, or openings of texts to be continued.")
    ] = SuiteKind.INSTRUCTIONS,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze the evaluation suite, once; at least one prompt must be in a tail slice."""
    from tailguard.plays.monitoring.suite import freeze_suite

    digest = freeze_suite(open_workspace(workspace), file, name=name, kind=kind)
    show({"suite": digest}, f"Suite {name} frozen as {digest[:12]}.", as_json=as_json)


@suite.command("build")
def suite_build(
    out: Annotated[Path, typer.Option(help="JSONL of proposals to write; set `accept` in each, then freeze it.")],
    limit: Annotated[int, typer.Option("--most", min=1, help="Items a slice.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Propose rare-case items from the anchor: rare terms, rare topics, and the minority groups of [suite]."""
    from tailguard.plays.monitoring.suite_proposal import propose

    proposal = propose(open_workspace(workspace), out, limit=limit, seed=seed)
    slices = ", ".join(f"{count} in {name}" for name, count in proposal.slices.items())
    then = "Set `accept` to true or false in each, then `tailguard suite freeze`."
    show(proposal, f"{proposal.items} items proposed in {out}: {slices}. {then}", as_json=as_json)


@suite.command("show")
def suite_show(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """The suite in force: its slices, its age, and how saturated it is."""
    from tailguard.plays.monitoring.suite import current

    in_force = current(open_workspace(workspace))
    show(in_force, in_force.text, as_json=as_json)
