"""Freezing the evaluation suite, which all generations are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tailguard.adapters.readers.answers import read_items
from tailguard.diversity.metrics import words
from tailguard.domain.facts import SuiteFrozen
from tailguard.errors import InputError
from tailguard.ports import Check
from tailguard.quality.contamination import Contamination
from tailguard.runlog.queries import frozen_anchor, frozen_suite
from tailguard.workspace import Workspace

RARE_PASSAGES = (2, 8)
"""A word is rare when it stands in 2 to 8 records of the anchor (SCIENCE 1: the words that go first)."""


def rare_terms(texts: Sequence[str]) -> frozenset[str]:
    """Case-folded words of at least 3 letters that stand in 2 to 8 of the texts."""
    counts = Counter(word for text in texts for word in set(words(text)) if len(word) > 2)
    low, high = RARE_PASSAGES
    return frozenset(word for word, count in counts.items() if low <= count <= high)


def freeze_suite(workspace: Workspace, file: Path, *, name: str) -> str:
    """Freeze a suite: one object a line with `prompt`, and optionally `id`, `slice`, `tail` (true or false), and how its answers
    are judged: `check`, `expected`, `tolerance`.

    Raises InputError for a broken line, a doubled id, a suite without a tail slice, or when no anchor is frozen yet.
    """
    with workspace.log.reading() as connection:
        anchor, standing = frozen_anchor(connection), frozen_suite(connection)
    if anchor is None:
        raise InputError(
            "Freeze the anchor first: a suite's rare terms are those of the anchor (`tailguard anchor freeze`)."
        )
    if standing:
        raise InputError(
            f"The suite {standing.fact.name!r} was frozen on {standing.recorded:%Y-%m-%d}; generations can only be compared on it."
        )
    prompts = [
        {"id": one, **item, "check": asdict(item["check"]) if isinstance(item["check"], Check) else None}
        for one, item in read_items(file).items()
    ]
    texts = workspace.store.table("anchors", anchor.fact.anchor)["text"].to_pylist()
    _refuse_overlap(workspace, {str(item["id"]): str(item["prompt"]) for item in prompts}, texts, file)
    rare = rare_terms(texts)
    content = {"format": "tailguard-suite/2", "name": name, "prompts": prompts, "rare_terms": sorted(rare)}
    digest = workspace.store.put_json("suites", content)
    tail_prompts = sum(bool(item["tail"]) for item in prompts)
    samples = workspace.policy().evaluation.samples
    workspace.desk.record(SuiteFrozen(digest, name, len(prompts), tail_prompts, samples, len(rare)))
    return digest


def _refuse_overlap(workspace: Workspace, prompts: dict[str, str], texts: Sequence[str], file: Path) -> None:
    """The anchor is trained on, the suite is not: they must not share long runs of words."""
    length = workspace.policy().quality.contamination_words
    hits = sorted({one for one in Contamination(prompts, length=length).found(texts) if one is not None})
    if hits:
        raise InputError(
            f"{file}: {len(hits)} prompt(s) share a long run of words with the anchor, which every training set holds: "
            f"{', '.join(hits[:5])}. Take them out of the suite."
        )
