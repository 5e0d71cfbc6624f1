"""Taking the generation in production out, and putting the last known-good one back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import ShippingEvent
from tailguard.domain.permission import Permission, explained
from tailguard.domain.roles import Right
from tailguard.domain.shipping import Action
from tailguard.errors import InputError, TailguardError
from tailguard.plays.permission import permission_of
from tailguard.policy.model import Policy
from tailguard.release.deploy import deploy_generation, locked
from tailguard.release.ship import refusal, shipping_facts
from tailguard.runlog.view import LogView
from tailguard.runlog.views.overrides import overrides
from tailguard.runlog.views.releases import release_history_of
from tailguard.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """A rollback: what was in production, what is, how long it took (seconds), and why that one."""

    replaced: str
    generation: str
    seconds: float
    reason: str


def rollback(workspace: Workspace, lineage: str, *, reason: str, to: str | None = None) -> RolledBack:
    """Take the generation in production out, and put the last known-good one back: shipped before, neither frozen nor rolled back,
    passed (or under a live override), and its weights as their digest says. `to` names another such one.

    Raises InputError when there is none or for a wrong `to`, TailguardError when the command failed; then nothing changed.
    """
    policy = workspace.require(Right.SHIP)
    why = explanation(reason, "A rollback needs a reason")
    policy.lineage(lineage)
    begun = workspace.clock.now()
    with locked(workspace, lineage):
        with workspace.log.reading() as view:
            target = _known_good(view, lineage, to, now=begun, policy=policy).candidate.generation
            replaced = release_history_of(view, lineage).deployed
        deployed = deploy_generation(workspace, target, "rollback", replaced=replaced)
        with workspace.concluding() as tx:
            permission, late = _still_good(tx.view, lineage, target, now=workspace.clock.now(), policy=policy)
            current = release_history_of(tx.view, lineage).deployed
            if permission and current:
                tx.record(
                    ShippingEvent(run=current, lineage=lineage, action=Action.ROLLED_BACK, reason=why, override=None)
                )
            tx.record(*(shipping_facts(permission, Action.RESTORED) if permission else ()), *deployed)
    if permission is None:
        raise TailguardError(f"{target} was deployed, and may not ship any more: {late}")
    seconds = deployed[0].seconds if deployed else (workspace.clock.now() - begun).total_seconds()
    return RolledBack(replaced=replaced or "", generation=target, seconds=seconds, reason=explained(permission))


def _still_good(
    view: LogView, lineage: str, target: str, *, now: datetime, policy: Policy
) -> tuple[Permission | None, str]:
    """The permission of a generation that was deployed, or why it has lost it while that went on."""
    try:
        return _known_good(view, lineage, target, now=now, policy=policy), ""
    except InputError as late:
        return None, str(late)


def _known_good(view: LogView, lineage: str, wanted: str | None, *, now: datetime, policy: Policy) -> Permission:
    """The generation to put back, and why it may be. A loop is no reason to stay with what is broken."""
    releases = release_history_of(view, lineage)
    if releases.deployed is None:
        raise InputError(f"No generation of {lineage} is in production; there is nothing to roll back.")
    if wanted == releases.deployed:
        raise InputError(f"{wanted} is the one in production; name an earlier one.")
    earlier = [generation for generation in releases.good if generation != releases.deployed]
    if wanted is not None and wanted not in earlier:
        known = ", ".join(earlier) or "none"
        raise InputError(
            f"{wanted} is {releases.state(wanted)} and cannot be rolled back to. Known good: {known} (shipped before, not "
            "frozen, not rolled back)."
        )
    problems = []
    exceptions = overrides(view)
    for generation in [wanted] if wanted else reversed(earlier):
        permission = permission_of(view, generation, now=now, policy=policy, overrides=exceptions, loops=())
        refused = refusal(permission)
        if refused is None:
            return permission
        problems.append(str(refused))
    raise InputError(f"{lineage} has no known-good generation before {releases.deployed}. {' '.join(problems)}".strip())
