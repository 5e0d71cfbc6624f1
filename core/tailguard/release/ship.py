"""Shipping a generation. A refusal is recorded as well.

The deployment command and the model registry run while the lineage is locked, between a first look and the decision; where the
command fails, nothing was shipped.
"""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import Fact, OverrideUsed, ShippingEvent
from tailguard.domain.gates import Gate
from tailguard.domain.permission import Permission, Refusal, explained
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.domain.shipping import Action, State
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError, TailguardError
from tailguard.plays.loops.actions import record_flows, unguarded
from tailguard.plays.permission import permission_of
from tailguard.policy.model import Policy
from tailguard.release.deploy import deploy_generation, locked
from tailguard.release.requirements import require_known
from tailguard.runlog.verify import HOW_TO_RESTORE
from tailguard.runlog.view import LogView
from tailguard.runlog.views.overrides import overrides
from tailguard.runlog.views.releases import release_history_of
from tailguard.workspace import Workspace


def ship(workspace: Workspace, generation: str) -> str:
    """Ship a generation; returns the reason for which it may. Shipping what is in production already changes nothing.

    Raises InputError for a generation without a verdict, Blocked or Held when it may not ship, TailguardError when the
    deployment command failed; then nothing was shipped.
    """
    policy = workspace.require(Right.SHIP)
    lineage = lineage_of(generation)
    policy.lineage(lineage)
    with locked(workspace, lineage):
        with workspace.deciding(Right.SHIP) as tx:
            record_flows(workspace, tx)
            releases = release_history_of(tx.view, lineage)
            if releases.state(generation) is State.SHIPPED:
                if releases.deployed == generation:
                    return "was shipped before"
                raise InputError(
                    f"{generation} was shipped before, and {releases.deployed} has been in production since. To put it back: "
                    f"`tailguard rollback {lineage} --to {generation}`."
                )
            policy = tx.policy
            permission = _permission(tx.view, generation, workspace.clock.now(), policy)
            refused = refusal(permission)
            if isinstance(refused, Blocked | Held):
                tx.record(
                    ShippingEvent(
                        run=generation,
                        lineage=lineage,
                        action=Action.REFUSED,
                        reason=explained(permission),
                        override=None,
                    )
                )
        if refused:
            raise refused
        deployed = deploy_generation(workspace, generation, "ship", replaced=releases.deployed)
        with workspace.concluding() as tx:
            permission = _permission(tx.view, generation, workspace.clock.now(), policy)
            late = refusal(permission)
            tx.record(*([] if late else shipping_facts(permission, Action.SHIPPED)), *deployed)
    if late:
        raise TailguardError(
            f"{generation} was deployed, and may not ship any more: {late} Run `tailguard rollback {lineage}`."
        )
    return explained(permission)


def _permission(view: LogView, generation: str, now: datetime, policy: Policy) -> Permission:
    require_known(view, generation)
    loops, _ = unguarded(view, generation, now=now)
    return permission_of(view, generation, now=now, policy=policy, overrides=overrides(view), loops=loops)


def shipping_facts(permission: Permission, action: Action) -> list[Fact]:
    """What the log is to know of a generation that is put into production, and of the overrides that let it."""
    candidate = permission.candidate
    run, lineage = candidate.generation, lineage_of(candidate.generation)
    facts: list[Fact] = [
        ShippingEvent(
            run=run,
            lineage=lineage,
            action=action,
            reason=explained(permission),
            override=next((override.id for override in permission.overrides), None),
        )
    ]
    if permission.gate_override:
        facts.append(
            OverrideUsed(override=permission.gate_override.id, run=run, gate=Gate.DIVERSITY, effect=candidate.reason)
        )
    if permission.loop_override:
        facts.append(
            OverrideUsed(
                override=permission.loop_override.id,
                run=run,
                gate=Gate.LOOPS,
                effect=f"unguarded loop: {candidate.loop}",
            )
        )
    return facts


def refusal(permission: Permission) -> Blocked | Held | InputError | None:  # noqa: PLR0911  an error for each reason
    """What is to be raised where a generation may not ship, or None."""
    candidate = permission.candidate
    run, verdict, reason = candidate.generation, candidate.verdict, candidate.reason
    match permission.refusal:
        case None:
            return None
        case Refusal.ALTERED:
            return Blocked(
                f"{run} may not ship: {permission.candidate.altered}. {HOW_TO_RESTORE}, or make another generation with "
                "`tailguard run`."
            )
        case Refusal.NOT_JUDGED:
            return InputError(f"{run} has no verdict yet. Finish its run with `tailguard run --resume {run}`.")
        case Refusal.TAKEN_OUT:
            return Blocked(
                f"{run} may not ship: it is {candidate.state}. The quality owner can lift that: `tailguard unfreeze`."
            )
        case Refusal.GATE:
            kind = Blocked if verdict is Verdict.BLOCK else Held
            return kind(f"{run} may not ship: {verdict}. {reason}")
        case Refusal.LOOP:
            return Held(
                f"{run} may not ship: unguarded loop: {candidate.loop}. Put a checkpoint on it (`tailguard loops "
                "guard`), or ask for an override of the loops gate."
            )
        case Refusal.SIGN_OFF:
            kind = Blocked if candidate.sign_off else Held
            return kind(
                f"{run} may not ship: {explained(permission)}. On the gates page, or with `tailguard sign-off approve {run}`, the "
                "quality owner can approve it."
            )
