"""Kernels are compiled also where nothing but the temporary folder can be written to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from tailguard.kernels import njit

@njit()
def double(x: int) -> int:
    return 2 * x

print(double(21), sum(double.stats.cache_hits.values()))
"""


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A module whose folder and whose user's home take no files, whoever the user is: files stand where folders would be."""
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    (tmp_path / "tmp").mkdir()
    return tmp_path


def run(folder: Path) -> list[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    }
    environment |= {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    ran = subprocess.run(
        [sys.executable, "module.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_a_kernel_compiles_once_for_a_user_who_can_write_nowhere_else(read_only: Path) -> None:
    assert run(read_only) == ["42", "0"]
    assert run(read_only) == ["42", "1"]

    (kept,) = (read_only / "tmp").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_machine_code_that_others_could_have_written_is_not_run(read_only: Path) -> None:
    open_to_all = read_only / "tmp" / f"tailguard-kernels-{os.getuid()}"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)

    assert run(read_only) == ["42", "0"]

    assert not any(open_to_all.iterdir())
    assert len(list((read_only / "tmp").iterdir())) == 2
