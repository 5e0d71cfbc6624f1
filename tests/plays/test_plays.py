"""Is the defence running? Each decay has a date, can be made to happen, and goes away when it is fixed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import (
    AlertRaised,
    AlertSent,
    ExitCriterion,
    GateDecision,
    RunStarted,
    ShippingEvent,
)
from tailguard.domain.gates import Gate
from tailguard.domain.shipping import Action
from tailguard.domain.stages import EXIT_CRITERIA, ORDER
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError
from tailguard.overrides import requests
from tailguard.plays import attest
from tailguard.plays.audit import RUNNING, state_at
from tailguard.plays.book import BY_NAME, PLAYS
from tailguard.plays.finding import Finding
from tailguard.plays.monitoring import alerts
from tailguard.plays.provenance import detector
from tailguard.plays.status import team_state
from tailguard.policy.model import PLAYS as NAMES
from tailguard.policy.reading import parse_policy, template
from tests.builders import Team, found_team
from tests.recording import record, record_policy

DAY = timedelta(days=1)
BEGUN = datetime(2026, 1, 1)


def findings(team: Team) -> list[Finding]:
    """What is found at this moment of the team's clock: something recorded moves the log's own time there."""
    record_policy(team.workspace)
    record(
        team.workspace, AlertSent(alert="no alert", channel="only to move the log's time", delivered=True, problem=None)
    )
    with team.workspace.log.reading() as view:
        return list(team_state(view, team.clock.now()).findings)


def finding_about(team: Team, words: str) -> Finding | None:
    found = [finding for finding in findings(team) if words in finding.what]
    assert len(found) < 2, found
    return found[0] if found else None


def change(team: Team, old: str, new: str) -> None:
    file = team.workspace.root / "policy.toml"
    text = file.read_text()
    assert old in text, old
    file.write_text(text.replace(old, new, 1))
    record_policy(team.workspace)


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(1, 100), st.integers(0, 500))
def test_a_play_runs_while_its_newest_evidence_is_no_older_than_its_cadence(
    days: list[int], cadence: int, now: int
) -> None:
    moment = BEGUN + now * DAY
    times = sorted(BEGUN + day * DAY for day in days)

    state, since = state_at(times, cadence, BEGUN, moment)

    seen = [day for day in days if day <= now]
    age = now - max(seen, default=0)
    expected = RUNNING if seen and age <= cadence else "late" if age <= (2 if seen else 1) * cadence else "stopped"
    assert state == expected
    assert since <= moment
    assert state_at(times, cadence, BEGUN, since)[0] == state or state != RUNNING


def test_every_play_has_purpose_trigger_steps_and_prerequisites_that_come_first() -> None:
    assert tuple(play.name for play in PLAYS) == NAMES
    for number, play in enumerate(PLAYS):
        assert play.purpose
        assert play.trigger
        assert len(play.steps) > 2
        assert set(play.needs) <= {before.name for before in PLAYS[:number]}


def test_a_play_has_exactly_one_owner() -> None:
    with pytest.raises(InputError, match="has 2 owners"):
        parse_policy(template("ada").replace('loops = "ada"', 'loops = ["ada", "lin"]'), "policy.toml")
    with pytest.raises(InputError, match="drill is missing"):
        parse_policy(template("ada").replace('drill = "ada"\n', ""), "policy.toml")


def test_the_runbook_names_every_exit_criterion_that_a_run_records(team: Team) -> None:
    run = team.run([team.batch("a", team.take(200))])

    with team.workspace.log.reading() as view:
        seen = {(row.fact.stage, row.fact.name) for row in view.recorded(ExitCriterion, run=run)}
    text = attest.runbook_text(team.workspace)
    assert seen == {(stage, requirement) for stage in ORDER for requirement in EXIT_CRITERIA[stage]}
    assert all(requirement.label in text for _, requirement in seen)
    assert all(play.title in text and play.trigger in text for play in PLAYS)


@pytest.mark.slow
def test_tagging_that_stops_while_models_go_on_is_found_and_ends_with_the_next_batch(team: Team) -> None:
    from tests.builders import written_by

    run = team.run([team.batch("a", team.take(200))])
    assert finding_about(team, "tagging has stopped") is None
    team.clock.move(20)
    written_by(team, run, 20, logged=True)

    found = finding_about(team, "tagging has stopped")
    assert found
    assert found.severity == "high"
    with team.workspace.log.reading() as view:
        taken = view.recorded(RunStarted)[0].recorded
    assert abs(found.since - (taken + 31 * DAY)) < DAY
    assert [play.state for play in attest.audit(team.workspace) if play.play.name == "provenance"] == ["late"]

    team.run([team.batch("b", team.take(100))])
    assert finding_about(team, "tagging has stopped") is None


@pytest.mark.slow
def test_a_detector_switched_to_one_nobody_calibrated_makes_provenance_late(team: Team) -> None:
    from tests.builders import first_generation, written_by

    first = first_generation(team, 600)
    detector.calibrate(team.workspace, written_by(team, first, 700, logged=True), generation=first, seed=0)
    assert finding_about(team, "detector was switched") is None

    change(team, 'detector = "style"', 'detector = "hf"')

    found = finding_about(team, "detector was switched to hf")
    assert found
    states = {play.play.name: play for play in attest.audit(team.workspace)}
    assert states["provenance"].state == "late"
    assert states["provenance"].since == found.since
    assert states["mixing"].waits_for == ("provenance",)
    change(team, 'detector = "hf"', 'detector = "style"')
    assert finding_about(team, "detector was switched") is None


@pytest.mark.slow
def test_a_gate_that_was_bypassed_is_found_until_a_generation_passes(tmp_path: Path) -> None:
    team = found_team(tmp_path / "team", observe=True)
    run = team.run([team.batch("a", team.take(200))])
    space = team.workspace
    record(
        space,
        GateDecision(
            run=run,
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict.BLOCK,
            enforced=False,
            reason="it lost its tail",
            override=None,
        ),
    )
    change(team, 'mode = "observe"', 'mode = "enforce"')

    found = finding_about(team, "the gate was bypassed: main/0 was shipped in observe mode, with BLOCK")
    assert found
    with space.log.reading() as view:
        assert found.since == view.recorded(ShippingEvent, action="shipped")[0].recorded
    assert {play.play.name: play.state for play in attest.audit(space)}["monitoring"] == "late"

    record(
        space,
        GateDecision(
            run="main/1",
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict.PASS,
            enforced=True,
            reason="nothing fell",
            override=None,
        ),
        ShippingEvent(run="main/1", lineage="main", action=Action.SHIPPED, reason="it passed", override=None),
    )
    assert finding_about(team, "the gate was bypassed") is None


def test_observe_mode_left_on_is_found_since_it_should_have_ended(team: Team) -> None:
    change(team, 'mode = "enforce"', 'mode = "observe"')
    begun = team.clock.moment
    team.clock.move(90)
    assert finding_about(team, "has only observed") is None
    team.clock.move(5)

    found = finding_about(team, "main has only observed since")
    assert found
    assert abs(found.since - (begun + 92 * DAY)) < DAY
    change(team, 'mode = "observe"', 'mode = "enforce"')
    assert finding_about(team, "has only observed") is None


def test_an_alert_that_nobody_takes_is_found_until_somebody_does(team: Team) -> None:
    record(
        team.workspace,
        AlertRaised(alert="alert-1", kind=AlarmKind.STREAM, subject="bot", what="bot fell", source="decisions#1"),
    )
    team.clock.move(6)
    assert finding_about(team, "nobody acknowledged alert-1") is None
    team.clock.move(2)
    assert finding_about(team, "nobody acknowledged alert-1")

    with pytest.raises(InputError, match="no alert 'alert-9'"):
        alerts.acknowledge(team.workspace, "alert-9", note="will look")
    with pytest.raises(InputError, match="what you will do"):
        alerts.acknowledge(team.workspace, "alert-1", note="")
    alerts.acknowledge(team.workspace.as_actor("lin"), "alert-1", note="will look at it today")

    assert finding_about(team, "nobody acknowledged alert-1") is None


def test_a_suite_and_an_anchor_gone_stale_are_found_until_they_are_renewed(team: Team) -> None:
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.plays.mixing import anchor
    from tests.builders import write_jsonl

    team.clock.move(400)
    assert finding_about(team, "the suite openings is old")
    assert finding_about(team, "the anchor is stale")

    file = write_jsonl(team.workspace.root / "inbox" / "more.jsonl", [{"text": text} for text in team.take(20)])
    anchor.add(team.workspace, file, reason="a year has passed", reader=reader_for(str(file)), columns=WHOLE)
    assert finding_about(team, "the anchor is stale") is None
    change(team, "max_age_days = 365             # an older suite", "max_age_days = 800             # an older suite")
    assert finding_about(team, "the suite openings is old") is None


def test_an_override_renewed_for_ever_is_found_since_the_first_and_ends_with_it(team: Team) -> None:
    run = team.run([team.batch("a", team.take(200))])
    lin = team.workspace.as_actor("lin")
    begun = team.clock.moment
    name = requests.request(
        lin, gate=Gate.RATIO, run=run, reason="the vendor is late", expires=team.clock.now() + 25 * DAY
    )
    requests.decide(team.workspace, name, decision="approved", note="once")
    for number in range(3):
        assert finding_about(team, "in a row") is None
        team.clock.move(8)
        until = team.clock.now() + 25 * DAY
        name = requests.renew(lin, name, reason=f"the vendor is later still, {number}", expires=until)
        requests.decide(team.workspace, name, decision="approved", note="again")

    found = finding_about(team, "is the 4th in a row for main/0")
    assert found
    assert abs(found.since - begun) < DAY
    requests.decide(team.workspace, name, decision="closed", note="enough")
    assert finding_about(team, "in a row") is None


def test_attestation_stands_beside_the_evidence_and_a_contradiction_is_shown(team: Team) -> None:
    team.run([team.batch("a", team.take(200))])
    space = team.workspace
    with pytest.raises(InputError, match=r"lin may not attest plays\. The policy names ada"):
        attest.attest(space.as_actor("lin"), "mixing", running=True, note="")
    with pytest.raises(InputError, match="The log says that drill is late"):
        attest.attest(space, "drill", running=True, note="yes")

    fact = attest.attest(space, "mixing", running=True, note="")
    attest.attest(space, "drill", running=True, note="We rehearsed on paper last week.")

    assert fact.evidence.startswith("running: ")
    states = {play.play.name: play for play in attest.audit(space)}
    assert (states["mixing"].attested, states["mixing"].contradiction) == (True, "")
    assert "ada attested on 2026-04-01 that it is running; the log says late" in states["drill"].contradiction
    assert finding_about(team, "Response drill: ada attested")
    team.clock.move(70)
    assert finding_about(team, "Mixing ratios: ada attested"), "the evidence went stale under the attestation"


def test_attestations_that_are_overdue_are_found_until_all_are_made(team: Team) -> None:
    team.run([team.batch("a", team.take(200))])
    team.clock.move(3)
    assert finding_about(team, "has not attested")
    for name in NAMES:
        attest.attest(team.workspace, name, running=True, note="as seen in the round of this month")
    assert finding_about(team, "has not attested") is None


def test_a_play_is_handed_over_by_its_owner_and_the_policy_says_so(team: Team) -> None:
    before = (team.workspace.root / "policy.toml").read_text()
    with pytest.raises(InputError, match="lin may not hand plays over"):
        attest.hand_over(team.workspace.as_actor("lin"), "loops", to="lin")

    attest.hand_over(team.workspace, "loops", to='kim "k" o')

    after = (team.workspace.root / "policy.toml").read_text()
    assert team.workspace.edited_policy().plays.loops == 'kim "k" o'
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert re.match(r'loops = "kim', changed[0])


def test_a_change_of_process_is_found_until_the_runbook_is_acknowledged(team: Team) -> None:
    space = team.workspace
    assert finding_about(team, "nobody acknowledged it yet")
    with pytest.raises(InputError, match="lin may not acknowledge the runbook"):
        attest.acknowledge(space.as_actor("lin"), note="read it all, fine")
    first = attest.acknowledge(space, note="the first revision")
    assert finding_about(team, "the process has changed") is None

    team.clock.move(3)
    change(team, "ceiling = 0.30", "ceiling = 0.20")
    changed = team.clock.moment

    found = finding_about(team, f"the process has changed since revision {first.digest[:12]}")
    assert found
    assert abs(found.since - changed) < DAY
    attest.acknowledge(space, note="a lower ceiling, after the calibration")
    assert finding_about(team, "the process has changed") is None
    assert "| main | enforce | 20% | ratio |" in attest.runbook_text(space)
    page = attest.as_page("# <script>x</script>\n\n| a |\n|---|\n| [x](javascript:alert(1)) |", "t")
    assert "<script>" not in page
    assert 'href="javascript' not in page


def test_the_calendar_lists_what_is_due_and_the_same_log_gives_the_same_bytes(team: Team) -> None:
    import icalendar

    run = team.run([team.batch("a", team.take(200))])
    lin = team.workspace.as_actor("lin")
    name = requests.request(
        lin, gate=Gate.RATIO, run=run, reason="the vendor is late", expires=team.clock.now() + 9 * DAY
    )
    requests.decide(team.workspace, name, decision="approved", note="once")

    due = attest.write_calendar(team.workspace)

    content = (team.workspace.root / "calendar.ics").read_bytes()
    events = list(icalendar.Calendar.from_ical(content).walk("VEVENT"))
    assert {item.key for item in due} == {
        f"override-expires:{name}", "attestation", "meeting", "drill", "loops-review", "suite", "anchor",
    }  # fmt: skip
    assert len(events) == len(due)
    assert len({str(event["uid"]) for event in events}) == len(events)
    assert attest.calendar(due, "ada") == content


def test_a_weak_play_is_named_by_those_that_stand_on_it(team: Team) -> None:
    team.run([team.batch("a", team.take(200))])
    team.clock.move(10)
    findings(team)

    states = {play.play.name: play for play in attest.audit(team.workspace)}

    assert states["provenance"].state == "late"
    assert states["monitoring"].waits_for == ("provenance", "mixing")
    assert "It waits for provenance, mixing, which is not running." in states["monitoring"].sentence
    assert set(BY_NAME) == set(states)
