"""`tailguard alerts`: what is in alarm, delivered and acknowledged."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import by
from tailguard.errors import TailguardError

alerts = typer.Typer(
    name="alerts",
    help="Alerts through the channels that TAILGUARD_ALERTS names (Apprise URLs).",
    no_args_is_help=True,
)


@alerts.command("send")
def alerts_send(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Raise what is in alarm, once, and deliver what a channel has not taken yet; exit code 2 when one did not take it."""
    from tailguard.plays.monitoring import alerts as alerting

    sent = alerting.send(open_workspace(workspace))
    show(sent, f"{sent.raised} raised, {sent.delivered} delivered.", as_json=as_json)
    if sent.problems:
        raise TailguardError("Not delivered: " + "; ".join(sent.problems))


@alerts.command("acknowledge")
def alerts_acknowledge(
    alert: Annotated[str, typer.Argument(help="An alert, such as alert-3.")],
    note: Annotated[str, typer.Option(help="What you will do about it.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Acknowledge an alert: you answer for it from now on."""
    from tailguard.plays.monitoring import alerts as alerting

    before = alerting.acknowledge(open_workspace(workspace), alert, note=note)
    earlier = f" It was acknowledged {by(before.actor, before.recorded)}." if before else ""
    show({"acknowledged": alert}, f"{alert} is acknowledged.{earlier}", as_json=as_json)


@alerts.command("list")
def alerts_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every alert that was raised, and who acknowledged it."""
    from tailguard.domain.facts import AlertAcknowledged, AlertRaised

    with open_workspace(workspace).log.reading() as view:
        acknowledged_by = {row.fact.alert: row.actor for row in view.recorded(AlertAcknowledged)}
        raised = view.recorded(AlertRaised)
    rows = [
        {
            "alert": alert.fact.alert,
            "raised": alert.recorded,
            "what": alert.fact.what,
            "acknowledged_by": acknowledged_by.get(alert.fact.alert),
        }
        for alert in raised
    ]
    lines = [
        f"{row['alert']} {row['raised']:%Y-%m-%d} {row['acknowledged_by'] or 'nobody'}: {row['what']}" for row in rows
    ]
    show(rows, "\n".join(lines) or "No alert was raised yet.", as_json=as_json)
