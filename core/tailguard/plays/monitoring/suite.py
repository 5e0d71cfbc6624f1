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
from tailguard.domain.measures import Measure
from tailguard.domain.roles import Right
from tailguard.domain.suite import Check, SuiteKind
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.quality.contamination import Contamination
from tailguard.runlog.view import LogView, latest
from tailguard.runlog.views.references import frozen_anchor, frozen_suite
from tailguard.workspace import Workspace


def rare_terms(texts: Sequence[str]) -> frozenset[str]:
    """Case-folded words of at least 3 letters that stand in 2 to 8 of the texts."""
    return in_few_texts(words(text) for text in texts)


def freeze_suite(workspace: Workspace, file: Path, *, name: str, kind: SuiteKind = SuiteKind.INSTRUCTIONS) -> str:
    """Freeze a suite: one object a line with `prompt`, and optionally `id`, `slice`, `tail` (true or false), and how its answers
    are judged: `check`, `expected`, `tolerance`.

    Raises InputError for a broken line, a doubled id, a suite without a tail slice, or when no anchor is frozen yet.
    """
    policy = workspace.require(Right.SET_UP)
    with workspace.log.reading() as view:
        anchor = frozen_anchor(view)
        _refuse_second(view)
    if anchor is None:
        raise InputError(
            "Freeze the anchor first: a suite's rare terms are those of the anchor (`tailguard anchor freeze`)."
        )
    prompts = [
        {"id": identity, **item, "check": asdict(item["check"]) if isinstance(item["check"], Check) else None}
        for identity, item in read_items(file).items()
    ]
    texts = workspace.store.table("anchors", anchor.fact.anchor)["text"].to_pylist()
    length = policy.quality.contamination_words
    _refuse_overlap({str(item["id"]): str(item["prompt"]) for item in prompts}, texts, file, length=length)
    rare = rare_terms(texts)
    content = {
        "format": "tailguard-suite/3", "name": name, "kind": kind, "prompts": prompts, "rare_terms": sorted(rare),
    }  # fmt: skip
    digest = workspace.store.put_json("suites", content)
    tail_prompts = sum(bool(item["tail"]) for item in prompts)
    with workspace.deciding(Right.SET_UP) as tx:
        _refuse_second(tx.view)
        samples = tx.policy.evaluation.samples
        tx.record(
            SuiteFrozen(
                suite=digest,
                name=name,
                prompts=len(prompts),
                tail_prompts=tail_prompts,
                samples_per_prompt=samples,
                rare_terms=len(rare),
            )
        )
    return digest


def _refuse_second(view: LogView) -> None:
    suite = frozen_suite(view)
    if suite:
        raise InputError(
            f"The suite {suite.fact.name!r} was frozen on {suite.recorded:%Y-%m-%d}; generations can only be compared on it."
        )


@dataclass(frozen=True, kw_only=True)
class SuiteState:
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
        saturation = (
            "no checked tail prompt was answered yet" if self.saturation is None else f"{self.saturation:.1%} right"
        )
        return "\n".join([*lines, f"Saturation: {saturation}."])


def current(workspace: Workspace) -> SuiteState:
    """How the suite stands. Raises InputError when none is frozen."""
    with workspace.log.reading() as view:
        suite = frozen_suite(view)
        right = latest(view.recorded(Measurement, measure=Measure.TAIL_ACCURACY))
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
    return SuiteState(
        name=suite.fact.name,
        suite=suite.fact.suite,
        frozen=suite.recorded,
        age_days=age,
        slices=slices,
        saturation=saturation,
    )


def _refuse_overlap(prompts: dict[str, str], texts: Sequence[str], file: Path, *, length: int) -> None:
    """The anchor is trained on, the suite is not: they must not share long runs of words."""
    hits = sorted({prompt for prompt in Contamination(prompts, length=length).found(texts) if prompt is not None})
    if hits:
        raise InputError(
            f"{file}: {counted(len(hits), 'prompt shares', 'prompts share')} a long run of words with the anchor, "
            "which every training set holds: "
            f"{', '.join(hits[:5])}. Take them out of the suite."
        )
