"""How far an active run has come, in a small file beside the log: written while it works, gone when it ends.

It is no fact. Nothing is decided by it, and a page that cannot read it shows the stage from the log instead.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tailguard.domain.runs import file_name_of
from tailguard.errors import TailguardError
from tailguard.store.writing import write_atomically

FOLDER = "progress"
STALE_SECONDS = 60.0
"""A file that nobody has written for so long is a run's that was killed."""
_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """What a run is at: stage, what of it, how many records are done, how many a second, and seconds left where that is known."""

    run: str
    stage: str
    what: str
    done: int
    rate: float
    share: float | None
    seconds_left: float | None

    @property
    def text(self) -> str:
        """For a person."""
        text = f"{self.run} is at {self.stage}"
        if self.done:
            text += f": {self.done:,} records of {self.what}, {self.rate:,.0f} a second"
        if self.seconds_left is not None:
            text += f", about {self.seconds_left:,.0f} s left"
        return text


class ProgressFile:
    """Writes a run's progress, at most once a second."""

    def __init__(self, folder: Path, run: str) -> None:
        self._file = folder / FOLDER / f"{file_name_of(run)}.json"
        self._run, self._stage, self._what = run, "", ""
        self._begun = self._written = 0.0
        self._first_done, self._first_share = 0, 0.0

    def stage(self, stage: str) -> None:
        """A stage begins."""
        self._stage, self._what = stage, ""
        self._write(Progress(self._run, stage, "", 0, 0.0, None, None))

    def done(self, what: str, records: int, share: float) -> None:
        """So many records of something are done, a share (0 to 1) of it."""
        now = time.monotonic()
        what = Path(what).name
        if what != self._what:
            self._what, self._begun, self._first_done, self._first_share = what, now, records, share
        if now - self._written < _EVERY_SECONDS:
            return
        passed = max(now - self._begun, 0.1)
        left = (1 - share) * passed / (share - self._first_share) if share > self._first_share else None
        rate = (records - self._first_done) / passed
        self._write(Progress(self._run, self._stage, what, records, rate, share or None, left))

    def end(self) -> None:
        """The run stopped or is complete."""
        self._file.unlink(missing_ok=True)

    def _write(self, progress: Progress) -> None:
        self._written = time.monotonic()
        with suppress(TailguardError):  # a full disk must not end a run for the sake of its progress
            write_atomically(self._file, json.dumps(asdict(progress)).encode())


def in_progress(folder: Path) -> list[Progress]:
    """The runs in progress, by name."""
    runs = []
    for file in sorted((folder / FOLDER).glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            if time.time() - file.stat().st_mtime < STALE_SECONDS:
                runs.append(Progress(**json.loads(file.read_bytes())))
    return runs
