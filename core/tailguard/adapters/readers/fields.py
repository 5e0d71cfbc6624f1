"""From a parsed row to a raw record, or to the reason why it is none; the same rules for every file format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailguard.domain.tags import Origin
from tailguard.ports import RawRecord, Reject

EXCERPT = 80


def record_from(row: Mapping[str, Any], line: int) -> RawRecord | Reject:  # noqa: PLR0911  a list of rules
    """A row needs `text`, a string that is not blank; `origin` (human, ai, mixed or unknown) is optional."""
    text = row.get("text")
    if text is None:
        return Reject(line, "no text", excerpt(str(sorted(row))))
    if not isinstance(text, str):
        return Reject(line, f"text is {type(text).__name__}, expected a string", excerpt(str(text)))
    if not text.strip():
        return Reject(line, "text is blank", "")
    if "\x00" in text:
        return Reject(line, "text holds NUL bytes", excerpt(text))
    try:
        text.encode()
    except UnicodeEncodeError:
        return Reject(line, "text holds half of a surrogate pair", excerpt(text))
    declared = row.get("origin")
    if declared is not None and declared not in set(Origin):
        return Reject(
            line, f"origin is {excerpt(str(declared))!r}, expected human, ai, mixed or unknown", excerpt(text)
        )
    return RawRecord(text, None if declared is None else str(declared), line)


def excerpt(text: str) -> str:
    """The beginning of a text, printable, for a person to find the record by."""
    return "".join(letter if letter.isprintable() else "�" for letter in text[:EXCERPT])
