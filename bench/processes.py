"""Processes of their own: what a command printed, and environments for peers whose pins clash with ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / "bench" / ".environments"


def printed(*command: object, cwd: Path = ROOT, **variables: str) -> str:
    """What a command printed. Raises CalledProcessError for one that fails."""
    words = [str(word) for word in command]
    done = subprocess.run(  # noqa: S603  commands of the measurements themselves
        words, check=True, capture_output=True, text=True, cwd=cwd, env={**os.environ, **variables}
    )
    return done.stdout


def environment(name: str, packages: Sequence[str]) -> Path:
    """The folder of the programs of an environment with these packages, made when first asked for."""
    programs = ENVIRONMENTS / name / "bin"
    if not (programs / "python").exists():
        printed(sys.executable, "-m", "venv", ENVIRONMENTS / name)
        printed(programs / "python", "-m", "pip", "install", "-q", *packages)
    return programs
