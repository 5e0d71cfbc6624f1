"""`tailguard monitor`: weekly diversity of production texts against a frozen reference."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import Held

monitor = typer.Typer(
    name="monitor", help="Weekly diversity of production texts against a frozen reference.", no_args_is_help=True
)
Stream = Annotated[str, typer.Argument(help="What wrote the texts: a lineage, a product, an API that you call.")]
File = Annotated[
    str, typer.Argument(help="File or folder of records, path or fsspec address; `time` says when each was written.")
]
Seed = Annotated[int, typer.Option(help="Seed of the order of texts within a week.")]


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
    lines = [done.text, *(f"not delivered: {problem}" for problem in sent.problems)]
    show(done, "\n".join(lines), as_json=as_json)
    if done.alarms:
        raise Held(f"{stream} is in alarm: {done.alarmed}. `tailguard status` says by how much.")
