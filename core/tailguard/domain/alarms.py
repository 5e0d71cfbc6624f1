"""What can be in alarm."""

from __future__ import annotations

from enum import StrEnum


class AlarmKind(StrEnum):
    """The kinds of alarm. With its subject, a kind tells whether an alert was raised already."""

    STREAM = "stream"
    CANDIDATE = "candidate"
    SELF_TEST = "self_test"

    @property
    def label(self) -> str:
        """What is wrong, in words."""
        return _LABELS[self]


_LABELS = {
    AlarmKind.STREAM: "a stream lost diversity",
    AlarmKind.CANDIDATE: "a candidate was blocked",
    AlarmKind.SELF_TEST: "the gate failed its self-test",
}
