"""Which page shows what: where a finding is explained, and where something that is due is done."""

from __future__ import annotations

from tailguard.plays.calendar import DueKind
from tailguard.plays.finding import FindingKind

_K = FindingKind
_FINDINGS: dict[str, tuple[FindingKind, ...]] = {
    "provenance": (
        _K.BATCH_NOT_BELIEVED,
        _K.COVERAGE_LOW,
        _K.DETECTOR_NOT_CALIBRATED,
        _K.DETECTOR_SWITCHED,
        _K.OWN_TEXT_RETURNED,
        _K.SOURCE_DRIFTED,
        _K.SOURCE_NOT_SIGNED,
        _K.TAGGING_STOPPED,
    ),
    "quarantine": (_K.RECORDS_WAIT,),
    "mixing": (
        _K.ANCHOR_CHANGED,
        _K.ANCHOR_STALE,
        _K.ANCHOR_THIN,
        _K.FILTER_NARROWS,
        _K.HUMAN_TEXT_DROPPED,
        _K.RATIO_UNCERTAIN,
        _K.SET_NOT_AUDITED,
        _K.TRAINING_REFUSED,
    ),
    "overrides": (
        _K.MEETING_OVERDUE,
        _K.OVERRIDE_EXPIRES,
        _K.OVERRIDE_ORPHANED,
        _K.OVERRIDE_RENEWED_AGAIN,
        _K.OVERRIDE_REQUESTED,
        _K.OVERRIDE_VOID,
    ),
    "gates": (
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
    ),
    "diversity": (
        _K.ALERT_NOT_ACKNOWLEDGED,
        _K.STREAM_LOST_DIVERSITY,
        _K.SUITE_OLD,
        _K.SUITE_SATURATED,
    ),
    "loops": (
        _K.CHECKPOINT_REMOVED,
        _K.CHECKPOINT_SILENT,
        _K.LOOPS_NEW,
        _K.LOOPS_UNGUARDED,
        _K.LOOP_UNGUARDED,
    ),
    "drill": (
        _K.DRILL_OVERDUE,
        _K.RESPONSE_GAP,
        _K.RESPONSE_OPEN,
    ),
    "plays": (
        _K.ATTESTATION_CONTRADICTED,
        _K.ATTESTATION_OVERDUE,
        _K.PLAY_NOT_RUNNING,
        _K.PREREQUISITE_NOT_RUNNING,
        _K.RUNBOOK_NOT_ACKNOWLEDGED,
    ),
    "runs": (
        _K.DEVIATION_UNEXPLAINED,
        _K.NOT_REPRODUCED,
    ),
}
_DUE: dict[str, tuple[DueKind, ...]] = {
    "loops": (DueKind.CHECKPOINT_EVIDENCE, DueKind.LOOPS_REVIEW),
    "drill": (DueKind.DRILL,),
    "plays": (DueKind.ATTESTATION,),
    "overrides": (DueKind.OVERRIDE_EXPIRES, DueKind.MEETING),
    "gates": (DueKind.SIGN_OFF,),
    "diversity": (DueKind.SUITE_REFRESH,),
    "mixing": (DueKind.ANCHOR_ADDITION,),
}
_PAGE: dict[FindingKind | DueKind, str] = {
    **{kind: page for page, kinds in _FINDINGS.items() for kind in kinds},
    **{kind: page for page, kinds in _DUE.items() for kind in kinds},
}


def page_of(kind: FindingKind | DueKind) -> str:
    """The page, by its address."""
    return _PAGE[kind]
