"""`tailguard anchor`: the frozen human anchor set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

anchor = typer.Typer(name="anchor", help="The frozen human anchor set.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with verified human records in `text`.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the log.")]


@anchor.command("freeze")
def anchor_freeze(
    file: File,
    name: Annotated[str, typer.Option(help="What the team calls it.")] = "anchor",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze the human anchor set, once."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.mixing import anchor

    digest = anchor.freeze(open_workspace(workspace), file, name=name, reader=reader_for(str(file)), columns=WHOLE)
    show({"anchor": digest}, f"Anchor {name} frozen as {digest[:12]}.", as_json=as_json)


@anchor.command("add")
def anchor_add(file: File, reason: Reason, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Add verified human records, within the year's bound."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.mixing import anchor

    space = open_workspace(workspace)
    count = anchor.add(space, file, reason=reason, reader=reader_for(str(file)), columns=WHOLE)
    show({"added": count}, f"{count:,} records added.\n{anchor.show(space).text}", as_json=as_json)


@anchor.command("retire")
def anchor_retire(
    records: Annotated[list[str], typer.Argument(help="Record ids, or their beginnings.")],
    reason: Reason,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take records out of the anchor, within the year's bound."""
    from tailguard.plays.mixing import anchor

    space = open_workspace(workspace)
    count = anchor.retire(space, records, reason=reason)
    show({"retired": count}, f"{count:,} records retired.\n{anchor.show(space).text}", as_json=as_json)


@anchor.command("verify")
def anchor_verify(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Hold the anchor against its digest, record by record; what was found is recorded."""
    from tailguard.plays.mixing import anchor

    count = anchor.verify(open_workspace(workspace))
    show({"records": count, "intact": True}, f"All {count:,} anchor records are what they were.", as_json=as_json)


@anchor.command("show")
def anchor_show(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Its age, its slices, what may still change this year, and whether it is stale or thin."""
    from tailguard.plays.mixing import anchor

    found = anchor.show(open_workspace(workspace))
    show(found, found.text, as_json=as_json)
