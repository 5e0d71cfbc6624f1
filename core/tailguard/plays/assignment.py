"""Findings that are assigned: from then on the log names who answers for them."""

from __future__ import annotations

from tailguard.domain.explanations import PLAN_LETTERS, explanation
from tailguard.domain.facts import FindingAssigned
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.plays.status import status
from tailguard.runlog.view import Recorded, latest
from tailguard.workspace import Workspace


def assign(workspace: Workspace, key: str, *, plan: str) -> Recorded[FindingAssigned] | None:
    """Assign an open finding to the actor, who answers for it from now on. Returns who did so before, if anybody.

    Raises InputError for an unknown one or without a plan.
    """
    with workspace.deciding(Right.ASSIGN) as tx:
        promised = explanation(plan, "An assignment needs a plan (what you will do)", letters=PLAN_LETTERS)
        findings = {finding.key: finding for finding in status(tx.view, now=workspace.clock.now()).findings}
        if key not in findings:
            raise InputError(
                f"There is no finding {key!r} now: it may have ended. `tailguard findings list` has {len(findings)} open."
            )
        finding = findings[key]
        earlier = tx.view.recorded(FindingAssigned, finding=finding.key)
        tx.record(FindingAssigned(finding=key, what=finding.what, note=promised))
        return latest(earlier) if finding.assigned_to else None
