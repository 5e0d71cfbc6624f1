"""`tailguard check`: may a training job use a snapshot?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


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
    text = f"{word} {answer.run} {answer.snapshot[:12]}: {answer.reason}"
    show(answer, text + (f"\n{answer.statement}" if answer.statement else ""), as_json=as_json)
    raise typer.Exit(answer.exit_code)
