"""`tailguard freeze` and `tailguard unfreeze`: whether a suspect generation may be shipped."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import Reason
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.runs import lineage_of


def freeze(
    generation: Annotated[str, typer.Argument(help="The suspect generation, such as main/3.")],
    reason: Reason,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze a suspect generation: nothing ships it until the quality owner unfreezes it."""
    from tailguard.release.freeze import freeze as freeze_generation

    in_production = freeze_generation(open_workspace(workspace), generation, reason=reason)
    lineage = lineage_of(generation)
    still = f" It is still in production: `tailguard rollback {lineage}` replaces it." if in_production else ""
    show({"frozen": generation, "in_production": in_production}, f"{generation} is frozen.{still}", as_json=as_json)


def unfreeze(
    generation: Annotated[str, typer.Argument(help="A generation that is frozen or was rolled back.")],
    reason: Reason,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Let a frozen generation be shipped again; for the quality owner alone."""
    from tailguard.release.freeze import unfreeze as unfreeze_generation

    state = unfreeze_generation(open_workspace(workspace), generation, reason=reason)
    show({"unfrozen": generation, "state": state}, f"{generation} is no longer frozen; it is {state}.", as_json=as_json)
