"""Findings that are assigned: named from look to look, answered for by name, and anew once they have ended."""

from __future__ import annotations

import ast
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.shared.places import page_of
from tailguard import plays
from tailguard.cli import run
from tailguard.domain.facts import FindingAssigned, RecordsHeld, ReviewDecision
from tailguard.domain.gates import Gate
from tailguard.errors import InputError, NotAllowed
from tailguard.overrides import requests
from tailguard.plays import assignment
from tailguard.plays.calendar import DueKind
from tailguard.plays.finding import Finding, FindingKind, Severity
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.workspace import Workspace
from tests.builders import Clock, Team
from tests.recording import record, record_policy

PAGES = Path(__file__).parents[2] / "pages"


def findings_of(team: Team) -> tuple[Finding, ...]:
    with team.workspace.log.reading() as view:
        return status(view, now=team.clock.now()).findings


SUBJECTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple)


def found(kind: FindingKind, subject: tuple[str, ...], what: str = "5 records wait", row: str = "main/1#7") -> Finding:
    return Finding(kind=kind, subject=subject, severity=Severity.LOW, what=what, since=datetime(2026, 3, 1), row=row)


@given(kind=st.sampled_from(FindingKind), subject=SUBJECTS)
def test_a_findings_key_is_its_kind_and_subject_and_nothing_else(kind: FindingKind, subject: tuple[str, ...]) -> None:
    key = found(kind, subject).key

    first, *rest = key.split(":")
    assert (FindingKind(first), tuple(map(unquote, rest))) == (kind, subject)  # so that no two findings share one


@given(what=st.text(), row=st.text())
def test_a_reworded_release_keeps_the_name_of_a_finding(what: str, row: str) -> None:
    first = found(FindingKind.RECORDS_WAIT, ())

    later = replace(first, what=what, row=row, severity=Severity.HIGH, since=datetime(2026, 4, 1))

    assert later.key == first.key == "records-wait"


def test_every_kind_has_one_page_and_is_found_by_exactly_one_piece_of_code() -> None:
    folder = Path(plays.__file__).parent
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    attributes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    kinds = Counter(
        node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "FindingKind"
    )

    assert kinds == {kind.name: 1 for kind in FindingKind}
    assert all((PAGES / f"{page_of(kind)}.py").exists() for kind in [*FindingKind, *DueKind])


def test_who_takes_the_queue_keeps_it_while_they_answer_it(tmp_path: Path) -> None:
    clock = Clock()
    workspace = Workspace(tmp_path, "ada", clock)
    (tmp_path / "policy.toml").write_text(template("ada"))
    record_policy(workspace)

    def takers() -> list[str | None]:
        with workspace.log.reading() as view:
            found = status(view, now=clock.now()).findings
        return [finding.assigned_to for finding in found if finding.kind is FindingKind.RECORDS_WAIT]

    def answer(record: str) -> ReviewDecision:
        return ReviewDecision(
            record=record, batch="a", source="docs", origin="human", reason="checked", held_since=clock.moment
        )

    record(workspace, RecordsHeld(run="main/0", batch="a", source="docs", records="r1"))
    record(
        workspace, FindingAssigned(finding=FindingKind.RECORDS_WAIT, what="1 record waits", note="I answer them today.")
    )
    clock.move(1)
    record(workspace, RecordsHeld(run="main/1", batch="b", source="docs", records="r2"))
    record(workspace, answer("r1"))
    assert takers() == ["ada"]

    record(workspace, answer("r2"))
    assert takers() == []

    clock.move(1)
    record(workspace, RecordsHeld(run="main/2", batch="c", source="docs", records="r3"))
    clock.move(1)
    record(workspace, RecordsHeld(run="main/3", batch="d", source="docs", records="r4"))
    assert takers() == [None]  # it ended and began again


def test_who_takes_a_finding_answers_for_it_until_it_ends(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))])
    until = team.clock.now() + timedelta(days=20)
    lin = team.workspace.as_actor("lin")
    name = requests.request(lin, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=until)
    requests.decide(team.workspace, name, decision="approved", note="once")
    team.clock.move(60)
    found = findings_of(team)[0]
    assert found.assigned_to is None

    assignment.assign(team.workspace.as_actor("lin"), found.key, plan="I calibrate it today.")
    team.clock.move(1)

    later = next(finding for finding in findings_of(team) if finding.key == found.key)
    assert (later.assigned_to, later.plan) == ("lin", "I calibrate it today.")
    assert sum(finding.assigned_to is not None for finding in findings_of(team)) == 1


def test_a_finding_is_not_assigned_to_just_anybody_nor_without_a_plan(team: Team) -> None:
    team.run([team.batch("a", team.take(150))])
    key = findings_of(team)[0].key

    with pytest.raises(InputError, match="at least 5 letters"):
        assignment.assign(team.workspace, key, plan=" ok ")
    with pytest.raises(InputError, match="no finding 'finding-0'"):
        assignment.assign(team.workspace, "finding-0", plan="look into it")
    with pytest.raises(NotAllowed, match="eve may not assign findings"):
        assignment.assign(team.workspace.as_actor("eve"), key, plan="look into it")
    assert not any(finding.assigned_to for finding in findings_of(team))


def test_findings_are_listed_and_assigned_by_command(
    team: Team, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILGUARD_USER", "ada")
    team.run([team.batch("a", team.take(150))])
    place = ["-w", str(team.workspace.root)]
    key = findings_of(team)[0].key

    assert run(["findings", "assign", key, "--plan", "look into it", *place]) == 0
    assert run(["findings", "assign", "finding-0", "--plan", "look into it", *place]) == 1
    assert "no finding 'finding-0' now" in capsys.readouterr().err
    assert run(["findings", "list", "--json", *place]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in rows if row["assigned_to"]] == [key]
