"""The five-stage workflow as values: the order of its seven steps, and what a step hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.domain.facts import Fact

ORDER = ("intake", "score", "compose", "train", "evaluate", "gate", "handoff")
"""Stage 1 is intake, 2 score, 3 compose, 4 train, evaluate and gate, 5 hand-off."""


EXIT_CRITERIA: Mapping[str, tuple[str, ...]] = {
    "intake": ("something was read", "every record is tagged", "unknown does not advance", "input is readable"),
    "score": ("synthetic quality", "ratio within limits", "the filter keeps the tails"),
    "compose": (
        "the set holds records",
        "whole anchor is in, byte for byte",
        "no record of unknown origin",
        "ratio within the ceiling",
        "human text accumulates",
    ),
    "train": ("only a cleared composition is trained", "weights were written"),
    "evaluate": ("the suite has a rare-case slice", "every prompt is answered"),
    "gate": ("matches or exceeds its references on every primary measure", "the gate has teeth", "no unguarded loop"),
    "handoff": ("snapshot, mixing ratio and evaluation are in the record",),
}
"""What each stage has to meet before the next one starts, by the names under which runs record it; the runbook lists them."""


@dataclass(frozen=True)
class Criterion:
    """An exit criterion: what was required, what was observed, whether it held, and what waives it, if anything."""

    name: str
    required: str
    observed: str
    held: bool
    waived_by: str | None = None

    @property
    def lets_through(self) -> bool:
        """Whether the next stage may start as far as this criterion goes."""
        return self.held or self.waived_by is not None


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
        """Whether every criterion held or was waived."""
        return all(criterion.lets_through for criterion in self.criteria)
