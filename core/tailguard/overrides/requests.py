"""Asking for an exception, deciding on it, renewing it. Reason and expiry are mandatory, and nobody approves their own."""

from __future__ import annotations

from datetime import datetime, timedelta

from tailguard.domain.facts import Fact, OverrideDecided, OverrideRenewal, OverrideRequested, RunStarted
from tailguard.domain.overrides import GATES, Override
from tailguard.domain.roles import Right
from tailguard.domain.wording import by
from tailguard.errors import InputError, NotAllowed
from tailguard.overrides.register import everything, next_id, standing
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import recorded
from tailguard.workspace import Workspace, decision

SHORTEST_REASON = 10
"""Letters. A reason is for the person who reads it in the monthly meeting."""
DECISIONS = ("approved", "refused", "closed")
MISSED = "closed by itself: a monthly review was due and none justified it"


@decision(Right.ASK)
def request(workspace: Workspace, *, gate: str, run: str, reason: str, expires: datetime) -> str:
    """Ask for an exception for one run at one gate. Returns its id. Raises InputError when the request is incomplete."""
    if gate not in GATES:
        raise InputError(f"There is no gate {gate!r} to override. Gates: {', '.join(GATES)}.")
    _check(workspace, reason, expires)
    asked: list[OverrideRequested] = []

    def ask(connection: Connection) -> list[OverrideRequested]:
        started = recorded(connection, RunStarted, run=run)
        if not started:
            raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
        asked.append(
            OverrideRequested(next_id(connection), gate, started[0].fact.lineage, run, reason.strip(), expires)
        )
        return asked

    workspace.desk.decide(ask)
    return asked[0].override


@decision(Right.ASK)
def renew(workspace: Workspace, override: str, *, reason: str, expires: datetime) -> str:
    """Ask for an open override to go on, with a new justification. Returns the id of the request that is to follow it.

    Somebody else approves it; that closes the old one. Raises InputError where there is nothing to renew.
    """
    facts: list[Fact] = []

    def ask(connection: Connection) -> list[Fact]:
        facts.extend(renewal(workspace, connection, override, reason=reason, expires=expires))
        return facts

    workspace.desk.decide(ask)
    return next(one.override for one in facts if isinstance(one, OverrideRequested))


def renewal(
    workspace: Workspace, connection: Connection, override: str, *, reason: str, expires: datetime
) -> list[Fact]:
    """The facts of a renewal. Raises InputError when the override is not open, or the request is incomplete."""
    _check(workspace, reason, expires)
    old = standing(workspace, connection, override)
    state = old.state(workspace.clock.now())
    if state != "open":
        raise InputError(f"{override} is {state}{_why(old)}; only one that is open can be renewed. Ask for a new one.")
    if reason.strip().casefold() == old.reason.strip().casefold():
        raise InputError("A renewal needs a justification of its own: what holds still, and since when.")
    name = next_id(connection)
    return [
        OverrideRequested(name, old.gate, old.lineage, old.run, reason.strip(), expires),
        OverrideRenewal(name, override),
    ]


@decision(Right.DECIDE)
def decide(workspace: Workspace, override: str, *, decision: str, note: str) -> None:
    """Approve or refuse a requested override, or close an open one, as the workspace's actor.

    Raises InputError when the state does not allow it, when the actor asked for it, or may not approve.
    """
    workspace.desk.decide(lambda connection: decision_facts(workspace, connection, override, decision, note))


def decision_facts(workspace: Workspace, connection: Connection, override: str, decision: str, note: str) -> list[Fact]:
    """The facts of a decision, checked against how things stand in `connection`."""
    if decision not in DECISIONS:
        raise InputError(f"A decision is {', '.join(DECISIONS)}, found {decision!r}.")
    found = standing(workspace, connection, override)
    state = found.state(workspace.clock.now())
    wanted = "open" if decision == "closed" else "requested"
    if state != wanted:
        raise InputError(f"{override} is {state}{_why(found)}; only one that is {wanted} can be {decision}.")
    if decision == "approved":
        _refuse_wrong_approver(workspace, found)
    facts: list[Fact] = [OverrideDecided(override, decision, note.strip())]
    if decision == "approved" and found.renews:
        facts.append(OverrideDecided(found.renews, "closed", f"renewed as {override}"))
    return facts


def close_missed(workspace: Workspace) -> list[str]:
    """Log the overrides that a missed review has closed; returns their ids. They opened nothing since it was due."""
    now = workspace.clock.now()
    if not workspace.log.exists():
        return []
    with workspace.log.reading() as connection:
        missed = [one.id for one in everything(workspace, connection) if one.missed_review(now)]
    if missed:
        workspace.desk.decide(
            lambda connection: [
                OverrideDecided(one.id, "closed", MISSED)
                for one in everything(workspace, connection)
                if one.missed_review(now)
            ]
        )
    return missed


def _check(workspace: Workspace, reason: str, expires: datetime) -> None:
    now = workspace.clock.now()
    longest = workspace.policy().overrides.max_days
    if len(reason.strip()) < SHORTEST_REASON:
        raise InputError(f"An override needs a reason of at least {SHORTEST_REASON} letters, found {reason.strip()!r}.")
    if expires <= now:
        raise InputError(f"The override would expire {expires:%Y-%m-%d}, which is not after today ({now:%Y-%m-%d}).")
    if expires > now + timedelta(days=longest):
        raise InputError(
            f"The override would last until {expires:%Y-%m-%d}; the policy allows at most {longest} days, "
            f"until {now + timedelta(days=longest):%Y-%m-%d}."
        )


def _why(override: Override) -> str:
    """Why it is in its state: what is wrong with it, or who decided what on it and when."""
    if override.void:
        return f" ({override.void})"
    if override.decision and override.decided_by and override.decided:
        return f" ({override.decision} {by(override.decided_by, override.decided)})"
    return ""


def _refuse_wrong_approver(workspace: Workspace, override: Override) -> None:
    if workspace.actor == override.requested_by:
        raise NotAllowed(f"{workspace.actor} asked for {override.id} and cannot approve it. Ask another approver.")
