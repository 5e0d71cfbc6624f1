"""The measures that gate, what people call them, and by how much each may fall."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Measure(StrEnum):
    """What a candidate must not lose. Each is higher where more is kept; the order is that in which they are shown."""

    USABLE = "usable"
    USABLE_TAIL = "usable_tail"
    ACCURACY = "accuracy"
    TAIL_ACCURACY = "tail_accuracy"
    RARE_DENSITY = "rare_density"
    RARE_COVERAGE = "rare_coverage"
    RARE_IN_PLACE = "rare_in_place"
    TYPE_DENSITY = "type_density"
    TYPE_COVERAGE = "type_coverage"
    PAIR_DENSITY = "pair_density"
    WITHIN_PROMPT = "within_prompt"

    @property
    def label(self) -> str:
        """What people call it."""
        return _LABELS[self]

    def within(self, slice_name: str) -> str:
        """What people call it in one slice of the suite; over all prompts for the empty name."""
        return f"{self.label} in {slice_name}" if slice_name else self.label

    @property
    def in_points(self) -> bool:
        """Whether its change is a difference of two shares (points), and not a share of the reference's value."""
        return self in _IN_POINTS

    @property
    def grows_with_length(self) -> bool:
        """Whether longer answers raise it: a fall with densities kept is explained by length."""
        return self in (Measure.RARE_COVERAGE, Measure.TYPE_COVERAGE)


_LABELS = {
    Measure.USABLE: "usable answers",
    Measure.USABLE_TAIL: "usable answers to tail prompts",
    Measure.ACCURACY: "accuracy on checked items",
    Measure.TAIL_ACCURACY: "accuracy on checked tail items",
    Measure.RARE_DENSITY: "rare words, word for word",
    Measure.RARE_COVERAGE: "rare words, prompt for prompt",
    Measure.RARE_IN_PLACE: "rare words where they belong",
    Measure.TYPE_DENSITY: "vocabulary, word for word",
    Measure.TYPE_COVERAGE: "vocabulary, prompt for prompt",
    Measure.PAIR_DENSITY: "word pairs, word for word",
    Measure.WITHIN_PROMPT: "variety within a prompt",
}

_IN_POINTS = frozenset({Measure.USABLE, Measure.USABLE_TAIL, Measure.RARE_IN_PLACE, Measure.WITHIN_PROMPT})

BY_SLICE = (Measure.USABLE, Measure.TYPE_DENSITY, Measure.TYPE_COVERAGE)
"""The measures that are taken slice by slice."""

MARGINS: Mapping[Measure, float] = {
    Measure.USABLE: 0.03,
    Measure.USABLE_TAIL: 0.05,
    Measure.ACCURACY: 0.05,
    Measure.TAIL_ACCURACY: 0.05,
    Measure.RARE_DENSITY: 0.08,
    Measure.RARE_COVERAGE: 0.15,
    Measure.RARE_IN_PLACE: 0.03,
    Measure.TYPE_DENSITY: 0.03,
    Measure.TYPE_COVERAGE: 0.10,
    Measure.PAIR_DENSITY: 0.03,
    Measure.WITHIN_PROMPT: 0.05,
}
"""The largest loss that passes, where the policy says nothing else: one set for the gate, `compare` and the self-test."""
