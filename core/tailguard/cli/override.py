"""`tailguard override`: dated, approved exceptions to one gate for one run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.options import Note, Override
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

override = typer.Typer(
    name="override", help="Dated, approved exceptions to one gate for one run.", no_args_is_help=True
)
Days = Annotated[int, typer.Option(min=1, help="How long it lasts from now.")]


@override.command("request")
def override_request(
    gate: Annotated[str, typer.Option(help="ratio, diversity or loops.")],
    run: Annotated[str, typer.Option(help="The run, such as main/3.")],
    reason: Annotated[str, typer.Option(help="For those who read it in the monthly meeting.")],
    days: Days,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Ask for an exception."""
    from tailguard.overrides import requests

    space = open_workspace(workspace)
    expires = space.clock.now() + timedelta(days=days)
    name = requests.request(space, gate=gate, run=run, reason=reason, expires=expires)
    show(
        {"override": name, "expires": expires},
        f"{name} requested until {expires:%Y-%m-%d}. Another person approves it.",
        as_json=as_json,
    )


@override.command("renew")
def override_renew(
    name: Override,
    reason: Annotated[str, typer.Option(help="The new justification.")],
    days: Days,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Ask for an open override to go on; approving that closes the old one."""
    from tailguard.overrides import requests

    space = open_workspace(workspace)
    expires = space.clock.now() + timedelta(days=days)
    new = requests.renew(space, name, reason=reason, expires=expires)
    text = f"{new} requested until {expires:%Y-%m-%d}, to follow {name}. Another person approves it."
    show({"override": new, "renews": name, "expires": expires}, text, as_json=as_json)


@override.command("approve")
def override_approve(name: Override, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Approve a requested override; never your own."""
    _decide(name, "approved", note, workspace, as_json)


@override.command("refuse")
def override_refuse(name: Override, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Refuse a requested override."""
    _decide(name, "refused", note, workspace, as_json)


@override.command("close")
def override_close(name: Override, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Close an open override before it expires."""
    _decide(name, "closed", note, workspace, as_json)


@override.command("list")
def override_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every override as it stands; void and orphaned ones say why."""
    from tailguard.runlog.views import overrides as overrides_view

    space = open_workspace(workspace)
    with space.log.reading() as view:
        overrides = overrides_view.overrides(view)
        moment = view.as_of(space.clock.now())[0]
    lines = [
        f"{override.id:12} {override.state(moment):10} {override.gate:10} {override.run:16} "
        f"until {override.expires:%Y-%m-%d}  {override.reason}"
        + (f"  [{override.void or override.orphan}]" if override.void or override.orphan else "")
        for override in overrides
    ]
    show(
        [{**vars(override), "state": override.state(moment), "void": override.void} for override in overrides],
        "\n".join(lines) or "No overrides.",
        as_json=as_json,
    )


def _decide(name: str, decision: str, note: str, workspace: Path | None, as_json: bool) -> None:
    from tailguard.overrides import requests

    requests.decide(open_workspace(workspace), name, decision=decision, note=note)
    show({"override": name, "decision": decision}, f"{name} {decision}.", as_json=as_json)
