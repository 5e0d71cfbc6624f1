"""From a parsed row to a raw record, or to the reason why it is none; the same rules for every file format."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tailguard.adapters.readers.declarations import declared_in
from tailguard.domain.reasons import Reason
from tailguard.ports import Columns, RawRecord, Reject

EXCERPT = 80
LONGEST_META = 64 * 1024
"""Characters of JSON. Longer metadata is a reject: it would be cut, and what is cut cannot be trusted."""


DEEPEST = 64
"""Levels of lists and objects in a field. Deeper ones are a reject: every reader that follows would have to bear them."""


def record_from(row: Mapping[str, Any], line: int, columns: Columns, *, file: str = "") -> RawRecord | Reject:  # noqa: PLR0911  a list of rules
    """A row needs a text that is not blank; all else is optional. Its other fields are carried along as JSON.

    Whatever the values of a row are, the answer is a record or a reject: no row ends the reading.
    """
    text = row.get(columns.text)
    if text is None:
        named = ", ".join(sorted(map(str, row)))
        return Reject(line, Reason.NO_TEXT, f"no {columns.text}", excerpt(named), file)
    if not isinstance(text, str):
        return Reject(
            line, Reason.BAD_FIELD, f"{columns.text} is {type(text).__name__}, expected a string", _shown(text), file
        )
    if not text.strip():
        return Reject(line, Reason.NO_TEXT, f"{columns.text} is blank", "", file)
    if "\x00" in text:
        return Reject(line, Reason.BAD_FIELD, f"{columns.text} holds NUL bytes", excerpt(text), file)
    if not _encodes(text):
        return Reject(line, Reason.BAD_FIELD, f"{columns.text} holds half of a surrogate pair", excerpt(text), file)
    if len(row) == 1:
        return RawRecord(text, None, line, "", "", file)
    for name, value in row.items():
        if name != columns.text and (problem := _problem_of(name) or _problem_of(value)):
            return Reject(line, Reason.BAD_FIELD, f"{excerpt(name)} {problem}", excerpt(text), file)
    declared = declared_in(row, columns)
    if declared is not None and declared.problem:
        return Reject(line, Reason.BAD_DECLARATION, declared.problem, excerpt(text), file)
    meta = meta_of(row, columns)
    if len(meta) > LONGEST_META:
        return Reject(line, Reason.TOO_LONG, f"metadata is longer than {LONGEST_META // 1024} KiB", excerpt(text), file)
    if declared is None:
        return RawRecord(text, None, line, "", meta, file)
    return RawRecord(text, declared.origin, line, declared.field, meta, file)


def meta_of(row: Mapping[str, Any], columns: Columns) -> str:
    """The fields besides text and origin as canonical JSON; empty where there are none. NaN, by which data frames say that
    nothing is there, is null."""
    rest = {key: value for key, value in row.items() if key not in (columns.text, columns.origin)}
    if not rest:
        return ""
    try:
        return json.dumps(rest, sort_keys=True, ensure_ascii=True, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_without_nan(rest), sort_keys=True, ensure_ascii=True, default=str, allow_nan=False)


def _problem_of(value: object) -> str | None:
    """Why a field's name or value cannot be carried along, if it cannot."""
    unseen = [(value, 0)]
    while unseen:
        part, depth = unseen.pop()
        if isinstance(part, str):
            if "\x00" in part:
                return "holds NUL bytes"
            if not _encodes(part):
                return "holds half of a surrogate pair"
        elif isinstance(part, float):
            if math.isinf(part):
                return "holds an infinite number"
        elif isinstance(part, Mapping | list | tuple):
            if depth == DEEPEST:
                return "is nested too deeply"
            inside = [*part, *part.values()] if isinstance(part, Mapping) else part
            unseen += [(part, depth + 1) for part in inside]
    return None


def _shown(value: object) -> str:
    """A number as it stood there; what is nested is not written out."""
    return "" if isinstance(value, Mapping | list | tuple) else excerpt(str(value))


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_nan(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def excerpt(text: str) -> str:
    """The beginning of a text, printable, for a person to find the record by."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:EXCERPT])
