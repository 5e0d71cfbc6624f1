"""May this training job use this snapshot? The answer of `tailguard check`, in well under a second."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.domain.facts import Clearance, ExitCriterion, GateDecision, OverrideUsed
from tailguard.domain.overrides import live_override
from tailguard.errors import InputError
from tailguard.runlog.queries import composition_by_snapshot, overrides, recorded
from tailguard.workspace import Workspace

RATIO_CRITERION = "ratio within the ceiling"


@dataclass(frozen=True)
class Answer:
    """Allowed or not, with every reason; exit code 0 or 3."""

    run: str
    lineage: str
    snapshot: str
    allowed: bool
    enforced: bool
    reason: str
    override: str | None

    @property
    def exit_code(self) -> int:
        """0 when the job may train, 3 when it is blocked."""
        return 0 if self.allowed else 3


def check(workspace: Workspace, *, lineage: str, snapshot: str) -> Answer:
    """Ask for clearance, and record the answer. Raises InputError for a lineage or snapshot that nobody knows."""
    policy = workspace.policy().lineage(lineage)
    with workspace.log.reading() as connection:
        found = composition_by_snapshot(connection, lineage, snapshot)
        if found is None:
            raise InputError(
                f"Lineage {lineage} has no snapshot {snapshot!r}. Compose one with `tailguard run`; `tailguard status` lists them."
            )
        composition = found.fact
        criteria = [one.fact for one in recorded(connection, ExitCriterion, run=composition.run, stage="compose")]
        exceptions = overrides(connection)
    enforced = policy.mode == "enforce"
    failed = [
        f"{one.name}: {one.observed}, required {one.required}"
        for one in criteria
        if not one.held and one.name != RATIO_CRITERION
    ]
    highest = max(composition.ratio_records, composition.ratio_tokens)
    told = (
        f"{composition.ratio_records:.1%} of records and {composition.ratio_tokens:.1%} of tokens are synthetic, "
        f"ceiling {policy.ceiling:.1%}"
    )
    over = highest > policy.ceiling
    exception = (
        live_override(exceptions, gate="ratio", run=composition.run, now=workspace.clock.now()) if over else None
    )
    if over and exception is None:
        failed.append(f"over the ceiling: {told}")
    allowed = not failed or not enforced
    reason = "; ".join(failed) if failed else told
    if failed and not enforced:
        reason = f"observe mode, would be blocked: {reason}"
    if exception and not failed:
        reason = f"{told}; let through by override {exception.id} until {exception.expires:%Y-%m-%d}"
    answer = Answer(
        composition.run, lineage, composition.snapshot, allowed, enforced, reason, exception.id if exception else None
    )
    _record(workspace, answer, blocked=bool(failed))
    return answer


def _record(workspace: Workspace, answer: Answer, *, blocked: bool) -> None:
    facts = [
        Clearance(
            answer.run,
            answer.lineage,
            answer.snapshot,
            answer.allowed,
            answer.enforced,
            answer.exit_code,
            answer.reason,
            answer.override,
        ),
        GateDecision(
            answer.run,
            answer.lineage,
            "ratio",
            "BLOCK" if blocked else "PASS",
            answer.enforced,
            answer.reason,
            answer.override,
        ),
    ]
    if answer.override:
        workspace.desk.record(*facts, OverrideUsed(answer.override, answer.run, "ratio", answer.reason))
    else:
        workspace.desk.record(*facts)
