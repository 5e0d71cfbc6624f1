"""Freezing a suspect generation, and letting it ship again."""

from __future__ import annotations

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import ShippingEvent
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.domain.shipping import Action, State
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.release.requirements import require_known
from tailguard.runlog.views.releases import release_history_of
from tailguard.workspace import Workspace


def freeze(workspace: Workspace, generation: str, *, reason: str) -> bool:
    """Freeze a suspect generation: nothing ships it until the quality owner unfreezes it. Anybody may.

    Returns whether it is in production still, so that it should be rolled back. Raises InputError for an unknown generation, one
    that is frozen, or without a reason.
    """
    with workspace.deciding(Right.FREEZE) as tx:
        lineage = lineage_of(generation)
        why = explanation(reason, "A freeze needs a reason")
        require_known(tx.view, generation)
        releases = release_history_of(tx.view, lineage)
        if releases.state(generation) is State.FROZEN:
            frozen = tx.view.recorded(ShippingEvent, run=generation, action=str(Action.FROZEN))[-1]
            raise InputError(f"{generation} was frozen {by(frozen.actor, frozen.recorded)}.")
        tx.record(ShippingEvent(run=generation, lineage=lineage, action=Action.FROZEN, reason=why, override=None))
        return releases.deployed == generation


def unfreeze(workspace: Workspace, generation: str, *, reason: str) -> State:
    """Let a frozen generation, or one that was rolled back, be shipped again; only the quality owner may.

    Returns its state since. Raises InputError when it is neither, for anybody else, or without a reason.
    """
    with workspace.deciding(Right.UNFREEZE) as tx:
        lineage = lineage_of(generation)
        why = explanation(reason, "Unfreezing needs a reason")
        state = release_history_of(tx.view, lineage).state(generation)
        if state not in (State.FROZEN, State.ROLLED_BACK):
            raise InputError(f"{generation} is {state}, not frozen; there is nothing to unfreeze.")
        tx.record(ShippingEvent(run=generation, lineage=lineage, action=Action.UNFROZEN, reason=why, override=None))
        return release_history_of(tx.view, lineage).state(generation)
