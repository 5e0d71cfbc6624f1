"""Reads JSON Lines: one object a line, UTF-8. A broken line is a reject; the lines around it are read all the same."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tailguard.adapters.readers.fields import EXCERPT, excerpt, record_from
from tailguard.adapters.readers.source import BUFFER, UNREADABLE, broken_off, open_file
from tailguard.domain.reasons import Reason
from tailguard.errors import InputError
from tailguard.ports import Columns, RawRecord, Reject

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. A longer line is a reject and is skipped without being held in memory."""


def read_jsonl(path: str, columns: Columns) -> Iterator[RawRecord | Reject]:
    """Records and rejects in order. Blank lines are skipped. Raises InputError when the file cannot be opened."""
    with io.BufferedReader(open_file(path), BUFFER) as file:  # type: ignore[type-var]
        number = 0
        while True:
            try:
                line = file.readline(LONGEST_LINE + 1)
                number += 1
                if len(line) > LONGEST_LINE:
                    _skip_line(file, line)
            except UNREADABLE as error:
                yield broken_off(number + 1, error)
                return
            if not line:
                return
            if len(line) > LONGEST_LINE:
                yield Reject(number, Reason.TOO_LONG, f"line is longer than {LONGEST_LINE // 2**20} MiB", _start(line))
            elif line.strip():
                yield _parse(line, number, columns)


def read_objects(path: Path) -> list[dict[str, object]]:
    """All objects of a small JSONL file (a suite, outputs). Raises InputError naming the first line that is none."""
    return list(numbered_objects(path).values())


def numbered_objects(path: Path) -> dict[int, dict[str, object]]:
    """The same by line number; blank lines are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # other line ends stand inside of JSON strings
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    rows: dict[int, dict[str, object]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} line {number} is not JSON ({error}). Fix that line.") from error
        if not isinstance(row, dict):
            raise InputError(f"{path} line {number} is {type(row).__name__}, expected an object. Fix that line.")
        rows[number] = row
    return rows


def _skip_line(file: IO[bytes], part: bytes) -> None:
    while part and not part.endswith(b"\n"):
        part = file.readline(LONGEST_LINE)


def _parse(line: bytes, number: int, columns: Columns) -> RawRecord | Reject:
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        return Reject(number, Reason.UNREADABLE, "not UTF-8", _start(line))
    except RecursionError:
        return Reject(number, Reason.UNREADABLE, "nested too deeply", _start(line))
    except ValueError as error:
        return Reject(number, Reason.UNREADABLE, f"not JSON ({str(error).split(':')[0]})", _start(line))
    if not isinstance(row, dict):
        return Reject(number, Reason.UNREADABLE, f"not an object but {type(row).__name__}", _start(line))
    return record_from(row, number, columns)


def _start(line: bytes) -> str:
    return excerpt(line[: 4 * EXCERPT].decode("utf-8", "replace").strip())
