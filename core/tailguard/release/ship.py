"""Putting generations to work and taking them out: ship, freeze, unfreeze, roll back. A refusal is recorded as well.

Every step looks and records in one transaction, with no other decision in between; the team's own deployment command and
the model registry run while the lineage is locked, and a step whose command fails has not happened.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from tailguard.adapters import registries
from tailguard.domain.facts import Deployed, Fact, GateDecision, Generation, OverrideUsed, ShippingEvent
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.roles import Right
from tailguard.domain.shipping import Action, Fleet, State
from tailguard.domain.verdict import Verdict
from tailguard.domain.wording import by
from tailguard.errors import Blocked, Held, InputError, TailguardError
from tailguard.plays.loops import actions
from tailguard.plays.loops.standing import GATE
from tailguard.release.deploy import Deployment, deploy
from tailguard.runlog.connection import Connection
from tailguard.runlog.locks import alone
from tailguard.runlog.queries import fleet_of, gate_decision_of, generation_of, overrides, recorded, runs_of
from tailguard.workspace import Workspace, decision

SHORTEST_REASON = 10
"""Letters. A reason is for the person who finds the generation frozen or gone."""


@dataclass(frozen=True)
class RolledBack:
    """A rollback: what was at work, what is, how long it took (seconds), and why that one."""

    replaced: str
    generation: str
    seconds: float
    reason: str


@dataclass(frozen=True)
class _Leave:
    """Why a generation may go to work, and the override that lets it, if one does."""

    reason: str
    override: str | None
    facts: tuple[Fact, ...]


@decision(Right.SHIP)
def ship(workspace: Workspace, generation: str) -> str:
    """Ship a generation; returns the reason for which it may. Shipping what is at work is one shipping.

    Raises InputError for a generation without a verdict, Blocked or Held when it may not ship, TailguardError when the
    deployment command failed; then nothing was shipped.
    """
    lineage = generation.rpartition("/")[0]
    workspace.policy().lineage(lineage)
    actions.in_force(workspace)
    with _locked(workspace, lineage):
        with workspace.log.reading() as connection:
            fleet = fleet_of(connection, lineage)
            if fleet.state(generation) is State.SHIPPED:
                if fleet.deployed != generation:
                    raise InputError(
                        f"{generation} was shipped before, and {fleet.deployed} is at work since. To put it back: "
                        f"`tailguard rollback {lineage} --to {generation}`."
                    )
                return "was shipped before"
            made = generation_of(connection, generation)
            refusal = _refusal(workspace, connection, generation, fleet)
        if refusal:
            workspace.desk.record(ShippingEvent(generation, lineage, Action.REFUSED, _why(refusal, generation), None))
            raise refusal
        done = _deploy(workspace, lineage, generation, made.fact if made else None, "ship", fleet.deployed)
        reasons: list[str] = []

        def decide(connection: Connection) -> list[Fact]:
            leave = _leave(workspace, connection, generation, fleet_of(connection, lineage))
            reasons.append(leave.reason)
            event = ShippingEvent(generation, lineage, Action.SHIPPED, leave.reason, leave.override)
            return [event, *leave.facts, *([done] if done else [])]

        try:
            workspace.desk.decide(decide)
        except (Blocked, Held) as late:
            raise TailguardError(
                f"{generation} was put to work and lost its leave meanwhile: {late} Run `tailguard rollback {lineage}`."
            ) from late
        return reasons[0]


@decision(Right.FREEZE)
def freeze(workspace: Workspace, generation: str, *, reason: str) -> bool:
    """Freeze a suspect generation: nothing ships it until the quality owner unfreezes it. Anybody may.

    Returns whether it is at work still, so that it should be rolled back. Raises InputError for an unknown generation, one
    that is frozen, or without a reason.
    """
    lineage = generation.rpartition("/")[0]
    _require_reason(reason)
    at_work: list[bool] = []

    def decide(connection: Connection) -> list[Fact]:
        _require_known(connection, generation)
        fleet = fleet_of(connection, lineage)
        if fleet.state(generation) is State.FROZEN:
            frozen = recorded(connection, ShippingEvent, run=generation, action=str(Action.FROZEN))[-1]
            raise InputError(f"{generation} was frozen {by(frozen.actor, frozen.recorded)}.")
        at_work.append(fleet.deployed == generation)
        return [ShippingEvent(generation, lineage, Action.FROZEN, reason.strip(), None)]

    workspace.desk.decide(decide)
    return at_work[0]


@decision(Right.UNFREEZE)
def unfreeze(workspace: Workspace, generation: str, *, reason: str) -> State:
    """Let a frozen generation, or one that was rolled back, be shipped again; the quality owner alone may.

    Returns its state since. Raises InputError when it is neither, for anybody else, or without a reason.
    """
    lineage = generation.rpartition("/")[0]
    _require_reason(reason)

    def decide(connection: Connection) -> list[Fact]:
        state = fleet_of(connection, lineage).state(generation)
        if state not in (State.FROZEN, State.ROLLED_BACK):
            raise InputError(f"{generation} is {state}, not frozen; there is nothing to unfreeze.")
        return [ShippingEvent(generation, lineage, Action.UNFROZEN, reason.strip(), None)]

    workspace.desk.decide(decide)
    with workspace.log.reading() as connection:
        return fleet_of(connection, lineage).state(generation)


@decision(Right.SHIP)
def rollback(workspace: Workspace, lineage: str, *, reason: str, to: str | None = None) -> RolledBack:
    """Take the generation at work out, and put the last known-good one back: shipped before, neither frozen nor rolled back,
    passed (or under a live override), and its weights as their digest says. `to` names another such one.

    Raises InputError when there is none or for a wrong `to`, TailguardError when the command failed; then nothing changed.
    """
    _require_reason(reason)
    workspace.policy().lineage(lineage)
    begun = workspace.clock.now()
    with _locked(workspace, lineage):
        with workspace.log.reading() as connection:
            target, leave = _known_good(workspace, connection, lineage, to)
            replaced = fleet_of(connection, lineage).deployed
            made = generation_of(connection, target)
        done = _deploy(workspace, lineage, target, made.fact if made else None, "rollback", replaced)

        def decide(connection: Connection) -> list[Fact]:
            again, leave_now = _known_good(workspace, connection, lineage, target)
            now = fleet_of(connection, lineage).deployed
            return [
                *([ShippingEvent(now, lineage, Action.ROLLED_BACK, reason.strip(), None)] if now else []),
                ShippingEvent(again, lineage, Action.RESTORED, leave_now.reason, leave_now.override),
                *leave_now.facts,
                *([done] if done else []),
            ]

        workspace.desk.decide(decide)
    seconds = done.seconds if done else (workspace.clock.now() - begun).total_seconds()
    return RolledBack(replaced or "", target, seconds, leave.reason)


def _known_good(workspace: Workspace, connection: Connection, lineage: str, wanted: str | None) -> tuple[str, _Leave]:
    fleet = fleet_of(connection, lineage)
    if fleet.deployed is None:
        raise InputError(f"No generation of {lineage} is at work; there is nothing to roll back.")
    if wanted == fleet.deployed:
        raise InputError(f"{wanted} is the one at work; name an earlier one.")
    earlier = [one for one in fleet.good if one != fleet.deployed]
    if wanted is not None and wanted not in earlier:
        known = ", ".join(earlier) or "none"
        raise InputError(
            f"{wanted} is {fleet.state(wanted)} and cannot be rolled back to. Known good: {known} (shipped before, not "
            "frozen, not rolled back)."
        )
    problems = []
    for one in [wanted] if wanted else reversed(earlier):
        try:
            return one, _passed(workspace, connection, one)  # a loop is no reason to stay with what is broken
        except (Blocked, Held, InputError) as error:
            problems.append(str(error))
    told = " ".join(problems)
    raise InputError(f"{lineage} has no known-good generation before {fleet.deployed}. {told}".strip())


def _leave(workspace: Workspace, connection: Connection, generation: str, fleet: Fleet) -> _Leave:
    """Whether a generation may be shipped as things stand in `connection`. Raises Blocked, Held or InputError when not."""
    _require_known(connection, generation)
    state = fleet.state(generation)
    if state in (State.FROZEN, State.ROLLED_BACK):
        raise Blocked(
            f"{generation} may not ship: it is {state}. The quality owner can lift that: `tailguard unfreeze`."
        )
    return _permission(workspace, connection, generation)


def _refusal(workspace: Workspace, connection: Connection, generation: str, fleet: Fleet) -> Blocked | Held | None:
    """Why a generation may not be shipped, or None."""
    try:
        _leave(workspace, connection, generation, fleet)
    except (Blocked, Held) as refusal:
        return refusal
    return None


def _permission(workspace: Workspace, connection: Connection, generation: str) -> _Leave:
    """Only PASS goes to work, with no unguarded loop around its lineage, unless a live override covers the run, or the lineage
    only observes."""
    leave = _passed(workspace, connection, generation)
    found, exception = actions.unguarded(workspace, connection, generation)
    if not found:
        return leave
    told = f"unguarded loop: {found[0].sentence}"
    if exception:
        used = OverrideUsed(exception.id, generation, GATE, told)
        reason = f"{leave.reason}; {told}, let through by override {exception.id} until {exception.expires:%Y-%m-%d}"
        return _Leave(reason, leave.override or exception.id, (*leave.facts, used))
    if workspace.policy().lineage(generation.rpartition("/")[0]).mode != "enforce":
        return _Leave(f"{leave.reason}; observe mode, would be held: {told}", leave.override, leave.facts)
    raise Held(
        f"{generation} may not ship: {told}. Put a checkpoint on it (`tailguard loops guard`), or ask for an override of the "
        "loops gate."
    )


def _passed(workspace: Workspace, connection: Connection, generation: str) -> _Leave:
    """What the diversity gate said of a generation, and what may let it through all the same."""
    lineage = generation.rpartition("/")[0]
    policy = workspace.policy()
    decision = gate_decision_of(connection, generation)
    if decision is None:
        raise InputError(f"{generation} has no verdict yet. Finish its run with `tailguard run --resume {generation}`.")
    verdict = Verdict(decision.fact.verdict)
    if verdict is Verdict.PASS:
        return _Leave(f"passed the gate: {decision.fact.reason}", None, ())
    exceptions = overrides(connection, review_days=policy.overrides.review_days)
    exception = live_override(exceptions, gate="diversity", run=generation, now=workspace.clock.now())
    if exception:
        return _under(exception, verdict, decision.fact)
    if policy.lineage(lineage).mode != "enforce":
        return _Leave(f"observe mode, would be refused: {verdict}, {decision.fact.reason}", None, ())
    kind = Blocked if verdict is Verdict.BLOCK else Held
    raise kind(f"{generation} may not ship: {verdict}. {decision.fact.reason}")


def _under(exception: Override, verdict: Verdict, decision: GateDecision) -> _Leave:
    reason = f"{verdict}, let through by override {exception.id} until {exception.expires:%Y-%m-%d}"
    return _Leave(reason, exception.id, (OverrideUsed(exception.id, decision.run, "diversity", decision.reason),))


def _why(refusal: Exception, generation: str) -> str:
    return str(refusal).removeprefix(f"{generation} may not ship: ").replace(". ", ": ", 1)


def _deploy(
    workspace: Workspace, lineage: str, generation: str, made: Generation | None, action: str, replaced: str | None
) -> Deployed | None:
    """Verify weights, run the team's command, tell the registry. What failed is recorded before it is raised."""
    if made is None:
        return None
    policy = workspace.policy()
    job = Deployment(lineage, generation, made.weights, action, replaced)
    done = deploy(workspace, job, policy.deploy)
    if done.exit_code:
        workspace.desk.record(done)
        raise TailguardError(
            f"The deployment command ended with exit code {done.exit_code}; {generation} was not put to work. See "
            f"{workspace.root / 'runs' / 'deploy.log'}."
        )
    if policy.registry:
        weights = workspace.store.folder("weights", made.weights)
        registries.registry_for(policy.registry).put(lineage, generation, weights, made.weights)
    return done


def _locked(workspace: Workspace, lineage: str) -> AbstractContextManager[None]:
    return alone(workspace.root / "runs" / f"{lineage}.deploy.lock", doing=f"putting a generation of {lineage} to work")


def _require_known(connection: Connection, generation: str) -> None:
    lineage = generation.rpartition("/")[0]
    if not any(one.fact.run == generation for one in runs_of(connection, lineage)):
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")


def _require_reason(reason: str) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        raise InputError(f"A reason of at least {SHORTEST_REASON} letters is needed, found {reason.strip()!r}.")
