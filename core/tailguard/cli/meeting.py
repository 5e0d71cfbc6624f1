"""`tailguard meeting`: the monthly meeting that reviews the overrides."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.options import Note, Override
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

meeting = typer.Typer(name="meeting", help="The monthly meeting on overrides.", no_args_is_help=True)


@meeting.command("start")
def meeting_start(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Begin a meeting over all overrides that are open or wait for a decision."""
    from tailguard.overrides import meeting

    space = open_workspace(workspace)
    name = meeting.start(space)
    going_on = meeting.going_on(space)
    agenda = [item.override.id for item in going_on.items] if going_on else []
    show({"meeting": name, "agenda": agenda}, f"{name} reviews {', '.join(agenda)}.", as_json=as_json)


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
    name: Override,
    decision: Annotated[
        str, typer.Option(help="approved or refused for a request; kept, renewed or closed for an open one.")
    ],
    note: Note,
    days: Annotated[int | None, typer.Option(min=1, help="For a renewal: how long from now.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Decide on one item of the agenda; the first decision counts."""
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
