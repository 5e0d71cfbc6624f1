"""Why a record was kept, dropped, flagged, held or rejected: a fixed set of reasons, each with its words."""

from __future__ import annotations

from enum import StrEnum


class RecordOutcome(StrEnum):
    """What became of a record at intake or in scoring."""

    KEPT = "kept"
    DROPPED = "dropped"
    FLAGGED = "flagged"
    HELD = "held"
    REJECTED = "rejected"


class Reason(StrEnum):
    """The reason a record is counted under. Intake rejects, drops and holds; scoring keeps, drops and flags."""

    UNREADABLE = "unreadable"
    NO_TEXT = "no_text"
    BAD_FIELD = "bad_field"
    BAD_DECLARATION = "bad_declaration"
    TOO_LONG = "too_long"

    ALREADY_TAKEN_IN = "already_taken_in"

    NO_DECLARATION = "no_declaration"
    UNTRUSTED_SOURCE = "untrusted_source"
    UNSIGNED_CONTRACT = "unsigned_contract"
    AGAINST_CONTRACT = "against_contract"
    LOOKS_MODEL_MADE = "looks_model_made"
    PARTLY_MODEL_MADE = "partly_model_made"
    BATCH_CONFLICT = "batch_conflict"

    HUMAN = "human"
    SYNTHETIC_GOOD = "synthetic_good"
    SYNTHETIC_RARE = "synthetic_rare"

    HUMAN_POOR = "human_poor"
    SYNTHETIC_POOR = "synthetic_poor"
    SUITE_OVERLAP = "suite_overlap"
    IN_ANCHOR = "in_anchor"
    IN_EARLIER_SET = "in_earlier_set"
    NEAR_ANCHOR = "near_anchor"
    NEAR_EARLIER_SET = "near_earlier_set"
    NEAR_SAME_RUN = "near_same_run"

    OVER_CEILING = "over_ceiling"
    OVER_QUOTA = "over_quota"

    @property
    def label(self) -> str:
        """The reason in words."""
        return _LABELS[self]


_LABELS = {
    Reason.UNREADABLE: "could not be read",
    Reason.NO_TEXT: "no text",
    Reason.BAD_FIELD: "a field that cannot be kept",
    Reason.BAD_DECLARATION: "a declared origin that cannot be read",
    Reason.TOO_LONG: "longer than a record may be",
    Reason.ALREADY_TAKEN_IN: "duplicate of a record already taken in",
    Reason.NO_DECLARATION: "no declared origin",
    Reason.UNTRUSTED_SOURCE: "declared by a source that is not trusted",
    Reason.UNSIGNED_CONTRACT: "declared by a source whose contract is not signed",
    Reason.AGAINST_CONTRACT: "declared otherwise than its source's contract says",
    Reason.LOOKS_MODEL_MADE: "declared human, looks model-made",
    Reason.PARTLY_MODEL_MADE: "no trusted declaration, part of it looks model-made",
    Reason.BATCH_CONFLICT: "its batch as a whole does not look like what it is declared as",
    Reason.HUMAN: "human",
    Reason.SYNTHETIC_GOOD: "synthetic of good quality",
    Reason.SYNTHETIC_RARE: "synthetic that covers a rare cell",
    Reason.HUMAN_POOR: "human, quality below its limit",
    Reason.SYNTHETIC_POOR: "synthetic, quality below its limit and no rare cell",
    Reason.SUITE_OVERLAP: "shares a long run of words with the evaluation suite",
    Reason.IN_ANCHOR: "in the anchor already",
    Reason.IN_EARLIER_SET: "in an earlier set already",
    Reason.NEAR_ANCHOR: "near-duplicate of a record of the anchor",
    Reason.NEAR_EARLIER_SET: "near-duplicate of a record of an earlier set",
    Reason.NEAR_SAME_RUN: "near-duplicate of a record of this run",
    Reason.OVER_CEILING: "would push the ratio past its ceiling",
    Reason.OVER_QUOTA: "would push its slice past its quota",
}
