"""May it ship? One rule: what is allowed is passed, covered by an override, or only observed; and its words follow from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.domain.permission import Candidate, Refusal, explained, may_ship, sentence
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict

NOW = datetime(2026, 3, 1)
OUT = (State.FROZEN, State.ROLLED_BACK)


def override(name: str) -> Override:
    return Override(
        id=name,
        gate=Gate.DIVERSITY,
        lineage="main",
        run="main/3",
        reason="needed for the launch",
        requested_by="lin",
        requested=NOW,
        expires=NOW + timedelta(days=9),
        decision="approved",
        decided_by="ada",
        decided=NOW,
        note=None,
        used=(),
    )


CANDIDATES = st.builds(
    Candidate,
    generation=st.just("main/3"),
    state=st.sampled_from(State),
    verdict=st.none() | st.sampled_from(Verdict),
    reason=st.just("tail recall fell 20 %"),
    gate_override=st.none() | st.just(override("override-1")),
    loop=st.none() | st.just("main -> robot -> main"),
    loop_override=st.none() | st.just(override("override-2")),
    enforced=st.booleans(),
)


@given(CANDIDATES)
def test_what_is_enforced_ships_only_passed_or_covered(candidate: Candidate) -> None:
    allowed = may_ship(candidate).refusal is None

    passed = candidate.verdict is Verdict.PASS or (candidate.verdict and candidate.gate_override)
    unlooped = candidate.loop is None or candidate.loop_override
    assert allowed == bool(
        candidate.verdict and candidate.state not in OUT and (not candidate.enforced or (passed and unlooped))
    )


@given(CANDIDATES)
def test_an_override_is_used_only_where_something_has_to_be_let_through(candidate: Candidate) -> None:
    permission = may_ship(candidate)

    if permission.gate_override:
        assert candidate.verdict is not Verdict.PASS
    if permission.loop_override:
        assert candidate.loop
    without = may_ship(replace(candidate, gate_override=None, loop_override=None))
    if without.refusal is None and not without.observed:
        assert permission.overrides == ()


@given(CANDIDATES)
def test_the_sentence_never_says_that_something_may_ship_that_may_not(candidate: Candidate) -> None:
    permission = may_ship(candidate)
    text = sentence(permission)

    assert text.startswith("main/3 ")
    assert text.endswith(".")
    assert (" may ship" in text) == (permission.refusal is None and Refusal.GATE not in permission.observed)
    if candidate.state is State.SHIPPED and permission.refusal in (Refusal.GATE, Refusal.LOOP):
        assert "is shipped, and would not be today" in text
    if permission.observed:
        assert "observe" in explained(permission)
    if permission.refusal is Refusal.LOOP:
        assert "unguarded loop: main -> robot -> main" in explained(permission)


def test_frozen_is_frozen_whatever_its_gate_said_and_whoever_let_it_through() -> None:
    candidate = Candidate(
        generation="main/3",
        state=State.FROZEN,
        verdict=Verdict.PASS,
        reason="nothing fell",
        gate_override=override("override-1"),
        loop=None,
        loop_override=None,
        enforced=False,
    )

    assert may_ship(candidate).refusal is Refusal.TAKEN_OUT
    assert sentence(may_ship(candidate)) == "main/3 may not ship: it is frozen. Its gate said PASS: nothing fell."
    without_verdict = may_ship(replace(candidate, verdict=None))
    assert (without_verdict.refusal, sentence(without_verdict)) == (
        Refusal.TAKEN_OUT,
        "main/3 may not ship: it is frozen.",
    )
