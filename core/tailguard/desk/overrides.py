"""Asking for an exception, and deciding on it. Reason and expiry are mandatory, and nobody approves their own."""

from __future__ import annotations

from datetime import datetime, timedelta

from tailguard.domain.facts import OverrideDecided, OverrideRequested, RunStarted
from tailguard.domain.overrides import GATES, Override
from tailguard.errors import InputError
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import overrides, recorded
from tailguard.workspace import Workspace

SHORTEST_REASON = 10
"""Letters. A reason is for the person who reads it in the monthly meeting."""


def request(workspace: Workspace, *, gate: str, run: str, reason: str, expires: datetime) -> str:
    """Ask for an exception for one run at one gate. Returns its id. Raises InputError when the request is incomplete."""
    now = workspace.clock.now()
    longest = workspace.policy().overrides.max_days
    if gate not in GATES:
        raise InputError(f"There is no gate {gate!r} to override. Gates: {', '.join(GATES)}.")
    if len(reason.strip()) < SHORTEST_REASON:
        raise InputError(f"An override needs a reason of at least {SHORTEST_REASON} letters, found {reason.strip()!r}.")
    if expires <= now:
        raise InputError(f"The override would expire {expires:%Y-%m-%d}, which is not after today ({now:%Y-%m-%d}).")
    if expires > now + timedelta(days=longest):
        raise InputError(
            f"The override would last until {expires:%Y-%m-%d}; the policy allows at most {longest} days, "
            f"until {now + timedelta(days=longest):%Y-%m-%d}."
        )
    asked: list[OverrideRequested] = []

    def ask(connection: Connection) -> list[OverrideRequested]:
        started = recorded(connection, RunStarted, run=run)
        if not started:
            raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
        name = f"override-{len(overrides(connection)) + 1}"
        asked.append(OverrideRequested(name, gate, started[0].fact.lineage, run, reason.strip(), expires))
        return asked

    workspace.desk.decide(ask)
    return asked[0].override


def decide(workspace: Workspace, override: str, *, decision: str, note: str) -> None:
    """Approve or refuse a requested override, or close an open one, as the workspace's actor.

    Raises InputError when the state does not allow it, when the actor asked for it, or may not approve.
    """
    found = find(workspace, override)
    state = found.state(workspace.clock.now())
    wanted = "open" if decision == "closed" else "requested"
    if decision not in ("approved", "refused", "closed"):
        raise InputError(f"A decision is approved, refused or closed, found {decision!r}.")
    if state != wanted:
        raise InputError(f"{override} is {state}; only one that is {wanted} can be {decision}.")
    if decision == "approved":
        _refuse_wrong_approver(workspace, found)
    workspace.desk.record(OverrideDecided(override, decision, note.strip()))


def find(workspace: Workspace, override: str) -> Override:
    """The override of that name. Raises InputError when there is none."""
    with workspace.log.reading() as connection:
        everything = overrides(connection)
    for one in everything:
        if one.id == override:
            return one
    known = ", ".join(one.id for one in everything[-10:]) or "none yet"
    raise InputError(f"There is no override {override!r}. Known: {known}.")


def _refuse_wrong_approver(workspace: Workspace, override: Override) -> None:
    if workspace.actor == override.requested_by:
        raise InputError(f"{workspace.actor} asked for {override.id} and cannot approve it. Ask another approver.")
    allowed = workspace.policy().approvers()
    if workspace.actor not in allowed:
        raise InputError(
            f"{workspace.actor} may not approve overrides. The policy names {', '.join(allowed)} (roles.approver)."
        )
