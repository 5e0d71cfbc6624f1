"""The five standing plays, by name."""

from __future__ import annotations

from enum import StrEnum


class PlayName(StrEnum):
    """A play, as the policy, the log and the pages name it."""

    PROVENANCE = "provenance"
    MIXING = "mixing"
    LOOPS = "loops"
    MONITORING = "monitoring"
    DRILL = "drill"
