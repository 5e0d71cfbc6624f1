"""Exceptions: overrides, and the monthly meeting that goes over them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

override = typer.Typer(help="Dated, approved exceptions to one gate for one run.", no_args_is_help=True)
meeting = typer.Typer(help="The monthly meeting on overrides.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The override, such as override-3.")]
Note = Annotated[str, typer.Option(help="Why.")]
Days = Annotated[int, typer.Option(min=1, help="How long it lasts from now.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.add_typer(override, name="override")
    app.add_typer(meeting, name="meeting")


@override.command("request")
def override_request(
    gate: Annotated[str, typer.Option(help="ratio or diversity.")],
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
    name: Id,
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
    told = f"{new} requested until {expires:%Y-%m-%d}, to follow {name}. Another person approves it."
    show({"override": new, "renews": name, "expires": expires}, told, as_json=as_json)


@override.command("approve")
def override_approve(name: Id, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Approve a requested override; never your own."""
    _decide(name, "approved", note, workspace, as_json)


@override.command("refuse")
def override_refuse(name: Id, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Refuse a requested override."""
    _decide(name, "refused", note, workspace, as_json)


@override.command("close")
def override_close(name: Id, note: Note = "", workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Close an open override before it expires."""
    _decide(name, "closed", note, workspace, as_json)


@override.command("list")
def override_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every override as it stands; void and orphaned ones say why."""
    from tailguard.overrides.register import everything
    from tailguard.runlog.queries import as_of

    space = open_workspace(workspace)
    with space.log.reading() as connection:
        found = everything(space, connection)
        moment = as_of(connection, space.clock.now())[0]
    lines = [
        f"{one.id:12} {one.state(moment):10} {one.gate:10} {one.run:16} until {one.expires:%Y-%m-%d}  {one.reason}"
        + (f"  [{one.void or one.orphan}]" if one.void or one.orphan else "")
        for one in found
    ]
    show(
        [{**vars(one), "state": one.state(moment), "void": one.void} for one in found],
        "\n".join(lines) or "No overrides.",
        as_json=as_json,
    )


def _decide(name: str, decision: str, note: str, workspace: Path | None, as_json: bool) -> None:
    from tailguard.overrides import requests

    requests.decide(open_workspace(workspace), name, decision=decision, note=note)
    show({"override": name, "decision": decision}, f"{name} {decision}.", as_json=as_json)


@meeting.command("start")
def meeting_start(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Begin a meeting over all overrides that are open or wait for a decision."""
    from tailguard.overrides import meeting

    space = open_workspace(workspace)
    name = meeting.start(space)
    found = meeting.going_on(space)
    order = [one.override.id for one in found.items] if found else []
    show({"meeting": name, "agenda": order}, f"{name} goes over {', '.join(order)}.", as_json=as_json)


@meeting.command("attend")
def meeting_attend(
    people: Annotated[list[str], typer.Argument(help="Names.")],
    absent: Annotated[bool, typer.Option("--absent", help="They are not there after all.")] = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Note who is there."""
    from tailguard.overrides import meeting

    space = open_workspace(workspace)
    for person in people:
        meeting.attend(space, person, present=not absent)
    show({"present": not absent, "people": people}, f"Noted: {', '.join(people)}.", as_json=as_json)


@meeting.command("decide")
def meeting_decide(
    name: Id,
    decision: Annotated[
        str, typer.Option(help="approved or refused for a request; kept, renewed or closed for an open one.")
    ],
    note: Note,
    days: Annotated[int | None, typer.Option(min=1, help="For a renewal: how long from now.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Decide on one item of the agenda; what is decided first stands."""
    from tailguard.overrides import meeting

    space = open_workspace(workspace)
    expires = space.clock.now() + timedelta(days=days) if days else None
    meeting.decide(space, name, decision=decision, note=note, expires=expires)
    show({"override": name, "decision": decision}, f"{name} {decision}.", as_json=as_json)


@meeting.command("end")
def meeting_end(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """End the meeting; what was open and not justified in it is closed."""
    from tailguard.overrides import meeting

    space = open_workspace(workspace)
    going_on = meeting.going_on(space)
    minutes = meeting.end(space)
    name = going_on.id if going_on else ""
    show(
        {"meeting": name, "minutes": minutes},
        f"{name} ended. tailguard meeting minutes {name} --out FILE",
        as_json=as_json,
    )


@meeting.command("minutes")
def meeting_minutes(
    name: Annotated[str, typer.Argument(help="The meeting, such as meeting-2.")],
    out: Annotated[Path, typer.Option(help="File to write; its ending says the form: .html, .pdf or .csv.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the minutes of a meeting that has ended."""
    from tailguard.reports.minutes import minutes
    from tailguard.store.writing import write_atomically

    write_atomically(out, minutes(open_workspace(workspace), name, form=out.suffix.lstrip(".")))
    show({"file": str(out)}, f"Minutes of {name} in {out}.", as_json=as_json)
