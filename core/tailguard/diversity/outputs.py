"""What one generation answered, ready to be laid beside what another answered: words, numbers, scores and slices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.metrics import words
from tailguard.diversity.topics import text_vectors
from tailguard.policy.model import Quality
from tailguard.quality.rules import failing, quality

Ints = NDArray[np.int64]

_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m (?:very |really |so |truly )?sorry|i am sorry|sorry,|i apologi[sz]e|apologies|unfortunately,? i|"
    r"i (?:can['’]?t|cannot|can not|am unable|am not able|won['’]?t|will not|must decline|do not feel comfortable|"
    r"['’]?m (?:unable|not able)|don['’]?t feel comfortable)|i['’]m (?:unable|not able)|as an? (?:ai|large language|language))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Encoded:
    """Each answer's words as numbers, in the order of prompt ids and samples, and the word behind each number."""

    answers: tuple[Ints, ...]
    vocabulary: tuple[str, ...]


@dataclass(frozen=True)
class Outputs:
    """`answers[prompt_id]` are a prompt's samples in order; `tail` names the tail prompts.

    `prompts` has their texts, `slices` the slice of each, `scores` what a checker gave each answer (0 to 1), for those
    prompts that have one. `decoding` says how the answers were drawn; empty where nobody knows.
    """

    answers: Mapping[str, tuple[str, ...]]
    tail: frozenset[str]
    suite: str
    decoding: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def only(self, prompts: frozenset[str]) -> Outputs:
        """The same for some of the prompts."""
        return Outputs(
            {prompt: texts for prompt, texts in self.answers.items() if prompt in prompts},
            self.tail & prompts,
            self.suite,
            self.decoding,
            self.prompts,
            self.slices,
            {prompt: scores for prompt, scores in self.scores.items() if prompt in prompts},
        )

    def saying(self, split: dict[str, list[list[str]]]) -> Outputs:
        """The same with other answers, given by their words as `words` returns them; prompts in order of their ids."""
        answers = {prompt: tuple(" ".join(answer) for answer in samples) for prompt, samples in split.items()}
        other = replace(self, answers=answers)
        vars(other)["split"] = split  # words that are joined come out again when they are split
        return other

    @cached_property
    def split(self) -> dict[str, list[list[str]]]:
        """The words of each prompt's answers in the order of the samples; prompts in order of their ids."""
        return {prompt: [words(text) for text in self.answers[prompt]] for prompt in sorted(self.answers)}

    @cached_property
    def tokens(self) -> dict[str, list[list[str]]]:
        """The same, longest answer first: the order in which two sides are laid beside each other."""
        return {prompt: sorted(answers, key=len, reverse=True) for prompt, answers in self.split.items()}

    @cached_property
    def encoded(self) -> Encoded:
        """The same with words as numbers."""
        answers = [answer for ranked in self.tokens.values() for answer in ranked]
        tokens = list(chain.from_iterable(answers))
        index = {word: number for number, word in enumerate(dict.fromkeys(tokens))}
        numbers = np.array([index[word] for word in tokens], dtype=np.int64)
        ends = np.cumsum([len(answer) for answer in answers], dtype=np.int64)
        return Encoded(tuple(np.split(numbers, ends[:-1])[: len(answers)]), tuple(index))

    @cached_property
    def texts(self) -> list[str]:
        """Every answer."""
        return [text for prompt in sorted(self.answers) for text in self.answers[prompt]]

    @cached_property
    def mean_words(self) -> float:
        """Mean length of an answer in pieces between white space; 0 of nothing."""
        return float(np.mean([len(text.split()) for text in self.texts])) if self.texts else 0.0

    @cached_property
    def empty_share(self) -> float:
        """Share (0 to 1) of answers without a word; 1 of nothing."""
        return float(np.mean([not text.split() for text in self.texts])) if self.texts else 1.0

    @cached_property
    def refusal_share(self) -> float:
        """Share (0 to 1) of answers that open as refusals do in English."""
        return float(np.mean([bool(_REFUSAL.match(text)) for text in self.texts])) if self.texts else 0.0

    @cached_property
    def mean_quality(self) -> float:
        """Mean share (0 to 1) of the thirty text rules that an answer meets; empty answers are left to their own guard."""
        texts = [text for text in self.texts if text.split()]
        return float(quality(failing(texts, Quality())).mean()) if texts else 0.0

    @cached_property
    def mean_score(self) -> float | None:
        """Mean score (0 to 1) of the prompts that have a checker and are no tail prompts; None without any."""
        values = [score for prompt, scores in self.scores.items() if prompt not in self.tail for score in scores]
        return float(np.mean(values)) if values else None

    @cached_property
    def copied_share(self) -> float:
        """Mean share (0 to 1) of an answer's runs of four words that stand in its prompt."""
        shares = []
        for prompt, samples in self.split.items():
            asked = _runs(words(self.prompts.get(prompt, "")))
            for answer in samples if asked else ():
                runs = _runs(answer)
                shares.append(len(runs & asked) / len(runs) if runs else 0.0)
        return float(np.mean(shares)) if shares else 0.0

    @cached_property
    def relatedness(self) -> float | None:
        """Mean cosine (-1 to 1) between a prompt and its answers by static word vectors; None where no prompt is known."""
        asked = {prompt: words(self.prompts.get(prompt, "")) for prompt in self.tokens}
        pairs = [
            (at, answer)
            for at, prompt in enumerate(self.tokens)
            if asked[prompt]
            for answer in self.tokens[prompt]
            if answer
        ]
        if not pairs:
            return None
        questions = text_vectors(list(asked.values()))[[at for at, _ in pairs]]
        answers = text_vectors([answer for _, answer in pairs])
        return float(np.einsum("ij,ij->i", questions, answers).mean())

    @cached_property
    def distinct_share(self) -> float:
        """Share (0 to 1) of answers that are not word for word another one of this generation; 0 of nothing."""
        return len(set(self.texts)) / len(self.texts) if self.texts else 0.0


def _runs(tokens: list[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[at : at + 4]) for at in range(len(tokens) - 3)}
