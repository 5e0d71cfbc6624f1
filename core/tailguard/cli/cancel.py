"""`tailguard cancel`: ends the command that a run waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def cancel(
    run: Annotated[str, typer.Argument(help="The run whose trainer or generator is to end, such as main/3.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """End the command that a run waits for; `tailguard run --resume RUN` begins that stage again."""
    from tailguard.pipeline import runner

    runner.cancel(open_workspace(workspace), run)
    show({"cancelled": run}, f"{run} is asked to end.", as_json=as_json)
