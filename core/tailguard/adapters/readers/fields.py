"""From a parsed row to a raw record, or to the reason why it is none; the same rules for every file format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tailguard.adapters.readers.declarations import declared_in
from tailguard.ports import Columns, RawRecord, Reject

EXCERPT = 80
LONGEST_META = 64 * 1024
"""Characters of JSON. Longer metadata is a reject: it would be cut, and what is cut cannot be trusted."""


def record_from(row: Mapping[str, Any], line: int, columns: Columns, *, file: str = "") -> RawRecord | Reject:  # noqa: PLR0911  a list of rules
    """A row needs a text that is not blank; all else is optional. Its other fields are carried along as JSON."""
    text = row.get(columns.text)
    if text is None:
        named = ", ".join(sorted(map(str, row)))
        return Reject(line, f"no {columns.text}", excerpt(named), file)
    if not isinstance(text, str):
        return Reject(line, f"{columns.text} is {type(text).__name__}, expected a string", excerpt(str(text)), file)
    if not text.strip():
        return Reject(line, f"{columns.text} is blank", "", file)
    if "\x00" in text:
        return Reject(line, f"{columns.text} holds NUL bytes", excerpt(text), file)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return Reject(line, f"{columns.text} holds half of a surrogate pair", excerpt(text), file)
    if len(row) == 1:
        return RawRecord(text, None, line, "", "", file)
    found = declared_in(row, columns)
    if found is not None and found.problem:
        return Reject(line, found.problem, excerpt(text), file)
    meta = meta_of(row, columns)
    if len(meta) > LONGEST_META:
        return Reject(line, f"metadata is longer than {LONGEST_META // 1024} KiB", excerpt(text), file)
    if found is None:
        return RawRecord(text, None, line, "", meta, file)
    return RawRecord(text, found.origin, line, found.field, meta, file)


def meta_of(row: Mapping[str, Any], columns: Columns) -> str:
    """The fields besides text and origin as canonical JSON; empty where there are none."""
    rest = {key: value for key, value in row.items() if key not in (columns.text, columns.origin)}
    return json.dumps(rest, sort_keys=True, ensure_ascii=True, default=str) if rest else ""


def excerpt(text: str) -> str:
    """The beginning of a text, printable, for a person to find the record by."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:EXCERPT])
