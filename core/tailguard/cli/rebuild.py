"""`tailguard rebuild`: a training set again, from its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def rebuild(
    snapshot: Annotated[str, typer.Argument(help="Digest of a training set.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make a training set again from its manifest, to the same bytes."""
    from tailguard.exports.export import write_again

    records = write_again(open_workspace(workspace), snapshot, out)
    show({"file": str(out), "records": records}, f"{records:,} records in {out}, byte for byte.", as_json=as_json)
