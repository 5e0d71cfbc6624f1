"""Reads CSV and TSV with a header line. A row that does not fit is a reject; the rows around it are read all the same."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator

from tailguard.adapters.readers.fields import excerpt, record_from
from tailguard.adapters.readers.source import BUFFER, UNREADABLE, broken_off, kind_of, open_file
from tailguard.domain.reasons import Reason
from tailguard.errors import InputError
from tailguard.ports import Columns, RawRecord, Reject

LONGEST_FIELD = 16 * 1024 * 1024
MOST_LINES = 2000
"""Lines of one row. A quote that is not closed by then is taken for a mistake in its first line."""


class _Lines:
    """Physical lines, with those of the row that is being read kept, so that reading can begin again after its first."""

    def __init__(self, path: str) -> None:
        self._file = io.TextIOWrapper(
            io.BufferedReader(open_file(path), BUFFER),  # type: ignore[type-var]
            encoding="utf-8-sig",
            errors="surrogateescape",
            newline="",
        )
        self._again: deque[str] = deque()
        self.row: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.row) >= MOST_LINES:
            raise csv.Error(f"a quote is not closed within {MOST_LINES} lines")
        line = self._again.popleft() if self._again else self._file.readline(LONGEST_FIELD)
        if not line:
            raise StopIteration
        self.row.append(line)
        self.number += 1
        return line

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def give_up_first(self) -> str:
        """The row's first line is lost; those after it are read again."""
        first, *rest = self.row
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        self.row = []
        return first


def read_delimited(path: str, columns: Columns) -> Iterator[RawRecord | Reject]:
    """Records and rejects in order; `line` is that on which the row ends. Raises InputError without a text column."""
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = "\t" if kind_of(path) == ".tsv" else ","
    with _Lines(path) as lines:
        yield from _rows(path, lines, delimiter, columns)


def _rows(path: str, lines: _Lines, delimiter: str, columns: Columns) -> Iterator[RawRecord | Reject]:
    header: list[str] | None = None
    while True:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                lines.row = []
                if header is None:
                    header = _header(path, row, columns)
                elif row:
                    yield _record(row, header, lines.number, columns)
            return
        except csv.Error as error:
            if header is None:
                raise InputError(f"{path} line 1 is not a CSV header ({error}). Write it again.") from error
            first = lines.give_up_first()
            yield Reject(lines.number, Reason.UNREADABLE, f"not CSV ({error})", excerpt(first.strip()))
        except UNREADABLE as error:
            yield broken_off(lines.number + 1, error)
            return


def _header(path: str, row: list[str], columns: Columns) -> list[str]:
    if columns.text not in row:
        raise InputError(
            f"{path} line 1 names no column `{columns.text}`; it has {', '.join(row)[:200] or 'none'}. Name the right one "
            "under [columns] in policy.toml, or rename the column."
        )
    return row


def _record(row: list[str], header: list[str], line: int, columns: Columns) -> RawRecord | Reject:
    if len(row) != len(header):
        return Reject(line, Reason.UNREADABLE, f"{len(row)} fields, expected {len(header)}", excerpt(",".join(row)))
    values = dict(zip(header, row, strict=True))
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return Reject(line, Reason.UNREADABLE, "not UTF-8", excerpt(values[columns.text]))
    return record_from(values, line, columns)
