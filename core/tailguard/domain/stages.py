"""The five-stage workflow as values: the order of its seven steps, and what a step hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.domain.facts import Fact


class Stage(StrEnum):
    """The steps in their order. Stage 1 of the workflow is intake, 2 score, 3 compose, 4 train, evaluate and gate, 5 hand-off."""

    INTAKE = "intake"
    SCORE = "score"
    COMPOSE = "compose"
    TRAIN = "train"
    EVALUATE = "evaluate"
    GATE = "gate"
    HANDOFF = "handoff"


ORDER = tuple(Stage)


class Requirement(StrEnum):
    """What an exit criterion asks for, by the key that the log holds; runs, runbook and pages show its label."""

    SOMETHING_READ = "something-read"
    ALL_TAGGED = "all-tagged"
    UNKNOWN_HELD = "unknown-held"
    INPUT_READABLE = "input-readable"
    SYNTHETIC_QUALITY = "synthetic-quality"
    RATIO_WITHIN_LIMITS = "ratio-within-limits"
    TAILS_KEPT = "tails-kept"
    SET_NOT_EMPTY = "set-not-empty"
    ANCHOR_WHOLE = "anchor-whole"
    NO_UNKNOWN_ORIGIN = "no-unknown-origin"
    RATIO_WITHIN_CEILING = "ratio-within-ceiling"
    HUMAN_TEXT_ACCUMULATES = "human-text-accumulates"
    CLEARED = "cleared"
    WEIGHTS_WRITTEN = "weights-written"
    RARE_CASES_IN_SUITE = "rare-cases-in-suite"
    ALL_ANSWERED = "all-answered"
    NO_DIVERSITY_LOST = "no-diversity-lost"
    GATE_SENSITIVE = "gate-sensitive"
    NO_UNGUARDED_LOOP = "no-unguarded-loop"
    RECORD_COMPLETE = "record-complete"

    @property
    def label(self) -> str:
        """In words."""
        return _LABELS[self]


_LABELS = {
    Requirement.SOMETHING_READ: "something was read",
    Requirement.ALL_TAGGED: "every record is tagged",
    Requirement.UNKNOWN_HELD: "unknown does not advance",
    Requirement.INPUT_READABLE: "input is readable",
    Requirement.SYNTHETIC_QUALITY: "synthetic quality",
    Requirement.RATIO_WITHIN_LIMITS: "ratio within limits",
    Requirement.TAILS_KEPT: "the filter keeps the tails",
    Requirement.SET_NOT_EMPTY: "the set holds records",
    Requirement.ANCHOR_WHOLE: "whole anchor is in, byte for byte",
    Requirement.NO_UNKNOWN_ORIGIN: "no record of unknown origin",
    Requirement.RATIO_WITHIN_CEILING: "ratio within the ceiling",
    Requirement.HUMAN_TEXT_ACCUMULATES: "human text accumulates",
    Requirement.CLEARED: "only a cleared composition is trained",
    Requirement.WEIGHTS_WRITTEN: "weights were written",
    Requirement.RARE_CASES_IN_SUITE: "the suite has a rare-case slice",
    Requirement.ALL_ANSWERED: "every prompt is answered",
    Requirement.NO_DIVERSITY_LOST: "matches or exceeds its references on every measure",
    Requirement.GATE_SENSITIVE: "the gate passes its self-test",
    Requirement.NO_UNGUARDED_LOOP: "no unguarded loop",
    Requirement.RECORD_COMPLETE: "snapshot, mixing ratio and evaluation are in the record",
}

EXIT_CRITERIA: Mapping[Stage, tuple[Requirement, ...]] = {
    Stage.INTAKE: (
        Requirement.SOMETHING_READ,
        Requirement.ALL_TAGGED,
        Requirement.UNKNOWN_HELD,
        Requirement.INPUT_READABLE,
    ),
    Stage.SCORE: (
        Requirement.SYNTHETIC_QUALITY,
        Requirement.RATIO_WITHIN_LIMITS,
        Requirement.TAILS_KEPT,
    ),
    Stage.COMPOSE: (
        Requirement.SET_NOT_EMPTY,
        Requirement.ANCHOR_WHOLE,
        Requirement.NO_UNKNOWN_ORIGIN,
        Requirement.RATIO_WITHIN_CEILING,
        Requirement.HUMAN_TEXT_ACCUMULATES,
    ),
    Stage.TRAIN: (
        Requirement.CLEARED,
        Requirement.WEIGHTS_WRITTEN,
    ),
    Stage.EVALUATE: (
        Requirement.RARE_CASES_IN_SUITE,
        Requirement.ALL_ANSWERED,
    ),
    Stage.GATE: (
        Requirement.NO_DIVERSITY_LOST,
        Requirement.GATE_SENSITIVE,
        Requirement.NO_UNGUARDED_LOOP,
    ),
    Stage.HANDOFF: (Requirement.RECORD_COMPLETE,),
}
"""What each stage has to meet before the next one starts; the runbook lists them."""


class Waiver(StrEnum):
    """What lets a run go on with a criterion that it missed, besides an override, which is named by its id."""

    OBSERVE = "observe"
    FINDING = "finding"


_WAIVER_LABELS: Mapping[str, str] = {Waiver.OBSERVE: "observe mode", Waiver.FINDING: "a finding"}


def waiver_label(waived_by: str) -> str:
    """What waives a criterion, in words: observe mode, a finding, or the override by its id."""
    return _WAIVER_LABELS.get(waived_by, waived_by)


@dataclass(frozen=True)
class Criterion:
    """An exit criterion: what was required, what was observed, whether it was met, and what waives it, if anything."""

    name: Requirement
    required: str
    observed: str
    met: bool
    waived_by: str | None = None

    @property
    def lets_through(self) -> bool:
        """Whether the next stage may start as far as this criterion goes."""
        return self.met or self.waived_by is not None


@dataclass(frozen=True)
class Named:
    """A thing by the digest of its content: `kind` is the store's folder, `name` what a person calls it."""

    kind: str
    name: str
    digest: str


@dataclass(frozen=True)
class Outcome:
    """What a stage hands back: the digests that the next stages need, the criteria, and the facts to remember."""

    result: Mapping[str, str]
    criteria: tuple[Criterion, ...]
    inputs: tuple[Named, ...]
    outputs: tuple[Named, ...]
    facts: tuple[Fact, ...]
    records_in: int
    records_out: int

    @property
    def passed(self) -> bool:
        """Whether every criterion was met or was waived."""
        return all(criterion.lets_through for criterion in self.criteria)
