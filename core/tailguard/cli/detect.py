"""`tailguard detect`: says of each record whether a model wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json
from tailguard.errors import InputError

if TYPE_CHECKING:
    from tailguard.ports import Reject


def detect(
    file: Annotated[str, typer.Argument(help="JSONL, Parquet, CSV, Arrow, text or folder; path or fsspec address.")],
    error_rate: Annotated[float, typer.Option(help="Share of each class that may wrongly be excluded.")] = 0.01,
    text: Annotated[str, typer.Option(help="Name of the field that holds the text.")] = "text",
    as_json: Json = False,
) -> None:
    """Say of each record whether it is human, ai, mixed or unknown; one JSON line each. Needs no policy and no set-up."""
    from tailguard.adapters.readers import reader_for
    from tailguard.detection.report import Running
    from tailguard.detection.team import built_in
    from tailguard.ports import Columns, Reject

    if not 0 < error_rate < 1:
        raise InputError(f"--error-rate is above 0 and below 1, found {error_rate}.")
    running = Running(built_in(error_rate))
    rejects: list[Reject] = []

    def texts() -> Iterator[str]:
        for row in reader_for(file)(file, Columns(text)):
            if isinstance(row, Reject):
                rejects.append(row)
            else:
                yield row.text

    with _Counted("records", quiet=as_json) as count:
        for detection in running.detect(texts()):
            typer.echo(json.dumps(asdict(detection)))
            count(1)
    for reject in rejects:
        typer.echo(json.dumps({"line": reject.line, "file": reject.file or file, "rejected": reject.reason}), err=True)
    summary = running.summary()
    if as_json:
        typer.echo(json.dumps({"summary": {**asdict(summary), "rejected": len(rejects)}}))
    else:
        typer.echo(summary.sentence + (f" {len(rejects):,} could not be read." if rejects else ""), err=True)


class _Counted:
    """A thin line on standard error: how many, at which rate."""

    def __init__(self, what: str, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed:,.0f} " + what),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rate="")

    def __enter__(self) -> _Counted:
        self._bar.start()
        return self

    def __call__(self, step: int) -> None:
        task = self._bar.tasks[self._task]
        self._bar.update(self._task, advance=step, rate=f"{task.speed:,.0f}/s" if task.speed else "")

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
