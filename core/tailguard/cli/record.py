"""`tailguard record`: the record of a run, from which somebody else can repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.options import Run
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def record(
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder to write; new or empty.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the record of a run: a folder from which somebody else can repeat it, with nothing else at hand."""
    from tailguard.handoff import bundle

    done = bundle.write_record(open_workspace(workspace), run, out)
    show(done, f"{run}: {done.files} files in {out}. `tailguard reproduce {out}` repeats it.", as_json=as_json)
