"""`tailguard export`: a training set with each record's tag inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def export(
    snapshot: Annotated[str, typer.Argument(help="Digest of a training set.")],
    out: Annotated[Path, typer.Option(help="File or folder to write.")],
    form: Annotated[str, typer.Option("--format", help="parquet, jsonl or hf (Hugging Face folder).")] = "parquet",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write a training set with each record's tag inside."""
    from tailguard.exports.export import export as write

    records = write(open_workspace(workspace), snapshot, form=form, out=out)
    show({"file": str(out), "records": records}, f"{records:,} records with their tags in {out}.", as_json=as_json)
