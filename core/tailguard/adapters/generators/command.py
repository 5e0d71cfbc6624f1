"""A command that answers: any framework, through two files.

`{weights}`, `{prompts}` (JSONL; each line has `id` and `prompt`), `{outputs}` (JSONL to write; one line a sample, with `id` and
`text`, the prompt not repeated), `{samples}`, `{max_tokens}`, `{temperature}`, `{seed}` are filled in. Exit code 0 means done.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tailguard.adapters.running import Watched, run_command
from tailguard.errors import TailguardError
from tailguard.ports import Decoding


@dataclass(frozen=True)
class CommandGenerator:
    """The generator port over a command line."""

    command: tuple[str, ...]
    timeout_seconds: float
    watched: Watched

    def generate(
        self, weights: Path, prompts: Sequence[str], *, decoding: Decoding, seed: int
    ) -> list[tuple[str, ...]]:
        """Prompts go in and answers come back through files, so that no text is ever part of a command line."""
        with tempfile.TemporaryDirectory(prefix="tailguard-") as folder:
            asked, answered = Path(folder) / "prompts.jsonl", Path(folder) / "outputs.jsonl"
            lines = (json.dumps({"id": str(number), "prompt": prompt}) for number, prompt in enumerate(prompts))
            asked.write_text("\n".join(lines) + "\n", encoding="utf-8")
            values = {
                "weights": str(weights),
                "prompts": str(asked),
                "outputs": str(answered),
                "samples": str(decoding.samples),
                "max_tokens": str(decoding.max_tokens),
                "temperature": f"{decoding.temperature:g}",
                "seed": str(seed),
            }
            run_command(
                self.command,
                values,
                what="generate command",
                timeout_seconds=self.timeout_seconds,
                environment={},
                watched=self.watched,
            )
            return _answers(answered, len(prompts), decoding.samples)


def _answers(file: Path, prompts: int, samples: int) -> list[tuple[str, ...]]:
    by_prompt: list[list[str]] = [[] for _ in range(prompts)]
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise TailguardError(
            f"The generate command wrote no {file.name}. It must write to the path in {{outputs}}."
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            by_prompt[int(row["id"])].append(str(row["text"]))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise TailguardError(
                f"Line {number} of the generate command's outputs is not an answer ({error!r})."
            ) from error
    short = sum(len(answers) != samples for answers in by_prompt)
    if short:
        raise TailguardError(
            f"{short} of {prompts} prompts have not exactly {samples} answers in the generate command's outputs."
        )
    return [tuple(answers) for answers in by_prompt]
