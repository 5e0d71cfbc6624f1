"""`tailguard sign-off`: the quality owner's approval of a verdict, where the policy asks for it before shipping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.options import Run
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.references import ReferenceKind
from tailguard.domain.wording import duration

sign_off = typer.Typer(
    name="sign-off", help="The quality owner's approval of a verdict before its generation ships.", no_args_is_help=True
)
LookedAt = Annotated[str, typer.Option("--note", help="What was looked at, or why not; at least 10 letters.")]


@sign_off.command("list")
def sign_off_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Verdicts that wait for the quality owner, oldest first."""
    from tailguard.plays.status import status

    space = open_workspace(workspace)
    with space.log.reading() as view:
        lineages = status(view, now=space.clock.now()).lineages
    pending = sorted(
        (waiting for lineage in lineages for waiting in lineage.pending_sign_offs), key=lambda waiting: waiting.since
    )
    lines = [
        f"{waiting.run:16} {waiting.verdict:12} since {waiting.since:%Y-%m-%d}: {waiting.reason}" for waiting in pending
    ]
    show(pending, "\n".join(lines) or "No verdict waits for sign-off.", as_json=as_json)


@sign_off.command("report")
def sign_off_report(
    run: Run,
    out: Annotated[Path, typer.Option(help="File to write, .html.")],
    against: Annotated[ReferenceKind, typer.Option(help="Which reference.")] = ReferenceKind.PARENT,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Write the gate's full report, as the gates page shows it, for whoever signs it off."""
    from tailguard.reports.gate import report_page
    from tailguard.store.writing import write_atomically

    write_atomically(out, report_page(open_workspace(workspace), run, against))
    show({"run": run, "against": against, "file": str(out)}, f"{run} against its {against}: {out}", as_json=as_json)


@sign_off.command("approve")
def sign_off_approve(run: Run, note: LookedAt, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Approve a verdict, so that its generation may ship; never of a run that you started."""
    _decide(run, workspace, approved=True, note=note, as_json=as_json)


@sign_off.command("decline")
def sign_off_decline(run: Run, note: LookedAt, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Decline a verdict: its generation does not ship."""
    _decide(run, workspace, approved=False, note=note, as_json=as_json)


def _decide(run: str, workspace: Path | None, *, approved: bool, note: str, as_json: bool) -> None:
    from tailguard.release import sign_off as signing

    seconds = signing.sign_off(open_workspace(workspace), run, approved=approved, note=note)
    done = "approved" if approved else "declined"
    show(
        {"run": run, "approved": approved, "seconds_to_decide": seconds},
        f"{run} {done}, {duration(seconds)} after its verdict.",
        as_json=as_json,
    )
