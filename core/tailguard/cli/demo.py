"""`tailguard demo`: a team's history on real text, and the dashboard on its log."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, show
from tailguard.cli.server import Port, refuse_busy, serve


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the demo's workspace.")] = Path("tailguard-demo"),
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Do not open the dashboard afterwards.")] = False,
    profile: Annotated[
        str, typer.Option(help="full: twelve months, two lineages; small: one person; api-only: nothing is trained.")
    ] = "full",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    port: Port = 8501,
    as_json: Json = False,
) -> None:
    """Run a team's history on real text, made at run time, then open the dashboard on its log."""
    from tailguard.demo.setting import play_profile
    from tailguard.workspace import Workspace, default_actor

    if not no_dashboard:
        refuse_busy(port)
    head = play_profile(profile, folder, seed=seed, quiet=as_json)
    done = {"workspace": str(folder), "log_head": head}
    program = "tailguard" if shutil.which("tailguard") else sys.argv[0]
    show(done, f"Done. Log head {head[:16]}. Look around: {program} status -w {folder}", as_json=as_json)
    if not no_dashboard:
        typer.echo(f"Dashboard on http://localhost:{port} (Ctrl-C ends it)", err=True)
        serve(Workspace(folder, default_actor(), isolated=True), port)
