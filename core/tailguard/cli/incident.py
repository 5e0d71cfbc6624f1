"""`tailguard incident`: responds to a collapse, step by step."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import LineageName
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

incident = typer.Typer(
    name="incident", help="Respond to a collapse: freeze, roll back, audit, prepare, close.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="Such as incident-1 or drill-2.")]


@incident.command("open")
def incident_open(
    lineage: LineageName,
    what: Annotated[str, typer.Option(help="What was seen.")] = "",
    alert: Annotated[str | None, typer.Option(help="The alert that it began with, such as alert-3.")] = None,
    generation: Annotated[str | None, typer.Option(help="The suspect; default: what is in production.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Open a real incident on what is in production."""
    from tailguard.response import protocol

    done = protocol.open_incident(open_workspace(workspace), lineage, what=what, alert=alert, generation=generation)
    show(done, done.text, as_json=as_json)


@incident.command("freeze")
def incident_freeze(name: Name, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Freeze the suspect generation."""
    from tailguard.response import protocol

    done = protocol.freeze(open_workspace(workspace), name)
    show(done, done.text, as_json=as_json)


@incident.command("rollback")
def incident_rollback(name: Name, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Put the last known-good generation back."""
    from tailguard.response import protocol

    done = protocol.rollback(open_workspace(workspace), name)
    show(done, done.text, as_json=as_json)


@incident.command("audit")
def incident_audit(name: Name, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Search recent training data for contamination, by its tags."""
    from tailguard.response import protocol

    done, report = protocol.audit(open_workspace(workspace), name)
    show({"step": done, "report": report}, f"{done.text}\n{report.text}", as_json=as_json)


@incident.command("prepare")
def incident_prepare(name: Name, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Compose a training set from the anchor and the human text that is not in doubt."""
    from tailguard.response import protocol

    done = protocol.prepare(open_workspace(workspace), name)
    show(done, done.text, as_json=as_json)


@incident.command("close")
def incident_close(
    name: Name,
    cause: Annotated[str, typer.Option(help="The root cause.")],
    play: Annotated[str, typer.Option(help="The play that is changed for it.")],
    change: Annotated[str, typer.Option(help="What is changed.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Close it, with its root cause and the change that it led to."""
    from tailguard.response import protocol

    protocol.close(open_workspace(workspace), name, cause=cause, play=play, change=change)
    show({"closed": name}, f"{name} is closed.", as_json=as_json)


@incident.command("list")
def incident_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every drill and incident."""
    from tailguard.plays.response.drills import incidents

    with open_workspace(workspace).log.reading() as view:
        responses = incidents(view)
    lines = [
        f"{response.id} {response.opened:%Y-%m-%d} {response.generation}: {response.next or 'closed'}. {response.what}"
        for response in responses
    ]
    show(responses, "\n".join(lines) or "There was none yet.", as_json=as_json)


@incident.command("show")
def incident_show(name: Name, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """One response: its steps with owner, time and evidence, its gaps, and the command that comes next."""
    from tailguard.domain.incidents import STEPS
    from tailguard.response import protocol

    response = protocol.find(open_workspace(workspace), name)
    done = {row.fact.step: row for row in response.steps}
    lines = [
        f"{response.id} on {response.generation}, opened {response.opened:%Y-%m-%d %H:%M} by {response.opened_by}: {response.what}"
    ]
    for step in STEPS:
        if row := done.get(step.name):
            lines.append(f"✔ {step.name}: {row.fact.evidence} ({row.actor}, {row.fact.seconds:,.0f} s)")
        elif step.name == "close" and response.closed:
            fact = response.closed.fact
            lines.append(f"✔ close: {fact.cause} Change to {fact.play}: {fact.change} ({response.closed.actor})")
        else:
            lines.append(f"○ {step.name}: {step.purpose}. {step.command.format(incident=response.id)}")
    show(response, "\n".join([*lines, *(f"gap: {gap.fact.what}" for gap in response.gaps)]), as_json=as_json)
