"""What a type checker tells a user of the installed package: mypy is run on a small project of theirs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import tailguard

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".mypy_cache" / "as_a_user"
"""An environment that has the package installed, and what mypy found in it, kept from run to run."""
LIBRARIES = (
    "PIL", "alembic", "cryptography", "duckdb", "duckdb_sqlalchemy", "jinja2", "matplotlib", "networkx", "numba", "openai",
    "pydantic", "sqlalchemy", "tokenizers", "typer", "yaml",
)  # fmt: skip
"""No public type is theirs: mypy need not read them here."""
SETTINGS = "[mypy]\nstrict = True\n" + "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in LIBRARIES)


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python in whose site-packages the package stands, beside the libraries of this one."""
    folder = KEPT / "environment"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    installed = site / "tailguard"
    if not installed.is_symlink():
        installed.symlink_to(ROOT / "core" / "tailguard")
    return folder / "bin" / "python"


def checked(python: Path, project: Path, source: str) -> tuple[int, str]:
    """Exit code and answer of mypy on a user's script."""
    (project / "mypy.ini").write_text(SETTINGS)
    (project / "script.py").write_text(source)
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "mypy", "--python-executable", str(python), "--cache-dir", str(KEPT / "cache"), "script.py"],
        cwd=project, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_user_sees_the_types_of_the_public_face(python: Path, tmp_path: Path) -> None:
    metrics = "\n".join(f"reveal_type(tailguard.diversity.{name})" for name in tailguard.diversity.__all__)
    source = f"""
from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tailguard
from tailguard import Blocked, Detection, Report, Signed
from tailguard.diversity import compression_ratio, mtld, words
from tailguard.domain.facts import Fact

assert_type(tailguard.detect(["a text"], error_rate=0.05), Detection)
assert_type(tailguard.detect(["a text"]).records[0].score, float | None)
assert_type(tailguard.compare("old.jsonl", Path("new.jsonl"), margin=0.05), Report)
assert_type(tailguard.compare([{{"prompt_id": 1}}], []).reason, str)
assert_type(compression_ratio(["a text"]), float)
assert_type(mtld([words("a text")]), NDArray[np.float64])
assert_type(tailguard.log.frame("GateDecision", lineage="main"), pd.DataFrame)
assert_type(tailguard.log.frame(tailguard.log.facts.GateDecision), pd.DataFrame)
assert_type(tailguard.log.runs(workspace=Path()), pd.DataFrame)
assert_type(tailguard.log.kinds(), dict[str, type[Fact]])
try:
    assert_type(tailguard.require_clearance("training.jsonl"), Signed)
except Blocked as blocked:
    assert_type(blocked.exit_code, int)
{metrics}
"""

    code, output = checked(python, tmp_path, source)

    revealed = re.findall(r'Revealed type is "(.*)"', output)
    assert code == 0, output
    assert len(revealed) == len(tailguard.diversity.__all__)
    assert [name for name in revealed if not name.startswith("def (") or re.search(r"(: |-> )Any\b", name)] == []


def test_a_user_is_told_of_names_and_arguments_that_are_not_there(python: Path, tmp_path: Path) -> None:
    code, output = checked(
        python,
        tmp_path,
        "import tailguard\ntailguard.detekt\ntailguard.diversity.mtdl\ntailguard.detect([1])\ntailguard.log.frame(3)\n",
    )

    assert code == 1
    errors = re.findall(r"script.py:(\d): error: .*\[(.*)\]", output)
    assert errors == [("2", "attr-defined"), ("3", "attr-defined"), ("4", "list-item"), ("5", "arg-type")]
