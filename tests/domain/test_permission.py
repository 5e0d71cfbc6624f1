"""May it ship? One rule: what is allowed is passed, covered by an override, or only observed; and its words follow from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.domain.permission import Candidate, Refusal, SignOff, explained, may_ship, sentence
from tailguard.domain.shipping import State
from tailguard.domain.verdict import SHIPS, Verdict

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


ANSWERS = st.builds(
    SignOff,
    approved=st.booleans(),
    signed_by=st.just("ada"),
    signed=st.just(NOW),
    note=st.just("I read the report"),
)
CANDIDATES = st.builds(
    Candidate,
    generation=st.just("main/3"),
    altered=st.none() | st.none() | st.just("row main/3#7 of the run log was changed"),
    state=st.sampled_from(State),
    verdict=st.none() | st.sampled_from(Verdict),
    reason=st.just("rare words, word for word fell 20%"),
    gate_override=st.none() | st.just(override("override-1")),
    loop=st.none() | st.just("main -> robot -> main"),
    loop_override=st.none() | st.just(override("override-2")),
    needs_sign_off=st.booleans(),
    sign_off=st.none() | ANSWERS,
    enforced=st.booleans(),
)


@given(CANDIDATES)
def test_what_is_enforced_ships_only_passed_or_covered(candidate: Candidate) -> None:
    allowed = may_ship(candidate).refusal is None

    passed = candidate.verdict in SHIPS or (candidate.verdict and candidate.gate_override)
    unlooped = candidate.loop is None or candidate.loop_override
    signed = not candidate.needs_sign_off or candidate.state is State.SHIPPED or is_approved(candidate)
    assert allowed == bool(
        not candidate.altered
        and candidate.verdict
        and candidate.state not in OUT
        and (not candidate.enforced or (passed and unlooped and signed))
    )


def is_approved(candidate: Candidate) -> bool:
    return candidate.sign_off is not None and candidate.sign_off.approved


@given(CANDIDATES)
def test_no_override_stands_in_for_the_quality_owner(candidate: Candidate) -> None:
    asked = replace(candidate, altered=None, needs_sign_off=True, enforced=True)
    permission = may_ship(asked)

    if permission.refusal is None:
        assert asked.state is State.SHIPPED or is_approved(asked)
    overridden = may_ship(replace(asked, gate_override=override("override-1"), loop_override=override("override-2")))
    if asked.state in (State.CANDIDATE, State.REFUSED) and asked.verdict:
        assert overridden.refusal == (None if is_approved(asked) else Refusal.SIGN_OFF)


@given(CANDIDATES)
def test_a_sign_off_lets_nothing_through_that_would_not_ship_without_being_asked_for(candidate: Candidate) -> None:
    if may_ship(candidate).refusal is None:
        assert may_ship(replace(candidate, needs_sign_off=False)).refusal is None
    if may_ship(replace(candidate, needs_sign_off=False)).refusal is None:
        assert may_ship(candidate).refusal in (None, Refusal.SIGN_OFF)


@given(CANDIDATES)
def test_an_override_is_used_only_where_something_has_to_be_let_through(candidate: Candidate) -> None:
    permission = may_ship(candidate)

    if permission.gate_override:
        assert candidate.verdict not in SHIPS
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
    if "approved by ada" in explained(permission):
        assert is_approved(candidate)
    if permission.refusal is Refusal.SIGN_OFF:
        why = "declined by ada" if candidate.sign_off else "waits for the quality owner's sign-off"
        assert why in explained(permission)
        assert why in text


def test_frozen_is_frozen_whatever_its_gate_said_and_whoever_let_it_through() -> None:
    candidate = Candidate(
        generation="main/3",
        altered=None,
        state=State.FROZEN,
        verdict=Verdict.PASS,
        reason="nothing fell",
        gate_override=override("override-1"),
        loop=None,
        loop_override=None,
        needs_sign_off=False,
        sign_off=None,
        enforced=False,
    )

    assert may_ship(candidate).refusal is Refusal.TAKEN_OUT
    assert sentence(may_ship(candidate)) == "main/3 may not ship: it is frozen. Its verdict is PASS: nothing fell."
    without_verdict = may_ship(replace(candidate, verdict=None))
    assert (without_verdict.refusal, sentence(without_verdict)) == (
        Refusal.TAKEN_OUT,
        "main/3 may not ship: it is frozen.",
    )
    altered = may_ship(replace(candidate, state=State.CANDIDATE, altered="row main/3#7 of the run log was changed"))
    assert (altered.refusal, sentence(altered)) == (
        Refusal.ALTERED,
        "main/3 may not ship: row main/3#7 of the run log was changed.",
    )


def test_a_baseline_ships_and_says_what_it_is() -> None:
    candidate = Candidate(
        generation="main/0",
        altered=None,
        state=State.CANDIDATE,
        verdict=Verdict.BASELINE,
        reason="first generation of its lineage",
        gate_override=None,
        loop=None,
        loop_override=None,
        needs_sign_off=False,
        sign_off=None,
        enforced=True,
    )

    assert explained(may_ship(candidate)) == "accepted as a baseline: first generation of its lineage"
    assert sentence(may_ship(candidate)) == "main/0 may ship: first generation of its lineage."
