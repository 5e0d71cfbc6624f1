"""`tailguard source`: contracts with the sources of data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

source = typer.Typer(name="source", help="Contracts with the sources of data.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The source, as batches name it.")]
Note = Annotated[str, typer.Option(help="For those who read it later.")]


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
    """Every source's contract in force."""
    from tailguard.plays.provenance import sources

    contracts = sources.current(open_workspace(workspace))
    lines = [
        f"{contract.source:16} {contract.declared:6} owner {contract.owner}, {contract.licence}, since {contract.since:%Y-%m-%d}, "
        + (f"signed by {contract.signed_by} on {contract.signed:%Y-%m-%d}" if contract.signed else "not signed")
        for contract in contracts.values()
    ]
    show(list(contracts.values()), "\n".join(lines) or "No contracts.", as_json=as_json)
