"""An external trainer as a subprocess: any framework behind two command lines.

Contract. Both commands are lists of words without a shell; `{placeholders}` are filled in.
- train: `{training_set}` (JSONL; each line has `text`, `id`, `origin`, `role`, `source`), `{weights}` (an empty folder to
  fill), `{seed}`, `{lineage}`, `{snapshot}`. The environment carries TAILGUARD_CLEARANCE, the reason it was cleared.
- generate: `{weights}`, `{prompts}` (JSONL; each line has `id` and `prompt`), `{outputs}` (JSONL to write; one line a
  sample, with `id` and `text`, the prompt not repeated), `{samples}`, `{max_tokens}`, `{temperature}`, `{seed}`.
Exit code 0 means done; any other fails the stage, with the last lines of standard error in the message.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailguard.errors import InputError, TailguardError
from tailguard.ports import Decoding, TrainingJob

_SHOWN_LINES = 8


@dataclass(frozen=True)
class CommandTrainer:
    """The trainer port over a command line."""

    command: tuple[str, ...]
    timeout_seconds: float
    name: str = "command"

    def train(self, job: TrainingJob) -> None:
        """Run the command; it fills the weights folder."""
        values = {
            "training_set": str(job.training_set),
            "weights": str(job.weights),
            "seed": str(job.seed),
            "lineage": job.lineage,
            "snapshot": job.snapshot,
        }
        environment = {"TAILGUARD_PUBLIC_KEY": str(job.public_key)}
        if job.clearance:
            environment["TAILGUARD_CLEARANCE"] = str(job.clearance)
        _run(self.command, values, self.timeout_seconds, environment)


@dataclass(frozen=True)
class CommandGenerator:
    """The generator port over a command line."""

    command: tuple[str, ...]
    timeout_seconds: float

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
            _run(self.command, values, self.timeout_seconds, {})
            return _answers(answered, len(prompts), decoding.samples)


def _run(
    command: Sequence[str], values: Mapping[str, str], timeout_seconds: float, environment: Mapping[str, str]
) -> None:
    try:
        words = [word.format_map(values) for word in command]
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"The trainer's command has a placeholder that nobody fills: {error}. Known here: {', '.join(sorted(values))}."
        ) from error
    try:
        done = subprocess.run(  # noqa: S603  the command is the policy's own, and no shell reads it
            words,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise InputError(
            f"The trainer's command {words[0]!r} was not found. Mend [trainers.command] in policy.toml."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TailguardError(
            f"{words[0]} did not end within {timeout_seconds / 60:.0f} minutes and was stopped."
        ) from error
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-_SHOWN_LINES:])
        raise TailguardError(f"{words[0]} ended with exit code {done.returncode}. Its last words:\n{last}")


def _answers(file: Path, prompts: int, samples: int) -> list[tuple[str, ...]]:
    found: list[list[str]] = [[] for _ in range(prompts)]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise TailguardError(
            f"The generate command wrote no {file.name}. It must write to the path in {{outputs}}."
        ) from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found[int(row["id"])].append(str(row["text"]))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise TailguardError(
                f"Line {number} of the generate command's outputs is not an answer ({error!r})."
            ) from error
    short = sum(len(answers) != samples for answers in found)
    if short:
        raise TailguardError(
            f"{short} of {prompts} prompts have not exactly {samples} answers in the generate command's outputs."
        )
    return [tuple(answers) for answers in found]
