"""Logs of every version that was ever written are read as they were: one golden file a version, kept for good.

After a change of the format, `python -m tests.runlog.test_golden` writes the new version's file; the old ones stay as they are.
"""

from __future__ import annotations

import lzma
import shutil
import sys
import tempfile
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

from tailguard.domain.facts import FACTS, ChainSealed, Fact
from tailguard.runlog.connection import open_log
from tailguard.runlog.recorder import Author, RunRecorder, transaction
from tailguard.runlog.schema import HEAD
from tailguard.runlog.verify import verify

GOLDEN = Path(__file__).parent / "golden"
KINDS = [kind for kind in FACTS if kind is not ChainSealed]  # which `seal` writes


@dataclass
class _Clock:
    moment: datetime = datetime(2026, 3, 1, 12)
    name: str = "golden"

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


def sample(kind: type[Fact]) -> Fact:
    """A fact of a kind, each field with a value of its type."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _value(field.name, hints[field.name]) for field in fields(kind)})


def _value(name: str, hint: Any) -> Any:
    if isinstance(hint, UnionType):
        return None if name < "m" else _value(name, get_args(hint)[0])
    if issubclass(hint, StrEnum):
        return list(hint)[-1]
    values = {str: f"{name} \N{SNOWMAN} 'x'", int: len(name), float: 1 / (1 + len(name)), bool: len(name) % 2 == 0}
    return values.get(hint, datetime(2026, 2, 3, 4, 5, 6, 789))


def write(path: Path) -> None:
    """A log with a row of every kind, in the chain of decisions and in that of a run."""
    log = open_log(f"duckdb:///{path}", path.parent)
    author = Author("ada", _Clock())
    with transaction(log, author) as opened:
        opened.record(*(sample(kind) for kind in KINDS))
    recorder = RunRecorder(log, "main/0", author)
    recorder.record(*(sample(kind) for kind in KINDS))
    recorder.seal()


def unpacked(version: str, folder: Path) -> Path:
    path = folder / "runlog.duckdb"
    with lzma.open(GOLDEN / f"{version}.duckdb.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


VERSIONS = sorted(path.name.partition(".")[0] for path in GOLDEN.glob("*.duckdb.xz"))


def test_the_version_that_is_written_has_its_golden_log() -> None:
    assert VERSIONS[-1] == HEAD


@pytest.mark.parametrize("version", VERSIONS)
def test_a_log_of_this_version_is_read_and_verified(version: str, tmp_path: Path) -> None:
    log = open_log(f"duckdb:///{unpacked(version, tmp_path)}", tmp_path)
    with log.writing():
        pass  # which upgrades it

    assert verify(log).problems == ()
    with log.reading() as view:
        assert view.as_of(datetime(2030, 1, 1))[1] == "golden"
        kinds = [kind for kind in KINDS if view.recorded(kind)]
        assert {row.fact for kind in kinds for row in view.recorded(kind)} >= {sample(kind) for kind in kinds}
    assert version != HEAD or len(kinds) == len(KINDS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "runlog.duckdb"
        write(made)
        target = GOLDEN / f"{HEAD}.duckdb.xz"
        if target.exists():
            sys.exit(f"{target} is there already, and is kept for good.")
        GOLDEN.mkdir(exist_ok=True)
        target.write_bytes(lzma.compress(made.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
