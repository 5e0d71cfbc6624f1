"""What a command is to the shell that started it: it ends in order when told to, and minds no reader that has left."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by a TERM signal"}


class Ended(BaseException):
    """A signal came. What is running is left through its own clean-up."""

    def __init__(self, number: int) -> None:
        super().__init__(_WORDS[signal.Signals(number)])
        self.exit_code = 128 + number
        """As shells count them: 130 after Ctrl-C, 143 after TERM."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block Ctrl-C and TERM raise Ended; after it they end the process at once."""
    heard = [number for number in _WORDS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores some
    for number in heard:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> None:
    # A supervisor's TERM (`timeout` sends two) must not break the clean-up off; a second Ctrl-C is a person who means it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if number == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise Ended(number)


def outlive_readers() -> None:
    """Drop what is printed after its reader has left (`tailguard ... | head`); the command goes on and keeps its exit code."""
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def _outliving(stream: TextIO) -> TextIO:
    if stream is None:  # the shell has closed it: `>&-`
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )


class _Pipe(io.FileIO):
    def write(self, content: Buffer, /) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(content).nbytes
