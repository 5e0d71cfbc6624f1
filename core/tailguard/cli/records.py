"""Records: detect what is model-made, trace where one came from, verify all that is kept, and the contracts of sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import counted
from tailguard.errors import Blocked, InputError

if TYPE_CHECKING:
    from tailguard.plays.provenance.tracing import Trace
    from tailguard.ports import Reject

source = typer.Typer(help="Contracts with the sources of data.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The source, as batches name it.")]
Note = Annotated[str, typer.Option(help="For those who read it later.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(detect)
    app.command()(trace)
    app.command()(verify)
    app.command()(export)
    app.add_typer(source, name="source")


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
        for one in running.detect(texts()):
            typer.echo(json.dumps(asdict(one)))
            count(1)
    for reject in rejects:
        typer.echo(json.dumps({"line": reject.line, "file": reject.file or file, "rejected": reject.reason}), err=True)
    summary = running.summary()
    if as_json:
        typer.echo(json.dumps({"summary": {**asdict(summary), "rejected": len(rejects)}}))
    else:
        typer.echo(summary.sentence + (f" {len(rejects):,} could not be read." if rejects else ""), err=True)


def trace(
    what: Annotated[str, typer.Argument(help="A record's id or its beginning, its text, or a file of records.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Where did this record come from? Source, batch, evidence, decisions, every training set and generation that used it."""
    from tailguard.plays.provenance import tracing

    space = open_workspace(workspace)
    if _is_file(what):
        from tailguard.adapters.readers import read_texts

        found = tracing.trace_all(space, list(read_texts(what)))
        show(found, "\n".join(one.sentence for one in found), as_json=as_json)
        return
    one = tracing.trace(space, what)
    show(one, _told(one), as_json=as_json)


def verify(
    clearance: Annotated[
        Path | None, typer.Argument(help="A signed clearance to check instead, offline; needs --key, and no workspace.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Public key (PEM) of the team that signed it.")] = None,
    training: Annotated[Path | None, typer.Option(help="The training file that it has to be about.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Check log, store, tags and ledgers, or a signed clearance; exit code 3 when anything was changed or is gone, and what."""
    if clearance is not None:
        _verify_clearance(clearance, key, training, as_json)
        return
    from tailguard.verification.verify import verify as check

    found = check(open_workspace(workspace))
    lines = [
        f"{found.rows:,} rows in {found.chains} chains ({found.sealed} sealed), {found.files:,} stored contents, "
        f"{found.tags:,} tags, {found.ledgers} ledgers.",
        *(f"{one.where}: {one.what}" for one in found.problems),
    ]
    show(found, "\n".join(lines), as_json=as_json)
    if found.problems:
        raise Blocked(f"The log or the store does not verify: {counted(len(found.problems), 'problem')}.")


def _verify_clearance(clearance: Path, key: Path | None, training: Path | None, as_json: bool) -> None:
    from tailguard.clock import SystemClock
    from tailguard.plays.mixing.require import read_file
    from tailguard.plays.mixing.statement import verify as check

    if key is None:
        raise InputError("--key names the public key of the team that signed it; `tailguard key` prints it there.")
    found = check(
        read_file(clearance, "clearance", "`tailguard check --out FILE` writes it."),
        public_key=read_file(key, "public key", "`tailguard key` prints it."),
        training_file=training,
        now=SystemClock().now(),
    )
    told = f"Good until {found.expires:%Y-%m-%d %H:%M} UTC: {found.run}, {found.reason}."
    show(
        found, told + ("" if training else " No training file was named, so none was held against it."), as_json=as_json
    )


def export(
    snapshot: Annotated[str, typer.Argument(help="Digest of a training set.")],
    out: Annotated[Path, typer.Option(help="File or folder to write.")],
    form: Annotated[str, typer.Option("--format", help="parquet, jsonl or hf (Hugging Face folder).")] = "parquet",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write a training set with each record's tag inside."""
    from tailguard.exports.export import export as write

    records = write(open_workspace(workspace), snapshot, form=form, out=out)
    show({"file": str(out), "records": records}, f"{records:,} records with their tags in {out}.", as_json=as_json)


@source.command("declare")
def source_declare(
    name: Name,
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    licence: Annotated[str, typer.Option(help="Under which licence or contract its records come.")],
    origin: Annotated[str, typer.Option(help="What it declares: human, ai or mixed.")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Since when; default: today.")] = None,
    note: Note = "",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Record what is agreed about a source; a new contract needs a new signature."""
    from tailguard.plays.provenance import sources

    space = open_workspace(workspace)
    begun = since or space.clock.now()
    sources.declare(space, name, owner=owner, licence=licence, declared=origin, since=begun, note=note)
    show(
        {"source": name},
        f"{name} is declared {origin}. The quality owner signs: tailguard source sign {name}",
        as_json=as_json,
    )


@source.command("sign")
def source_sign(
    name: Name,
    note: Note = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the signature back.")] = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Sign a source's contract as quality owner."""
    from tailguard.plays.provenance import sources

    sources.sign(open_workspace(workspace), name, note=note, signed=not withdraw)
    done = "no longer signed" if withdraw else "signed"
    show({"source": name, "signed": not withdraw}, f"The contract with {name} is {done}.", as_json=as_json)


@source.command("list")
def source_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every source's contract as it stands."""
    from tailguard.plays.provenance import sources

    found = sources.standing(open_workspace(workspace))
    lines = [
        f"{one.source:16} {one.declared:6} owner {one.owner}, {one.licence}, since {one.since:%Y-%m-%d}, "
        + (f"signed by {one.signed_by} on {one.signed:%Y-%m-%d}" if one.signed else "not signed")
        for one in found.values()
    ]
    show(list(found.values()), "\n".join(lines) or "No contracts.", as_json=as_json)


def _is_file(what: str) -> bool:
    try:
        return Path(what).exists()
    except (OSError, ValueError):  # a text, too long for a name or with a NUL in it
        return False


def _told(one: Trace) -> str:
    lines = [one.sentence]
    if one.text:
        shown = "".join(letter if letter.isprintable() else " " for letter in one.text)
        lines.append(f"  text      {shown[:300]}{'…' if len(shown) > 300 else ''}")
    if one.declared:
        lines.append(f"  declared  {one.declared} by its {one.declared_by or 'source'}")
    for tag in one.tags:
        proof = "proven by its ledger's root" if tag.proven else "NOT PROVEN: ledger or tag was changed"
        lines.append(
            f"  tag       {tag.recorded:%Y-%m-%d} {tag.run} {tag.source}: {tag.origin}{' (held)' if tag.held else ''}, "
            f"{tag.evidence}: {tag.reason}; by {tag.by}; {proof}"
        )
    lines += [
        f"  review    {one.recorded:%Y-%m-%d} {one.by}: {one.origin} ({one.code}) {one.note}" for one in one.answers
    ]
    lines += [
        f"  used in   {one.run} as {one.role}, snapshot {one.snapshot[:12]}, "
        + (f"generation {one.generation}" if one.generation else "never trained")
        for one in one.uses
    ]
    if one.own_output:
        lines.append(
            f"  ours      {one.own_output.kind} of {one.own_output.generation} ({one.own_output.share:.0%} of it)"
        )
    return "\n".join(lines)


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
