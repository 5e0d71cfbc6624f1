"""`tailguard report`: the monthly pack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def report(
    out: Annotated[Path, typer.Option(help="File to write, .html or .pdf.")],
    month: Annotated[
        str | None, typer.Option(help="Year and month, such as 2026-10; default: that of the newest run.")
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the monthly pack: overview, trends, gates, overrides and plays in one file."""
    from tailguard.reports import monthly
    from tailguard.store.writing import write_atomically

    space = open_workspace(workspace)
    chosen = month or monthly.newest_month(space)
    write_atomically(out, monthly.report(space, chosen, form=out.suffix.removeprefix(".")))
    show({"file": str(out), "month": chosen}, f"The pack of {chosen} is in {out}.", as_json=as_json)
