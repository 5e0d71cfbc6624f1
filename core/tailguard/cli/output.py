"""What commands share: the workspace option, `--json`, and printing a value either way."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tailguard.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
WorkspaceFolder = Annotated[
    Path | None, typer.Option("--workspace", "-w", help="Folder with policy.toml; default: the nearest one upwards.")
]


def open_workspace(folder: Path | None) -> Workspace:
    """The workspace that a command works in, with whoever is at the keyboard."""
    from tailguard.workspace import Workspace, default_actor, find_workspace

    return Workspace(folder if folder else find_workspace(Path.cwd()), default_actor())


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print `value` as JSON, or `text` for a person."""
    typer.echo(to_json(value) if as_json else text)


def printable(text: str, limit: int | None = None) -> str:
    """A text as a terminal can show it: control characters become blanks, and what exceeds `limit` characters an ellipsis."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if limit is None or len(shown) <= limit else shown[:limit] + "…"


def to_json(value: Any) -> str:
    """Indented JSON; dataclasses become objects and times ISO 8601."""

    def plain(part: Any) -> Any:
        if is_dataclass(part) and not isinstance(part, type):
            return asdict(part)
        if isinstance(part, datetime):
            return part.isoformat()
        return str(part)

    return json.dumps(value, indent=2, default=plain)
