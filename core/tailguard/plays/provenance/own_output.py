"""Our own models' texts: drawn, written to a file for whoever wants them, and fingerprinted before they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from tailguard.detection.own_outputs.segments import MOST_TEXTS, keep_segment
from tailguard.domain.facts import OutputsLogged
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import Decoding, Generator
from tailguard.runlog.views.runs import generation_of
from tailguard.store.writing import canonical_json, write_atomically
from tailguard.workspace import Workspace


def sample_outputs(
    workspace: Workspace,
    generation: str,
    *,
    generator: Callable[[Policy], Generator],
    count: int,
    max_tokens: int,
    temperature: float,
    seed: int,
    fewest_words: int,
    file: Path,
) -> int:
    """Let a generation write `count` texts from nothing into a JSONL file; returns how many were long enough to keep.

    Every text is logged as our own output before the file appears, so that it is recognised when it comes back.
    `generator` makes the policy's generator.
    """
    policy = workspace.require(Right.MEASURE)
    texts = draw(
        workspace,
        generation,
        generator=generator(policy),
        decoding=Decoding(1, max_tokens, temperature),
        count=count,
        seed=seed,
        fewest_words=fewest_words,
    )
    log_outputs(workspace, generation, texts, purpose="production")
    write_atomically(file, b"".join(canonical_json({"text": text}) for text in texts))
    return len(texts)


def draw(
    workspace: Workspace,
    generation: str,
    *,
    generator: Generator,
    decoding: Decoding,
    count: int,
    seed: int,
    fewest_words: int,
) -> list[str]:
    """Texts of a generation, one for each of `count` empty prompts, without those shorter than `fewest_words`."""
    with workspace.log.reading() as view:
        made = generation_of(view, generation)
    if made is None:
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
    weights = workspace.store.folder("weights", made.fact.weights)
    answers = generator.generate(weights, [""] * count, decoding=decoding, seed=seed)
    return [text for (text,) in answers if len(text.split()) >= fewest_words]


def log_outputs(workspace: Workspace, generation: str, texts: Iterable[str], *, purpose: str) -> int:
    """Fingerprint texts that a generation of ours wrote, in bounded memory; returns how many.

    Raises InputError for a generation that nobody made.
    """
    workspace.require(Right.MEASURE)
    with workspace.log.reading() as view:
        if generation_of(view, generation) is None:
            raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
    total = 0
    rest = iter(texts)
    while chunk := list(islice(rest, MOST_TEXTS)):
        segment = keep_segment(workspace.store, chunk)
        with workspace.deciding(Right.MEASURE) as tx:
            tx.record(OutputsLogged(run=generation, purpose=purpose, texts=len(chunk), fingerprints=segment))
        total += len(chunk)
    return total
