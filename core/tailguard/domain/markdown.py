"""Names and reasons inside Markdown of our own: shown, and not obeyed."""

from __future__ import annotations

_OBEYED = frozenset("\\`*_{}[]()#+!|<>~&")


def plain(text: str) -> str:
    """Text on one line in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in _OBEYED else letter for letter in " ".join(text.split()))
