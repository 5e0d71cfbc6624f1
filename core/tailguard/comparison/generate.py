"""Let a served model answer a file of prompts, into a file that `tailguard compare` reads. Needs no workspace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tailguard.adapters.generators.endpoint import Endpoint, EndpointGenerator
from tailguard.adapters.readers.jsonl import numbered_objects
from tailguard.errors import InputError
from tailguard.ports import Decoding
from tailguard.store.writing import canonical_json, write_atomically


@dataclass(frozen=True)
class Answered:
    """How many answers were written, and the tokens that they cost."""

    prompts: int
    answers: int
    prompt_tokens: int
    completion_tokens: int


def generate(
    prompts: Path,
    out: Path,
    *,
    endpoint: Endpoint,
    decoding: Decoding,
    seed: int,
    progress: Callable[[int, int], None],
) -> Answered:
    """Answer each prompt (`prompt`, optionally `id`, `slice`, `tail` a line) `decoding.samples` times.

    Answers are kept beside `out` as they come; run again after an interruption and only the rest is asked. Raises InputError for
    a broken line, TailguardError when the server gives up.
    """
    items: dict[str, dict[str, object]] = {}
    for number, row in numbered_objects(prompts).items():
        if not isinstance(row.get("prompt"), str):
            raise InputError(f"{prompts} line {number}: expected `prompt` with a text, found {row.get('prompt')!r}.")
        identity = str(row.get("id", row.get("prompt_id", number)))
        if identity in items:
            raise InputError(f"{prompts} line {number}: prompt id {identity!r} was there before. Ids must differ.")
        items[identity] = row
    if not items:
        raise InputError(f"{prompts} has no prompts.")
    journals = out.with_name(f".{out.name}.answers")
    generator = EndpointGenerator(endpoint, journals, progress)
    answers = generator.generate(Path(), [str(row["prompt"]) for row in items.values()], decoding=decoding, seed=seed)
    lines = [
        canonical_json(
            {
                "prompt_id": identity,
                "prompt": row["prompt"],
                "output": text,
                "slice": row.get("slice", "all"),
                "tail": bool(row.get("tail", False)),
                "decoding": str(decoding),
                "model": endpoint.model,
            }
        )
        for (identity, row), texts in zip(items.items(), answers, strict=True)
        for text in texts
    ]
    write_atomically(out, b"".join(lines))
    shutil.rmtree(journals, ignore_errors=True)
    used = generator.usage
    return Answered(len(items), len(lines), used.prompt_tokens, used.completion_tokens)
