"""The plays: is each really running, who answers for it, the runbook, and what is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import InputError

plays = typer.Typer(help="The five standing plays: is each really running?", no_args_is_help=True)
runbook = typer.Typer(
    help="How this team works, written from the policy, the plays and the stages.", no_args_is_help=True
)

PlayName = Annotated[str, typer.Argument(help="provenance, mixing, loops, monitoring or drill.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.add_typer(plays, name="plays")
    app.add_typer(runbook, name="runbook")
    app.command()(calendar)


@plays.command("list")
def plays_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Each play: running, late or stopped, since when and why; what was attested; where the two disagree."""
    from tailguard.plays import attest

    found = attest.audit(open_workspace(workspace))
    lines = []
    for one in found:
        lines.append(f"{one.state.upper():8} {one.sentence} Owner {one.owner}, due {one.due:%Y-%m-%d}.")
        if one.contradiction:
            lines.append(f"         CONTRADICTION: {one.contradiction}")
        lines += [
            f"         {finding.severity}: {finding.what} (since {finding.since:%Y-%m-%d})" for finding in one.findings
        ]
    show(found, "\n".join(lines), as_json=as_json)


@plays.command("attest")
def plays_attest(
    play: PlayName,
    running: Annotated[bool, typer.Option("--running/--not-running", help="Is it really running?")],
    note: Annotated[str, typer.Option(help="Needed where you see it otherwise than the log.")] = "",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Say as quality owner whether a play is really running; kept beside the evidence of this moment."""
    from tailguard.plays import attest

    found = attest.attest(open_workspace(workspace), play, running=running, note=note)
    show(
        found,
        f"{play} attested as {'running' if running else 'not running'}; the log says {found.evidence}",
        as_json=as_json,
    )


@plays.command("hand-over")
def plays_hand_over(
    play: PlayName,
    to: Annotated[str, typer.Option(help="Who answers for it from now on.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Give a play another owner: one line of policy.toml changes."""
    from tailguard.plays import attest

    done = attest.hand_over(open_workspace(workspace), play, to=to)
    show(done, f"{play} went from {done.before} to {done.after}. Acknowledge the runbook next.", as_json=as_json)


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
    told = f"{out} written, revision {digest_of(text)[:12]}." if out else text.rstrip()
    show({"revision": digest_of(text), "text": text}, told, as_json=as_json)


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


def calendar(
    out: Annotated[Path | None, typer.Option(help="File to write; default: calendar.ics in the workspace.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """What is due: reviews, drills, attestations, expiries, refreshes; written as an iCalendar file to subscribe to."""
    from tailguard.plays import attest

    space = open_workspace(workspace)
    found = attest.write_calendar(space, out)
    lines = [f"{one.when:%Y-%m-%d} {one.what} ({one.who})" for one in found]
    show(found, "\n".join([*lines, f"{out or space.root / attest.CALENDAR} written."]), as_json=as_json)
