"""An evaluation suite: prompts in slices, some of them rare cases, some of them with a check of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class SuiteKind(StrEnum):
    """What the prompts of a suite ask for. A continuation may wander and begins with its prompt, an answer may not."""

    INSTRUCTIONS = "instructions"
    CONTINUATION = "continuation"


@dataclass(frozen=True)
class Check:
    """How an answer to one item is judged: a checker by name, what it expects, and a tolerance where it has one."""

    kind: str
    expected: object
    tolerance: float = 0.0


@dataclass(frozen=True)
class Prompt:
    """One item of a suite. `tail` marks rare-case slices; `check` says how its answers are judged, if they are."""

    id: str
    prompt: str
    slice: str
    tail: bool
    check: Check | None = None


@dataclass(frozen=True)
class Suite:
    """A frozen evaluation suite: its prompts, and the words that were rare in the anchor when it was frozen."""

    name: str
    prompts: tuple[Prompt, ...]
    rare_terms: frozenset[str]
    kind: SuiteKind = SuiteKind.INSTRUCTIONS

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Each prompt's text by id."""
        return {item.id: item.prompt for item in self.prompts}

    @cached_property
    def slices(self) -> Mapping[str, str]:
        """Each prompt's slice by id."""
        return {item.id: item.slice for item in self.prompts}

    @cached_property
    def tail(self) -> frozenset[str]:
        """The ids of the rare cases."""
        return frozenset(item.id for item in self.prompts if item.tail)
