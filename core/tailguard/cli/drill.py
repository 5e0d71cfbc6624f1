"""`tailguard drill`: rehearses the response to a collapse."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import LineageName
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

drill = typer.Typer(name="drill", help="Rehearse the response to a collapse, in a sandbox.", no_args_is_help=True)


@drill.command("start")
def drill_start(
    lineage: LineageName,
    seed: Annotated[int, typer.Option(help="Seed of the planted collapse.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Plant a collapse in a copy of the workspace, and see when it is noticed. The next steps are those of an incident."""
    from tailguard.response.drill import start_drill

    done = start_drill(open_workspace(workspace), lineage, seed=seed)
    show(done, done.text, as_json=as_json)
