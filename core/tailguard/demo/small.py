"""One person, three checks: a spring of one lineage, told by the same functions that the commands call."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tailguard.adapters.generators import generator_for
from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.demo.harvest import Harvest
from tailguard.demo.setting import FIRST_DAY, OWNER, Narrator, Story, freeze_openings, opened
from tailguard.domain.requests import BatchRequest, Recipe
from tailguard.domain.roles import Right
from tailguard.domain.runs import file_name_of
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, Held
from tailguard.pipeline import runner
from tailguard.plays.mixing import anchor as anchors
from tailguard.plays.mixing import clearance
from tailguard.plays.provenance import own_output
from tailguard.policy.reading import template
from tailguard.release import ship
from tailguard.runlog.views.releases import shipped_generations
from tailguard.runlog.views.runs import composition_of
from tailguard.store.writing import write_atomically

CHAPTERS = 4
ANCHOR, FOUNDING, HELD_OUT, FRESH, WRITTEN = 2500, 1500, 2500, 600, 7500


def run_small(root: Path, harvest: Harvest, seed: int, narrate: Narrator) -> None:
    """Three months: a first model, one that learned from it within bounds, and one that was fed too much of it."""
    story = opened(root, harvest, seed, narrate)
    write_atomically(root / "policy.toml", template(OWNER, "small").encode())
    story.workspace.require(Right.SET_UP)
    anchor = story.passages.take(ANCHOR)
    file = story.file("anchor", anchor)
    anchors.freeze(story.workspace, Path(file), name="docstrings", reader=reader_for(file), columns=WHOLE)
    freeze_openings(story, story.passages.take(HELD_OUT), anchor, tail=300, common=75)
    narrate(f"{len(harvest.passages):,} human passages; an anchor of {ANCHOR:,} and a suite are frozen")
    _run(story, [BatchRequest(story.file("founding", story.passages.take(FOUNDING)), "docs", Origin.HUMAN)], Recipe())
    story.clock.move_to(FIRST_DAY + timedelta(days=28))
    _run(story, [_fresh(story, 1), _ours(story)], Recipe())
    story.clock.move_to(FIRST_DAY + timedelta(days=56))
    run = runner.start(story.workspace, "main", [_fresh(story, 2), _ours(story)], recipe=Recipe(0.6), seed=seed)
    runner.advance(story.workspace, run, until="compose")
    with story.workspace.log.reading() as view:
        made = composition_of(view, run)
    answer = clearance.check(story.workspace, lineage="main", snapshot=made.fact.snapshot if made else "")
    narrate(f"{run}: not shipped, tailguard check exits with {answer.exit_code}. {answer.reason}")


def _fresh(story: Story, number: int) -> BatchRequest:
    return BatchRequest(story.file(f"fresh-{number}", story.passages.take(FRESH)), "docs", Origin.HUMAN)


def _ours(story: Story) -> BatchRequest:
    """What the generation in production writes, known as our own."""
    with story.workspace.log.reading() as view:
        writer = shipped_generations(view, "main")[-1]
    file = story.workspace.root / "inbox" / f"outputs-of-{file_name_of(writer)}.jsonl"
    own_output.sample_outputs(
        story.workspace,
        writer,
        generator=lambda policy: generator_for(policy, "main", generation="main", root=story.workspace.root),
        count=WRITTEN,
        max_tokens=60,
        temperature=1.0,
        seed=story.seed,
        fewest_words=8,
        file=file,
    )
    return BatchRequest(str(file), "our outputs", Origin.AI)


def _run(story: Story, batches: list[BatchRequest], recipe: Recipe) -> None:
    run = runner.start(story.workspace, "main", batches, recipe=recipe, seed=story.seed)
    try:
        runner.advance(story.workspace, run)
        story.narrate(f"{run}: shipped, {ship.ship(story.workspace, run)}")
    except (Blocked, Held) as stopped:
        story.narrate(f"{run}: not shipped, exit code {stopped.exit_code}. {stopped}")
