"""How many of something, in words that agree."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """A number and the words for so many: `1 loop is new`, `2 loops are new`, `1,200 loops are new`."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
