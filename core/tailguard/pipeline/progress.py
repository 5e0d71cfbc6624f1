"""How far a run has come, for whoever waits for it: the caller, and the file that dashboards read."""

from __future__ import annotations

from typing import Protocol

from tailguard.store.progress import ProgressFile


class Watcher(Protocol):
    """Is called while a run goes on."""

    def stage(self, run: str, stage: str) -> None:
        """A stage begins."""

    def reading(self, file: str, records: int, share: float) -> None:
        """So many records of a batch have been read, about this share (0 to 1) of it; 0 where nobody knows."""

    def output(self, line: str) -> None:
        """A trainer's or generator's command wrote a line."""


class _Unwatched:
    def stage(self, run: str, stage: str) -> None:
        """Nobody listens."""

    def reading(self, file: str, records: int, share: float) -> None:
        """Nobody listens."""

    def output(self, line: str) -> None:
        """Nobody listens."""


UNWATCHED: Watcher = _Unwatched()


class WatcherAndFile:
    """Passes each call on to a watcher, and writes progress to the run's file."""

    def __init__(self, watcher: Watcher, file: ProgressFile) -> None:
        self._watcher, self._file = watcher, file

    def stage(self, run: str, stage: str) -> None:
        self._watcher.stage(run, stage)
        self._file.stage(stage)

    def reading(self, file: str, records: int, share: float) -> None:
        self._watcher.reading(file, records, share)
        self._file.done(file, records, share)

    def output(self, line: str) -> None:
        self._watcher.output(line)
