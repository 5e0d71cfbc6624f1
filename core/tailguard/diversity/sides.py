"""One side of a comparison: the usable answers' words by prompt, ready to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.grams import numbered_pairs, variety_within
from tailguard.diversity.outputs import Encoded, ranges
from tailguard.diversity.rarefaction import Units
from tailguard.diversity.usable import USABLE, Judged

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_GRAM = 4


@dataclass(frozen=True, eq=False)
class Side:
    """The answers of one side with the defect of each; those that have one give no words.

    `rare_terms` are the words that are rare in the anchor, in normal form.
    """

    judged: Judged
    defects: NDArray[np.int8]
    rare_terms: frozenset[str]

    @property
    def prompts(self) -> int:
        """How many prompts were answered."""
        return len(self.judged.outputs.ids)

    @cached_property
    def usable(self) -> Floats:
        """The share (0 to 1) of each prompt's answers that are usable."""
        prompt_of = self.judged.outputs.prompt_of
        samples = np.bincount(prompt_of, minlength=self.prompts)
        return np.asarray(np.bincount(prompt_of, self.defects == USABLE, minlength=self.prompts) / samples)

    @cached_property
    def text(self) -> Encoded:
        """The answers' words; an unusable answer has none."""
        return self.judged.answers.only(self.defects == USABLE)

    @cached_property
    def starts(self) -> Ints:
        """Where each prompt's words begin, and where the last one's end."""
        first = np.searchsorted(self.judged.outputs.prompt_of, np.arange(self.prompts + 1))
        return np.asarray(self.text.offsets[first])

    @cached_property
    def words(self) -> Units:
        """Every word."""
        return Units(self.text.units, self.starts, np.ones(len(self.text.units), dtype=np.bool_))

    @cached_property
    def pairs(self) -> Units:
        """Every two neighbouring words of an answer."""
        pairs = numbered_pairs(self.text.units, self.text.offsets)
        inside = pairs >= 0
        starts = np.concatenate([[0], np.cumsum(inside)])[self.starts]
        return Units(pairs[inside], starts, np.ones(int(starts[-1]), dtype=np.bool_))

    @cached_property
    def rare(self) -> Units:
        """Every word, of which those count that are rare (see `rare_words`)."""
        kept = np.repeat(self.defects == USABLE, self.judged.answers.lengths)
        return Units(self.text.units, self.starts, self.judged.rare_words(self.rare_terms)[kept])

    @cached_property
    def placed(self) -> tuple[Ints, Ints]:
        """By prompt: how many pairs of a usable answer and a rare word there are, and how many of these words are in place."""
        owners, strewn = self.judged.placed(self.rare_terms)
        usable = self.defects[owners] == USABLE
        prompts = self.judged.outputs.prompt_of[owners]
        pairs, outside = (np.bincount(prompts[part], minlength=self.prompts) for part in (usable, usable & strewn))
        return pairs, pairs - outside

    @cached_property
    def within(self) -> Floats:
        """How much the usable answers to each prompt differ (0 to 1; see `variety_within`), nan where there are fewer than two."""
        outputs = self.judged.outputs
        return variety_within(self.text.units, self.text.offsets, outputs.prompt_of, self.prompts, n=_GRAM)


def chosen(units: Units, prompts: Flags) -> Units:
    """The units of some prompts only."""
    begins, lengths = units.starts[:-1][prompts], np.diff(units.starts)[prompts]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    at = ranges(begins, lengths, starts)
    return Units(units.units[at], starts, units.counted[at])
