"""Names and reasons inside text of our own: shown, and not obeyed."""

from __future__ import annotations

import re

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and marks that turn the direction of writing."""
LONGEST = 600

_OBEYED = frozenset("\\`*_{}[]()#+!|<>~&")


def plain(text: str) -> str:
    """Text on one line in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in _OBEYED else letter for letter in " ".join(text.split()))


def visible(text: str, longest: int = LONGEST) -> str:
    """Text for a cell of a report: what nobody sees becomes a replacement character, and no text is longer than `longest`."""
    shown = UNSEEN.sub("\ufffd", text)
    return shown if len(shown) <= longest else f"{shown[:longest]} … ({len(text):,} characters)"
