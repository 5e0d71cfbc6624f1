"""`tailguard quarantine`: records that wait for a person's decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, printable, show
from tailguard.domain.wording import counted
from tailguard.errors import InputError

quarantine = typer.Typer(name="quarantine", help="Records that wait for a person.", no_args_is_help=True)


@quarantine.command("list")
def quarantine_list(
    limit: Annotated[int, typer.Option("--most", min=1, help="How many to show.")] = 20,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Held records that nobody has decided, the one whose decision settles most first."""
    from tailguard.plays.provenance import quarantine

    queue = [record for record in quarantine.waiting(open_workspace(workspace)) if source in (None, record.source)]
    lines = [
        f"{record.id[:12]} {record.since:%Y-%m-%d} {record.source}: {record.reason}\n    {printable(record.text, 110)}"
        for record in queue[:limit]
    ]
    show(queue[:limit], "\n".join([f"{len(queue):,} records wait.", *lines]), as_json=as_json)


@quarantine.command("decide")
def quarantine_decide(
    records: Annotated[list[str], typer.Argument(help="Record ids, or their beginnings.")],
    origin: Annotated[str, typer.Option(help="human, ai, mixed, or unknown when you cannot tell.")],
    code: Annotated[str, typer.Option(help="known source, checked, style, marks or other.")],
    note: Annotated[str, typer.Option(help="What you know that the detector does not.")] = "",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Say where held records come from; what is settled advances in the next run."""
    from tailguard.domain.tags import Origin
    from tailguard.plays.provenance import quarantine

    if origin not in set(Origin):
        raise InputError(f"--origin is human, ai, mixed or unknown, found {origin!r}.")
    settled = quarantine.decide(open_workspace(workspace), records, origin=Origin(origin), code=code, note=note)
    text = f"{settled} of {counted(len(records), 'record')} settled as {origin}. The next run takes them in."
    show({"answered": len(records), "settled": settled}, text, as_json=as_json)


@quarantine.command("take-back")
def quarantine_take_back(
    records: Annotated[list[str], typer.Argument(help="Record ids, whole.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take decisions back that no run has used yet."""
    from tailguard.plays.provenance import quarantine

    count = quarantine.take_back(open_workspace(workspace), records)
    show(
        {"taken_back": count},
        f"{counted(count, 'decision')} taken back; what they settled waits again.",
        as_json=as_json,
    )


@quarantine.command("export")
def quarantine_export(
    out: Annotated[Path, typer.Option(help="File to write.")],
    form: Annotated[str, typer.Option("--format", help="csv, argilla or label-studio.")] = "csv",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the queue for reviewers who work in a spreadsheet, Argilla or Label Studio."""
    from tailguard.plays.provenance.exchange import export_queue

    count = export_queue(open_workspace(workspace), form=form, out=out)
    show({"records": count, "file": str(out)}, f"{count:,} records in {out}.", as_json=as_json)


@quarantine.command("import")
def quarantine_import(
    file: Annotated[Path, typer.Argument(help="The file with answers; its format is recognised.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take answers from a spreadsheet, Argilla or Label Studio; exit code 1 when some could not be used."""
    from tailguard.plays.provenance.exchange import import_answers

    taken = import_answers(open_workspace(workspace), file)
    lines = [f"{taken.answers:,} answers taken, {taken.settled:,} records settled."]
    lines += [f"{file} {answer.place}: {answer.reason}" for answer in taken.refused]
    show(taken, "\n".join(lines), as_json=as_json)
    if taken.refused:
        raise InputError(f"{counted(len(taken.refused), 'answer')} could not be used; the others were taken.")
