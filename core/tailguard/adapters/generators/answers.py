"""Answers that were made elsewhere, from a file: what `tailguard generate` writes, or any like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tailguard.adapters.readers.answers import read_answers
from tailguard.errors import InputError
from tailguard.ports import Decoding


class FileGenerator:
    """The generator port over a file of answers (`prompt_id`, `prompt`, `output` a row), found by the text of their prompt.

    It has to hold twice the samples that the policy asks for: the first are compared, the others are for the self-test.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first_seed: int | None = None

    def generate(
        self,
        weights: Path,  # noqa: ARG002  they answered elsewhere
        prompts: Sequence[str],
        *,
        decoding: Decoding,
        seed: int,
    ) -> list[tuple[str, ...]]:
        """Raises InputError where the file has too few answers to a prompt, or says that they were drawn otherwise."""
        outputs = read_answers(self._path, suite=None)
        if outputs.decoding and outputs.decoding != str(decoding):
            raise InputError(
                f"{self._path} was drawn with {outputs.decoding}; [evaluation] says {decoding}. "
                "Draw it again, or change the policy."
            )
        by_prompt: dict[str, list[str]] = defaultdict(list)
        for identity, texts in outputs.answers.items():
            by_prompt[outputs.prompts[identity]] += texts
        self._first_seed = seed if self._first_seed is None else self._first_seed
        first = 0 if seed == self._first_seed else decoding.samples
        short = [prompt for prompt in prompts if len(by_prompt[prompt]) < 2 * decoding.samples]
        if short:
            raise InputError(
                f"{self._path} has {len(by_prompt[short[0]])} answers to {short[0][:60]!r}; {2 * decoding.samples} are needed: "
                f"{decoding.samples} to compare and as many for the self-test ({len(short)} of {len(prompts)} prompts are short)."
            )
        return [tuple(by_prompt[prompt][first : first + decoding.samples]) for prompt in prompts]
