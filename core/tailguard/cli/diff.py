"""`tailguard diff`: what two training sets do not share."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def diff(
    first: Annotated[str, typer.Argument(help="A run, or the digest of its training set.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """What two training sets do not share."""
    from tailguard.plays.mixing import difference

    unshared = difference.difference(open_workspace(workspace), first, second)
    show(unshared, unshared.text, as_json=as_json)
