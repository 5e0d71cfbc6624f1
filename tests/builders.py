"""What tests are built from: real passages, a small team, and runs that take a second."""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.adapters.trainers.ngram import NgramGenerator
from tailguard.demo.harvest import _passages
from tailguard.diversity.metrics import words
from tailguard.domain.facts import Fact
from tailguard.domain.measures import MARGINS
from tailguard.domain.requests import PLAIN, BatchRequest, Recipe
from tailguard.domain.suite import SuiteKind
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, Held
from tailguard.pipeline import runner
from tailguard.plays.mixing import anchor as anchors
from tailguard.plays.monitoring import suite as suites
from tailguard.plays.provenance.own_output import draw, log_outputs
from tailguard.policy.reading import template
from tailguard.ports import Decoding
from tailguard.release import ship as shipping
from tailguard.workspace import Workspace
from tests.templates import done_once, made_once

ANCHOR, PROMPTS = 500, 120
F = TypeVar("F", bound=Fact)


@cache
def passages() -> tuple[str, ...]:
    """Some thousand distinct docstring passages of the standard library, in a fixed order."""
    return tuple(made_once("passages", _passages_found))


def _passages_found() -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        found.update(dict.fromkeys(_passages(path)))
    ordered = sorted(found)
    random.Random(1).shuffle(ordered)  # noqa: S311  a fixed order, not a secret
    return ordered


@dataclass
class Clock:
    """A clock that moves a second each time it is read."""

    moment: datetime = datetime(2026, 3, 2, 9, 0)
    name: str = "test"

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def move(self, days: float) -> None:
        self.moment += timedelta(days=days)


def write_jsonl(path: Path, rows: Iterable[object]) -> Path:
    """A JSONL file; bytes go in as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


POLICY_CHANGES = (
    *((f"\n{measure} = {margin:.2f}", f"\n{measure} = 0.40") for measure, margin in MARGINS.items()),
    ("\nusable = 0.8 ", "\nusable = 0.05 "),  # a model of a hundred passages strings words together
    ("samples = 8", "samples = 4"),
    ("max_tokens = 40", "max_tokens = 25"),
    ("block_words = 400", "block_words = 150"),  # a drill watches what the suite's prompts are answered
    ('engineer = ["ada"]', 'engineer = ["lin"]'),
)


FLOWS = """flows_version: 1
edges:
  - main -> robot
  - main -> vendor
  - robot -> main training set
  - vendor -> main training set
  - main training set -> main
checkpoints:
  - {name: ceiling, on: robot -> main training set, owner: ada, evidence: ratio, every_days: 366}
  - {name: matching, on: vendor -> main training set, owner: ada, evidence: intake, every_days: 366}
"""
"""What comes back of our own is guarded, so that tests of other things are not held by it."""


@dataclass
class Team:
    """A workspace with policy, anchor and suite, and passages that nobody has used yet."""

    workspace: Workspace
    clock: Clock
    unused: list[str] = field(default_factory=list)

    def take(self, count: int) -> list[str]:
        taken, self.unused = self.unused[:count], self.unused[count:]
        assert len(taken) == count, "the tests need more passages"
        return taken

    def batch(
        self, name: str, texts: Sequence[str], source: str = "docs", declared: str = Origin.HUMAN
    ) -> BatchRequest:
        path = write_jsonl(self.workspace.root / "inbox" / f"{name}.jsonl", [{"text": text} for text in texts])
        return BatchRequest(str(path), source, declared)

    @done_once
    def run(
        self,
        batches: Sequence[BatchRequest],
        *,
        lineage: str = "main",
        recipe: Recipe = PLAIN,
        ship: bool = True,
    ) -> str:
        """A run with its verdict, shipped; the next month begins."""
        run = runner.start(self.workspace, lineage, batches, recipe=recipe, seed=0)
        try:
            runner.advance(self.workspace, run)
        except (Blocked, Held):
            runner.advance(self.workspace, run)
        if ship:
            shipping.ship(self.workspace, run)
        self.clock.move(30)
        return run

    @done_once
    def compose(self, batches: Sequence[BatchRequest]) -> str:
        """A run up to its training set, for whoever looks no further; a run that is judged takes three times as long."""
        run = runner.start(self.workspace, "main", batches, recipe=PLAIN, seed=0)
        runner.advance(self.workspace, run, until="compose")
        return run


def found_team(
    root: Path, *, observe: bool = False, changes: Sequence[tuple[str, str]] = (), long_prompt: str | None = None
) -> Team:
    """Policy, anchor and suite in an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    team = Team(Workspace(root, "ada", clock), clock, list(passages()))
    _found(team, observe=observe, changes=changes, long_prompt=long_prompt)
    return team


@done_once
def _found(team: Team, *, observe: bool, changes: Sequence[tuple[str, str]], long_prompt: str | None) -> None:
    root = team.workspace.root
    text = template("ada")
    for old, new in (*POLICY_CHANGES, *changes):
        assert old in text, old
        text = text.replace(old, new)
    if observe:
        text = text.replace('mode = "enforce"', 'mode = "observe"')
    (root / "policy.toml").write_text(text)
    (root / "flows.yaml").write_text(FLOWS)
    anchor = team.take(ANCHOR)
    file = write_jsonl(root / "inbox" / "anchor.jsonl", [{"text": text} for text in anchor])
    anchors.freeze(team.workspace, file, name="docs", reader=reader_for(str(file)), columns=WHOLE)
    rare = suites.rare_terms(anchor)
    openings = sorted({" ".join(passage.split()[:4]) for passage in team.take(PROMPTS)})
    prompts = [
        {"id": f"p{n}", "prompt": opening, "tail": bool(rare & set(words(opening)))}
        for n, opening in enumerate(openings)
    ]
    prompts += [{"id": "long", "prompt": long_prompt, "tail": False}] if long_prompt else []
    suite = write_jsonl(root / "inbox" / "suite.jsonl", prompts)
    suites.freeze_suite(team.workspace, suite, name="openings", kind=SuiteKind.CONTINUATION)


def facts(team: Team, kind: type[F], **equal: Any) -> list[F]:
    with team.workspace.log.reading() as view:
        return [row.fact for row in view.recorded(kind, **equal)]


@done_once
def written_by(
    team: Team, generation: str, count: int, *, logged: bool, temperature: float = 1.0, seed: int = 5
) -> list[str]:
    texts = draw(
        team.workspace,
        generation,
        generator=NgramGenerator(),
        decoding=Decoding(1, 40, temperature),
        count=count,
        seed=seed,
        fewest_words=8,
    )
    if logged:
        log_outputs(team.workspace, generation, texts, purpose="production")
    return texts


def first_generation(team: Team, count: int = 400) -> str:
    return team.run([team.batch("founding", team.take(count))])


@done_once
def over_the_ceiling(team: Team, *, temperature: float = 1.0) -> str:
    first = first_generation(team)
    ours = written_by(team, first, 3000, logged=True, temperature=temperature)
    run = runner.start(
        team.workspace,
        "main",
        [team.batch("ours", ours, "robot", Origin.AI)],
        recipe=Recipe(synthetic_share=0.6),
        seed=0,
    )
    runner.advance(team.workspace, run, until="compose")
    return run


def loose(team: Team) -> None:
    """No flow is declared."""
    (team.workspace.root / "flows.yaml").unlink()


def fed_back(team: Team) -> str:
    """A run that is fed what the first generation wrote, up to its verdict."""
    first = first_generation(team)
    ours = written_by(team, first, 60, logged=True)
    batch = [team.batch("fresh", team.take(60)), team.batch("ours", ours, "robot", Origin.AI)]
    return runner.start(team.workspace, "main", batch, recipe=PLAIN, seed=0)


def held_for_review(team: Team, count: int) -> str:
    """A run whose intake has held records of unknown origin; it goes no further."""
    batch = team.batch("unknown", team.take(count), "share", Origin.UNKNOWN)
    run = runner.start(team.workspace, "main", [batch], recipe=PLAIN, seed=0)
    runner.advance(team.workspace, run, until="intake")
    return run
