"""The lighter forms: one person with three checks, and teams that only call APIs; each runs by its own demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailguard.cli import run as command
from tailguard.demo.setting import play_profile
from tailguard.domain.facts import Clearance, OwnOutputFound, ShippingEvent, StreamWeek
from tailguard.domain.measures import Measure
from tailguard.errors import InputError
from tailguard.plays.status import status
from tailguard.policy.reading import parse_policy, template
from tailguard.workspace import Workspace
from tests.builders import found_team, write_jsonl


def test_each_profile_is_a_policy_that_works_with_only_a_name() -> None:
    for profile, plays in (("full", 5), ("small", 3), ("api-only", 3)):
        assert len(parse_policy(template("ada", profile), "p").asked_plays) == plays
    with pytest.raises(InputError, match="no profile 'tiny'"):
        play_profile("tiny", Path("x"), seed=0, quiet=True)


@pytest.mark.slow
def test_the_small_demo_shows_the_three_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["demo", "--profile", "small", "--no-dashboard", "--json", "--dir", str(tmp_path / "small")]) == 0

    space = Workspace(tmp_path / "small", "ada")
    with space.log.reading() as view:
        assert [row.fact.action for row in view.recorded(ShippingEvent)] == ["shipped", "shipped"]
        assert view.recorded(Clearance)[-1].fact.exit_code == 3
        found = status(view, now=space.clock.now())
    assert [play.name for play in found.plays] == ["provenance", "mixing", "monitoring"]
    assert not [finding for finding in found.findings if finding.kind.play in ("loops", "drill")]
    assert "not shipped" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_api_demo_finds_what_came_back_and_the_loss_without_training(tmp_path: Path) -> None:
    assert command(["demo", "--profile", "api-only", "--no-dashboard", "--json", "--dir", str(tmp_path / "api")]) == 0

    space = Workspace(tmp_path / "api", "ada")
    with space.log.reading() as view:
        weeks = view.recorded(StreamWeek, measure=Measure.RARE_DENSITY)
        ours = view.recorded(OwnOutputFound)
        found = status(view, now=space.clock.now())
    assert [week.fact.alarm for week in weeks][:5] == [False] * 5, "nothing had changed yet"
    assert weeks[-1].fact.alarm
    assert {row.fact.source for row in ours} == {"help centre"}
    assert any(finding.what.startswith("unguarded loop") and finding.severity == "high" for finding in found.findings)
    assert "Nothing is trained in this profile" in found.lineages[0].sentence


def test_a_profile_without_training_takes_in_and_refuses_later_stages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["init", "--profile", "api-only"]) == 0
    write_jsonl(
        tmp_path / "pages.jsonl", [{"text": f"A page about thing number {n}, written by hand."} for n in range(20)]
    )

    assert command(["run", "-b", "wiki:human:pages.jsonl"]) == 0
    assert "main/0: intake finished" in capsys.readouterr().out
    assert command(["compose"]) == 1
    assert 'The profile "api-only" has no training stages' in capsys.readouterr().err


@pytest.mark.slow
def test_one_person_needs_no_checkpoint_for_what_the_small_profile_does_not_ask(tmp_path: Path) -> None:
    from tests.builders import fed_back, loose

    team = found_team(tmp_path / "team", changes=[('profile = "full"', 'profile = "small"')])
    loose(team)
    run = fed_back(team)

    from tailguard.pipeline import runner
    from tailguard.release import ship

    runner.advance(team.workspace, run)
    assert "passed the gate" in ship.ship(team.workspace, run)
