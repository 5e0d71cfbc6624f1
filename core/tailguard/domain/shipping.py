"""The state of each generation of a lineage, folded from what happened to it. Nothing is stored but the events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a generation stands. Only one that is a candidate or was refused can be shipped."""

    CANDIDATE = "candidate"
    SHIPPED = "shipped"
    REFUSED = "refused"
    FROZEN = "frozen"
    ROLLED_BACK = "rolled back"


class Action(StrEnum):
    """What can happen to a generation."""

    SHIPPED = "shipped"
    REFUSED = "refused"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    ROLLED_BACK = "rolled back"
    RESTORED = "restored"


@dataclass(frozen=True)
class Event:
    """One thing that happened to one generation."""

    generation: str
    action: str


@dataclass(frozen=True)
class ReleaseHistory:
    """A lineage's generations: the state of each that something happened to, which one is in production, and which were before
    it, the newest last; those that were rolled back are not among them."""

    states: dict[str, State]
    deployed: str | None
    before: tuple[str, ...]

    def state(self, generation: str) -> State:
        """The state of any generation; one to which nothing happened is a candidate."""
        return self.states.get(generation, State.CANDIDATE)

    @property
    def good(self) -> tuple[str, ...]:
        """Every generation that was deployed and neither rolled back nor frozen since, in the order of shipping."""
        all_of_them = (*self.before, self.deployed) if self.deployed else self.before
        return tuple(generation for generation in all_of_them if self.state(generation) is State.SHIPPED)


def release_history(events: Iterable[Event]) -> ReleaseHistory:
    """Fold events in the order in which they happened.

    A generation that is in production stays there while it is frozen: somebody has to roll it back. Unfreezing one that was
    shipped makes it shipped again; one that was rolled back becomes a candidate, which may be shipped anew.
    """
    frozen: set[str] = set()
    rolled_back: set[str] = set()
    refused: set[str] = set()
    in_production: dict[str, None] = {}  # in the order of shipping
    seen: dict[str, None] = {}
    for event in events:
        generation = event.generation
        seen.setdefault(generation)
        match event.action:
            case Action.SHIPPED:
                refused.discard(generation)
                in_production.pop(generation, None)
                in_production[generation] = None
            case Action.REFUSED:
                refused.add(generation)
            case Action.FROZEN:
                frozen.add(generation)
            case Action.UNFROZEN:
                frozen.discard(generation)
                rolled_back.discard(generation)
            case Action.ROLLED_BACK:
                rolled_back.add(generation)
                in_production.pop(generation, None)
            case Action.RESTORED:
                # What was shipped after the restored one is no longer in production, and no longer known good.
                later = (
                    list(in_production)[list(in_production).index(generation) + 1 :]
                    if generation in in_production
                    else []
                )
                in_production = {other: None for other in in_production if other not in later} | {generation: None}
    states = {}
    for generation in seen:
        if generation in rolled_back:
            states[generation] = State.ROLLED_BACK
        elif generation in frozen:
            states[generation] = State.FROZEN
        elif generation in in_production:
            states[generation] = State.SHIPPED
        else:
            states[generation] = State.REFUSED if generation in refused else State.CANDIDATE
    order = tuple(in_production)
    return ReleaseHistory(states, order[-1] if order else None, order[:-1])
