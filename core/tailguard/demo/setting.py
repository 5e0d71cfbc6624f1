"""What every demo shares: its own clock, passages that are dealt out once, files that arrive in an inbox, a progress bar."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich.markup import escape

from tailguard.demo.harvest import Harvest, harvest
from tailguard.diversity.metrics import words
from tailguard.domain.suite import SuiteKind
from tailguard.errors import InputError
from tailguard.plays.monitoring import suite as suites
from tailguard.policy.model import Quality
from tailguard.quality.contamination import Contamination
from tailguard.runlog.connection import open_log
from tailguard.runlog.recorder import DECISIONS, head_of
from tailguard.store.writing import canonical_json, write_atomically
from tailguard.workspace import Workspace

FIRST_DAY = datetime(2025, 11, 3, 9, 0)
OWNER = "ada"
PROMPT_WORDS = 4

Narrator = Callable[[str], None]


@dataclass
class DemoClock:
    """The demo's own time: a second passes each time somebody looks, and the story moves it on."""

    moment: datetime = FIRST_DAY
    name: str = "demo"

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def move_to(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)


@dataclass
class Passages:
    """Human passages, dealt out without repetition in an order that depends on the seed alone."""

    remaining: list[str] = field(default_factory=list)

    def take(self, count: int) -> list[str]:
        if count > len(self.remaining):
            raise InputError(f"The story needs {count} more passages; {len(self.remaining)} are left.")
        taken, self.remaining = self.remaining[:count], self.remaining[count:]
        return taken


@dataclass(frozen=True)
class Story:
    """Everything that the chapters share."""

    workspace: Workspace
    clock: DemoClock
    passages: Passages
    seed: int
    narrate: Narrator

    def as_actor(self, name: str) -> Workspace:
        return self.workspace.as_actor(name)

    def file(self, name: str, texts: Sequence[str]) -> str:
        """A batch as it would arrive: a JSONL file in the workspace's inbox."""
        path = self.workspace.root / "inbox" / f"{name}.jsonl"
        write_atomically(path, b"".join(canonical_json({"text": text}) for text in texts))
        return str(path)


Demo = Callable[[Path, Harvest, int, Narrator], None]
"""A story: plays in an empty folder, with passages and a seed, and tells what happens."""


def play(demo: Demo, root: Path, *, chapters: int, seed: int, quiet: bool) -> str:
    """Harvest, play a story with a progress bar, and return the last hash of the log's chain of decisions.

    A demo that was interrupted starts over in its own folder; any other folder with content is refused.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    _make_room(root)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    ) as bar:
        task = bar.add_task("reading human text", total=chapters)

        def narrate(line: str) -> None:
            bar.console.print(escape(line), highlight=False)
            if any(word in line for word in (": shipped", "not shipped", "passages", ", week ")):
                bar.update(task, advance=1, description="the story")

        demo(root, harvest(), seed, _silence if quiet else narrate)
    with open_log(f"duckdb:///{root / 'runlog.duckdb'}", root).reading() as view:
        return head_of(view, DECISIONS).row_hash


def _silence(_line: str) -> None:
    """Nobody listens."""


def _make_room(root: Path) -> None:
    marker = root / ".tailguard-demo"
    if root.exists() and any(root.iterdir()):
        if not marker.exists():
            raise InputError(f"{root} is not empty and holds no demo. Name another folder with --dir.")
        shutil.rmtree(root)
    write_atomically(marker, b"made by `tailguard demo`; running it again replaces this folder\n")


def opened(root: Path, harvest: Harvest, seed: int, narrate: Narrator) -> Story:
    """A story about to begin in an empty folder, its passages shuffled by the seed."""
    clock = DemoClock()
    passages = list(harvest.passages)
    random.Random(seed).shuffle(passages)  # noqa: S311  not a secret: a seed repeats it
    return Story(Workspace(root, OWNER, clock, isolated=True), clock, Passages(passages), seed, narrate)


def freeze_openings(story: Story, held_out: Sequence[str], anchor: Sequence[str], *, tail: int, common: int) -> None:
    """Freeze a suite of the first words of passages that no model ever sees."""
    rare = suites.rare_terms(anchor)
    suite = story.workspace.root / "inbox" / "suite.jsonl"
    write_atomically(suite, b"".join(map(canonical_json, _prompts(held_out, rare, anchor, (tail, common)))))
    suites.freeze_suite(story.workspace, suite, name="openings", kind=SuiteKind.CONTINUATION)


def _prompts(
    held_out: Sequence[str], rare: frozenset[str], anchor: Sequence[str], limits: tuple[int, int]
) -> list[dict[str, object]]:
    """First words of held-out passages; those that hold a rare term are the tail slice. What the anchor holds is no prompt."""
    openings = sorted({" ".join(text.split()[:PROMPT_WORDS]) for text in held_out})
    taken = set(
        Contamination({opening: opening for opening in openings}, length=Quality().contamination_words).found(anchor)
    )
    openings = [opening for opening in openings if opening not in taken]
    tail = [opening for opening in openings if rare & set(words(opening))]
    common = [opening for opening in openings if not rare & set(words(opening))]
    chosen = [("rare terms", True, tail, limits[0]), ("common", False, common, limits[1])]
    return [
        {"id": f"{name[0]}{number}", "prompt": prompt, "slice": name, "tail": is_tail}
        for name, is_tail, pool, count in chosen
        for number, prompt in enumerate(
            random.Random(0).sample(pool, min(count, len(pool)))  # noqa: S311  not a secret: a seed repeats it
        )
    ]


def play_profile(profile: str, root: Path, *, seed: int, quiet: bool) -> str:
    """Play the demo of a profile; returns the last hash of the chain of decisions. Raises InputError for an unknown profile."""
    from tailguard.demo import api_only, small, story

    demos: dict[str, tuple[Demo, int]] = {
        "full": (story.run_story, story.CHAPTERS),
        "small": (small.run_small, small.CHAPTERS),
        "api-only": (api_only.run_api_only, api_only.CHAPTERS),
    }
    if profile not in demos:
        raise InputError(f"There is no profile {profile!r}. Profiles: {', '.join(demos)}.")
    demo, chapters = demos[profile]
    return play(demo, root, chapters=chapters, seed=seed, quiet=quiet)
