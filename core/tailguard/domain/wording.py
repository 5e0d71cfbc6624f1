"""Words that sentences share: how many of something, and who did it when."""

from __future__ import annotations

from datetime import datetime


def counted(count: int, singular: str, several: str = "") -> str:
    """A number and the words for so many: `1 loop is new`, `2 loops are new`, `1,200 loops are new`."""
    return f"{count:,} {singular if count == 1 else several or f'{singular}s'}"


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it: `90 s`, `45 min`, `3.5 h`, `2.1 days`."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 172_800 else f"{seconds / 86_400:,.1f} days"


def by(actor: str, when: datetime) -> str:
    """Who did something, and when: `by sam on 6 Nov 2026 12:01`."""
    return f"by {actor} on {when.day} {when:%b %Y %H:%M}"
