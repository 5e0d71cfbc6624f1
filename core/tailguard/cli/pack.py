"""`tailguard pack`: the evidence pack of a generation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def pack(
    generation: Annotated[str, typer.Argument(help="The generation that the pack is about, such as main/3.")],
    out: Annotated[Path, typer.Option(help="ZIP file to write.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make the evidence pack: reports, overrides, minutes, plays, drills, cards, bill of materials, EU summary, verification."""
    from tailguard.reports import pack as packing
    from tailguard.store.writing import write_atomically

    made = packing.make(open_workspace(workspace), generation)
    write_atomically(out, made.content)
    text = f"{len(made.files)} files in {out}, manifest {made.manifest[:12]}."
    show({"file": str(out), "manifest": made.manifest, "files": made.files}, text, as_json=as_json)
