"""Findings that somebody takes: named from look to look, answered for by name, and anew once they have ended."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tailguard.cli import run
from tailguard.desk import findings, overrides
from tailguard.errors import InputError, NotAllowed
from tailguard.plays.finding import Finding
from tailguard.plays.status import status
from tests.builders import Team


def standing(team: Team) -> tuple[Finding, ...]:
    with team.workspace.log.reading() as connection:
        return status(connection, now=team.clock.now()).findings


def test_a_finding_keeps_its_name_while_its_numbers_change() -> None:
    day = datetime(2026, 3, 1)
    first = Finding("middle", "5 records of 1,000 wait since 3.5 days", day, "quarantine", "main/1#7")

    assert first.key == replace(first, what="17 records of 2,400 wait since 12 days", severity="high").key
    assert len({first.key, replace(first, row="main/2#7").key, replace(first, page="gates").key}) == 3


def test_who_takes_a_finding_answers_for_it_until_it_ends(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))])
    until = team.clock.now() + timedelta(days=20)
    lin = team.workspace.as_actor("lin")
    name = overrides.request(lin, gate="ratio", run=run, reason="needed for the launch", expires=until)
    overrides.decide(team.workspace, name, decision="approved", note="once")
    team.clock.move(60)
    found = standing(team)[0]
    assert found.taken_by is None

    findings.take(team.workspace.as_actor("lin"), found.key, plan="I calibrate it today.")
    team.clock.move(1)

    later = next(one for one in standing(team) if one.key == found.key)
    assert (later.taken_by, later.plan) == ("lin", "I calibrate it today.")
    assert sum(one.taken_by is not None for one in standing(team)) == 1


def test_a_finding_is_not_taken_by_just_anybody_nor_without_a_plan(team: Team) -> None:
    team.run([team.batch("a", team.take(150))])
    key = standing(team)[0].key

    with pytest.raises(InputError, match="at least 5 letters"):
        findings.take(team.workspace, key, plan=" ok ")
    with pytest.raises(InputError, match="no finding 'finding-0'"):
        findings.take(team.workspace, "finding-0", plan="look into it")
    with pytest.raises(NotAllowed, match="eve may not take alerts and findings"):
        findings.take(team.workspace.as_actor("eve"), key, plan="look into it")
    assert not any(one.taken_by for one in standing(team))


def test_findings_are_listed_and_taken_by_command(
    team: Team, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILGUARD_USER", "ada")
    team.run([team.batch("a", team.take(150))])
    place = ["-w", str(team.workspace.root)]
    key = standing(team)[0].key

    assert run(["findings", "take", key, "--plan", "look into it", *place]) == 0
    assert run(["findings", "take", "finding-0", "--plan", "look into it", *place]) == 1
    assert "no finding 'finding-0' now" in capsys.readouterr().err
    assert run(["findings", "list", "--json", *place]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in rows if row["taken_by"]] == [key]
