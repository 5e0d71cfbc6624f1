"""Suites: rare-case items are proposed from the anchor, a person accepts them, and age and saturation are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.domain.facts import ComparedMeasure, Measurement
from tailguard.domain.measures import Measure
from tailguard.domain.suite import SuiteKind
from tailguard.errors import InputError
from tailguard.pipeline.summary import summarize
from tailguard.plays.mixing import anchor as anchors
from tailguard.plays.monitoring import suite, suite_proposal
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.release import freeze
from tailguard.workspace import Workspace
from tests.builders import POLICY_CHANGES, Clock, Team, passages, write_jsonl
from tests.recording import record_policy


@pytest.fixture
def anchored(tmp_path: Path) -> Workspace:
    text = template("ada").replace("minority_groups = []", 'minority_groups = ["dialect=scots"]')
    for old, new in POLICY_CHANGES:
        text = text.replace(old, new)
    (tmp_path / "policy.toml").write_text(text)
    workspace = Workspace(tmp_path, "ada", Clock())
    rows = [
        {"text": passage, "dialect": "scots" if at % 40 == 0 else "plain"}
        for at, passage in enumerate(passages()[:700])
    ]
    file = write_jsonl(tmp_path / "anchor.jsonl", rows)
    anchors.freeze(workspace, file, name="docs", reader=reader_for(str(file)), columns=WHOLE)
    return workspace


def accepted(path: Path, answer: object = True) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_jsonl(path, [{**row, "accept": answer} for row in rows])


def test_items_are_proposed_from_rare_terms_topics_and_named_groups_with_reasons(
    anchored: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "suite.jsonl"

    found = suite_proposal.propose(anchored, out, limit=15, seed=1)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert set(found.slices) >= {"rare terms", "dialect=scots"}
    assert all(row["tail"] and row["why"] and row["accept"] is None for row in rows)
    assert len({row["prompt"] for row in rows}) == len(rows) == found.items
    assert max(found.slices.values()) <= 15
    again = tmp_path / "again.jsonl"
    suite_proposal.propose(anchored, again, limit=15, seed=1)
    assert again.read_bytes() == out.read_bytes()


def test_a_proposal_nobody_decided_on_is_not_frozen_and_a_refused_one_is_left_out(
    anchored: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "suite.jsonl"
    suite_proposal.propose(anchored, out, limit=15, seed=1)
    with pytest.raises(InputError, match=r"proposals wait for a person, first on line 1"):
        suite.freeze_suite(anchored, out, name="rare")

    accepted(out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    write_jsonl(out, [{**rows[0], "accept": False}, *rows[1:]])
    suite.freeze_suite(anchored, out, name="rare")

    shown = suite.current(anchored)
    assert sum(prompts for prompts, _, _ in shown.slices.values()) == len(rows) - 1
    assert "no checked tail prompt was answered yet" in shown.text


def test_without_an_anchor_nothing_is_proposed(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(template("ada"))
    workspace = Workspace(tmp_path, "ada", Clock())
    record_policy(workspace)

    with pytest.raises(InputError, match="Freeze the anchor first"):
        suite_proposal.propose(workspace, tmp_path / "suite.jsonl", limit=5, seed=0)


@pytest.mark.slow
def test_checked_tail_items_gate_a_run_and_a_saturated_or_old_suite_is_a_finding(
    anchored: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "suite.jsonl"
    suite_proposal.propose(anchored, out, limit=40, seed=1)
    accepted(out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    always = {"check": "regex", "expected": ".*"}
    write_jsonl(out, [{**row, **(always if row["slice"] == "rare terms" else {})} for row in rows])
    suite.freeze_suite(anchored, out, name="rare", kind=SuiteKind.CONTINUATION)
    clock = anchored.clock
    assert isinstance(clock, Clock)
    team = Team(anchored, clock, list(passages()[700:]))

    first = team.run([team.batch("a", team.take(300))])
    second = team.run([team.batch("b", team.take(300))], ship=False)

    with anchored.log.reading() as view:
        measured = view.recorded(ComparedMeasure, run=second)
        assert {row.fact.measure for row in measured} >= {Measure.TAIL_ACCURACY, Measure.RARE_DENSITY}
        assert view.recorded(Measurement, run=first, measure=Measure.TAIL_ACCURACY)[0].fact.value == 1
    clock.move(400)
    freeze.freeze(anchored, second, reason="a year has passed by now")
    with anchored.log.reading() as view:
        sentences = [finding.what for finding in status(view, now=clock.now()).findings]
    assert any("the suite is saturated" in sentence for sentence in sentences), sentences
    assert any("the suite rare is old" in sentence for sentence in sentences)
    assert "100.0% right" in suite.current(anchored).text
    assert summarize(anchored, second).verdict is not None
