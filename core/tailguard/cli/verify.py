"""`tailguard verify`: checks log, store, tags and ledgers, or a signed clearance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import counted
from tailguard.errors import Blocked, InputError


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

    checked = check(open_workspace(workspace))
    lines = [
        f"{checked.rows:,} rows in {checked.chains} chains ({checked.sealed} sealed), {checked.files:,} stored contents, "
        f"{checked.tags:,} tags, {checked.ledgers} ledgers.",
        *(f"{problem.where}: {problem.what}" for problem in checked.problems),
    ]
    show(checked, "\n".join(lines), as_json=as_json)
    if checked.problems:
        raise Blocked(f"The log or the store does not verify: {counted(len(checked.problems), 'problem')}.")


def _verify_clearance(clearance: Path, key: Path | None, training: Path | None, as_json: bool) -> None:
    from tailguard.clock import SystemClock
    from tailguard.plays.mixing.require import read_file
    from tailguard.plays.mixing.statement import verify as check

    if key is None:
        raise InputError("--key names the public key of the team that signed it; `tailguard key` prints it there.")
    checked = check(
        read_file(clearance, "clearance", "`tailguard check --out FILE` writes it."),
        public_key=read_file(key, "public key", "`tailguard key` prints it."),
        training_file=training,
        now=SystemClock().now(),
    )
    text = f"Good until {checked.expires:%Y-%m-%d %H:%M} UTC: {checked.run}, {checked.reason}."
    show(
        checked,
        text + ("" if training else " No training file was named, so none was held against it."),
        as_json=as_json,
    )
