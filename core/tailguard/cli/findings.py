"""`tailguard findings`: what a person should review, and whom it is assigned to."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import by

findings = typer.Typer(
    name="findings",
    help="What the log shows that a person should review, and whom it is assigned to.",
    no_args_is_help=True,
)


@findings.command("list")
def findings_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every open finding, worst first, and whom it is assigned to."""
    from tailguard.plays.status import status

    space = open_workspace(workspace)
    with space.log.reading() as view:
        found = status(view, now=space.clock.now()).findings
    lines = [
        f"{finding.key} {finding.severity:6} since {finding.since:%Y-%m-%d}, {finding.assigned_to or 'nobody'}: {finding.what}"
        for finding in found
    ]
    show(found, "\n".join(lines) or "Nothing was found that a person should look at.", as_json=as_json)


@findings.command("assign")
def findings_assign(
    finding: Annotated[str, typer.Argument(help="A finding's name from `tailguard findings list`.")],
    plan: Annotated[str, typer.Option(help="What you will do about it.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Assign a finding to yourself: you answer for it from now on."""
    from tailguard.plays import assignment

    before = assignment.assign(open_workspace(workspace), finding, plan=plan)
    earlier = f" It was assigned {by(before.actor, before.recorded)}." if before else ""
    show({"assigned": finding}, f"{finding} is assigned to you.{earlier}", as_json=as_json)
