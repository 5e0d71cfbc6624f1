"""The dashboard's server, which `tailguard dashboard` and `tailguard demo` become."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tailguard.domain.roles import LOOPBACK
from tailguard.errors import InputError, TailguardError
from tailguard.shipped import shipped

if TYPE_CHECKING:
    from tailguard.workspace import Workspace

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
LEAN = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Settings under which the server's threads hand memory back that they no longer use."""
SIGN_IN_FILE = "sign_in.toml"


def refuse_busy(port: int) -> None:
    """Raises InputError when something listens on this port already."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(
                    f"Port {port} is in use. Stop what listens there, or choose another port (PORT=8502, --port 8502)."
                ) from error


def serve(space: Workspace, port: int, address: str = LOOPBACK[0]) -> NoReturn:
    """Become the Streamlit server of this workspace: one process, which ends when whoever started it ends it."""
    from tailguard.workspace import LOG_VARIABLE

    app = shipped("dashboard", "app.py")
    if not app.exists():
        raise TailguardError(f"{app} is missing from this installation. Install Tailguard again.")
    command = [
        sys.executable,
        "-m",
        "pages.shared.serving",
        "run",
        str(app),
        "--server.address",
        address,
        "--server.port",
        str(port),
        "--secrets.files",
        str((space.root / SIGN_IN_FILE).resolve()),
    ]
    environment = {**LEAN, **os.environ, "TAILGUARD_WORKSPACE": str(space.root.resolve())}
    if space.isolated:
        environment.pop(LOG_VARIABLE, None)
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(app.parent)
    os.execve(command[0], command, environment)  # noqa: S606  our own interpreter, and no shell reads it
