"""Handing over: the record of a run, repeating it, telling of deviations, and the evidence pack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import Blocked

Run = Annotated[str, typer.Argument(help="A run, such as main/3.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(record)
    app.command()(reproduce)
    app.command()(deviation)
    app.command()(pack)
    app.command()(report)


def record(
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder to write; new or empty.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the record of a run: a folder from which somebody else can repeat it, with nothing else at hand."""
    from tailguard.handoff import bundle

    done = bundle.write_record(open_workspace(workspace), run, out)
    show(done, f"{run}: {done.files} files in {out}. `tailguard reproduce {out}` repeats it.", as_json=as_json)


def reproduce(
    what: Annotated[str, typer.Argument(help="A run of this workspace, or the folder of a record.")],
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Clean folder for replaying a record; default: a temporary one.")
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Repeat a run from its record alone and compare every digest and measure; exit code 3 when one differs.

    A run of this workspace is recorded as repeated by you; its author does not count.
    """
    from tempfile import TemporaryDirectory

    from tailguard.handoff import bundle

    if Path(what).is_dir():
        with TemporaryDirectory(prefix="tailguard-") as temporary:
            done = bundle.replay(Path(what), folder or Path(temporary) / "clean")
    else:
        done = bundle.reproduce(open_workspace(workspace), what)
    show(done, done.text, as_json=as_json)
    if not done.identical:
        raise Blocked(f"{done.run} did not come out the same.")


def deviation(
    run: Run,
    what: Annotated[str, typer.Option(help="How the run departed from the runbook.")],
    why: Annotated[str, typer.Option(help="Why.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Tell how a run departed from the runbook, and why."""
    from tailguard.handoff import bundle

    bundle.note_deviation(open_workspace(workspace), run, what=what, why=why)
    show({"run": run, "what": what, "why": why}, f"The deviation of {run} is noted.", as_json=as_json)


def pack(
    generation: Annotated[str, typer.Argument(help="The generation that the pack is about, such as main/3.")],
    out: Annotated[Path, typer.Option(help="ZIP file to write.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make the evidence pack: reports, overrides, minutes, plays, drills, cards, bill of materials, EU summary, verification."""
    from tailguard.reports import pack as packing
    from tailguard.store.writing import write_atomically

    made = packing.make(open_workspace(workspace), generation)
    write_atomically(out, made.content)
    text = f"{len(made.files)} files in {out}, manifest {made.manifest[:12]}."
    show({"file": str(out), "manifest": made.manifest, "files": made.files}, text, as_json=as_json)


def report(
    out: Annotated[Path, typer.Option(help="File to write, .html or .pdf.")],
    month: Annotated[
        str | None, typer.Option(help="Year and month, such as 2026-10; default: that of the newest run.")
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the monthly pack: overview, trends, gates, overrides and plays in one file."""
    from tailguard.reports import monthly
    from tailguard.store.writing import write_atomically

    space = open_workspace(workspace)
    told = month or monthly.newest_month(space)
    write_atomically(out, monthly.report(space, told, form=out.suffix.removeprefix(".")))
    show({"file": str(out), "month": told}, f"The pack of {told} is in {out}.", as_json=as_json)
