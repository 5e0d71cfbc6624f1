"""Overrides: dated, reasoned, capped, approved by somebody else, and they end by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.requests import Recipe
from tailguard.errors import InputError, NotAllowed
from tailguard.overrides import register, requests
from tailguard.pipeline import runner
from tailguard.runlog.views.overrides import overrides
from tests.builders import Clock, Team


@pytest.fixture
def run(team: Team) -> str:
    return runner.start(team.workspace, "main", [team.batch("a", team.take(10))], recipe=Recipe(), seed=0)


def ask(team: Team, run: str, *, days: float = 5, reason: str = "needed for the launch", gate: str = "ratio") -> str:
    expires = team.clock.now() + timedelta(days=days)
    return requests.request(team.workspace.as_actor("lin"), gate=gate, run=run, reason=reason, expires=expires)


@pytest.mark.parametrize(
    ("wrongly", "message"),
    [
        (partial(ask, reason="because"), "reason of at least 10 letters"),
        (partial(ask, days=31), "at most 30 days"),
        (partial(ask, days=-1), "not after today"),
        (partial(ask, gate="intake"), "Gates: ratio, diversity"),
        (lambda team, _run: ask(team, "main/7"), "no run 'main/7'"),
    ],
)
def test_an_incomplete_request_is_refused(
    team: Team, run: str, wrongly: Callable[[Team, str], str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        wrongly(team, run)


def test_nobody_approves_their_own_and_only_approvers_approve(team: Team, run: str) -> None:
    name = ask(team, run)
    until = team.clock.now() + timedelta(days=7)
    own = requests.request(team.workspace, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=until)

    with pytest.raises(NotAllowed, match="lin may not decide on overrides"):
        requests.decide(team.workspace.as_actor("lin"), name, decision="approved", note="")
    with pytest.raises(NotAllowed, match="ada asked for override-2 and cannot approve it"):
        requests.decide(team.workspace, own, decision="approved", note="")
    with pytest.raises(InputError, match="eve may not decide on overrides"):
        requests.decide(team.workspace.as_actor("eve"), name, decision="approved", note="")


def test_an_override_goes_through_its_states_and_ends_by_itself(team: Team, run: str) -> None:
    def state(name: str) -> str:
        return register.find(team.workspace, name).state(team.clock.now())

    first, second, third = ask(team, run), ask(team, run), ask(team, run)
    assert state(first) == "requested"
    requests.decide(team.workspace, first, decision="approved", note="")
    requests.decide(team.workspace, second, decision="refused", note="no")
    assert (state(first), state(second)) == ("open", "refused")
    with pytest.raises(InputError, match="override-2 is refused"):
        requests.decide(team.workspace, second, decision="approved", note="")
    requests.decide(team.workspace, third, decision="approved", note="")
    requests.decide(team.workspace, third, decision="closed", note="not needed")
    team.clock.move(6)

    assert (state(first), state(third)) == ("expired", "closed")
    with team.workspace.log.reading() as view:
        found = overrides(view)
    assert live_override(found, gate=Gate.RATIO, run=run, now=team.clock.now()) is None


@given(seconds=st.integers(-(10**6), 10**6), decision=st.sampled_from([None, "approved", "refused", "closed"]))
def test_only_an_approved_unexpired_override_is_live(seconds: int, decision: str | None) -> None:
    now = Clock().moment
    override = Override(
        id="o",
        gate=Gate.RATIO,
        lineage="main",
        run="main/1",
        reason="r",
        requested_by="lin",
        requested=now,
        expires=now + timedelta(seconds=seconds),
        decision=decision,
        decided_by="ada",
        decided=now,
        note="",
        used=(),
    )

    live = live_override([override], gate=Gate.RATIO, run="main/1", now=now)

    assert (live is override) == (decision == "approved" and seconds > 0)
    assert live_override([override], gate=Gate.DIVERSITY, run="main/1", now=now) is None
    assert live_override([override], gate=Gate.RATIO, run="main/2", now=now) is None
