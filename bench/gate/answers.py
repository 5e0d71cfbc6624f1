"""Answers of real models, from the Parquet files in DATA/generations, as the rows that `tailguard.compare` reads."""

from __future__ import annotations

import functools
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from tailguard.comparison.compare import compare
from tailguard.diversity.report import Report

WORD = re.compile(r"[^\W\d_](?:['’]?[^\W\d_])+")
TAIL_PROMPTS = 80

Row = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One side of a comparison: parallel lists of prompt ids, prompts and answers, and the ids of tail prompts."""

    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    texts: tuple[str, ...]
    tail: frozenset[str] = frozenset()

    def with_texts(self, texts: list[str]) -> Answers:
        """The same prompts with other answers."""
        return replace(self, texts=tuple(texts))

    def reordered(self, positions: list[int]) -> Answers:
        """The answers at these positions, in this order."""
        ids, prompts, texts = (tuple(column[at] for at in positions) for column in (self.ids, self.prompts, self.texts))
        return replace(self, ids=ids, prompts=prompts, texts=texts)

    def rows(self) -> list[Row]:
        """Rows for `tailguard.compare`."""
        return [
            {"prompt_id": prompt_id, "prompt": prompt, "output": text, "tail": prompt_id in self.tail}
            for prompt_id, prompt, text in zip(self.ids, self.prompts, self.texts, strict=True)
        ]


@functools.cache
def answers_of(data: Path, model: str) -> Answers:
    """A model's answers, in order of their prompt ids."""
    table = pd.read_parquet(data / "generations" / f"{model}.parquet").sort_values("prompt_id")
    return Answers(
        ids=tuple(map(str, table.prompt_id)), prompts=tuple(map(str, table.prompt)), texts=tuple(map(str, table.output))
    )


@functools.cache
def pooled(data: Path, models: tuple[str, ...]) -> Answers:
    """The models' answers as the samples of one model; only prompts that all of them answered."""
    sides = [answers_of(data, model) for model in models]
    shared = set.intersection(*(set(side.ids) for side in sides))
    texts = [dict(zip(side.ids, side.texts, strict=True)) for side in sides]
    prompts = dict(zip(sides[0].ids, sides[0].prompts, strict=True))
    ids = [prompt_id for prompt_id in sides[0].ids if prompt_id in shared for _ in sides]
    return Answers(
        ids=tuple(ids),
        prompts=tuple(prompts[prompt_id] for prompt_id in ids),
        texts=tuple(texts[at % len(sides)][prompt_id] for at, prompt_id in enumerate(ids)),
    )


def random_of(*parts: object) -> random.Random:
    """Random numbers that depend on nothing but these parts."""
    return random.Random(zlib.crc32(repr(parts).encode()))  # noqa: S311  noise, not a secret


@functools.cache
def is_rare(word: str, below: float = 3.0) -> bool:
    """Whether English has the word, and at a Zipf frequency below that (3: once in a million words)."""
    from wordfreq import zipf_frequency

    return 0 < zipf_frequency(word, "en") < below


def rare_words(text: str, *, below: float = 3.0) -> list[str]:
    """The rare words of a text, case-folded, in order."""
    return [word for word in map(str.casefold, WORD.findall(text)) if is_rare(word, below)]


def with_tail(answers: Answers, count: int = TAIL_PROMPTS) -> Answers:
    """The same with those prompts marked as tail prompts whose answers hold most rare words."""
    richness: dict[str, int] = {}
    for prompt_id, text in zip(answers.ids, answers.texts, strict=True):
        richness[prompt_id] = richness.get(prompt_id, 0) + len(rare_words(text))
    return replace(answers, tail=frozenset(sorted(richness, key=lambda prompt_id: -richness[prompt_id])[:count]))


def compared(parent: Answers, candidate: Answers, *, seed: int = 0) -> Report:
    """What `tailguard.compare` says of two sides."""
    return compare(parent.rows(), candidate.rows(), seed=seed)


Edit = Callable[[Answers, float, random.Random], Answers]
"""Damage or a harmless change to the given share (0 to 1) of the answers."""
