"""What people ask: ship a generation, and decide on records that wait."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import counted
from tailguard.errors import InputError

quarantine = typer.Typer(help="Records that wait for a person.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(ship)
    app.command()(freeze)
    app.command()(unfreeze)
    app.command()(rollback)
    app.add_typer(quarantine, name="quarantine")


def ship(
    generation: Annotated[str, typer.Argument(help="A generation, such as main/3.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Ship a generation that passed its gate, or that a live override covers."""
    from tailguard.release import ship as shipping

    reason = shipping.ship(open_workspace(workspace), generation)
    show({"shipped": generation, "reason": reason}, f"{generation} shipped: {reason}", as_json=as_json)


Why = Annotated[str, typer.Option(help="For whoever finds it so; at least 10 letters.")]


def freeze(
    generation: Annotated[str, typer.Argument(help="The suspect generation, such as main/3.")],
    reason: Why,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze a suspect generation: nothing ships it until the quality owner unfreezes it."""
    from tailguard.release import ship as shipping

    at_work = shipping.freeze(open_workspace(workspace), generation, reason=reason)
    lineage = generation.rpartition("/")[0]
    still = f" It is at work still: `tailguard rollback {lineage}` takes it out." if at_work else ""
    show({"frozen": generation, "at_work": at_work}, f"{generation} is frozen.{still}", as_json=as_json)


def unfreeze(
    generation: Annotated[str, typer.Argument(help="A generation that is frozen or was rolled back.")],
    reason: Why,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Let a frozen generation be shipped again; for the quality owner alone."""
    from tailguard.release import ship as shipping

    state = shipping.unfreeze(open_workspace(workspace), generation, reason=reason)
    show({"unfrozen": generation, "state": state}, f"{generation} is no longer frozen; it is {state}.", as_json=as_json)


def rollback(
    lineage: Annotated[str, typer.Argument(help="The line of generations.")],
    reason: Why,
    to: Annotated[str | None, typer.Option(help="An earlier known-good generation; default: the last one.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take the generation at work out and put the last known-good one back: weights verified, timed, deployed."""
    from tailguard.release import ship as shipping

    done = shipping.rollback(open_workspace(workspace), lineage, reason=reason, to=to)
    text = (
        f"{done.replaced} is rolled back; {done.generation} is at work ({done.reason}). It took {done.seconds:.1f} s."
    )
    show(done, text, as_json=as_json)


@quarantine.command("list")
def quarantine_list(
    most: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Held records that nobody has decided, the one whose decision settles most first."""
    from tailguard.plays.provenance import quarantine

    queue = [one for one in quarantine.waiting(open_workspace(workspace)) if source in (None, one.source)]
    lines = [
        f"{one.id[:12]} {one.since:%Y-%m-%d} {one.source}: {one.reason}\n    {_printable(one.text)}"
        for one in queue[:most]
    ]
    show(queue[:most], "\n".join([f"{len(queue):,} records wait.", *lines]), as_json=as_json)


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

    found = import_answers(open_workspace(workspace), file)
    lines = [f"{found.answers:,} answers taken, {found.settled:,} records settled."]
    lines += [f"{file} {one.place}: {one.reason}" for one in found.refused]
    show(found, "\n".join(lines), as_json=as_json)
    if found.refused:
        raise InputError(f"{counted(len(found.refused), 'answer')} could not be used; the others were taken.")


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown[:110] + ("…" if len(shown) > 110 else "")
