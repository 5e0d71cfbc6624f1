"""Findings that somebody takes: from then on the log names who answers for them."""

from __future__ import annotations

from tailguard.domain.facts import FindingTaken
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.plays.status import status
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, recorded
from tailguard.workspace import Workspace, decision

SHORTEST_PLAN = 5


@decision(Right.TAKE)
def take(workspace: Workspace, key: str, *, plan: str) -> Recorded[FindingTaken] | None:
    """Take a finding that stands: the actor answers for it from now on. Returns who did so before, if anybody.

    Raises InputError for an unknown one or without a plan.
    """
    if len(plan.strip()) < SHORTEST_PLAN:
        raise InputError(f"Say in at least {SHORTEST_PLAN} letters what you will do about it.")
    before: list[Recorded[FindingTaken]] = []

    def assign(connection: Connection) -> list[FindingTaken]:
        findings = {finding.key: finding for finding in status(connection, now=workspace.clock.now()).findings}
        if key not in findings:
            raise InputError(
                f"There is no finding {key!r} now: it may have ended. `tailguard findings list` has {len(findings)} that stand."
            )
        found = findings[key]
        if found.taken_by:
            names = (found.key, found.key_by_words)
            before.extend(row for row in recorded(connection, FindingTaken) if row.fact.finding in names)
        return [FindingTaken(key, found.what, plan.strip())]

    workspace.desk.decide(assign)
    return before[-1] if before else None
