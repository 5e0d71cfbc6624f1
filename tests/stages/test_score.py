"""Scores are explained, the filter is origin-aware and answers for itself, and the order of the records does not matter."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.facts import (
    Artifact,
    FlaggedRecord,
    ReasonCount,
    RuleFailed,
    SliceCoverage,
    SourceContract,
    SourceSignedOff,
)
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.requests import PLAIN, BatchRequest, Recipe
from tailguard.domain.sources import SourceRecord
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.pipeline import runner
from tailguard.plays.mixing.scored import in_words, scored
from tailguard.plays.provenance.own_output import sample_outputs
from tailguard.runlog.views.references import frozen_suite
from tailguard.stages.score.coverage import lost_at_random
from tailguard.stages.score.judging import source_factor
from tests.builders import Team, facts, first_generation, found_team, write_jsonl, written_by
from tests.recording import record


def to_score(team: Team, batches: list[BatchRequest], recipe: Recipe = PLAIN) -> str:
    run = runner.start(team.workspace, "main", batches, recipe=recipe, seed=0)
    runner.advance(team.workspace, run, until="score")
    return run


def rows(team: Team, run: str) -> list[dict[str, Any]]:
    kept = next(
        artifact
        for artifact in facts(team, Artifact, run=run)
        if artifact.kind == "scored" and artifact.direction == "out"
    )
    found: list[dict[str, Any]] = team.workspace.store.table("scored", kept.digest).to_pylist()
    return found


def test_a_synthetic_record_in_a_rare_cell_stays_where_an_equal_one_in_a_crowded_cell_does_not(team: Team) -> None:
    from tailguard.store.suites import read_suite

    with team.workspace.log.reading() as view:
        suite = frozen_suite(view)
    assert suite
    words = sorted(read_suite(team.workspace.store, suite.fact.suite).rare_terms)
    poor = "the and of that with # # # {0} {0} list of the thing to have that be"
    rare, crowded = words[0], words[1]
    texts = [poor.format(rare)] + [poor.format(crowded) + f" number{n} is here now and then" for n in range(40)]

    run = to_score(team, [team.batch("ours", texts, "robot", Origin.AI)])

    found = {row["text"]: row for row in rows(team, run)}
    alone = found[texts[0]]
    others = [found[text] for text in texts[1:]]
    assert {row["quality"] for row in others} == {alone["quality"]}, "equal in quality"
    assert 0.9 <= alone["quality"] < 0.95, "good enough only where it covers a rare cell"
    assert alone["outcome"] != "dropped"
    assert alone["diversity"] > 5 * max(row["diversity"] for row in others)
    assert {row["outcome"] for row in others} == {"dropped"}
    explanation = json.loads(alone["explanation"])
    assert rare in explanation["diversity"]["rare terms"]
    assert "too many hashes" in explanation["quality"]["fails"]
    assert "holds rare terms" in in_words(alone["explanation"])


def test_scores_and_outcomes_do_not_depend_on_the_order_of_the_records(team: Team) -> None:
    first = first_generation(team)
    texts = [*written_by(team, first, 800, logged=True)]
    shuffled = list(texts)
    random.Random(3).shuffle(shuffled)  # noqa: S311  another order, not a secret

    one = to_score(team, [team.batch("a", texts, "robot", Origin.AI)])
    two = to_score(team, [team.batch("b", shuffled, "robot", Origin.AI)])

    wanted = ("id", "quality", "diversity", "reliability", "priority", "outcome", "outcome_reason", "position")
    assert sorted([row[name] for name in wanted] for row in rows(team, one)) == sorted(
        [row[name] for name in wanted] for row in rows(team, two)
    )


def test_a_record_that_shares_a_long_run_with_the_suite_is_never_composed(tmp_path: Path) -> None:
    team = found_team(tmp_path)
    long = "in the beginning nobody knew which of the seven measures would fall first and by how much it would fall"
    suite = write_jsonl(tmp_path / "suite.jsonl", [{"id": "p0", "prompt": long, "tail": True}])
    from tailguard.plays.monitoring.suite import freeze_suite

    with pytest.raises(InputError, match="was frozen on"):
        freeze_suite(team.workspace, suite, name="other")
    team.workspace.log.folder.joinpath("runlog.duckdb").unlink()
    again = found_team(tmp_path / "again", long_prompt=long)
    run = to_score(again, [again.batch("a", [*again.take(20), f"It is said that {long}."])])

    (row,) = [row for row in rows(again, run) if long in row["text"]]
    assert (row["outcome"], row["outcome_reason"]) == (
        "dropped",
        Reason.SUITE_OVERLAP,
    )
    assert json.loads(row["explanation"])["shares words with prompt"] == "long"


def test_repeated_records_are_dropped_with_where_they_stand_already(team: Team) -> None:
    first = team.take(60)
    anchor = [
        json.loads(line)["text"] for line in (team.workspace.root / "inbox" / "anchor.jsonl").read_text().splitlines()
    ]
    long = next(text for text in anchor if len(text.split()) > 60)
    team.run([team.batch("a", first)])
    near = " ".join(["Edited", *long.split()[1:]])
    fresh = team.take(5)
    twice = [" ".join([*text.split(), *team.take(1)[0].split()[:60]]) for text in fresh[:1]]

    run = to_score(team, [team.batch("b", [first[0], anchor[0], near, *fresh, *twice, twice[0] + " indeed"])])

    counted = {
        count.reason: count.records
        for count in facts(team, ReasonCount, run=run)
        if count.outcome is RecordOutcome.DROPPED
    }
    assert counted == {
        Reason.IN_EARLIER_SET: 1,
        Reason.IN_ANCHOR: 1,
        Reason.NEAR_ANCHOR: 1,
        Reason.NEAR_SAME_RUN: 1,
    }


def test_rules_that_failed_are_counted_by_source_and_name(team: Team) -> None:
    run = to_score(team, [team.batch("a", [*team.take(30), "{ code } is the thing to have. It is the end of that."])])

    failed = {failure.rule: failure.records for failure in facts(team, RuleFailed, run=run)}
    assert failed["curly brackets"] >= 1
    assert all(failure.source == "docs" and failure.origin == "human" for failure in facts(team, RuleFailed, run=run))


def test_slices_come_from_the_records_own_metadata(team: Team) -> None:
    texts = team.take(60)
    path = write_jsonl(
        team.workspace.root / "sliced.jsonl",
        [{"text": text, "slice": "even" if n % 2 else "odd"} for n, text in enumerate(texts)],
    )
    run = to_score(team, [BatchRequest(str(path), "docs", Origin.HUMAN)])

    assert {row["slice"] for row in rows(team, run)} == {"even", "odd"}
    assert {coverage.slice for coverage in facts(team, SliceCoverage, run=run)} == {"even", "odd"}


def test_a_field_with_an_id_in_each_record_is_no_slice(team: Team) -> None:
    texts = team.take(300)
    path = write_jsonl(team.workspace.root / "ids.jsonl", [{"text": text, "slice": n} for n, text in enumerate(texts)])

    with pytest.raises(InputError, match="more than 256 slices"):
        to_score(team, [BatchRequest(str(path), "docs", Origin.HUMAN)])


def test_a_filter_that_drops_what_is_rare_is_told_from_chance(tmp_path: Path) -> None:
    team = found_team(
        tmp_path, changes=[("human_quality = 0.75", "human_quality = 1.0"), ("min_words = 8", "min_words = 45")]
    )

    run = to_score(team, [team.batch("a", team.take(900))])

    (human,) = [coverage for coverage in facts(team, SliceCoverage, run=run) if coverage.origin == "human"]
    assert human.after < human.before
    assert human.records_after < human.records_before
    assert human.likely_loss == pytest.approx(human.before - human.after, rel=0.6), (
        "long texts hold most rare terms: not narrow"
    )


def test_cells_lost_at_random_are_what_drawing_says() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([1, 2, 3, 5])
    records, dropped, times = 40, 25, 20_000
    lost = np.zeros(4)
    owners = np.split(np.arange(11), np.cumsum(counts)[:-1])
    for _ in range(times):
        gone = rng.permutation(records)[:dropped]
        lost += [np.isin(owner, gone).all() for owner in owners]

    assert lost_at_random(counts, records, dropped) == pytest.approx(lost / times, abs=0.01)
    assert lost_at_random(np.array([3]), 10, 2).tolist() == [0.0]
    assert lost_at_random(np.array([3]), 10, 10).tolist() == [1.0]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_reliability_falls_with_what_a_source_has_shown(demoted: float, duplicates: float, agreement: float) -> None:
    best = source_factor(SourceRecord(demoted=0, duplicates=0, agreement=1, signed=True))
    found = source_factor(SourceRecord(demoted=demoted, duplicates=duplicates, agreement=agreement, signed=False))

    assert best == 1
    assert 0 <= found <= source_factor(None) < best


def test_a_source_earns_its_reliability_from_the_log(team: Team) -> None:
    run = to_score(team, [team.batch("a", team.take(30)), team.batch("b", team.take(10), "vendor")])
    record(
        team.workspace,
        SourceContract(source="docs", owner="Eve", licence="CC0", declared="human", since=team.clock.now(), note=""),
    )
    with team.workspace.log.reading() as view:
        (contract,) = view.recorded(SourceContract)
    record(team.workspace, SourceSignedOff(source="docs", contract=contract.id, signed=True, note=""))

    again = to_score(team, [team.batch("c", team.take(30)), team.batch("d", team.take(10), "vendor")])

    before = {row["source"]: row["reliability"] for row in rows(team, run)}
    after = {row["source"]: row["reliability"] for row in rows(team, again)}
    assert before["docs"] == before["vendor"] == pytest.approx(0.8 * 0.95)
    assert (after["docs"], after["vendor"]) == (pytest.approx(0.8), pytest.approx(0.8 * 0.95))


def test_flagged_records_can_be_looked_at_in_their_order(team: Team) -> None:
    first = first_generation(team)
    run = to_score(team, [team.batch("ours", written_by(team, first, 1500, logged=True), "robot", Origin.AI)])

    found = scored(team.workspace, run, outcome=RecordOutcome.FLAGGED, reason=None, limit=20)

    logged = facts(team, FlaggedRecord, run=run)
    assert [record.id for record in found] == [row.record for row in logged[:20]]
    assert [record.position for record in found] == list(range(1, 21))
    assert all("tag rests on own output" in record.why for record in found)


def test_a_quota_flags_what_goes_beyond_it(tmp_path: Path) -> None:
    team = found_team(tmp_path, changes=[("quotas = {}", "quotas = { all = 0.5 }")])
    first = first_generation(team)
    run = to_score(team, [team.batch("ours", written_by(team, first, 1500, logged=True), "robot", Origin.AI)])

    counted = {
        count.reason: count.records
        for count in facts(team, ReasonCount, run=run)
        if count.outcome is RecordOutcome.FLAGGED
    }
    kept = sum(
        count.records
        for count in facts(team, ReasonCount, run=run)
        if count.outcome is RecordOutcome.KEPT and count.origin == "ai"
    )
    assert set(counted) == {Reason.OVER_QUOTA}
    human = 500 + 400
    assert kept <= 0.5 * human * 0.3 / 0.7 + 1


def test_samples_of_a_model_are_scored_as_what_they_are(team: Team, tmp_path: Path) -> None:
    from tailguard.adapters.trainers.ngram import NgramGenerator

    first = first_generation(team)
    file = tmp_path / "ours.jsonl"
    sample_outputs(
        team.workspace, first, generator=lambda _: NgramGenerator(), count=50, max_tokens=30,
        temperature=1.0, seed=1, fewest_words=8, file=file,
    )  # fmt: skip

    run = to_score(team, [BatchRequest(str(file), "anything", Origin.AI)])

    assert {row["evidence"] for row in rows(team, run)} == {"own output"}
    assert {row["reliability"] for row in rows(team, run)} == {0.95}
