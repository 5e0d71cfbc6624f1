"""Watching what models write in production, and telling people: monitor, alerts, findings."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import by
from tailguard.errors import Held, TailguardError

monitor = typer.Typer(help="Weekly diversity of production texts against a frozen reference.", no_args_is_help=True)
alerts = typer.Typer(
    help="Alerts through the channels that TAILGUARD_ALERTS names (Apprise URLs).", no_args_is_help=True
)
findings = typer.Typer(help="What the log shows that a person should look at, and who took it.", no_args_is_help=True)
Stream = Annotated[str, typer.Argument(help="What wrote the texts: a lineage, a product, an API that you call.")]
File = Annotated[
    str, typer.Argument(help="File or folder of records, path or fsspec address; `time` says when each was written.")
]
Seed = Annotated[int, typer.Option(help="Seed of the order of texts within a week.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.add_typer(monitor, name="monitor")
    app.add_typer(alerts, name="alerts")
    app.add_typer(findings, name="findings")


@monitor.command("freeze")
def monitor_freeze(
    stream: Stream, file: File, seed: Seed = 0, workspace: WorkspaceFolder = None, as_json: Json = False
) -> None:
    """Freeze what later weeks are held against: texts from when all was well. Freezing again starts anew."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.monitoring import streams

    done = streams.freeze(open_workspace(workspace), stream, reader_for(file)(file, WHOLE), seed=seed)
    text = (
        f"{stream}: {done.texts:,} texts frozen as its reference, {done.blocks:,} blocks of {done.block_words} words."
    )
    show(done, text + (f" {done.rejected:,} records could not be read." if done.rejected else ""), as_json=as_json)


@monitor.command("add")
def monitor_add(
    stream: Stream, file: File, seed: Seed = 0, workspace: WorkspaceFolder = None, as_json: Json = False
) -> None:
    """Measure production texts week by week; exit code 4 when the stream is in alarm. They are known as our own since."""
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.monitoring import alerts as alerting
    from tailguard.plays.monitoring import streams

    space = open_workspace(workspace)
    done = streams.add(space, stream, reader_for(file)(file, WHOLE), seed=seed)
    sent = alerting.send(space)
    lines = [done.text, *(f"not delivered: {one}" for one in sent.problems)]
    show(done, "\n".join(lines), as_json=as_json)
    if done.alarms:
        raise Held(f"{stream} is in alarm: {', '.join(done.alarms)}. `tailguard status` says by how much.")


@alerts.command("send")
def alerts_send(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Raise what stands in alarm, once, and deliver what a channel has not taken yet; exit code 2 when one did not take it."""
    from tailguard.plays.monitoring import alerts as alerting

    sent = alerting.send(open_workspace(workspace))
    show(sent, f"{sent.raised} raised, {sent.delivered} delivered.", as_json=as_json)
    if sent.problems:
        raise TailguardError("Not delivered: " + "; ".join(sent.problems))


@alerts.command("take")
def alerts_take(
    alert: Annotated[str, typer.Argument(help="An alert, such as alert-3.")],
    note: Annotated[str, typer.Option(help="What you will do about it.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take an alert: you answer for it from now on."""
    from tailguard.plays.monitoring import alerts as alerting

    before = alerting.take(open_workspace(workspace), alert, note=note)
    told = f" It was taken {by(before.actor, before.recorded)}." if before else ""
    show({"taken": alert}, f"{alert} is yours.{told}", as_json=as_json)


@alerts.command("list")
def alerts_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every alert that was raised, and who took it."""
    from tailguard.domain.facts import AlertRaised, AlertTaken
    from tailguard.runlog.queries import recorded

    with open_workspace(workspace).log.reading() as connection:
        taken = {one.fact.alert: one for one in recorded(connection, AlertTaken)}
        raised = recorded(connection, AlertRaised)
    rows = [
        {
            "alert": one.fact.alert,
            "raised": one.recorded,
            "what": one.fact.what,
            "taken_by": taken[one.fact.alert].actor if one.fact.alert in taken else None,
        }
        for one in raised
    ]
    lines = [f"{row['alert']} {row['raised']:%Y-%m-%d} {row['taken_by'] or 'nobody'}: {row['what']}" for row in rows]
    show(rows, "\n".join(lines) or "No alert was raised yet.", as_json=as_json)


@findings.command("list")
def findings_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every finding that stands, worst first, and who took it."""
    from tailguard.plays.status import status

    space = open_workspace(workspace)
    with space.log.reading() as connection:
        found = status(connection, now=space.clock.now()).findings
    lines = [
        f"{one.key} {one.severity:6} since {one.since:%Y-%m-%d}, {one.taken_by or 'nobody'}: {one.what}"
        for one in found
    ]
    show(found, "\n".join(lines) or "Nothing was found that a person should look at.", as_json=as_json)


@findings.command("take")
def findings_take(
    finding: Annotated[str, typer.Argument(help="A finding's name from `tailguard findings list`.")],
    plan: Annotated[str, typer.Option(help="What you will do about it.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take a finding: you answer for it from now on."""
    from tailguard.plays import assignment

    before = assignment.take(open_workspace(workspace), finding, plan=plan)
    told = f" It was taken {by(before.actor, before.recorded)}." if before else ""
    show({"taken": finding}, f"{finding} is yours.{told}", as_json=as_json)
