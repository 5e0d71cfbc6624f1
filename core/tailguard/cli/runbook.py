"""`tailguard runbook`: how this team works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import InputError

runbook = typer.Typer(
    name="runbook",
    help="How this team works, written from the policy, the plays and the stages.",
    no_args_is_help=True,
)


@runbook.command("show")
def runbook_show(
    out: Annotated[
        Path | None, typer.Option(help="File to write, .md or .html; default: Markdown on standard output.")
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """The runbook as it is now."""
    from tailguard.plays import attest
    from tailguard.plays.runbook import digest_of
    from tailguard.store.writing import write_atomically

    text = attest.runbook_text(open_workspace(workspace))
    if out:
        if out.suffix not in (".md", ".html"):
            raise InputError(f"--out ends with .md or .html, found {out.name}.")
        page = attest.as_page(text, "Runbook") if out.suffix == ".html" else text
        write_atomically(out, page.encode())
    message = f"{out} written, revision {digest_of(text)[:12]}." if out else text.rstrip()
    show({"revision": digest_of(text), "text": text}, message, as_json=as_json)


@runbook.command("acknowledge")
def runbook_acknowledge(
    note: Annotated[str, typer.Option(help="What has changed, and why.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Acknowledge the present runbook as its maintainer."""
    from tailguard.plays import attest

    done = attest.acknowledge(open_workspace(workspace), note=note)
    show(done, f"Revision {done.digest[:12]} is acknowledged.", as_json=as_json)
