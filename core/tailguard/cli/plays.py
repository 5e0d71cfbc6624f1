"""`tailguard plays`: is each of the five standing plays really running, and who answers for it?"""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

plays = typer.Typer(name="plays", help="The five standing plays: is each really running?", no_args_is_help=True)
PlayName = Annotated[str, typer.Argument(help="provenance, mixing, loops, monitoring or drill.")]


@plays.command("list")
def plays_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Each play: running, late or stopped, since when and why; what was attested; where the two disagree."""
    from tailguard.plays import attest

    audited = attest.audit(open_workspace(workspace))
    lines = []
    for play in audited:
        lines.append(f"{play.state.upper():8} {play.sentence} Owner {play.owner}, due {play.due:%Y-%m-%d}.")
        if play.contradiction:
            lines.append(f"         CONTRADICTION: {play.contradiction}")
        lines += [
            f"         {finding.severity}: {finding.what} (since {finding.since:%Y-%m-%d})" for finding in play.findings
        ]
    show(audited, "\n".join(lines), as_json=as_json)


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

    attested = attest.attest(open_workspace(workspace), play, running=running, note=note)
    show(
        attested,
        f"{play} attested as {'running' if running else 'not running'}; the log says {attested.evidence}",
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
