"""What one generation answered, ready to be laid beside what another answered: texts, words, numbers, scores and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.lexical import numbered
from tailguard.diversity.metrics import normal_form, split_words
from tailguard.domain.suite import SuiteKind

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Texts as numbers of words: text i has `units[offsets[i]:offsets[i + 1]]`, and `vocabulary` is the word behind each number."""

    units: Ints
    offsets: Ints
    vocabulary: tuple[str, ...]

    @cached_property
    def lengths(self) -> Ints:
        """Words of each text."""
        return np.diff(self.offsets)

    def first(self, texts: int) -> Encoded:
        """Only the first texts, with the whole vocabulary."""
        return Encoded(self.units[: self.offsets[texts]], self.offsets[: texts + 1], self.vocabulary)

    def after(self, texts: int) -> Encoded:
        """Only what stands behind the first texts."""
        return Encoded(self.units[self.offsets[texts] :], self.offsets[texts:] - self.offsets[texts], self.vocabulary)

    def only(self, texts: NDArray[np.bool_]) -> Encoded:
        """The same with only some of the texts; all others are empty."""
        begins = self.offsets[:-1]
        return self.between(begins, np.where(texts, self.offsets[1:], begins))

    def between(self, begins: Ints, ends: Ints) -> Encoded:
        """Each text cut to the units from `begins` to `ends` (positions in `units`)."""
        lengths = ends - begins
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Encoded(self.units[ranges(begins, lengths, offsets)], offsets, self.vocabulary)


def ranges(begins: Ints, lengths: Ints, offsets: Ints) -> Ints:
    """The positions of all ranges, one after the other."""
    return np.asarray(np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths))


def encoded(split: Sequence[Sequence[str]]) -> Encoded:
    """Texts, given as their words, as numbers in the order in which words first come."""
    return Encoded(*numbered(split))


@dataclass(frozen=True)
class Outputs:
    """`answers[prompt_id]` are a prompt's samples in order; `tail` names the tail prompts.

    `prompts` has their texts, `slices` the slice of each, `scores` what a checker gave each answer (0 to 1), for those
    prompts that have one. `decoding` says how the answers were drawn; empty where nobody knows. `kind` says what the prompts
    ask for.
    """

    answers: Mapping[str, tuple[str, ...]]
    tail: frozenset[str]
    suite: str
    decoding: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    kind: SuiteKind = SuiteKind.INSTRUCTIONS
    _read: dict[str, tuple[str, list[str]]] = field(default_factory=dict, compare=False, repr=False)

    def only(self, prompts: frozenset[str]) -> Outputs:
        """The same for some of the prompts."""
        return replace(
            self,
            answers={prompt: texts for prompt, texts in self.answers.items() if prompt in prompts},
            tail=self.tail & prompts,
            scores={prompt: scores for prompt, scores in self.scores.items() if prompt in prompts},
        )

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The prompts' ids in order: the order of everything here that is a list or an array."""
        return tuple(sorted(self.answers))

    @cached_property
    def split(self) -> dict[str, list[list[str]]]:
        """The words of each prompt's answers in the order of the samples; prompts in order of their ids."""
        return {prompt: [self._as_read(text)[1] for text in self.answers[prompt]] for prompt in self.ids}

    @cached_property
    def normal(self) -> list[str]:
        """Every answer in normal form."""
        return [self._as_read(text)[0] for text in self.texts]

    def _as_read(self, text: str) -> tuple[str, list[str]]:
        """A text's normal form and its words. They are kept for these outputs and for those that `dataclasses.replace` makes of
        them, in which most texts are the same."""
        if text not in self._read:
            normal = normal_form(text)
            self._read[text] = normal, split_words(normal)
        return self._read[text]

    @cached_property
    def texts(self) -> list[str]:
        """Every answer."""
        return [text for prompt in self.ids for text in self.answers[prompt]]

    @cached_property
    def prompt_of(self) -> Ints:
        """The number of each answer's prompt."""
        return np.repeat(np.arange(len(self.ids)), [len(self.answers[prompt]) for prompt in self.ids])

    @cached_property
    def slice_of(self) -> NDArray[np.str_]:
        """The slice of each prompt; "all" where it has none."""
        return np.array([self.slices.get(prompt, "all") for prompt in self.ids])

    @cached_property
    def encoded(self) -> Encoded:
        """Every answer, and behind them every prompt's text, in numbers of one vocabulary."""
        answers = list(chain.from_iterable(self.split.values()))
        return encoded([*answers, *(split_words(normal_form(self.prompts.get(prompt, ""))) for prompt in self.ids)])

    @cached_property
    def mean_words(self) -> float:
        """Mean length of an answer in words; 0 of nothing."""
        return float(self.encoded.first(len(self.texts)).lengths.mean()) if self.texts else 0.0

    @cached_property
    def distinct_share(self) -> float:
        """Share (0 to 1) of answers that are not word for word another one of this generation; 0 of nothing."""
        return len(set(self.texts)) / len(self.texts) if self.texts else 0.0
