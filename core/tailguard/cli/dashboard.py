"""`tailguard dashboard`: opens the dashboard, for one person or for a team that signs in."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.cli.server import SIGN_IN_FILE, Port, refuse_busy, serve
from tailguard.domain.roles import LOOPBACK
from tailguard.errors import InputError

SIGN_IN_NEEDS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")


def dashboard(
    port: Port = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on; any but the loopback needs a sign-in (sign_in.toml).")
    ] = LOOPBACK[0],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Open the dashboard: for one person on this machine, or with sign_in.toml for a team that signs in."""
    space = open_workspace(workspace)
    signs_in = (space.root / SIGN_IN_FILE).is_file()
    if address not in LOOPBACK and not signs_in:
        raise InputError(
            f"Without a sign-in the dashboard answers on this machine alone, found --address {address}. Put the team's OpenID "
            f"provider into {space.root / SIGN_IN_FILE} (README, Sign-in and roles), or leave --address out."
        )
    if signs_in:
        _check_sign_in(space.root / SIGN_IN_FILE)
    refuse_busy(port)
    if space.log.exists():
        space.log.publish()
    url = f"http://{address}:{port}"
    audience = "people sign in" if signs_in else "for this machine alone"
    show({"url": url}, f"Dashboard on {url}, {audience} (Ctrl-C ends it)", as_json=as_json)
    serve(space, port, address)


def _check_sign_in(file: Path) -> None:
    """Raises InputError that names what the sign-in lacks; the file must be its owner's alone, for it holds secrets."""
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8")).get("auth", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file} cannot be read as TOML ({error}). Fix it.") from error
    missing = [name for name in SIGN_IN_NEEDS if not settings.get(name)]
    if missing:
        raise InputError(
            f"{file} has no {', '.join(missing)} in its table [auth]. README, Sign-in and roles, shows a whole one."
        )
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise InputError(f"{file} holds secrets and others can read it. Run `chmod 600 {file}`.")
