"""Twelve months of a small team, told by the pipeline: two lineages from one start, one guarded and one not.

Nothing here writes a result. The story only says who hands in what and when; what is tagged, held, blocked or shipped is
the outcome of the same functions that the commands call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tailguard.adapters.generators import generator_for
from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.adapters.readers.jsonl import read_objects
from tailguard.demo.harvest import Harvest
from tailguard.demo.setting import FIRST_DAY, OWNER, Narrator, Story, freeze_openings, opened
from tailguard.domain.facts import AlertAcknowledged, AlertRaised
from tailguard.domain.gates import Gate
from tailguard.domain.requests import BatchRequest, Recipe
from tailguard.domain.roles import Right
from tailguard.domain.runs import file_name_of
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, Held, InputError
from tailguard.handoff import bundle
from tailguard.handoff.replay import reproduce
from tailguard.overrides import meeting, requests
from tailguard.pipeline import runner
from tailguard.plays import attest
from tailguard.plays.loops import actions
from tailguard.plays.mixing import anchor as anchors
from tailguard.plays.mixing import audit, ceilings, clearance
from tailguard.plays.monitoring import alerts, streams
from tailguard.plays.provenance import detector, own_output, quarantine
from tailguard.policy.reading import template
from tailguard.ports import Decoding, Generator
from tailguard.release import ship
from tailguard.response import protocol
from tailguard.response.drill import start_drill
from tailguard.runlog.views.alarms import frozen_stream
from tailguard.runlog.views.releases import shipped_generations
from tailguard.runlog.views.runs import composition_of, runs_of
from tailguard.store.writing import write_atomically

GENERATIONS = 8
CHAPTERS = 2 * GENERATIONS + 4
DAYS_BETWEEN = 48
DRILLS = {2: 9, 6: 4}
"""In which rounds the team rehearses, and how many minutes it takes to find the person who freezes."""
ENGINEER, REVIEWER, DATA_LEAD = "lin", "sam", "kim"

ANCHOR, FOUNDING, HELD_OUT, FRESH, UNDECLARED = 6000, 3000, 5000, 1000, 400
TAIL_PROMPTS, COMMON_PROMPTS = 600, 150
UNGUARDED_FRESH, UNGUARDED_SAMPLES = 120, 7_600
LONGEST, FEWEST_WORDS = 60, 8


def run_story(root: Path, harvest: Harvest, seed: int, narrate: Narrator) -> None:
    """Play the twelve months in an empty folder. Same passages and seed, same bytes in the store and same hashes in the log."""
    story = opened(root, harvest, seed, narrate)
    clock = story.clock
    _found(story, harvest)
    for number in range(GENERATIONS):
        clock.move_to(FIRST_DAY + timedelta(days=number * DAYS_BETWEEN))
        _guarded(story, number)
        clock.move_to(FIRST_DAY + timedelta(days=number * DAYS_BETWEEN + 3))
        _unguarded(story, number)
        _look_over(story, number)
    _look_ahead(story)


def _found(story: Story, harvest: Harvest) -> None:
    """The team writes its policy, freezes its anchor and its suite."""
    policy = template(OWNER).replace('team = "ada"', 'team = "Demo team"')
    policy = (
        policy.replace('engineer = ["ada"]', f'engineer = ["{ENGINEER}"]')
        .replace('reviewer = ["ada"]', f'reviewer = ["{REVIEWER}"]')
        .replace('data_lead = ["ada"]', f'data_lead = ["{DATA_LEAD}"]')
    )
    for play in ("provenance", "mixing", "monitoring", "attestation"):  # a run every 48 days, not every month
        policy = re.sub(rf"^{play} = 31", f"{play} = 62", policy, flags=re.MULTILINE)
    policy = policy[: policy.index("[lineages.main]")] + _LINEAGES
    write_atomically(story.workspace.root / "policy.toml", policy.encode())
    write_atomically(story.workspace.root / "flows.yaml", _FLOWS.encode())
    story.workspace.require(Right.SET_UP)
    attest.acknowledge(story.workspace, note="The first revision: how we work from today on.")
    anchor = story.passages.take(ANCHOR)
    file = Path(story.file("anchor", anchor))
    anchors.freeze(story.workspace, file, name="docstrings", reader=reader_for(str(file)), columns=WHOLE)
    freeze_openings(story, story.passages.take(HELD_OUT), anchor, tail=TAIL_PROMPTS, common=COMMON_PROMPTS)
    counted = ", ".join(f"{name} {count:,}" for name, count in harvest.sources.items())
    story.narrate(f"{len(harvest.passages):,} human passages: {counted}")
    story.narrate(f"anchor of {len(anchor):,} frozen; suite of openings of passages that no model ever sees frozen")


_LINEAGES = """[lineages.guarded]
mode = "enforce"
ceiling = 0.30

[lineages.unguarded]
mode = "observe"               # everything is measured and logged, nothing is stopped
ceiling = 0.30
"""


_FLOWS = """flows_version: 1
datasets:
  guarded outputs: {owner: lin, note: what the guarded model writes in production}
models:
  guarded: {owner: lin}
edges:
  - guarded -> guarded outputs
  - guarded outputs -> guarded training set
  - guarded training set -> guarded
checkpoints:
  - {name: ceiling, on: guarded outputs -> guarded training set, owner: kim, evidence: ratio, every_days: 62}
"""


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
    if number == 2:
        _guard_the_vendor(story)
    if number in DRILLS:
        _drill(story)
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
    run = runner.start(engineer, lineage, batches, recipe=recipe, seed=story.seed)
    _finish(story, run)
    return run


def _finish(story: Story, run: str) -> None:
    try:
        runner.advance(story.as_actor(ENGINEER), run)
    except (Blocked, Held) as stopped:
        story.narrate(f"{run}: exit code {stopped.exit_code}. {stopped}")
        runner.advance(story.as_actor(ENGINEER), run, until="handoff")
    try:
        story.narrate(f"{run}: shipped, {ship.ship(story.as_actor(OWNER), run)}")
    except (Blocked, Held) as refused:
        story.narrate(f"{run}: not shipped, exit code {refused.exit_code}")


def _own_batch(story: Story, lineage: str, *, count: int, temperature: float) -> BatchRequest:
    """What the newest shipped generation writes, logged as our own and handed in as what it is."""
    writer = _newest(story, lineage)
    name = f"outputs-of-{file_name_of(writer)}-at-{temperature:g}"
    file = story.workspace.root / "inbox" / f"{name}.jsonl"
    own_output.sample_outputs(
        story.as_actor(ENGINEER),
        writer,
        generator=lambda policy: generator_for(policy, lineage, generation=lineage, root=story.workspace.root),
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
    with story.workspace.log.reading() as view:
        watched = frozen_stream(view, lineage)
    if watched is None:
        streams.freeze(story.as_actor(OWNER), lineage, rows, seed=story.seed)
        return
    done = streams.add(story.as_actor(ENGINEER), lineage, rows, seed=story.seed)
    if done.alarms:
        story.narrate(f"{lineage}: what it writes is in alarm: {done.alarmed}")


def _newest(story: Story, lineage: str) -> str:
    with story.workspace.log.reading() as view:
        return shipped_generations(view, lineage)[-1]


def _generator(story: Story, lineage: str) -> Generator:
    return generator_for(story.workspace.edited_policy(), lineage, generation=lineage, root=story.workspace.root)


def _drawn(story: Story, count: int, seed: int) -> list[str]:
    """Texts of our first model that were never logged: somebody else ran a copy of it."""
    return own_output.draw(
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
    own_output.log_outputs(story.as_actor(ENGINEER), "guarded/0", texts, purpose="calibration")
    fact = detector.calibrate(story.workspace, texts, generation="guarded/0", seed=story.seed)
    story.narrate(
        f"detector calibrated: AUROC {fact.auroc:.2f}, finds {fact.true_positive_rate:.0%} of single texts "
        f"at {fact.false_positive_rate:.1%} false alarms"
    )


def _how_high(story: Story) -> None:
    """What share of synthetic text would the rare terms bear? Chains of small models on the team's own anchor."""
    calibration = ceilings.calibrate(
        story.workspace,
        "guarded",
        generations=3,
        repeats=3,
        margin=0.05,
        workers=None,
        seed=story.seed,
        progress=_nothing,
    )
    story.narrate(
        f"ceiling calibrated: {calibration.recommended:.0%} recommended at a margin of 5 %, "
        f"the policy has {calibration.ceiling:.0%}"
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
    queue = [record for record in quarantine.waiting(story.workspace) if record.source == "shared-drive"]
    chosen = [record.id for record in queue[: len(queue) // 2]]
    done = quarantine.decide(
        story.as_actor(REVIEWER),
        chosen,
        origin=Origin.HUMAN,
        code="checked",
        note="found in the manuals of our archive",
    )
    story.narrate(f"{REVIEWER} decides {done} of {len(queue)} records without an origin; the others wait")


def _over_the_ceiling(story: Story, batches: list[BatchRequest]) -> None:
    """An engineer in a hurry asks for far more production output than allowed; blocked, excused, trained, and blocked again."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    batches.append(_own_batch(story, "guarded", count=18_000, temperature=0.8))
    run = runner.start(engineer, "guarded", batches, recipe=Recipe(synthetic_share=0.5), seed=story.seed)
    runner.advance(engineer, run, until="compose")
    answer = clearance.check(engineer, lineage="guarded", snapshot=_snapshot(story, run))
    story.narrate(f"{run}: tailguard check exits with {answer.exit_code}. {answer.reason}")
    reason = "Production traffic doubled; we need its phrasing before the October launch."
    name = requests.request(
        engineer, gate=Gate.RATIO, run=run, reason=reason, expires=story.clock.now() + timedelta(days=14)
    )
    try:
        requests.decide(engineer, name, decision="approved", note="")
    except InputError as refused:
        story.narrate(f"{name}: {refused}")
    requests.decide(owner, name, decision="approved", note="Once, for this run; the diversity gate decides what ships.")
    story.narrate(f"{name}: approved by {OWNER} for 14 days")
    _finish(story, run)
    _ask_in_vain(story, run)
    story.clock.move_to(story.clock.moment + timedelta(days=2))
    repaired = [batches[0], _own_batch(story, "guarded", count=6000, temperature=1.0)]
    _run(story, "guarded", repaired, Recipe())


def _ask_in_vain(story: Story, run: str) -> None:
    """The engineer asks for the blocked generation to ship all the same; the owner refuses."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    reason = "The launch is announced; we would repair the rare cases in the next generation."
    name = requests.request(
        engineer, gate=Gate.DIVERSITY, run=run, reason=reason, expires=story.clock.now() + timedelta(days=7)
    )
    note = "No: a tenth of the rare cases is what this gate is there for."
    requests.decide(owner, name, decision="refused", note=note)


def _meet(story: Story) -> None:
    """An override that nobody needed, one that waits, and the monthly meeting that reviews both."""
    engineer, owner = story.as_actor(ENGINEER), story.as_actor(OWNER)
    run = _newest_run(story, "guarded")
    until = story.clock.now() + timedelta(days=21)
    spare = requests.request(
        engineer, gate=Gate.RATIO, run=run, reason="Held ready in case the vendor's text comes in late.", expires=until
    )
    requests.decide(owner, spare, decision="approved", note="For this one run.")
    requests.request(
        engineer,
        gate=Gate.DIVERSITY,
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
    story.narrate(f"the monthly meeting decided on {len(here.items) if here else 0} overrides; minutes are kept")


def _guard_the_vendor(story: Story) -> None:
    """The gate was held: our own text came back through a vendor. A checkpoint is put there, and the generation ships."""
    owner, run = story.as_actor(OWNER), _newest_run(story, "guarded")
    actions.declare(owner, "guarded -> vendor-7")
    actions.guard(
        owner, "matching", on="vendor-7 -> guarded training set", owner=DATA_LEAD, evidence="intake", every_days=62
    )
    attest.acknowledge(
        owner, note="vendor-7 sells text of ours: its batches are matched at intake, and kim answers for it."
    )
    bundle.note_deviation(
        story.as_actor(ENGINEER),
        run,
        what="Shipped after its gate was held by a loop that nobody had declared.",
        why="The loop was guarded since: the vendor's records of ours were tagged at intake and count as synthetic.",
    )
    story.narrate(f"{run}: the loop through vendor-7 is guarded now; shipped, {ship.ship(owner, run)}")


def _drill(story: Story) -> None:
    """The team rehearses in a sandbox: each step by whoever would do it."""
    owner, engineer = story.as_actor(OWNER), story.as_actor(ENGINEER)
    begun = start_drill(owner, "guarded", seed=story.seed)
    story.narrate(f"{begun.incident}: {begun.evidence}")
    story.clock.move_to(story.clock.moment + timedelta(minutes=DRILLS[_number(story)]))
    protocol.freeze(engineer, begun.incident)
    story.clock.move_to(story.clock.moment + timedelta(minutes=2))
    back = protocol.rollback(engineer, begun.incident)
    protocol.audit(story.as_actor(DATA_LEAD), begun.incident)
    protocol.prepare(engineer, begun.incident)
    protocol.close(
        owner,
        begun.incident,
        cause=f"A planted collapse, noticed so: {begun.evidence}.",
        play="drill",
        change="Whoever is on duty may freeze without asking; it is in the runbook.",
    )
    story.narrate(f"{begun.incident}: {back.evidence}; closed")


def _number(story: Story) -> int:
    """How many generations of the guarded lineage the story has come to."""
    return int((story.clock.moment - FIRST_DAY).days / DAYS_BETWEEN)


def _look_over(story: Story, number: int) -> None:
    """What people do beside the runs: acknowledge alerts, review loops, attest the plays."""
    owner, engineer = story.as_actor(OWNER), story.as_actor(ENGINEER)
    if number in (1, 2, 4, 6):
        actions.review(owner, note="Went over each loop with lin and kim; the unguarded lineage stays as a warning.")
    if number in (3, 5, 6):
        with story.workspace.log.reading() as view:
            raised = [row.fact.alert for row in view.recorded(AlertRaised)]
            acknowledged = {row.fact.alert for row in view.recorded(AlertAcknowledged)}
        for alert in raised:
            if alert not in acknowledged:
                alerts.acknowledge(
                    engineer, alert, note="Looked into it; it is the unguarded lineage, or the blocked candidate."
                )
    if number in (1, 3, 5, 7):
        for play in attest.audit(owner):
            running = play.state == "running" or number == GENERATIONS - 1
            attest.attest(owner, play.play.name, running=running, note="Seen in the monthly round with its owner.")


def _newest_run(story: Story, lineage: str) -> str:
    """The newest run of a lineage."""
    with story.workspace.log.reading() as view:
        return runs_of(view, lineage)[-1].fact.run


def _look_ahead(story: Story) -> None:
    """Near the end: a data lead audits, and one override is open with a week to go."""
    run = _newest_run(story, "guarded")
    audit.audit(
        story.as_actor(DATA_LEAD), run, signed=True, note="Parts by source agree with the deliveries; anchor whole."
    )
    name = requests.request(
        story.as_actor(ENGINEER),
        gate=Gate.RATIO,
        run=run,
        reason="A repeat of this training on a larger machine, with the same set.",
        expires=story.clock.now() + timedelta(days=6),
    )
    requests.decide(story.as_actor(OWNER), name, decision="approved", note="For the repeat only.")

    with story.workspace.log.reading() as view:
        shipped = shipped_generations(view, "guarded")[-1]
    repeated = reproduce(story.as_actor(DATA_LEAD), shipped)
    story.narrate(f"{DATA_LEAD} repeats it. {repeated.text}")


def _snapshot(story: Story, run: str) -> str:
    with story.workspace.log.reading() as view:
        composition = composition_of(view, run)
    return composition.fact.snapshot if composition else ""
