"""What a play finds, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from urllib.parse import quote

from tailguard.domain.overrides import Override
from tailguard.domain.plays import PlayName
from tailguard.plays.lineages import LineageStatus
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView, Recorded


class Severity(StrEnum):
    """How bad a finding is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITIES = tuple(Severity)
"""Worst first."""


class FindingKind(StrEnum):
    """What can be found. The values stand in logs, beside who a finding is assigned to: add to them, and rename none."""

    BATCH_NOT_BELIEVED = "batch-not-believed"
    COVERAGE_LOW = "coverage-low"
    DETECTOR_NOT_CALIBRATED = "detector-not-calibrated"
    DETECTOR_SWITCHED = "detector-switched"
    OWN_TEXT_RETURNED = "own-text-returned"
    SOURCE_DRIFTED = "source-drifted"
    SOURCE_NOT_SIGNED = "source-not-signed"
    TAGGING_STOPPED = "tagging-stopped"

    RECORDS_WAIT = "records-wait"

    ANCHOR_CHANGED = "anchor-changed"
    ANCHOR_STALE = "anchor-stale"
    ANCHOR_THIN = "anchor-thin"
    FILTER_NARROWS = "filter-narrows"
    HUMAN_TEXT_DROPPED = "human-text-dropped"
    RATIO_UNCERTAIN = "ratio-uncertain"
    SET_NOT_AUDITED = "set-not-audited"
    TRAINING_REFUSED = "training-refused"

    MEETING_OVERDUE = "meeting-overdue"
    OVERRIDE_EXPIRES = "override-expires"
    OVERRIDE_ORPHANED = "override-orphaned"
    OVERRIDE_RENEWED_AGAIN = "override-renewed-again"
    OVERRIDE_REQUESTED = "override-requested"
    OVERRIDE_VOID = "override-void"

    ALERT_UNDELIVERED = "alert-undelivered"
    CANDIDATE_STOPPED = "candidate-stopped"
    FROZEN_IN_PRODUCTION = "frozen-in-production"
    GATE_LESS_SENSITIVE = "gate-less-sensitive"
    GATE_BYPASSED = "gate-bypassed"
    GATE_NEVER_BLOCKED = "gate-never-blocked"
    ONLY_OBSERVING = "only-observing"
    SELF_TEST_FAILED = "self-test-failed"
    SIGN_OFF_OVERDUE = "sign-off-overdue"
    STOPPED_YET_SHIPPED = "stopped-yet-shipped"

    ALERT_NOT_ACKNOWLEDGED = "alert-not-acknowledged"
    STREAM_LOST_DIVERSITY = "stream-lost-diversity"
    SUITE_OLD = "suite-old"
    SUITE_SATURATED = "suite-saturated"

    CHECKPOINT_REMOVED = "checkpoint-removed"
    CHECKPOINT_SILENT = "checkpoint-silent"
    LOOPS_NEW = "loops-new"
    LOOPS_UNGUARDED = "loops-unguarded"
    LOOP_UNGUARDED = "loop-unguarded"

    DRILL_OVERDUE = "drill-overdue"
    RESPONSE_GAP = "response-gap"
    RESPONSE_OPEN = "response-open"

    ATTESTATION_CONTRADICTED = "attestation-contradicted"
    ATTESTATION_OVERDUE = "attestation-overdue"
    PLAY_NOT_RUNNING = "play-not-running"
    PREREQUISITE_NOT_RUNNING = "prerequisite-not-running"
    RUNBOOK_NOT_ACKNOWLEDGED = "runbook-not-acknowledged"

    DEVIATION_UNEXPLAINED = "deviation-unexplained"
    NOT_REPRODUCED = "not-reproduced"

    @property
    def play(self) -> PlayName | None:
        """The play that findings of this kind count against; None for what is about all plays, or about single runs."""
        return _PLAY.get(self)


_K = FindingKind
_KINDS: dict[PlayName, tuple[FindingKind, ...]] = {
    PlayName.PROVENANCE: (
        _K.BATCH_NOT_BELIEVED,
        _K.COVERAGE_LOW,
        _K.DETECTOR_NOT_CALIBRATED,
        _K.DETECTOR_SWITCHED,
        _K.OWN_TEXT_RETURNED,
        _K.SOURCE_DRIFTED,
        _K.SOURCE_NOT_SIGNED,
        _K.TAGGING_STOPPED,
        _K.RECORDS_WAIT,
    ),
    PlayName.MIXING: (
        _K.ANCHOR_CHANGED,
        _K.ANCHOR_STALE,
        _K.ANCHOR_THIN,
        _K.FILTER_NARROWS,
        _K.HUMAN_TEXT_DROPPED,
        _K.RATIO_UNCERTAIN,
        _K.SET_NOT_AUDITED,
        _K.TRAINING_REFUSED,
        _K.MEETING_OVERDUE,
        _K.OVERRIDE_EXPIRES,
        _K.OVERRIDE_ORPHANED,
        _K.OVERRIDE_RENEWED_AGAIN,
        _K.OVERRIDE_REQUESTED,
        _K.OVERRIDE_VOID,
    ),
    PlayName.LOOPS: (
        _K.CHECKPOINT_REMOVED,
        _K.CHECKPOINT_SILENT,
        _K.LOOPS_NEW,
        _K.LOOPS_UNGUARDED,
        _K.LOOP_UNGUARDED,
    ),
    PlayName.MONITORING: (
        _K.ALERT_UNDELIVERED,
        _K.CANDIDATE_STOPPED,
        _K.FROZEN_IN_PRODUCTION,
        _K.GATE_LESS_SENSITIVE,
        _K.GATE_BYPASSED,
        _K.GATE_NEVER_BLOCKED,
        _K.ONLY_OBSERVING,
        _K.SELF_TEST_FAILED,
        _K.SIGN_OFF_OVERDUE,
        _K.STOPPED_YET_SHIPPED,
        _K.ALERT_NOT_ACKNOWLEDGED,
        _K.STREAM_LOST_DIVERSITY,
        _K.SUITE_OLD,
        _K.SUITE_SATURATED,
    ),
    PlayName.DRILL: (
        _K.DRILL_OVERDUE,
        _K.RESPONSE_GAP,
        _K.RESPONSE_OPEN,
    ),
}
_PLAY = {kind: play for play, kinds in _KINDS.items() for kind in kinds}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something a person should look at: of what kind, about what, how bad, in words, since when.

    Kind and subject are its identity: `key` is made of them and names the finding from one look to the next, whatever its words
    have become. `subject` names what it is about, from the larger to the smaller (a run, then its slice), and is empty for what
    there is one of. `assigned_to` answers for it, and `plan` is what they said they would do.
    """

    kind: FindingKind
    subject: tuple[str, ...] = ()
    severity: Severity
    what: str
    since: datetime
    row: str
    assigned_to: str | None = None
    plan: str | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", ":".join([self.kind, *(quote(part) for part in self.subject)]))

    @classmethod
    def from_row(
        cls, row: Recorded[Any], *, kind: FindingKind, subject: tuple[str, ...] = (), severity: Severity, what: str
    ) -> Self:
        """A finding that one row of the log shows, and that stands since that row was recorded."""
        return cls(kind=kind, subject=subject, severity=severity, what=what, since=row.recorded, row=row.id)


@dataclass(frozen=True, kw_only=True)
class PlayContext:
    """The log at one moment, with what several plays ask of it: the policy in force, the lineages, the exceptions."""

    view: LogView
    moment: datetime
    policy: Policy | None
    lineages: Sequence[LineageStatus]
    exceptions: Sequence[Override]
