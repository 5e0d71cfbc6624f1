"""`tailguard ship`: puts a generation to work."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def ship(
    generation: Annotated[str, typer.Argument(help="A generation, such as main/3.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Ship a generation that passed its gate, or that a live override covers."""
    from tailguard.release import ship as shipping

    reason = shipping.ship(open_workspace(workspace), generation)
    show({"shipped": generation, "reason": reason}, f"{generation} shipped: {reason}", as_json=as_json)
