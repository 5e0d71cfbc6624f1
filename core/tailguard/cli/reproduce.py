"""`tailguard reproduce`: repeats a run from its record and compares what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import Blocked


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

    from tailguard.handoff import replay

    if Path(what).is_dir():
        with TemporaryDirectory(prefix="tailguard-") as temporary:
            done = replay.replay(Path(what), folder or Path(temporary) / "clean")
    else:
        done = replay.reproduce(open_workspace(workspace), what)
    show(done, done.text, as_json=as_json)
    if not done.identical:
        raise Blocked(f"{done.run} did not come out the same.")
