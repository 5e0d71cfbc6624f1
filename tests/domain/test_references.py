"""A candidate that nothing was compared with passes as the first of its lineage, and only so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.references import trained_before, uncompared
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict

STATES = st.dictionaries(st.integers(0, 20).map(lambda number: f"main/{number}"), st.sampled_from(State), max_size=6)


@given(STATES)
def test_only_a_generation_without_predecessors_passes_uncompared(predecessors: dict[str, State]) -> None:
    found = uncompared(predecessors)

    assert (found.verdict is Verdict.PASS) == (not predecessors)
    assert (found.verdict is Verdict.INCONCLUSIVE) == bool(predecessors)


def test_the_reason_tells_where_each_predecessor_stands_and_what_to_do() -> None:
    found = uncompared(
        {"main/0": State.ROLLED_BACK, "main/1": State.CANDIDATE, "main/3": State.FROZEN, "main/4": State.REFUSED}
    )

    assert found.reason == (
        "compared with no earlier generation: main/1 was not shipped, main/3 is frozen, main/4 was refused and 1 earlier. "
        "Ship one of them (`tailguard ship`; first `tailguard run --resume` where it has no verdict, `tailguard unfreeze` where "
        "it is frozen or was rolled back) and run again, or ask for an override of the diversity gate"
    )


def test_predecessors_are_told_by_the_order_of_training_and_not_by_number() -> None:
    trained = ["main/1", "main/0", "main/2"]

    assert trained_before("main/1", trained) == []
    assert trained_before("main/0", trained) == ["main/1"]
    assert trained_before("main/2", trained) == ["main/1", "main/0"]
