"""`tailguard calendar`: what is due, as an iCalendar file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def calendar(
    out: Annotated[Path | None, typer.Option(help="File to write; default: calendar.ics in the workspace.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """What is due: reviews, drills, attestations, expiries, refreshes; written as an iCalendar file to subscribe to."""
    from tailguard.plays import attest

    space = open_workspace(workspace)
    due = attest.write_calendar(space, out)
    lines = [f"{entry.when:%Y-%m-%d} {entry.what} ({entry.who})" for entry in due]
    show(due, "\n".join([*lines, f"{out or space.root / attest.CALENDAR} written."]), as_json=as_json)
