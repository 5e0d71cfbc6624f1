"""The one protocol for real incidents and drills: its steps in order, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Step:
    """A step of a response: who does it, what it is for, and the command that does it ({incident} is filled in)."""

    name: str
    role: str
    purpose: str
    command: str


STEPS = (
    Step("detect", "whoever is on duty", "the loss is seen: an alert, or the drill's planted collapse", ""),
    Step(
        "freeze",
        "whoever is on duty",
        "nothing ships the suspect generation any more",
        "tailguard incident freeze {incident}",
    ),
    Step(
        "rollback",
        "ML operations",
        "the last known-good generation is in production again, weights verified",
        "tailguard incident rollback {incident}",
    ),
    Step(
        "audit",
        "data lead",
        "recent training data is searched for contamination by its tags",
        "tailguard incident audit {incident}",
    ),
    Step(
        "prepare",
        "ML engineer",
        "a training set from the anchor with a corrected ratio is ready",
        "tailguard incident prepare {incident}",
    ),
    Step(
        "close",
        "owner of the play",
        "root cause and the change that it led to are written down",
        'tailguard incident close {incident} --cause "..." --play PLAY --change "..."',
    ),
)
ORDER = tuple(step.name for step in STEPS)


class Gap(StrEnum):
    """What a team can be found to miss in an emergency, by the key that the log holds."""

    NO_GOOD_GENERATION = "no-good-generation"
    PRODUCTION_NOT_WATCHED = "production-not-watched"
    ALERTS_REACH_NOBODY = "alerts-reach-nobody"
    ANCHOR_STALE = "anchor-stale"
    TAGS_MISSING = "tags-missing"
    COLLAPSE_NOT_NOTICED = "collapse-not-noticed"
    DRILL_NOT_BEGUN = "drill-not-begun"


def gap_label(gap: str) -> str:
    """A gap in words: `no good generation`."""
    return gap.replace("-", " ")


def next_step(done: frozenset[str] | set[str]) -> str | None:
    """The first step that is not done; None when all are."""
    return next((name for name in ORDER if name not in done), None)
