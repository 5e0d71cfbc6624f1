"""`tailguard audit`: the data lead's signature on a run's training set."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def audit(
    run: Annotated[str, typer.Argument(help="The run, such as main/3.")],
    note: Annotated[str, typer.Option(help="What was looked at.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not sign.")] = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Sign a run's training set as data lead: the second role, beside the engineer who ran it."""
    from tailguard.plays.mixing import audit as auditing

    auditing.audit(open_workspace(workspace), run, signed=not refuse, note=note)
    show({"run": run, "signed": not refuse}, f"{run}: {'refused' if refuse else 'signed'}.", as_json=as_json)
