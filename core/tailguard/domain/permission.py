"""May this generation ship? The one rule, asked by shipping, status, pages and reports alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tailguard.domain.overrides import Override
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict


class Refusal(StrEnum):
    """Why a generation may not ship."""

    NOT_JUDGED = "it has no verdict yet"
    TAKEN_OUT = "it is frozen or was rolled back"
    GATE = "its diversity gate did not pass"
    LOOP = "an unguarded loop surrounds its lineage"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """All that the rule looks at. `reason` is the gate's, `loop` the first unguarded loop around the lineage in words, None where
    there is none; the overrides are those that are open now. `enforced` is false for a lineage that only observes."""

    generation: str
    state: State
    verdict: Verdict | None
    reason: str
    gate_override: Override | None
    loop: str | None
    loop_override: Override | None
    enforced: bool


@dataclass(frozen=True, kw_only=True)
class Permission:
    """The answer: why not, or under which overrides and what was let through because the lineage only observes."""

    candidate: Candidate
    refusal: Refusal | None
    gate_override: Override | None = None
    loop_override: Override | None = None
    observed: tuple[Refusal, ...] = ()

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The overrides that are used."""
        return tuple(override for override in (self.gate_override, self.loop_override) if override)


def may_ship(candidate: Candidate) -> Permission:
    """Only PASS ships, with no unguarded loop around its lineage, unless a live override covers the run, or the lineage only
    observes. What is frozen or was rolled back does not, whatever its gate said."""
    if candidate.state in (State.FROZEN, State.ROLLED_BACK):
        return Permission(candidate=candidate, refusal=Refusal.TAKEN_OUT)
    if candidate.verdict is None:
        return Permission(candidate=candidate, refusal=Refusal.NOT_JUDGED)
    missed = []
    if candidate.verdict is not Verdict.PASS:
        missed.append((Refusal.GATE, candidate.gate_override))
    if candidate.loop is not None:
        missed.append((Refusal.LOOP, candidate.loop_override))
    uncovered = tuple(refusal for refusal, override in missed if override is None)
    if uncovered and candidate.enforced:
        return Permission(candidate=candidate, refusal=uncovered[0])
    used = {refusal: override for refusal, override in missed if override}
    return Permission(
        candidate=candidate,
        refusal=None,
        gate_override=used.get(Refusal.GATE),
        loop_override=used.get(Refusal.LOOP),
        observed=uncovered,
    )


def explained(permission: Permission) -> str:
    """Why it may ship or may not, for the log: without the name of the generation, and without a full stop."""
    candidate = permission.candidate
    match permission.refusal:
        case Refusal.NOT_JUDGED:
            return "it has no verdict yet"
        case Refusal.TAKEN_OUT:
            return f"it is {candidate.state}"
        case Refusal.GATE:
            return f"{candidate.verdict}: {candidate.reason}"
        case Refusal.LOOP:
            return f"unguarded loop: {candidate.loop}"
        case None:
            return "; ".join([_gate_explained(permission), *_loop_explained(permission)])


def _gate_explained(permission: Permission) -> str:
    candidate, override = permission.candidate, permission.gate_override
    if override:
        return f"{candidate.verdict}, let through by override {override.id} until {override.expires:%Y-%m-%d}"
    if Refusal.GATE in permission.observed:
        return f"observe mode, would be refused: {candidate.verdict}, {candidate.reason}"
    return f"passed the gate: {candidate.reason}"


def _loop_explained(permission: Permission) -> list[str]:
    loop, override = f"unguarded loop: {permission.candidate.loop}", permission.loop_override
    if override:
        return [f"{loop}, let through by override {override.id} until {override.expires:%Y-%m-%d}"]
    return [f"observe mode, would be held: {loop}"] if Refusal.LOOP in permission.observed else []


def sentence(permission: Permission) -> str:
    """The answer for a person who looks at the newest generation of a lineage."""
    candidate = permission.candidate
    run, reason = candidate.generation, candidate.reason
    match permission.refusal:
        case Refusal.NOT_JUDGED:
            return f"{run} has no verdict yet."
        case Refusal.TAKEN_OUT:
            gate = f" Its gate said {candidate.verdict}: {reason}." if candidate.verdict else ""
            return f"{run} may not ship: it is {candidate.state}.{gate}"
        case Refusal.GATE | Refusal.LOOP:
            why = reason if permission.refusal is Refusal.GATE else f"unguarded loop: {candidate.loop}"
            if candidate.state is State.SHIPPED:
                return f"{run} is shipped, and would not be today: {why}."
            return f"{run} may not ship: {why}."
        case None:
            shipped = " It is shipped." if candidate.state is State.SHIPPED else ""
            if Refusal.GATE in permission.observed:
                return f"{run} would not ship if {run.rpartition('/')[0]} were enforced: {reason}.{shipped}"
            under = " and ".join(override.id for override in permission.overrides)
            may = f"may ship under {under}" if under else "may ship"
            return f"{run} {may}: {'; '.join([reason, *_loop_explained(permission)])}.{shipped}"
