"""The reader_writer_lock in front of the DuckDB file: many readers or one writer, across processes, and nobody starves.

Two side files. Who wants in takes the gate, then the lock (shared or exclusive), then lets go of the gate. A writer that
waits for the lock holds the gate, so readers that come later queue behind it; blocking calls queue fairly. The kernel
drops a lock when its holder dies, so a crash never leaves the log locked.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tailguard.errors import InputError, LogBusy


@contextmanager
def reader_writer_lock(log: Path, *, exclusive: bool, timeout_seconds: float) -> Iterator[None]:
    """Hold the log's lock. Raises LogBusy after `timeout_seconds`, InputError where the side files cannot be opened."""
    deadline = time.monotonic() + timeout_seconds
    gate = _open(log.with_name(log.name + ".gate"))
    try:
        _acquire(gate, fcntl.LOCK_EX, deadline, log)
    except BaseException:
        _close_unless_waiting(gate)
        raise
    try:
        lock = _open(log.with_name(log.name + ".lock"))
        try:
            _acquire(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline, log)
        except BaseException:
            _close_unless_waiting(lock)
            raise
    finally:
        os.close(gate)
    try:
        yield
    finally:
        os.close(lock)


_waiting: set[int] = set()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror}). The run log needs a local folder that you may write to."
        ) from error


def _acquire(descriptor: int, kind: int, deadline: float, log: Path) -> None:
    """Blocking flock with a time limit: the wait goes on in a thread, which gives the lock back if nobody wants it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        pass
    state = threading.Lock()
    outcome = {"abandoned": False, "held": False}

    def wait() -> None:
        fcntl.flock(descriptor, kind)
        with state:
            outcome["held"] = True
            if outcome["abandoned"]:
                _waiting.discard(descriptor)
                os.close(descriptor)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    with state:
        if outcome["held"]:
            return
        outcome["abandoned"] = True
        _waiting.add(descriptor)
    raise LogBusy(f"{log} was kept by another process past the time limit. Close what holds it open and try again.")


def _close_unless_waiting(descriptor: int) -> None:
    if descriptor not in _waiting:
        os.close(descriptor)


@contextmanager
def exclusive_lock(path: Path, *, doing: str) -> Iterator[None]:
    """Be the only process that does this. Raises LogBusy at once when another one is at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LogBusy(f"Another process is {doing}. Wait for it, or stop it and try again.") from error
        yield
    finally:
        os.close(descriptor)
