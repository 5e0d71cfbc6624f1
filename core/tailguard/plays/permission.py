"""Whether a generation may ship, asked of the log: domain's one rule, with what the plays know of loops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.permission import Candidate, Permission, may_ship
from tailguard.domain.runs import lineage_of
from tailguard.domain.verdict import Verdict
from tailguard.plays.loops.standing import Loop
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView
from tailguard.runlog.views.releases import fleet_of
from tailguard.runlog.views.runs import gate_decision_of


def permission_of(
    view: LogView,
    generation: str,
    *,
    now: datetime,
    policy: Policy | None,
    overrides: Sequence[Override],
    loops: Sequence[Loop],
) -> Permission:
    """Whether a generation may ship at `now`. `loops` are the unguarded ones around its lineage; pass none to leave them aside.

    Without a policy everything is enforced. Raises InputError for a lineage that the policy does not name.
    """
    lineage = lineage_of(generation)
    decision = gate_decision_of(view, generation)
    return may_ship(
        Candidate(
            generation=generation,
            state=fleet_of(view, lineage).state(generation),
            verdict=Verdict(decision.fact.verdict) if decision else None,
            reason=decision.fact.reason if decision else "",
            gate_override=live_override(overrides, gate=Gate.DIVERSITY, run=generation, now=now),
            loop=loops[0].sentence if loops else None,
            loop_override=live_override(overrides, gate=Gate.LOOPS, run=generation, now=now),
            enforced=policy is None or policy.lineage(lineage).mode == "enforce",
        )
    )
