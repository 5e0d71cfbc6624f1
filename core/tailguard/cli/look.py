"""Looking: status, rebuild, migrate, dashboard, demo."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.roles import LOOPBACK
from tailguard.errors import InputError, TailguardError
from tailguard.shipped import shipped

if TYPE_CHECKING:
    from tailguard.workspace import Workspace

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
LEAN = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Settings under which the server's threads hand memory back that they no longer use."""
SIGN_IN_FILE = "sign_in.toml"
SIGN_IN_NEEDS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(status)
    app.command()(rebuild)
    app.command()(migrate)
    app.command()(dashboard)
    app.command()(demo)


def status(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """How every lineage stands: generations, open overrides, findings."""
    from tailguard.plays.status import status as compute

    space = open_workspace(workspace)
    with space.log.reading() as connection:
        found = compute(connection, now=space.clock.now())
    open_ones = [one for one in found.overrides if one.state == "open"]
    lines = [f"As of {found.as_of:%Y-%m-%d %H:%M} ({found.clock} clock)"]
    lines += [f"{lineage.name:12} {lineage.mode:8} {lineage.sentence}" for lineage in found.lineages]
    lines += [f"Open overrides: {', '.join(one.id for one in open_ones) or 'none'}"]
    lines += [f"{one.severity:7} {one.what}" for one in found.findings]
    show(found, "\n".join(lines), as_json=as_json)


def rebuild(
    snapshot: Annotated[str, typer.Argument(help="Digest of a training set.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make a training set again from its manifest, to the same bytes."""
    from tailguard.exports.export import write_again

    records = write_again(open_workspace(workspace), snapshot, out)
    show({"file": str(out), "records": records}, f"{records:,} records in {out}, byte for byte.", as_json=as_json)


def migrate(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Upgrade the run log's tables to this version."""
    from tailguard.runlog.schema import HEAD

    with open_workspace(workspace).log.writing():
        pass
    show({"schema": HEAD}, f"The run log has schema {HEAD}.", as_json=as_json)


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
    _refuse_busy(port)
    if space.log.exists():
        space.log.publish()
    url = f"http://{address}:{port}"
    told = "people sign in" if signs_in else "for this machine alone"
    show({"url": url}, f"Dashboard on {url}, {told} (Ctrl-C ends it)", as_json=as_json)
    _serve(space, port, address)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the demo's workspace.")] = Path("tailguard-demo"),
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Do not open the dashboard afterwards.")] = False,
    profile: Annotated[
        str, typer.Option(help="full: twelve months, two lineages; small: one person; api-only: nothing is trained.")
    ] = "full",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    port: Port = 8501,
    as_json: Json = False,
) -> None:
    """Run a team's history on real text, made at run time, then open the dashboard on its log."""
    from tailguard.demo.setting import play_profile
    from tailguard.workspace import Workspace, default_actor

    if not no_dashboard:
        _refuse_busy(port)
    head = play_profile(profile, folder, seed=seed, quiet=as_json)
    done = {"workspace": str(folder), "log_head": head}
    program = "tailguard" if shutil.which("tailguard") else sys.argv[0]
    show(done, f"Done. Log head {head[:16]}. Look around: {program} status -w {folder}", as_json=as_json)
    if not no_dashboard:
        typer.echo(f"Dashboard on http://localhost:{port} (Ctrl-C ends it)", err=True)
        _serve(Workspace(folder, default_actor(), isolated=True), port)


def _refuse_busy(port: int) -> None:
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


def _check_sign_in(file: Path) -> None:
    """Raises InputError that names what the sign-in lacks; the file must be its owner's alone, for it holds secrets."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("auth", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file} cannot be read as TOML ({error}). Mend it.") from error
    missing = [name for name in SIGN_IN_NEEDS if not found.get(name)]
    if missing:
        raise InputError(
            f"{file} has no {', '.join(missing)} in its table [auth]. README, Sign-in and roles, shows a whole one."
        )
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise InputError(f"{file} holds secrets and others can read it. Run `chmod 600 {file}`.")


def _serve(space: Workspace, port: int, address: str = LOOPBACK[0]) -> NoReturn:
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
