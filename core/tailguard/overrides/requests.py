"""Asking for an exception, deciding on it, renewing it. Reason and expiry are mandatory, and nobody approves their own."""

from __future__ import annotations

from datetime import datetime, timedelta

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import OverrideDecided, OverrideRenewal, OverrideRequested, RunStarted
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.domain.roles import Right
from tailguard.domain.wording import by
from tailguard.errors import InputError, NotAllowed
from tailguard.overrides.register import named, next_id
from tailguard.policy.model import Policy
from tailguard.runlog.views.overrides import overrides
from tailguard.workspace import Decision, Workspace

DECISIONS = ("approved", "refused", "closed")
MISSED = "closed by itself: a monthly review was due and none justified it"


def request(workspace: Workspace, *, gate: str, run: str, reason: str, expires: datetime) -> str:
    """Ask for an exception for one run at one gate. Returns its id. Raises InputError when the request is incomplete."""
    with workspace.deciding(Right.ASK) as tx:
        if gate not in set(Gate):
            raise InputError(f"There is no gate {gate!r} to override. Gates: {', '.join(Gate)}.")
        justification = _require_terms(tx.policy, reason, expires, now=workspace.clock.now())
        started = tx.view.recorded(RunStarted, run=run)
        if not started:
            raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
        name = next_id(tx.view)
        tx.record(
            OverrideRequested(
                override=name,
                gate=Gate(gate),
                lineage=started[0].fact.lineage,
                run=run,
                reason=justification,
                expires=expires,
            )
        )
        return name


def renew(workspace: Workspace, override: str, *, reason: str, expires: datetime) -> str:
    """Ask for an open override to go on, with a new justification. Returns the id of the request that is to follow it.

    Somebody else approves it; that closes the old one. Raises InputError where there is nothing to renew.
    """
    with workspace.deciding(Right.ASK) as tx:
        return record_renewal(tx, override, reason=reason, expires=expires, now=workspace.clock.now())


def record_renewal(tx: Decision, override: str, *, reason: str, expires: datetime, now: datetime) -> str:
    """Record a renewal; returns its id. Raises InputError when the override is not open, or the request is incomplete."""
    justification = _require_terms(tx.policy, reason, expires, now=now)
    old = named(tx.view, override)
    state = old.state(now)
    if state != "open":
        raise InputError(f"{override} is {state}{_why(old)}; only one that is open can be renewed. Ask for a new one.")
    if justification.casefold() == old.reason.strip().casefold():
        raise InputError("A renewal needs a justification of its own: what holds still, and since when.")
    name = next_id(tx.view)
    tx.record(
        OverrideRequested(
            override=name, gate=old.gate, lineage=old.lineage, run=old.run, reason=justification, expires=expires
        ),
        OverrideRenewal(override=name, renews=override),
    )
    return name


def decide(workspace: Workspace, override: str, *, decision: str, note: str) -> None:
    """Approve or refuse a requested override, or close an open one, as the workspace's actor.

    Raises InputError when the state does not allow it, when the actor asked for it, or may not approve.
    """
    with workspace.deciding(Right.DECIDE) as tx:
        record_decision(tx, override, decision, note, actor=workspace.actor, now=workspace.clock.now())


def record_decision(tx: Decision, override: str, decision: str, note: str, *, actor: str, now: datetime) -> None:
    """Record a decision on an override. Raises InputError where its state does not allow it, or the actor may not approve."""
    if decision not in DECISIONS:
        raise InputError(f"A decision is {', '.join(DECISIONS)}, found {decision!r}.")
    request = named(tx.view, override)
    state = request.state(now)
    wanted = "open" if decision == "closed" else "requested"
    if state != wanted:
        raise InputError(f"{override} is {state}{_why(request)}; only one that is {wanted} can be {decision}.")
    if decision == "approved" and actor == request.requested_by:
        raise NotAllowed(f"{actor} asked for {override} and cannot approve it. Ask another approver.")
    tx.record(OverrideDecided(override=override, decision=decision, note=note.strip()))
    if decision == "approved" and request.renews:
        tx.record(OverrideDecided(override=request.renews, decision="closed", note=f"renewed as {override}"))


def close_missed(tx: Decision, *, now: datetime) -> None:
    """Record which overrides a missed review has closed. They opened nothing since it was due."""
    missed = [override for override in overrides(tx.view) if override.missed_review(now)]
    tx.record(*(OverrideDecided(override=override.id, decision="closed", note=MISSED) for override in missed))


def _require_terms(policy: Policy, reason: str, expires: datetime, *, now: datetime) -> str:
    """The reason of a request. Raises InputError where it explains nothing, or the end is past or too far off."""
    longest = policy.overrides.max_days
    justification = explanation(reason, "An override needs a reason")
    if expires <= now:
        raise InputError(f"The override would expire {expires:%Y-%m-%d}, which is not after today ({now:%Y-%m-%d}).")
    if expires > now + timedelta(days=longest):
        raise InputError(
            f"The override would last until {expires:%Y-%m-%d}; the policy allows at most {longest} days, "
            f"until {now + timedelta(days=longest):%Y-%m-%d}."
        )
    return justification


def _why(override: Override) -> str:
    """Why it is in its state: what is wrong with it, or who decided what on it and when."""
    if override.void:
        return f" ({override.void})"
    if override.decision and override.decided_by and override.decided:
        return f" ({override.decision} {by(override.decided_by, override.decided)})"
    return ""
