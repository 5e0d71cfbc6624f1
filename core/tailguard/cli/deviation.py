"""`tailguard deviation`: notes how a run departed from the runbook."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import Run
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def deviation(
    run: Run,
    what: Annotated[str, typer.Option(help="How the run departed from the runbook.")],
    why: Annotated[str, typer.Option(help="Why.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Tell how a run departed from the runbook, and why."""
    from tailguard.handoff import bundle

    bundle.note_deviation(open_workspace(workspace), run, what=what, why=why)
    show({"run": run, "what": what, "why": why}, f"The deviation of {run} is noted.", as_json=as_json)
