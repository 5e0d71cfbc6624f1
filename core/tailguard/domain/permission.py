"""May this generation ship? The one rule, asked by shipping, status, pages and reports alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tailguard.domain.overrides import Override
from tailguard.domain.runs import lineage_of
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict
from tailguard.domain.wording import by


class Refusal(StrEnum):
    """Why a generation may not ship: its rows in the log were changed, it has no verdict, it is frozen or was rolled back, its gate
    did not pass, an unguarded loop surrounds its lineage, or the quality owner has not approved it."""

    ALTERED = "altered"
    NOT_JUDGED = "not_judged"
    TAKEN_OUT = "taken_out"
    GATE = "gate"
    LOOP = "loop"
    SIGN_OFF = "sign_off"


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """The quality owner's answer to a verdict: whether its generation may ship, who said so, when, and why."""

    approved: bool
    signed_by: str
    signed: datetime
    note: str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """All that the rule looks at. `altered` says which row behind it was changed in the log, None where none was. `reason` is the
    gate's, `loop` the first unguarded loop around the lineage in words, None where there is none; the overrides are those that
    are open now. `sign_off` is the newest answer to this verdict, None where nobody has given one; `needs_sign_off` says that the
    policy asks for it. `enforced` is false for a lineage that only observes."""

    generation: str
    altered: str | None
    state: State
    verdict: Verdict | None
    reason: str
    gate_override: Override | None
    loop: str | None
    loop_override: Override | None
    needs_sign_off: bool
    sign_off: SignOff | None
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
    """Only PASS and BASELINE ship, with no unguarded loop around the lineage, unless a live override covers the run, or the
    lineage only observes. What is frozen or was rolled back does not, whatever its gate said, and nothing does whose rows in
    the log were changed.

    Where the policy asks for a sign-off, the quality owner has to have approved this verdict as well. No override stands in for
    that: it excuses one gate, and its approver need not be the quality owner. What is shipped already is not asked again, so that a
    rollback never waits for a signature.
    """
    if candidate.altered is not None:
        return Permission(candidate=candidate, refusal=Refusal.ALTERED)
    if candidate.state in (State.FROZEN, State.ROLLED_BACK):
        return Permission(candidate=candidate, refusal=Refusal.TAKEN_OUT)
    if candidate.verdict is None:
        return Permission(candidate=candidate, refusal=Refusal.NOT_JUDGED)
    missed = []
    if not candidate.verdict.ships:
        missed.append((Refusal.GATE, candidate.gate_override))
    if candidate.loop is not None:
        missed.append((Refusal.LOOP, candidate.loop_override))
    if _lacks_sign_off(candidate):
        missed.append((Refusal.SIGN_OFF, None))
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


def _lacks_sign_off(candidate: Candidate) -> bool:
    approved = candidate.sign_off is not None and candidate.sign_off.approved
    return candidate.needs_sign_off and not approved and candidate.state is not State.SHIPPED


def explained(permission: Permission) -> str:  # noqa: PLR0911  a clause for each reason
    """Why it may ship or may not, for the log: without the name of the generation, and without a full stop."""
    candidate = permission.candidate
    match permission.refusal:
        case Refusal.ALTERED:
            return f"{candidate.altered}"
        case Refusal.NOT_JUDGED:
            return "it has no verdict yet"
        case Refusal.TAKEN_OUT:
            return f"it is {candidate.state}"
        case Refusal.GATE:
            return f"{candidate.verdict}: {candidate.reason}"
        case Refusal.LOOP:
            return f"unguarded loop: {candidate.loop}"
        case Refusal.SIGN_OFF:
            return _without_sign_off(candidate)
        case None:
            parts = [_gate_explained(permission), *_loop_explained(permission), *_sign_off_explained(permission)]
            return "; ".join(parts)


def _gate_explained(permission: Permission) -> str:
    candidate, override = permission.candidate, permission.gate_override
    if override:
        return f"{candidate.verdict}, let through by override {override.id} until {override.expires:%Y-%m-%d}"
    if Refusal.GATE in permission.observed:
        return f"observe mode, would be refused: {candidate.verdict}, {candidate.reason}"
    how = "accepted as a baseline" if candidate.verdict is Verdict.BASELINE else "passed the gate"
    return f"{how}: {candidate.reason}"


def _loop_explained(permission: Permission) -> list[str]:
    loop, override = f"unguarded loop: {permission.candidate.loop}", permission.loop_override
    if override:
        return [f"{loop}, let through by override {override.id} until {override.expires:%Y-%m-%d}"]
    return [f"observe mode, would be held: {loop}"] if Refusal.LOOP in permission.observed else []


def _sign_off_explained(permission: Permission) -> list[str]:
    candidate = permission.candidate
    if Refusal.SIGN_OFF in permission.observed:
        return [f"observe mode, would be held: {_without_sign_off(candidate)}"]
    answer = candidate.sign_off
    if candidate.needs_sign_off and answer and answer.approved:
        return [f"approved {by(answer.signed_by, answer.signed)}"]
    return []


def _without_sign_off(candidate: Candidate) -> str:
    """Why the quality owner's approval is missing, for a candidate that lacks it."""
    answer = candidate.sign_off
    if answer is None:
        return "it waits for the quality owner's sign-off"
    return f"declined {by(answer.signed_by, answer.signed)}: {answer.note.rstrip('.')}"


def _missed(candidate: Candidate, refusal: Refusal) -> str:
    if refusal is Refusal.SIGN_OFF:
        return f"{_without_sign_off(candidate)}. Its verdict is {candidate.verdict}: {candidate.reason}"
    return candidate.reason if refusal is Refusal.GATE else f"unguarded loop: {candidate.loop}"


def sentence(permission: Permission) -> str:
    """The answer for a person who looks at the newest generation of a lineage."""
    candidate = permission.candidate
    run, reason = candidate.generation, candidate.reason
    match permission.refusal:
        case Refusal.NOT_JUDGED:
            return f"{run} has no verdict yet."
        case Refusal.TAKEN_OUT:
            gate = f" Its verdict is {candidate.verdict}: {reason}." if candidate.verdict else ""
            return f"{run} may not ship: it is {candidate.state}.{gate}"
        case Refusal.ALTERED | Refusal.GATE | Refusal.LOOP | Refusal.SIGN_OFF:
            why = (
                explained(permission)
                if permission.refusal is Refusal.ALTERED
                else _missed(candidate, permission.refusal)
            )
            if candidate.state is State.SHIPPED:
                return f"{run} is shipped, and would not be today: {why}."
            return f"{run} may not ship: {why}."
        case None:
            shipped = " It is shipped." if candidate.state is State.SHIPPED else ""
            if Refusal.GATE in permission.observed:
                return f"{run} would not ship if {lineage_of(run)} were enforced: {reason}.{shipped}"
            under = " and ".join(override.id for override in permission.overrides)
            may = f"may ship under {under}" if under else "may ship"
            return f"{run} {may}: {'; '.join([reason, *_loop_explained(permission)])}.{shipped}"
