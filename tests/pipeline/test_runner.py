"""The workflow end to end: order, criteria, blocking, overrides, shipping, resumption, rebuilding."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tailguard.domain.facts import (
    Artifact,
    BatchTaken,
    Composition,
    ExitCriterion,
    FlaggedRecord,
    GateDecision,
    OutputsLogged,
    OverrideUsed,
    ProvenanceCount,
    ReasonCount,
    ShippingEvent,
    StageResult,
)
from tailguard.domain.gates import Gate
from tailguard.domain.reasons import Reason
from tailguard.domain.requests import BatchRequest, Recipe
from tailguard.domain.stages import ORDER, Requirement, Waiver
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, Held, InputError, TailguardError
from tailguard.overrides import requests
from tailguard.pipeline import runner
from tailguard.plays.mixing import clearance
from tailguard.plays.provenance import quarantine
from tailguard.plays.provenance.detector import calibrate
from tailguard.plays.status import status
from tailguard.release import freeze, ship
from tailguard.runlog.verify import verify
from tailguard.runlog.views.runs import stage_results
from tailguard.stages.compose import rebuild
from tailguard.store.snapshots import members_of
from tailguard.store.writing import digest_of
from tailguard.workspace import Workspace
from tests.builders import Clock, Team, facts, first_generation, found_team, over_the_ceiling, write_jsonl, written_by


def test_a_run_records_every_stage_with_inputs_outputs_and_criteria(team: Team) -> None:
    run = first_generation(team)

    results = facts(team, StageResult, run=run)
    artifacts = facts(team, Artifact, run=run)
    criteria = facts(team, ExitCriterion, run=run)
    assert [result.stage for result in results] == list(ORDER)
    assert all(result.passed for result in results)
    for stage in ORDER:
        assert any(criterion.stage == stage for criterion in criteria), stage
    for stage in ORDER[:5]:
        assert {artifact.direction for artifact in artifacts if artifact.stage == stage} == {"in", "out"}, stage
    assert all(len(artifact.digest) == 64 for artifact in artifacts)
    assert verify(team.workspace.log).problems == ()


def test_a_stage_cannot_start_before_the_one_ahead_has_finished(team: Team) -> None:
    run = runner.start(team.workspace, "main", [team.batch("a", team.take(50))], recipe=Recipe(), seed=0)

    with pytest.raises(InputError, match="score cannot start: intake has not finished in run main/0"):
        runner.require_ready(team.workspace, run, "score")


def test_declared_ai_and_undeclared_records_are_tagged_held_and_counted(team: Team) -> None:
    run = runner.start(
        team.workspace,
        "main",
        [team.batch("human", team.take(100)), team.batch("ai", team.take(30), "robot", Origin.AI),
         team.batch("found", team.take(40), "share", Origin.UNKNOWN)],
        recipe=Recipe(), seed=0,
    )  # fmt: skip

    runner.advance(team.workspace, run, until="intake")

    counted = {(count.source, count.origin, count.evidence): count.records for count in facts(team, ProvenanceCount)}
    assert counted == {
        ("docs", "human", "declaration"): 100,
        ("robot", "ai", "declaration"): 30,
        ("share", "unknown", "none"): 40,
    }
    assert [(count.reason, count.records) for count in facts(team, ReasonCount)] == [(Reason.NO_DECLARATION, 40)]
    assert len(quarantine.waiting(team.workspace)) == 40


def test_held_records_advance_after_a_person_decided_and_only_once(team: Team) -> None:
    held = team.take(40)
    team.run([team.batch("found", held, "share", Origin.UNKNOWN), team.batch("b", team.take(100))])
    chosen = [record.id for record in quarantine.waiting(team.workspace)][:10]

    assert quarantine.decide(team.workspace, chosen, origin=Origin.HUMAN, code="known source") == 10
    second = team.compose([team.batch("c", team.take(50))])
    third = team.compose([team.batch("d", team.take(50))])

    snapshot = facts(team, Composition, run=second)[0]
    members = members_of(team.workspace.store, snapshot.snapshot)
    in_second = {identity for _, ids in members for identity in ids}
    assert set(chosen) <= in_second
    released = [
        artifact for artifact in facts(team, Artifact, run=third) if artifact.name == "released from quarantine"
    ]
    assert len(team.workspace.store.table("records", released[0].digest)) == 0
    assert len(quarantine.waiting(team.workspace)) == 30


def test_only_reviewers_decide_and_cannot_tell_leaves_a_record_waiting(team: Team) -> None:
    team.run([team.batch("a", team.take(100)), team.batch("found", team.take(5), "share", Origin.UNKNOWN)])
    first = quarantine.waiting(team.workspace)[0].id

    with pytest.raises(InputError, match="eve may not decide"):
        quarantine.decide(team.workspace.as_actor("eve"), [first], origin=Origin.HUMAN, code="style")
    assert quarantine.decide(team.workspace, [first], origin=Origin.UNKNOWN, code="style") == 0
    assert [record.cannot_tell for record in quarantine.waiting(team.workspace)] == [0, 0, 0, 0, 1]
    with pytest.raises(InputError, match="0 waiting records start with"):
        quarantine.decide(team.workspace, ["zzz"], origin=Origin.AI, code="style")


def test_our_own_output_is_recognised_when_it_comes_back_as_human(team: Team) -> None:
    first = first_generation(team)
    ours = written_by(team, first, 60, logged=True)

    run = team.compose([team.batch("vendor", [*team.take(30), *ours], "vendor")])

    batch = facts(team, BatchTaken, run=run)[0]
    counted = {(count.origin, count.evidence): count.records for count in facts(team, ProvenanceCount, run=run)}
    assert counted[("ai", "own output")] == len(set(ours))
    assert "declared human" in (batch.conflict or "")
    assert ("human", "declaration") not in counted, "the rest of such a batch is held"


def test_a_vendors_unlogged_model_text_is_caught_by_the_batch_as_a_whole(team: Team) -> None:
    first = first_generation(team, 800)
    calibrate(team.workspace, written_by(team, first, 900, logged=True), generation=first, seed=0)
    fake = written_by(team, first, 500, logged=False, seed=77)

    run = team.compose([team.batch("vendor", fake, "vendor"), team.batch("honest", team.take(300), "docs")])

    vendor, honest = facts(team, BatchTaken, run=run)
    assert vendor.conflict
    assert vendor.confident < 0.2 * vendor.read
    assert (vendor.estimate_high or 0) > 0.8
    assert honest.conflict is None
    assert honest.held <= 0.06 * honest.read


def test_accumulation_keeps_human_records_and_the_ceiling_flags_the_rest(team: Team) -> None:
    first = first_generation(team)
    ours = written_by(team, first, 1500, logged=True)

    run = team.compose([team.batch("fresh", team.take(50)), team.batch("ours", ours, "robot", Origin.AI)])

    before, after = (facts(team, Composition, run=name)[0] for name in (first, run))
    flagged = facts(team, FlaggedRecord, run=run)
    human = after.records - after.synthetic_records
    assert human == before.records + 50
    assert 0.2 < max(after.ratio_records, after.ratio_tokens) <= 0.30
    assert [record.position for record in flagged] == list(range(1, len(flagged) + 1))
    assert all(record.running_ratio > 0.30 for record in flagged[:1])
    assert [record.running_ratio for record in flagged] == sorted(record.running_ratio for record in flagged)


def test_a_job_over_the_ceiling_is_blocked_then_runs_under_an_approved_override(team: Team) -> None:
    run = over_the_ceiling(team)
    snapshot = facts(team, Composition, run=run)[0].snapshot
    engineer = team.workspace.as_actor("lin")

    answer = clearance.check(engineer, lineage="main", snapshot=snapshot[:12])
    with pytest.raises(Blocked, match="may not train: over the ceiling"):
        runner.advance(engineer, run)
    name = requests.request(
        engineer, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=team.clock.now() + timedelta(days=5)
    )
    asked = clearance.check(engineer, lineage="main", snapshot=snapshot)
    requests.decide(team.workspace, name, decision="approved", note="once")
    cleared = clearance.check(engineer, lineage="main", snapshot=snapshot)
    runner.advance(engineer, run, until="train")
    team.clock.move(6)
    expired = clearance.check(engineer, lineage="main", snapshot=snapshot)

    assert (answer.exit_code, asked.exit_code, cleared.exit_code, expired.exit_code) == (3, 3, 0, 3)
    assert cleared.override == name
    assert name in cleared.reason
    assert {use.run for use in facts(team, OverrideUsed)} == {run}


def test_a_generation_that_lost_its_tail_does_not_ship_unless_an_override_covers_it(tmp_path: Path) -> None:
    tight = [
        ("\nrare_density = 0.40", "\nrare_density = 0.08"),
        ("\nrare_coverage = 0.40", "\nrare_coverage = 0.15"),
        ("ceiling = 0.30", "ceiling = 1.0"),
        ("samples = 4", "samples = 8"),
    ]
    team = found_team(tmp_path, changes=tight)
    run = over_the_ceiling(team, temperature=0.75)

    with pytest.raises((Blocked, Held)) as stopped:
        runner.advance(team.workspace, run)
    with pytest.raises((Blocked, Held), match="may not ship"):
        ship.ship(team.workspace, run)
    runner.advance(team.workspace, run)
    name = requests.request(
        team.workspace.as_actor("lin"),
        gate=Gate.DIVERSITY,
        run=run,
        reason="a hot fix is needed",
        expires=team.clock.now() + timedelta(days=2),
    )
    requests.decide(team.workspace, name, decision="approved", note="")
    with team.workspace.log.reading() as view:
        sentence = status(view, now=team.clock.now()).lineages[0].sentence
    assert sentence.startswith(f"{run} may ship under {name}: ")
    reason = ship.ship(team.workspace, run)

    assert stopped.value.exit_code in (3, 4)
    assert name in reason
    assert [event.action for event in facts(team, ShippingEvent, run=run)] == ["refused", "shipped"]
    assert ship.ship(team.workspace, run) == "was shipped before"


def test_a_generation_without_a_sound_reference_does_not_ship_unless_it_is_the_first(team: Team) -> None:
    (team.workspace.root / "empty.jsonl").touch()
    empty = BatchRequest(str(team.workspace.root / "empty.jsonl"), "docs", Origin.HUMAN)
    stopped = runner.start(team.workspace, "main", [empty], recipe=Recipe(), seed=0)
    with pytest.raises(Blocked, match="something was read: 0"):
        runner.advance(team.workspace, stopped)

    first = first_generation(team)  # nothing was trained before it, whatever its number
    freeze.freeze(team.workspace, first, reason="it answers with nonsense")
    run = runner.start(team.workspace, "main", [team.batch("b", team.take(150))], recipe=Recipe(), seed=0)
    with pytest.raises(Held, match=r"That proves nothing: main/1 is frozen. Unfreeze main/1"):
        runner.advance(team.workspace, run)

    verdicts = [decision.verdict for decision in facts(team, GateDecision, gate=Gate.DIVERSITY)]
    assert (first, run, verdicts) == ("main/1", "main/2", ["BASELINE", "INCONCLUSIVE"])
    with pytest.raises(Held, match="may not ship: INCONCLUSIVE"):
        ship.ship(team.workspace, run)
    with team.workspace.log.reading() as view:
        sentence = status(view, now=team.clock.now()).lineages[0].sentence
    assert sentence.startswith(f"{run} may not ship: ")
    assert f"proves nothing: {first} is frozen" in sentence


def test_nothing_without_a_verdict_ships(team: Team) -> None:
    run = runner.start(team.workspace, "main", [team.batch("a", team.take(50))], recipe=Recipe(), seed=0)

    with pytest.raises(InputError, match="no verdict yet"):
        ship.ship(team.workspace, run)
    with pytest.raises(InputError, match="no generation 'main/7'"):
        ship.ship(team.workspace, "main/7")


def test_a_set_without_the_anchor_is_not_cleared(team: Team) -> None:
    first_generation(team)
    run = runner.start(team.workspace, "main", [team.batch("b", team.take(50))], recipe=Recipe(anchor=False), seed=0)

    with pytest.raises(Blocked, match="whole anchor is in, byte for byte"):
        runner.advance(team.workspace, run)


def test_observe_mode_logs_the_block_and_stops_nothing(tmp_path: Path) -> None:
    team = found_team(tmp_path, observe=True)
    first = first_generation(team)
    ours = written_by(team, first, 1500, logged=True)

    run = team.run(
        [team.batch("ours", ours, "robot", Origin.AI)],
        recipe=Recipe(synthetic_share=1.0, anchor=False, earlier_human=False),
    )

    waived = [criterion for criterion in facts(team, ExitCriterion, run=run) if not criterion.met]
    assert {criterion.waived_by for criterion in waived} <= set(Waiver)
    assert {criterion.name for criterion in waived} >= {Requirement.RATIO_WITHIN_CEILING, Requirement.ANCHOR_WHOLE}
    assert facts(team, Composition, run=run)[0].ratio_records == 1.0
    assert facts(team, ShippingEvent, run=run)[0].action == "shipped"


def test_a_snapshot_rebuilds_to_the_same_bytes_and_a_changed_store_is_noticed(team: Team) -> None:
    run = first_generation(team)
    made = facts(team, Composition, run=run)[0]
    store = team.workspace.store

    store.path("training", made.content, ".jsonl").unlink()
    again = rebuild(store, made.snapshot)

    assert digest_of(store.bytes("training", again.content, ".jsonl")) == made.content
    path = store.path("snapshots", made.snapshot, ".json")
    path.write_bytes(path.read_bytes().replace(b'"seed":0', b'"seed":1'))
    with pytest.raises(TailguardError, match="was changed"):
        rebuild(store, made.snapshot)


def test_the_handoff_tells_snapshot_ratio_and_evaluation(team: Team) -> None:
    run = first_generation(team)
    digest = next(artifact.digest for artifact in facts(team, Artifact, run=run) if artifact.kind == "handoffs")

    record = team.workspace.store.json("handoffs", digest)

    kinds = {fact["fact"] for fact in record["facts"]}
    assert record["format"] == "tailguard-run/1"
    assert {"composition", "generation", "evaluation", "gate_decision", "exit_criterion", "artifact"} <= kinds


def test_broken_records_are_set_aside_counted_and_too_many_stop_the_run(team: Team) -> None:
    good = [{"text": text} for text in team.take(90)]
    mild = write_jsonl(team.workspace.root / "mild.jsonl", [*good, b'{"text": "cut'])
    bad = write_jsonl(team.workspace.root / "bad.jsonl", [*good[:10], *[b"nonsense"] * 5])

    run = runner.start(team.workspace, "main", [BatchRequest(str(mild), "docs", Origin.HUMAN)], recipe=Recipe(), seed=0)
    runner.advance(team.workspace, run, until="score")
    second = runner.start(
        team.workspace, "main", [BatchRequest(str(bad), "docs", Origin.HUMAN)], recipe=Recipe(), seed=0
    )
    with pytest.raises(Blocked, match=r"input is readable: 33\.3% \(5 of 15\), required at most 5\.0%"):
        runner.advance(team.workspace, second)

    batch = facts(team, BatchTaken, run=run)[0]
    assert (batch.read, batch.rejected) == (90, 1)
    rejects = next(artifact for artifact in facts(team, Artifact, run=run) if artifact.kind == "rejects")
    assert team.workspace.store.json("rejects", rejects.digest)[0]["line"] == 91
    with pytest.raises(Blocked, match="score cannot start: intake did not meet its exit criteria"):
        runner.advance(team.workspace, second)


def test_an_empty_file_does_not_pass_intake(team: Team) -> None:
    empty = team.workspace.root / "empty.jsonl"
    empty.touch()
    run = runner.start(
        team.workspace, "main", [BatchRequest(str(empty), "docs", Origin.HUMAN)], recipe=Recipe(), seed=0
    )

    with pytest.raises(Blocked, match="something was read: 0"):
        runner.advance(team.workspace, run)


def test_a_second_process_on_the_same_run_is_refused(team: Team) -> None:
    from tailguard.runlog.locks import exclusive_lock

    run = runner.start(team.workspace, "main", [team.batch("a", team.take(50))], recipe=Recipe(), seed=0)

    with (
        exclusive_lock(team.workspace.root / "runs" / "main-0.lock", doing="x"),
        pytest.raises(TailguardError, match="Another process is working on run main/0"),
    ):
        runner.advance(team.workspace, run)


def go_on(root: str, run: str, moment: str) -> None:
    runner.advance(Workspace(Path(root), "ada", Clock(datetime.fromisoformat(moment))), run)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["score", "compose", "train", "evaluate", "gate"])
def test_a_killed_run_goes_on_from_its_last_finished_stage_with_the_same_result(tmp_path: Path, stage: str) -> None:
    results = []
    for name, killed in (("whole", False), ("killed", True)):
        team = found_team(tmp_path / name)
        run = runner.start(team.workspace, "main", [team.batch("a", team.take(300))], recipe=Recipe(), seed=0)
        if killed:
            kill_during(team, run, stage)
        runner.advance(team.workspace, run)
        with team.workspace.log.reading() as view:
            ended = stage_results(view, run)
        results.append({name: result.fact.output for name, result in ended.items() if name != "handoff"})
        assert verify(team.workspace.log).problems == ()
        assert len(facts(team, OutputsLogged, run=run)) == 1

    assert results[0] == results[1]


def kill_during(team: Team, run: str, stage: str) -> None:
    """Let another process work on the run, and kill it while it is at a stage."""
    from tailguard.domain.facts import StageStarted

    process = multiprocessing.get_context("spawn").Process(
        target=go_on, args=(str(team.workspace.root), run, team.clock.moment.isoformat())
    )
    process.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.is_alive():
        if any(started.stage == stage for started in facts(team, StageStarted, run=run)):
            break
        time.sleep(0.005)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, "it had ended before"


def test_an_external_trainer_goes_through_all_stages(tmp_path: Path) -> None:
    script = str(Path(__file__).parents[2] / "examples" / "unigram_trainer.py")
    command = (
        'trainer = "command"\n\n[trainers.command]\n'
        f'train = ["{sys.executable}", "{script}", "train", "{{training_set}}", "{{weights}}"]\n'
        f'generate = ["{sys.executable}", "{script}", "generate", "{{weights}}", "{{prompts}}", "{{outputs}}", "{{samples}}", '
        '"{max_tokens}", "{seed}"]\n'
    )
    team = found_team(tmp_path, changes=[('trainer = "ngram"', command)])
    team.clock.moment = datetime.now(UTC).replace(tzinfo=None)  # the example holds its clearance against the real time

    run = first_generation(team)

    assert [result.stage for result in facts(team, StageResult, run=run)] == list(ORDER)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('out of memory')", "exit code 1. Its last words:\nout of memory"),
        ("import time; time.sleep(0)", "weights were written"),
    ],
)
def test_an_external_trainer_that_fails_leaves_nothing_behind(tmp_path: Path, code: str, message: str) -> None:
    command = (
        f'trainer = "command"\n\n[trainers.command]\ntrain = ["{sys.executable}", "-c", {json.dumps(code)}]\n'
        'generate = ["true"]\n'
    )
    team = found_team(tmp_path, changes=[('trainer = "ngram"', command)])
    run = runner.start(team.workspace, "main", [team.batch("a", team.take(100))], recipe=Recipe(), seed=0)

    with pytest.raises(TailguardError) as caught:
        runner.advance(team.workspace, run)

    assert message in str(caught.value)
    assert not list((tmp_path / "store").glob(".scratch-*"))


def test_the_same_seed_gives_the_same_hashes_in_any_folder(tmp_path: Path) -> None:
    from tailguard.runlog.recorder import DECISIONS, head_of

    heads = []
    for name in ("one", "another/deeper"):
        team = found_team(tmp_path / name)
        run = first_generation(team, 150)
        with team.workspace.log.reading() as view:
            heads.append((head_of(view, DECISIONS), head_of(view, run)))

    assert heads[0] == heads[1]
