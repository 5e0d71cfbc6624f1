"""The gates of the workflow, and whether a lineage's gates stop or only report."""

from __future__ import annotations

from enum import StrEnum


class Gate(StrEnum):
    """Gates that an override can open. The intake gate has none: what is unknown is decided, not excused."""

    RATIO = "ratio"
    DIVERSITY = "diversity"
    LOOPS = "loops"


class Mode(StrEnum):
    """Whether a lineage's gates stop, or everything is measured and only reported."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
