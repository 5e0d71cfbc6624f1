"""Freezing the evaluation suite, which all generations are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tailguard.adapters.readers.answers import read_items
from tailguard.diversity.metrics import words
from tailguard.diversity.rarity import in_few_texts
from tailguard.domain.facts import Measurement, SuiteFrozen
from tailguard.domain.roles import Right
from tailguard.domain.suite import Check
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.quality.contamination import Contamination
from tailguard.runlog.queries import frozen_anchor, frozen_suite, only, recorded
from tailguard.workspace import Workspace, decision


def rare_terms(texts: Sequence[str]) -> frozenset[str]:
    """Case-folded words of at least 3 letters that stand in 2 to 8 of the texts."""
    return in_few_texts(words(text) for text in texts)


@decision(Right.SET_UP)
def freeze_suite(workspace: Workspace, file: Path, *, name: str) -> str:
    """Freeze a suite: one object a line with `prompt`, and optionally `id`, `slice`, `tail` (true or false), and how its answers
    are judged: `check`, `expected`, `tolerance`.

    Raises InputError for a broken line, a doubled id, a suite without a tail slice, or when no anchor is frozen yet.
    """
    with workspace.log.reading() as connection:
        anchor, before = frozen_anchor(connection), frozen_suite(connection)
    if anchor is None:
        raise InputError(
            "Freeze the anchor first: a suite's rare terms are those of the anchor (`tailguard anchor freeze`)."
        )
    if before:
        raise InputError(
            f"The suite {before.fact.name!r} was frozen on {before.recorded:%Y-%m-%d}; generations can only be compared on it."
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


@dataclass(frozen=True)
class SuiteStanding:
    """The suite in force. `saturation` is the share (0 to 1) of right answers that the newest generation gave to checked tail
    prompts, None without any; `slices` has prompts, tail prompts and checked prompts of each slice."""

    name: str
    suite: str
    frozen: datetime
    age_days: int
    slices: dict[str, tuple[int, int, int]]
    saturation: float | None

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [
            f"Suite {self.name} {self.suite[:12]}, frozen {self.frozen:%Y-%m-%d}, {counted(self.age_days, 'day')} ago."
        ]
        lines += [
            f"  {name}: {prompts} prompts, {tail} tail, {checked} checked"
            for name, (prompts, tail, checked) in sorted(self.slices.items())
        ]
        told = "no checked tail prompt was answered yet" if self.saturation is None else f"{self.saturation:.1%} right"
        return "\n".join([*lines, f"Saturation: {told}."])


def standing(workspace: Workspace) -> SuiteStanding:
    """How the suite stands. Raises InputError when none is frozen."""
    with workspace.log.reading() as connection:
        suite = frozen_suite(connection)
        right = only(recorded(connection, Measurement, measure="tail accuracy"))
    if suite is None:
        raise InputError(
            "No suite is frozen. `tailguard suite build` proposes one, `tailguard suite freeze` freezes it."
        )
    slices: dict[str, tuple[int, int, int]] = {}
    for item in workspace.store.json("suites", suite.fact.suite)["prompts"]:
        prompts, tail, checked = slices.get(item["slice"], (0, 0, 0))
        slices[item["slice"]] = prompts + 1, tail + bool(item["tail"]), checked + bool(item.get("check"))
    age = (workspace.clock.now() - suite.recorded).days
    saturation = right.fact.value if right else None
    return SuiteStanding(suite.fact.name, suite.fact.suite, suite.recorded, age, slices, saturation)


def _refuse_overlap(workspace: Workspace, prompts: dict[str, str], texts: Sequence[str], file: Path) -> None:
    """The anchor is trained on, the suite is not: they must not share long runs of words."""
    length = workspace.policy().quality.contamination_words
    hits = sorted({one for one in Contamination(prompts, length=length).found(texts) if one is not None})
    if hits:
        raise InputError(
            f"{file}: {counted(len(hits), 'prompt shares', 'prompts share')} a long run of words with the anchor, "
            "which every training set holds: "
            f"{', '.join(hits[:5])}. Take them out of the suite."
        )
