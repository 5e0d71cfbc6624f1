"""Shipping: only PASS ships, unless a live override covers the run. A refusal is recorded as well."""

from __future__ import annotations

from tailguard.domain.facts import OverrideUsed, ShippingEvent
from tailguard.domain.overrides import live_override
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError
from tailguard.runlog.queries import gate_decision_of, overrides, runs_of, shipped_generations
from tailguard.workspace import Workspace


def ship(workspace: Workspace, generation: str) -> str:
    """Ship a generation; returns the reason for which it may. Shipping twice is one shipping.

    Raises InputError for a generation without a verdict, Blocked or Held when it may not ship.
    """
    lineage = generation.rpartition("/")[0]
    policy = workspace.policy()
    enforced = policy.lineage(lineage).mode == "enforce"
    with workspace.log.reading() as connection:
        decision = gate_decision_of(connection, generation)
        if not any(one.fact.run == generation for one in runs_of(connection, lineage)):
            raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
        if decision is None:
            raise InputError(
                f"{generation} has no verdict yet. Finish its run with `tailguard run --resume {generation}`."
            )
        if generation in shipped_generations(connection, lineage):
            return "was shipped before"
        exceptions = overrides(connection, review_days=policy.overrides.review_days)
    verdict = Verdict(decision.fact.verdict)
    if verdict is Verdict.PASS:
        return _shipped(workspace, generation, lineage, f"passed the gate: {decision.fact.reason}")
    exception = live_override(exceptions, gate="diversity", run=generation, now=workspace.clock.now())
    if exception:
        reason = f"{verdict}, let through by override {exception.id} until {exception.expires:%Y-%m-%d}"
        workspace.desk.record(
            ShippingEvent(generation, lineage, "shipped", reason, exception.id),
            OverrideUsed(exception.id, generation, "diversity", decision.fact.reason),
        )
        return reason
    if not enforced:
        return _shipped(
            workspace, generation, lineage, f"observe mode, would be refused: {verdict}, {decision.fact.reason}"
        )
    workspace.desk.record(ShippingEvent(generation, lineage, "refused", f"{verdict}: {decision.fact.reason}", None))
    kind = Blocked if verdict is Verdict.BLOCK else Held
    raise kind(f"{generation} may not ship: {verdict}. {decision.fact.reason}")


def _shipped(workspace: Workspace, generation: str, lineage: str, reason: str) -> str:
    workspace.desk.record(ShippingEvent(generation, lineage, "shipped", reason, None))
    return reason
