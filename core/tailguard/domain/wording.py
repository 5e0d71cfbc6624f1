"""Words that sentences share: how many of something, and who did it when."""

from __future__ import annotations

from datetime import datetime


def counted(count: int, singular: str, several: str = "") -> str:
    """A number and the words for so many: `1 loop is new`, `2 loops are new`, `1,200 loops are new`."""
    return f"{count:,} {singular if count == 1 else several or f'{singular}s'}"


def by(actor: str, when: datetime) -> str:
    """Who did something, and when: `by sam on 6 Nov 2026 12:01`."""
    return f"by {actor} on {when.day} {when:%b %Y %H:%M}"
