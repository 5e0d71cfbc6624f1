"""A run is repeated from its record alone, by another user, in another place, time zone and locale, to the same facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.domain.facts import DeviationNoted, ReviewDecision
from tailguard.domain.requests import PLAIN
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.handoff import bundle
from tailguard.handoff.replay import replay, reproduce
from tailguard.pipeline import runner
from tailguard.plays.deviations import deviations, repetitions
from tailguard.plays.provenance import quarantine
from tailguard.plays.status import status
from tests.builders import Team, written_by


def two_runs(team: Team) -> tuple[str, str]:
    """A second run with everything that a record has to carry: own output, review decisions, an earlier set, a parent."""
    unknown = team.batch("share", team.take(40), "share", Origin.UNKNOWN)
    first = team.run([team.batch("a", team.take(500)), unknown])
    held = [record.id for record in quarantine.waiting(team.workspace)][:10]
    quarantine.decide(team.workspace, held, origin=Origin.HUMAN, code="checked", note="known to us")
    ours = written_by(team, first, 150, logged=True)
    return first, team.run([team.batch("b", team.take(150)), team.batch("ours", ours, "robot", Origin.AI)])


@pytest.mark.slow
def test_a_record_alone_gives_the_same_facts_elsewhere(team: Team, tmp_path: Path) -> None:
    _, run = two_runs(team)
    with team.workspace.log.reading() as view:
        assert view.recorded(ReviewDecision)
    record = tmp_path / "moved" / "there"
    bundle.write_record(team.workspace, run, record)
    for path in (team.workspace.root / "store", team.workspace.root / "inbox", team.workspace.root / "cache"):
        path.rename(path.with_name(path.name + "-gone"))

    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "tailguard.cli", "reproduce", str(record), "--json"],
        cwd=tmp_path,
        env={
            **os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "4711", "TAILGUARD_USER": "somebody else",
            "HOME": str(tmp_path), "TAILGUARD_RUNLOG": f"duckdb:///{tmp_path / 'of-the-team.duckdb'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    content = json.loads(done.stdout)
    assert content["differences"] == []
    assert content["compared"] > 150
    assert not list(tmp_path.glob("of-the-team*")), "a replay has a log of its own"
    page = (record / "index.html").read_text()
    assert "Record of main/1" in page
    assert "ada, shipped: passed the gate" in page
    assert "<script" not in page


@pytest.mark.slow
def test_who_repeated_a_run_stands_beside_it_and_its_author_does_not_count(team: Team) -> None:
    first, _ = two_runs(team)

    assert reproduce(team.workspace, first).identical
    with team.workspace.log.reading() as view:
        assert repetitions(view, first) == []
    assert reproduce(team.workspace.as_actor("lin"), first).identical
    with team.workspace.log.reading() as view:
        (found,) = repetitions(view, first)
    assert (found.by, found.identical, found.differences) == ("lin", True, ())


@pytest.mark.slow
def test_what_differs_is_named(team: Team, tmp_path: Path) -> None:
    first, _ = two_runs(team)
    record = tmp_path / "record"
    bundle.write_record(team.workspace, first, record)
    content = json.loads((record / "record.json").read_text())
    content["seed"] += 1
    (record / "record.json").write_text(json.dumps(content))

    found = replay(record, tmp_path / "clean")

    assert not found.identical
    assert any(line.startswith("measurement") for line in found.differences), found.differences[:5]
    assert "facts differ" in found.text


@pytest.mark.slow
def test_a_record_that_was_changed_or_is_none_is_refused(team: Team, tmp_path: Path) -> None:
    first, _ = two_runs(team)
    record = tmp_path / "record"
    bundle.write_record(team.workspace, first, record)

    with pytest.raises(InputError, match="is not empty"):
        bundle.write_record(team.workspace, first, record)
    with pytest.raises(InputError, match="is not a record"):
        replay(tmp_path, tmp_path / "x")
    kept = next((record / "inputs").iterdir())
    kept.write_text(kept.read_text().replace("a", "b", 1))
    with pytest.raises(InputError, match="missing or was changed"):
        replay(record, tmp_path / "y")


def test_an_unfinished_run_and_inputs_that_are_gone_make_no_record(team: Team, tmp_path: Path) -> None:
    batch = team.batch("a", team.take(200))
    run = runner.start(team.workspace, "main", [batch], recipe=PLAIN, seed=0)
    runner.advance(team.workspace, run, until="gate")
    with pytest.raises(InputError, match="is not finished"):
        bundle.write_record(team.workspace, run, tmp_path / "record")
    runner.advance(team.workspace, run)
    file = Path(batch.file)
    content = file.read_text()
    file.write_text(content + "{}\n")
    with pytest.raises(InputError, match="was changed since main/0 read it"):
        bundle.write_record(team.workspace, run, tmp_path / "record")
    file.unlink()
    with pytest.raises(InputError, match="is gone"):
        bundle.write_record(team.workspace, run, tmp_path / "record")
    assert not (tmp_path / "record").exists()
    assert not list(tmp_path.glob(".record*"))


def test_deviations_are_told_with_their_reasons_and_one_without_is_a_finding(team: Team) -> None:
    team.run([team.batch("a", team.take(200))])
    file = team.workspace.root / "policy.toml"
    file.write_text(file.read_text().replace("ceiling = 0.30", "ceiling = 0.25"))
    run = team.run([team.batch("b", team.take(100))])

    def unexplained() -> list[str]:
        with team.workspace.log.reading() as view:
            found = status(view, now=team.clock.now()).findings
        return [finding.what for finding in found if "deviates without a reason" in finding.what]

    assert "the policy has changed since main/0" in unexplained()[0]
    with pytest.raises(InputError, match="A deviation needs a reason"):
        bundle.note_deviation(team.workspace, run, what="the ceiling was lowered", why="")
    bundle.note_deviation(team.workspace, run, what="the ceiling was lowered", why="the calibration said so")
    assert unexplained() == []
    with team.workspace.log.reading() as view:
        assert len(view.recorded(DeviationNoted, run=run)) == 1
        reasons = {
            deviation.why
            for deviation in deviations(view, run)
            if "policy" in deviation.what or "ceiling" in deviation.what
        }
        assert reasons == {"the calibration said so"}
