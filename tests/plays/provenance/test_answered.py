"""Who answers what was answered already is told who did so and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import AlertRaised, OverrideDecided, OverrideRequested, SourceContract
from tailguard.domain.gates import Gate
from tailguard.domain.tags import Origin
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.overrides import meeting, requests
from tailguard.plays.monitoring import alerts
from tailguard.plays.provenance import quarantine, sources
from tests.builders import Clock, Team, held_for_review
from tests.recording import record

WHEN = r"2 Mar 2026 09:\d\d"


def test_a_day_has_no_leading_zero() -> None:
    assert by("sam", Clock().now()) == "by sam on 2 Mar 2026 09:00"


def held(team: Team, *, reviewers: int = 1) -> str:
    """A record that waits; sam reviews beside ada."""
    policy = team.workspace.root / "policy.toml"
    text = policy.read_text().replace('reviewer = ["ada"]', 'reviewer = ["ada", "sam"]')
    policy.write_text(text.replace("reviewers = 1", f"reviewers = {reviewers}"))
    held_for_review(team, 2)
    return quarantine.waiting(team.workspace)[0].id


@pytest.mark.parametrize("length", [32, 8])
def test_a_record_that_was_decided_names_the_reviewer(team: Team, length: int) -> None:
    record = held(team)
    quarantine.decide(team.workspace.as_actor("sam"), [record], origin=Origin.HUMAN, code="checked")

    with pytest.raises(InputError, match=f"{record[:12]} was answered human by sam on {WHEN}"):
        quarantine.decide(team.workspace, [record[:length]], origin=Origin.AI, code="checked")


def test_a_reviewer_who_has_answered_is_told_when(team: Team) -> None:
    record = held(team, reviewers=2)
    quarantine.decide(team.workspace, [record], origin=Origin.HUMAN, code="checked")

    with pytest.raises(InputError, match=f"was answered human by ada on {WHEN}; another reviewer has to agree"):
        quarantine.decide(team.workspace, [record], origin=Origin.HUMAN, code="checked")


def test_what_was_taken_back_is_not_taken_back_again(team: Team) -> None:
    record = held(team)
    quarantine.decide(team.workspace, [record], origin=Origin.HUMAN, code="checked")
    quarantine.take_back(team.workspace.as_actor("sam"), [record])

    with pytest.raises(InputError, match=f"was taken back by sam on {WHEN}; it waits again"):
        quarantine.take_back(team.workspace, [record])


def asked(team: Team) -> str:
    until = team.clock.now() + timedelta(days=20)
    record(
        team.workspace.as_actor("lin"),
        OverrideRequested(
            override="override-1",
            gate=Gate.RATIO,
            lineage="main",
            run="main/0",
            reason="needed for the launch",
            expires=until,
        ),
    )
    return "override-1"


def test_an_override_that_was_decided_names_the_approver(team: Team) -> None:
    name = asked(team)
    requests.decide(team.workspace, name, decision="approved", note="once")

    with pytest.raises(InputError, match=rf"is open \(approved by ada on {WHEN}\); only one that is requested"):
        requests.decide(team.workspace, name, decision="refused", note="no")
    record(team.workspace, OverrideDecided(override=name, decision="closed", note="done"))
    with pytest.raises(InputError, match=rf"is closed \(closed by ada on {WHEN}\); only one that is open"):
        requests.decide(team.workspace, name, decision="closed", note="done")


def test_an_item_and_a_meeting_that_are_done_say_by_whom(team: Team) -> None:
    name = asked(team)
    meeting.start(team.workspace)
    meeting.decide(team.workspace, name, decision="refused", note="nobody needs it now")

    with pytest.raises(InputError, match=f"{name} was refused in this meeting by ada on {WHEN}: nobody needs it now"):
        meeting.decide(team.workspace, name, decision="approved", note="somebody needs it")
    meeting.end(team.workspace)
    with pytest.raises(InputError, match=f"No meeting is going on. meeting-1 was ended by ada on {WHEN}"):
        meeting.end(team.workspace)


def test_an_alert_that_is_taken_over_names_who_had_it(team: Team) -> None:
    record(
        team.workspace,
        AlertRaised(alert="alert-1", kind=AlarmKind.STREAM, subject="bot", what="bot repeats itself", source="row"),
    )
    first = alerts.acknowledge(team.workspace.as_actor("lin"), "alert-1", note="I look at it today")
    second = alerts.acknowledge(team.workspace, "alert-1", note="I look at it too")

    assert first is None
    assert second
    assert second.actor == "lin"


def test_a_contract_that_was_signed_names_the_signature(team: Team) -> None:
    record(
        team.workspace,
        SourceContract(source="docs", owner="ada", licence="MIT", declared="human", since=team.clock.now(), note=""),
    )
    sources.sign(team.workspace, "docs", note="read")

    with pytest.raises(InputError, match=f"The contract with docs was signed by ada on {WHEN}"):
        sources.sign(team.workspace, "docs", note="again")
