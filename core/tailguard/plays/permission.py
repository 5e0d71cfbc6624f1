"""Whether a generation may ship, asked of the log: domain's one rule, with what the plays know of loops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tailguard.domain.facts import (
    GateDecision,
    GateSignedOff,
    Generation,
    OverrideDecided,
    OverrideRequested,
    ShippingEvent,
)
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.permission import Candidate, Permission, may_ship
from tailguard.domain.runs import lineage_of
from tailguard.domain.verdict import Verdict
from tailguard.plays.loops.standing import Loop
from tailguard.policy.model import Policy
from tailguard.runlog.recorder import DECISIONS
from tailguard.runlog.verify import altered
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.releases import release_history_of, sign_off_of
from tailguard.runlog.views.runs import gate_decision_of

_BEHIND = (GateDecision, GateSignedOff, Generation, ShippingEvent, OverrideRequested, OverrideDecided)
"""The kinds of rows that a permission rests on."""


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
    gate_override, loop_override = (
        live_override(overrides, gate=gate, run=generation, now=now) for gate in (Gate.DIVERSITY, Gate.LOOPS)
    )
    return may_ship(
        Candidate(
            generation=generation,
            altered=_altered(view, generation, decision, (gate_override, loop_override)),
            state=release_history_of(view, lineage).state(generation),
            verdict=Verdict(decision.fact.verdict) if decision else None,
            reason=decision.fact.reason if decision else "",
            gate_override=gate_override,
            loop=loops[0].sentence if loops else None,
            loop_override=loop_override,
            needs_sign_off=policy is not None and policy.gate.sign_off,
            sign_off=sign_off_of(view, decision) if decision else None,
            enforced=policy is None or policy.lineage(lineage).mode == Mode.ENFORCE,
        )
    )


def _altered(
    view: LogView, generation: str, decision: Recorded[Any] | None, overrides: Sequence[Override | None]
) -> str | None:
    """Which row that a permission rests on was changed: the gate's decision, the digest of the weights, what happened to the
    generation, and the overrides that would let it through. None where all are as they were recorded.
    """
    names = tuple(override.id for override in overrides if override)
    rows: list[Recorded[Any]] = [
        *([decision] if decision else []),
        *view.recorded(Generation, run=generation),
        *view.recorded(ShippingEvent, run=generation),
        *(view.recorded(OverrideRequested, override=names) if names else ()),
        *(view.recorded(OverrideDecided, override=names) if names else ()),
    ]
    problem = altered(view, rows, kinds=_BEHIND, chains=(generation, DECISIONS))
    return problem.words if problem else None
