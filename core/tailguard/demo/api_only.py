"""Only calling APIs: a team that trains nothing watches what a served model writes for it, and what of that comes back.

Two small models stand in for the provider's: the one of the first weeks, and its successor, which is three generations of
training on its own output further. They are real models and write real text; the team sees only the text, as it would from an API.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tailguard.adapters.trainers.ngram import NgramModel, fit, sample
from tailguard.demo.harvest import Harvest
from tailguard.demo.setting import FIRST_DAY, OWNER, Narrator, Story, opened
from tailguard.domain.requests import PLAIN, BatchRequest
from tailguard.domain.roles import Right
from tailguard.domain.tags import Origin
from tailguard.pipeline import runner
from tailguard.plays.loops import actions
from tailguard.plays.monitoring import alerts, streams
from tailguard.policy.reading import template
from tailguard.ports import RawRecord
from tailguard.store.writing import write_atomically

CHAPTERS = 12
STREAM, WEEKS, SUCCESSOR = "assistant", 10, 6
"""The provider's successor answers from this week on."""
TRAINED_ON, A_WEEK, ARTICLES = 12_000, 1500, 700


def run_api_only(root: Path, harvest: Harvest, seed: int, narrate: Narrator) -> None:
    """Ten weeks: a reference is frozen, weeks are measured, the help centre fills up with what the assistant wrote."""
    story = opened(root, harvest, seed, narrate)
    write_atomically(root / "policy.toml", template(OWNER, "api-only").encode())
    story.workspace.require(Right.SET_UP)
    first = fit(story.passages.take(TRAINED_ON))
    later = first
    for generation in range(3):
        later = fit(_written(later, TRAINED_ON, seed + generation))
    narrate(
        f"{len(harvest.passages):,} human passages; the provider's first model was trained on {TRAINED_ON:,} of them"
    )
    before = _written(first, 2 * A_WEEK, seed + 3)
    frozen = streams.freeze(story.workspace, STREAM, _rows(before), seed=seed)
    narrate(f"{STREAM}, week 0: {frozen.texts:,} texts of the weeks before are the reference")
    articles: list[str] = []
    for week in range(1, WEEKS + 1):
        story.clock.move_to(FIRST_DAY + timedelta(weeks=week))
        texts = _written(first if week < SUCCESSOR else later, A_WEEK, seed + 10 + week)
        done = streams.add(story.workspace, STREAM, _rows(texts), seed=seed)
        articles += texts[: ARTICLES // 10]
        raised = alerts.send(story.workspace).raised
        alarm_text = f"in alarm: {done.alarmed}" if done.alarms else "no alarm"
        narrate(f"{STREAM}, week {week}: {alarm_text}" + (", an alert was raised" if raised else ""))
        if week in (4, WEEKS):
            _take_in(story, week, articles)
    actions.declare(story.workspace, f"{STREAM} -> help centre")
    actions.review(story.workspace, note="The help centre is what the assistant reads, and it writes half of it.")


def _take_in(story: Story, week: int, articles: list[str]) -> None:
    """What the assistant is given to read: pages of people, and pages that it wrote itself and nobody marked."""
    texts = [*story.passages.take(ARTICLES), *articles]
    batch = BatchRequest(story.file(f"help-centre-{week}", texts), "help centre", Origin.HUMAN)
    run = runner.start(story.workspace, "main", [batch], recipe=PLAIN, seed=story.seed)
    runner.advance(story.workspace, run, until="intake")
    found = actions.current_loops(story.workspace)
    loop = found.unguarded[0].sentence if found.unguarded else "no loop"
    story.narrate(f"{run}: taken in. Unguarded loop: {loop}")


def _written(model: NgramModel, count: int, seed: int) -> list[str]:
    texts = sample(model, [""] * count, max_tokens=60, temperature=1.0, seed=seed)
    return [text for text in texts if len(text.split()) >= 8]


def _rows(texts: list[str]) -> list[RawRecord]:
    return [RawRecord(text, None, line) for line, text in enumerate(texts, start=1)]
