"""`tailguard rollback`: puts the last known-good generation back to work."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import LineageName, Reason
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def rollback(
    lineage: LineageName,
    reason: Reason,
    to: Annotated[str | None, typer.Option(help="An earlier known-good generation; default: the last one.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Replace the generation in production by the last known-good one: weights verified, timed, deployed."""
    from tailguard.release.rollback import rollback as roll_back

    done = roll_back(open_workspace(workspace), lineage, reason=reason, to=to)
    text = f"{done.replaced} is rolled back; {done.generation} is in production ({done.reason}). It took {done.seconds:.1f} s."
    show(done, text, as_json=as_json)
