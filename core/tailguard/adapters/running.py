"""Runs a command of the team's: its output live in a log file, a time limit, and cancelled at once when somebody asks for it.

And worker processes of our own, which likewise end with the work that they are for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tailguard.domain.runs import file_name_of
from tailguard.errors import InputError, TailguardError

_SHOWN_LINES = 8
_LOOKS_A_SECOND = 5
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Watched:
    """Where a command's output goes, the file whose appearance cancels it, and who hears each line as it comes."""

    log: Path
    cancel: Path
    hear: Callable[[str], None]


def watching(root: Path, run: str, hear: Callable[[str], None]) -> Watched:
    """How the commands of a run are watched in a workspace: runs/RUN.log, and runs/RUN.cancel to end them."""
    return Watched(root / "runs" / f"{file_name_of(run)}.log", cancel_file(root, run), hear)


def cancel_file(root: Path, run: str) -> Path:
    """The file whose appearance ends a run's command; it holds the name of who asked for that."""
    return root / "runs" / f"{file_name_of(run)}.cancel"


def run_command(
    command: Sequence[str],
    values: Mapping[str, str],
    *,
    what: str,
    timeout_seconds: float,
    environment: Mapping[str, str],
    watched: Watched,
) -> None:
    """Run `command` with its `{placeholders}` filled in, without a shell. `what` names it in messages.

    The command has a process group of its own, which is ended whole: first asked to, killed five seconds later. Raises
    InputError for a placeholder that nobody fills or a program that is not there, TailguardError when the command fails, takes
    longer than it may, or is cancelled.
    """
    try:
        words = [word.format_map(values) for word in command]
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"The {what} has a placeholder that nobody fills: {error}. Known here: {', '.join(sorted(values))}."
        ) from error
    watched.cancel.unlink(missing_ok=True)
    try:
        process = subprocess.Popen(  # noqa: S603  the command is the policy's own, and no shell reads it
            words,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(
            f"The {what} {words[0]!r} cannot be started ({error.strerror}). Fix it in policy.toml."
        ) from error
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    listener = threading.Thread(target=_listen, args=(process.stdout, watched, last), daemon=True)
    listener.start()
    try:
        stopped = _wait(process, timeout_seconds, watched.cancel)
    finally:
        _end(process)
    listener.join()  # the group is gone, so the pipe has an end
    output_tail = "\n".join(last)
    if stopped:
        raise TailguardError(f"{words[0]} {stopped}. Its last words:\n{output_tail}")
    if process.returncode:
        raise TailguardError(f"{words[0]} ended with exit code {process.returncode}. Its last words:\n{output_tail}")


def _wait(process: subprocess.Popen[str], timeout_seconds: float, cancel: Path) -> str | None:
    """Why the command has to be stopped, or None when it ended by itself."""
    until = time.monotonic() + timeout_seconds
    while process.poll() is None:
        if time.monotonic() > until:
            return f"did not end within {timeout_seconds / 60:.0f} minutes and was stopped"
        if cancel.exists():
            who = cancel.read_text(encoding="utf-8").strip()
            cancel.unlink(missing_ok=True)
            return f"was cancelled by {who or 'somebody'}"
        time.sleep(1 / _LOOKS_A_SECOND)
    return None


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole process group, whatever is left of it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _listen(output: IO[str], watched: Watched, last: deque[str]) -> None:
    watched.log.parent.mkdir(parents=True, exist_ok=True)
    with output, watched.log.open("a", encoding="utf-8") as file:
        for line in output:
            if line.strip():
                last.append(line.rstrip())
                watched.hear(line.rstrip())
            file.write(line)
            file.flush()


@contextmanager
def worker_processes(
    count: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` fresh processes, each of which first calls `begin(*given)`.

    When the block is left by an exception, Ctrl-C and SIGTERM among them, what they are at is not waited for: they are ended.
    """
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(begin, given)) as pool:
        try:
            yield pool
        except BaseException:
            for worker in set(multiprocessing.active_children()) - before:
                worker.kill()
            # The pool's own thread sees that its workers are gone and ends; Python must not find it half closed at exit.
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _begin(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who began the work ends it
    if begin:
        begin(*given)
