"""Commands start with what they need: nobody waits for a library that is not asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.plays.loops import actions
from tailguard.policy.reading import template
from tailguard.workspace import Workspace

HEAVY = (
    "networkx",
    "numba",
    "numpy",
    "plotly",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "streamlit",
    "tailguard.domain.facts",
)
START = """
import sys
from tailguard import cli
code = cli.run(sys.argv[1:])
print("loaded", code, *sys.modules)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules of a process that ran a command well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", START, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    word, code, *modules = ran.stdout.splitlines()[-1].split()
    assert (word, code) == ("loaded", "0"), ran.stderr
    return set(modules)


@pytest.mark.parametrize("arguments", [("--help",), ("status", "--help")])
def test_help_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments).isdisjoint(HEAVY)


def test_the_state_of_flows_without_an_unguarded_loop_needs_no_search(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(template("ada"))
    (tmp_path / "flows.yaml").write_text("flows_version: 1\nedges:\n  - main -> robot\n  - robot -> archive\n")
    workspace = Workspace(tmp_path, "ada")
    actions.record_edits(workspace)

    assert loaded("status", "-w", str(tmp_path)).isdisjoint({"networkx", "numba", "scipy", "sklearn"})
