"""Our own models' texts: drawn, written to a file for whoever wants them, and fingerprinted before they leave."""

from __future__ import annotations

from pathlib import Path

from tailguard.detection import linear
from tailguard.domain.facts import DetectorCalibrated, OutputsLogged
from tailguard.domain.records import record_id
from tailguard.errors import InputError
from tailguard.ports import Decoding, Generator
from tailguard.runlog.queries import frozen_anchor, generation_of
from tailguard.store.files import canonical_json, write_atomically
from tailguard.store.own_outputs import keep_fingerprints
from tailguard.workspace import Workspace


def sample_outputs(
    workspace: Workspace,
    generation: str,
    *,
    generator: Generator,
    count: int,
    max_tokens: int,
    temperature: float,
    seed: int,
    fewest_words: int,
    file: Path,
) -> int:
    """Let a generation write `count` texts from nothing into a JSONL file; returns how many were long enough to keep.

    Every text is logged as our own output before the file appears, so that it is recognised when it comes back.
    """
    texts = draw(
        workspace,
        generation,
        generator=generator,
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
    with workspace.log.reading() as connection:
        made = generation_of(connection, generation)
    if made is None:
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
    weights = workspace.store.folder("weights", made.fact.weights)
    answers = generator.generate(weights, [""] * count, decoding=decoding, seed=seed)
    return [text for (text,) in answers if len(text.split()) >= fewest_words]


def log_outputs(workspace: Workspace, generation: str, texts: list[str], *, purpose: str) -> None:
    """Fingerprint texts that a generation of ours wrote. Raises InputError for a generation that nobody made."""
    with workspace.log.reading() as connection:
        if generation_of(connection, generation) is None:
            raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
    prints = keep_fingerprints(workspace.store, (record_id(text) for text in texts))
    workspace.desk.record(OutputsLogged(generation, purpose, len(texts), prints))


def calibrate_detector(workspace: Workspace, texts: list[str], *, generation: str, seed: int) -> DetectorCalibrated:
    """Fit and calibrate the detector on the frozen anchor and a generation's own texts, and put it in force."""
    with workspace.log.reading() as connection:
        anchor = frozen_anchor(connection)
    if anchor is None:
        raise InputError("Freeze the anchor first: the detector is calibrated on it (`tailguard anchor freeze FILE`).")
    human = workspace.store.table("anchors", anchor.fact.anchor)["text"].to_pylist()
    detector = linear.calibrate(human, texts, error_rate=workspace.policy().intake.error_rate, seed=seed)
    measured = linear.rates(detector)
    fact = DetectorCalibrated(
        detector=linear.keep(detector, workspace.store),
        name=detector.name,
        anchor=anchor.fact.anchor,
        outputs_of=generation,
        human_texts=len(human),
        ai_texts=len(texts),
        auroc=measured.auroc,
        true_positive_rate=measured.true_positive,
        false_positive_rate=measured.false_positive,
        error_rate=detector.error_rate,
    )
    workspace.desk.record(fact)
    return fact
