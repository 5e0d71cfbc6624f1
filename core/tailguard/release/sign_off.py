"""The quality owner's sign-off: a person approves a gate's verdict, or declines it, before its generation ships."""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import GateSignedOff, RunStarted
from tailguard.domain.permission import Refusal
from tailguard.domain.roles import Right
from tailguard.domain.shipping import State
from tailguard.domain.wording import by
from tailguard.errors import InputError, NotAllowed
from tailguard.plays.permission import permission_of
from tailguard.release.requirements import require_known
from tailguard.release.ship import refusal
from tailguard.runlog.views.overrides import overrides
from tailguard.runlog.views.runs import gate_decision_of
from tailguard.workspace import Decision, Workspace

SHORTEST_NOTE = 10
"""Letters. A note says what was looked at, or why not."""


def sign_off(workspace: Workspace, generation: str, *, approved: bool, note: str) -> float:
    """Approve a generation's newest verdict as quality owner, or decline it; returns the time to decide (seconds from the verdict).

    The newest answer counts until the generation ships; a new verdict needs a new one. Raises NotAllowed for anybody else, and for
    whoever would approve a run that they started; InputError without a note, where the policy asks for no sign-off, and where there
    is nothing to decide: no verdict, the same answer before, shipped already, or stopped by its gate.
    """
    with workspace.deciding(Right.SIGN_OFF) as tx:
        if len(note.strip()) < SHORTEST_NOTE:
            raise InputError(
                f"A sign-off needs a note of at least {SHORTEST_NOTE} letters: what was looked at, or why not."
            )
        require_known(tx.view, generation)
        now = workspace.clock.now()
        _require_open(tx, generation, approved=approved, now=now)
        starter = tx.view.recorded(RunStarted, run=generation)[0].actor
        if approved and starter == workspace.actor:
            raise NotAllowed(
                f"{starter} started {generation} and cannot approve it. Another quality owner can, or somebody else starts the run."
            )
        decision = gate_decision_of(tx.view, generation)
        if decision is None:
            raise InputError(
                f"{generation} has no verdict yet. Finish its run with `tailguard run --resume {generation}`."
            )
        seconds = (now - decision.recorded).total_seconds()
        tx.record(
            GateSignedOff(
                run=generation,
                lineage=decision.fact.lineage,
                decision=decision.id,
                approved=approved,
                note=note.strip(),
                seconds=seconds,
            )
        )
        return seconds


def _require_open(tx: Decision, generation: str, *, approved: bool, now: datetime) -> None:
    """Raises InputError where an answer would change nothing. A loop around the lineage is no reason to wait with one."""
    permission = permission_of(tx.view, generation, now=now, policy=tx.policy, overrides=overrides(tx.view), loops=())
    candidate, answer = permission.candidate, permission.candidate.sign_off
    if not candidate.needs_sign_off:
        raise InputError("The policy asks for no sign-off. To ask for it, set `sign_off = true` under [gate].")
    if candidate.state is State.SHIPPED:
        raise InputError(
            f"{generation} is shipped; a sign-off comes before. `tailguard rollback {generation.rpartition('/')[0]}` takes it out."
        )
    if answer and answer.approved is approved:
        done = "approved" if approved else "declined"
        raise InputError(f"{generation} was {done} {by(answer.signed_by, answer.signed)}.")
    if permission.refusal not in (None, Refusal.SIGN_OFF):
        raise InputError(f"There is nothing to sign off. {refusal(permission)}")
