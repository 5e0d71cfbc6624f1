"""Twelve months of a small team, told by the pipeline: two lineages from one start, one guarded and one not.

Nothing here writes a result. The story only says who hands in what and when; what is tagged, held, blocked or shipped is
the outcome of the same functions that the commands call.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich.markup import escape

from tailguard import pipeline
from tailguard.adapters.generators import generator_for
from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.adapters.readers.jsonl import read_objects
from tailguard.demo.harvest import Harvest, harvest
from tailguard.desk import anchor as anchor_desk
from tailguard.desk import (
    auditing,
    ceilings,
    clearance,
    detector,
    meeting,
    monitoring,
    outputs,
    overrides,
    quarantine,
    shipping,
)
from tailguard.desk import suite as suite_desk
from tailguard.diversity.metrics import words
from tailguard.domain.recipe import Recipe
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, Held, InputError
from tailguard.policy import Quality, template
from tailguard.ports import Decoding, Generator
from tailguard.quality.contamination import Contamination
from tailguard.runlog.connection import open_log
from tailguard.runlog.queries import composition_of, frozen_stream, runs_of, shipped_generations
from tailguard.runlog.recorder import DESK, head_of
from tailguard.stages.intake import BatchRequest
from tailguard.store.writing import canonical_json, write_atomically
from tailguard.workspace import Workspace

GENERATIONS = 8
FIRST_DAY = datetime(2025, 11, 3, 9, 0)
DAYS_BETWEEN = 48
OWNER, ENGINEER, REVIEWER, DATA_LEAD = "ada", "lin", "sam", "kim"

ANCHOR, FOUNDING, HELD_OUT, FRESH, UNDECLARED = 6000, 3000, 5000, 1000, 400
TAIL_PROMPTS, COMMON_PROMPTS, PROMPT_WORDS = 600, 150, 4
UNGUARDED_FRESH, UNGUARDED_SAMPLES = 120, 7_600
LONGEST, FEWEST_WORDS = 60, 8

Tell = Callable[[str], None]


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
    tell: Tell

    def as_actor(self, name: str) -> Workspace:
        return self.workspace.as_actor(name)

    def file(self, name: str, texts: Sequence[str]) -> str:
        """A batch as it would arrive: a JSONL file in the workspace's inbox."""
        path = self.workspace.root / "inbox" / f"{name}.jsonl"
        write_atomically(path, b"".join(canonical_json({"text": text}) for text in texts))
        return str(path)


def play(root: Path, *, seed: int, quiet: bool) -> str:
    """Harvest, play the story with a progress bar, and return the last hash of the log's desk chain.

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
        task = bar.add_task("reading human text", total=2 * GENERATIONS + 3)

        def tell(line: str) -> None:
            bar.console.print(escape(line), highlight=False)
            if ": shipped" in line or ": not shipped" in line or "passages" in line:
                bar.update(task, advance=1, description="two lineages, twelve months")

        run_story(root, harvest(), seed=seed, tell=_silence if quiet else tell)
    with open_log(f"duckdb:///{root / 'runlog.duckdb'}", root).reading() as connection:
        return head_of(connection, DESK).row_hash


def _silence(_line: str) -> None:
    """Nobody listens."""


def _make_room(root: Path) -> None:
    marker = root / ".tailguard-demo"
    if root.exists() and any(root.iterdir()):
        if not marker.exists():
            raise InputError(f"{root} is not empty and holds no demo. Name another folder with --dir.")
        shutil.rmtree(root)
    write_atomically(marker, b"made by `tailguard demo`; running it again replaces this folder\n")


def run_story(root: Path, harvest: Harvest, *, seed: int, tell: Tell) -> None:
    """Play the twelve months in an empty folder. Same passages and seed, same bytes in the store and same hashes in the log."""
    clock = DemoClock()
    passages = list(harvest.passages)
    random.Random(seed).shuffle(passages)
    story = Story(Workspace(root, OWNER, clock), clock, Passages(passages), seed, tell)
    _found(story, harvest)
    for number in range(GENERATIONS):
        clock.move_to(FIRST_DAY + timedelta(days=number * DAYS_BETWEEN))
        _guarded(story, number)
        clock.move_to(FIRST_DAY + timedelta(days=number * DAYS_BETWEEN + 3))
        _unguarded(story, number)
    _look_ahead(story)


def _found(story: Story, harvest: Harvest) -> None:
    """The team writes its policy, freezes its anchor and its suite."""
    policy = template(OWNER).replace('team = "ada"', 'team = "Demo team"')
    policy = (
        policy.replace('engineer = ["ada"]', f'engineer = ["{ENGINEER}"]')
        .replace('reviewer = ["ada"]', f'reviewer = ["{REVIEWER}"]')
        .replace('data_lead = ["ada"]', f'data_lead = ["{DATA_LEAD}"]')
    )
    policy = policy[: policy.index("[lineages.main]")] + _LINEAGES
    write_atomically(story.workspace.root / "policy.toml", policy.encode())
    story.workspace.policy_in_force()
    anchor = story.passages.take(ANCHOR)
    file = Path(story.file("anchor", anchor))
    anchor_desk.freeze(story.workspace, file, name="docstrings", reader=reader_for(str(file)), columns=WHOLE)
    rare = suite_desk.rare_terms(anchor)
    suite = story.workspace.root / "inbox" / "suite.jsonl"
    write_atomically(suite, b"".join(map(canonical_json, _prompts(story.passages.take(HELD_OUT), rare, anchor))))
    suite_desk.freeze_suite(story.workspace, suite, name="openings")
    counted = ", ".join(f"{name} {count:,}" for name, count in harvest.sources.items())
    story.tell(f"{len(harvest.passages):,} human passages: {counted}")
    story.tell(f"anchor of {len(anchor):,} frozen; suite of openings of passages that no model ever sees frozen")


_LINEAGES = """[lineages.guarded]
mode = "enforce"
ceiling = 0.30

[lineages.unguarded]
mode = "observe"               # everything is measured and logged, nothing is stopped
ceiling = 0.30
"""


def _prompts(held_out: Sequence[str], rare: frozenset[str], anchor: Sequence[str]) -> list[dict[str, object]]:
    """First words of held-out passages; those that hold a rare term are the tail slice. What the anchor holds is no prompt."""
    openings = sorted({" ".join(text.split()[:PROMPT_WORDS]) for text in held_out})
    taken = set(Contamination({one: one for one in openings}, length=Quality().contamination_words).found(anchor))
    openings = [one for one in openings if one not in taken]
    tail = [opening for opening in openings if rare & set(words(opening))]
    common = [opening for opening in openings if not rare & set(words(opening))]
    chosen = [("rare terms", True, tail, TAIL_PROMPTS), ("common", False, common, COMMON_PROMPTS)]
    return [
        {"id": f"{name[0]}{number}", "prompt": prompt, "slice": name, "tail": is_tail}
        for name, is_tail, pool, count in chosen
        for number, prompt in enumerate(random.Random(0).sample(pool, min(count, len(pool))))
    ]


def _guarded(story: Story, number: int) -> None:
    """Fresh human text each time, our own output under the ceiling, and the year's troubles."""
    if number == 0:
        batch = BatchRequest(story.file("founding", story.passages.take(FOUNDING)), "docs", Origin.HUMAN)
        _run(story, "guarded", [batch], Recipe())
        _calibrate(story)
        _how_high(story)
        return
    batches = [BatchRequest(story.file(f"fresh-{number}", story.passages.take(FRESH)), "docs", Origin.HUMAN)]
    if number == 2:
        batches.append(BatchRequest(_vendor_file(story), "vendor-7", Origin.HUMAN))
    if number == 3:
        batches.append(BatchRequest(story.file("found-on-a-share", story.passages.take(UNDECLARED)), "shared-drive"))
    if number == 4:
        _review(story)
    if number == 5:
        _over_the_ceiling(story, batches)
        return
    batches.append(_own_batch(story, "guarded", count=3800 + 370 * number, temperature=1.0))
    _run(story, "guarded", batches, Recipe())
    if number == 6:
        _meet(story)


def _unguarded(story: Story, number: int) -> None:
    """Mostly its own output each time, and nobody is stopped."""
    if number == 0:
        batch = BatchRequest(str(story.workspace.root / "inbox" / "founding.jsonl"), "docs", Origin.HUMAN)
        _run(story, "unguarded", [batch], Recipe())
        return
    fresh = story.workspace.root / "inbox" / f"fresh-{number}.jsonl"
    few = [str(row["text"]) for row in read_objects(fresh)[:UNGUARDED_FRESH]]
    batches = [
        BatchRequest(story.file(f"fresh-{number}-few", few), "docs", Origin.HUMAN),
        _own_batch(story, "unguarded", count=UNGUARDED_SAMPLES, temperature=1.0),
    ]
    _run(story, "unguarded", batches, Recipe(synthetic_share=1.0, anchor=False, earlier_human=False))


def _run(story: Story, lineage: str, batches: Sequence[BatchRequest], recipe: Recipe) -> str:
    """One run from intake to hand-off, and the attempt to ship what came of it."""
    engineer = story.as_actor(ENGINEER)
    run = pipeline.start(engineer, lineage, batches, recipe=recipe, seed=story.seed)
    _finish(story, run)
    return run


def _finish(story: Story, run: str) -> None:
    try:
        pipeline.advance(story.as_actor(ENGINEER), run)
    except (Blocked, Held) as stopped:
        story.tell(f"{run}: exit code {stopped.exit_code}. {stopped}")
        pipeline.advance(story.as_actor(ENGINEER), run, until="handoff")
    try:
        story.tell(f"{run}: shipped, {shipping.ship(story.as_actor(OWNER), run)}")
    except (Blocked, Held) as refused:
        story.tell(f"{run}: not shipped, exit code {refused.exit_code}")


def _own_batch(story: Story, lineage: str, *, count: int, temperature: float) -> BatchRequest:
    """What the newest shipped generation writes, logged as our own and handed in as what it is."""
    writer = _newest(story, lineage)
    name = f"outputs-of-{writer.replace('/', '-')}-at-{temperature:g}"
    file = story.workspace.root / "inbox" / f"{name}.jsonl"
    outputs.sample_outputs(
        story.as_actor(ENGINEER),
        writer,
        generator=_generator(story, lineage),
        count=count,
        max_tokens=LONGEST,
        temperature=temperature,
        seed=story.seed + len(name),
        fewest_words=FEWEST_WORDS,
        file=file,
    )
    if temperature == 1.0:  # other decoding is another stream
        _monitor(story, lineage, file)
    return BatchRequest(str(file), f"{lineage} outputs", Origin.AI)


def _monitor(story: Story, lineage: str, file: Path) -> None:
    """The first generation's texts are what all later ones are held against, week by week."""
    rows = reader_for(str(file))(str(file), WHOLE)
    with story.workspace.log.reading() as connection:
        watched = frozen_stream(connection, lineage)
    if watched is None:
        monitoring.freeze(story.as_actor(OWNER), lineage, rows, seed=story.seed)
        return
    done = monitoring.add(story.as_actor(ENGINEER), lineage, rows, seed=story.seed)
    if done.alarms:
        story.tell(f"{lineage}: what it writes is in alarm: {', '.join(done.alarms)}")


def _newest(story: Story, lineage: str) -> str:
    with story.workspace.log.reading() as connection:
        return shipped_generations(connection, lineage)[-1]


def _generator(story: Story, lineage: str) -> Generator:
    return generator_for(story.workspace.policy(), lineage, generation=lineage, root=story.workspace.root)


def _drawn(story: Story, count: int, seed: int) -> list[str]:
    """Texts of our first model that were never logged: somebody else ran a copy of it."""
    return outputs.draw(
        story.workspace,
        "guarded/0",
        generator=_generator(story, "guarded"),
        decoding=Decoding(1, LONGEST, 1.0),
        count=count,
        seed=seed,
        fewest_words=FEWEST_WORDS,
    )


def _calibrate(story: Story) -> None:
    """The detector learns the anchor against the first model's own text."""
    texts = _drawn(story, 4000, story.seed + 1)
    outputs.log_outputs(story.as_actor(ENGINEER), "guarded/0", texts, purpose="calibration")
    fact = detector.calibrate(story.workspace, texts, generation="guarded/0", seed=story.seed)
    story.tell(
        f"detector calibrated: AUROC {fact.auroc:.2f}, finds {fact.true_positive_rate:.0%} of single texts "
        f"at {fact.false_positive_rate:.1%} false alarms"
    )


def _how_high(story: Story) -> None:
    """What share of synthetic text would the rare terms bear? Chains of small models on the team's own anchor."""
    found = ceilings.calibrate(
        story.workspace, "guarded", generations=3, repeats=3, margin=0.05, workers=None, seed=story.seed, tell=_nothing
    )
    story.tell(
        f"ceiling calibrated: {found.recommended:.0%} recommended at a margin of 5 %, the policy has {found.ceiling:.0%}"
    )


def _nothing(_done: int, _total: int) -> None:
    """Nobody listens."""


def _vendor_file(story: Story) -> str:
    """A vendor sells 'human' text that a copy of our model wrote; part of it was scraped from what we published."""
    published = [
        str(row["text"]) for row in read_objects(story.workspace.root / "inbox" / "outputs-of-guarded-0-at-1.jsonl")
    ]
    return story.file("vendor-7", _drawn(story, 600, story.seed + 2) + published[:200])


def _review(story: Story) -> None:
    """The reviewer decides a part of the batch that came without an origin."""
    queue = [one for one in quarantine.waiting(story.workspace) if one.source == "shared-drive"]
    chosen = [one.id for one in queue[: len(queue) // 2]]
    done = quarantine.decide(
        story.as_actor(REVIEWER),
        chosen,
        origin=Origin.HUMAN,
        code="checked",
        note="found in the manuals of our archive",
    )
    story.tell(f"{REVIEWER} decides {done} of {len(queue)} records without an origin; the others wait")


def _over_the_ceiling(story: Story, batches: list[BatchRequest]) -> None:
    """An engineer in a hurry asks for far more production output than allowed; blocked, excused, trained, and blocked again."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    batches.append(_own_batch(story, "guarded", count=18_000, temperature=0.8))
    run = pipeline.start(engineer, "guarded", batches, recipe=Recipe(synthetic_share=0.5), seed=story.seed)
    pipeline.advance(engineer, run, until="compose")
    answer = clearance.check(engineer, lineage="guarded", snapshot=_snapshot(story, run))
    story.tell(f"{run}: tailguard check exits with {answer.exit_code}. {answer.reason}")
    reason = "Production traffic doubled; we need its phrasing before the October launch."
    name = overrides.request(
        engineer, gate="ratio", run=run, reason=reason, expires=story.clock.now() + timedelta(days=14)
    )
    try:
        overrides.decide(engineer, name, decision="approved", note="")
    except InputError as refused:
        story.tell(f"{name}: {refused}")
    overrides.decide(
        owner, name, decision="approved", note="Once, for this run; the diversity gate decides what ships."
    )
    story.tell(f"{name}: approved by {OWNER} for 14 days")
    _finish(story, run)
    _ask_in_vain(story, run)
    story.clock.move_to(story.clock.moment + timedelta(days=2))
    repaired = [batches[0], _own_batch(story, "guarded", count=6000, temperature=1.0)]
    _run(story, "guarded", repaired, Recipe())


def _ask_in_vain(story: Story, run: str) -> None:
    """The engineer asks for the blocked generation to ship all the same; the owner refuses."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    reason = "The launch is announced; we would repair the rare cases in the next generation."
    name = overrides.request(
        engineer, gate="diversity", run=run, reason=reason, expires=story.clock.now() + timedelta(days=7)
    )
    note = "No: a tenth of the rare cases is what this gate is there for."
    overrides.decide(owner, name, decision="refused", note=note)


def _meet(story: Story) -> None:
    """An override that nobody needed, one that waits, and the monthly meeting that goes over both."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    run = _newest_run(story, "guarded")
    until = story.clock.now() + timedelta(days=21)
    spare = overrides.request(
        engineer, gate="ratio", run=run, reason="Held ready in case the vendor's text comes in late.", expires=until
    )
    overrides.decide(owner, spare, decision="approved", note="For this one run.")
    overrides.request(
        engineer,
        gate="diversity",
        run=run,
        reason="The suite's new slice is noisy; asked for in advance.",
        expires=until,
    )
    story.clock.move_to(story.clock.moment + timedelta(days=9))
    meeting.start(owner)
    for person in (ENGINEER, REVIEWER):
        meeting.attend(owner, person)
    here = meeting.going_on(owner)
    for item in here.items if here else ():
        if item.state == "requested":
            meeting.decide(
                owner, item.override.id, decision="refused", note="Its gate passed; there is nothing to except."
            )
        else:
            meeting.decide(owner, item.override.id, decision="closed", note="Never used, and its run is trained.")
    meeting.end(owner)
    story.tell(f"the monthly meeting decided on {len(here.items) if here else 0} overrides; minutes are kept")


def _newest_run(story: Story, lineage: str) -> str:
    """The newest run of a lineage."""
    with story.workspace.log.reading() as connection:
        return runs_of(connection, lineage)[-1].fact.run


def _look_ahead(story: Story) -> None:
    """Near the end: a data lead audits, and one override is open with a week to go."""
    run = _newest_run(story, "guarded")
    auditing.audit(
        story.as_actor(DATA_LEAD), run, signed=True, note="Parts by source agree with the deliveries; anchor whole."
    )
    name = overrides.request(
        story.as_actor(ENGINEER),
        gate="ratio",
        run=run,
        reason="A repeat of this training on a larger machine, with the same set.",
        expires=story.clock.now() + timedelta(days=6),
    )
    overrides.decide(story.as_actor(OWNER), name, decision="approved", note="For the repeat only.")


def _snapshot(story: Story, run: str) -> str:
    with story.workspace.log.reading() as connection:
        found = composition_of(connection, run)
    return found.fact.snapshot if found else ""
