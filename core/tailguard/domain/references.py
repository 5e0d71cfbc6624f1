"""What a gate says of a candidate that was compared with nothing: is it the first of its lineage, or did it miss the others?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict

_SHOWN = 3
_STANDS = {
    State.CANDIDATE: "was not shipped",
    State.REFUSED: "was refused",
    State.FROZEN: "is frozen",
    State.ROLLED_BACK: "was rolled back",
    State.SHIPPED: "has no answers to the suite",
}


@dataclass(frozen=True)
class Uncompared:
    """The verdict on a candidate that nothing was compared with, and why."""

    verdict: Verdict
    reason: str


def trained_before(generation: str, trained: Sequence[str]) -> Sequence[str]:
    """Of a lineage's generations in the order of their training, those ahead of `generation`: its predecessors."""
    return trained[: trained.index(generation)] if generation in trained else trained


def uncompared(predecessors: Mapping[str, State]) -> Uncompared:
    """A first generation passes. One that has predecessors, the state of each by name, oldest first, cannot be told.

    A run that was stopped ahead of training leaves no predecessor: what was never trained cannot be lost against.
    """
    if not predecessors:
        return Uncompared(
            Verdict.PASS, "first generation of its lineage: nothing to lose against; later ones are compared with it"
        )
    newest = list(predecessors.items())[-_SHOWN:]
    more = f" and {len(predecessors) - _SHOWN} earlier" if len(predecessors) > _SHOWN else ""
    states = ", ".join(f"{generation} {_STANDS[state]}" for generation, state in newest)
    return Uncompared(
        Verdict.INCONCLUSIVE,
        f"compared with no earlier generation: {states}{more}. Ship one of them (`tailguard ship`; first "
        "`tailguard run --resume` where it has no verdict, `tailguard unfreeze` where it is frozen or was rolled back) and run "
        "again, or ask for an override of the diversity gate",
    )
