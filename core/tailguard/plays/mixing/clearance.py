"""May this training job use this snapshot? The answer of `tailguard check`, and the signed statement that proves it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tailguard.domain.facts import (
    Clearance,
    ClearanceSigned,
    Composition,
    ExitCriterion,
    Fact,
    GateDecision,
    OverrideDecided,
    OverrideRequested,
    OverrideUsed,
    RatioMeasured,
)
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.overrides import Override, live_override
from tailguard.domain.roles import Right
from tailguard.domain.runs import file_name_of
from tailguard.domain.stages import Requirement, Waiver
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError
from tailguard.overrides.requests import close_missed
from tailguard.plays.mixing import statement as signing
from tailguard.plays.mixing.statement import Signed
from tailguard.policy.model import LineagePolicy
from tailguard.runlog.verify import HOW_TO_RESTORE, altered
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.overrides import overrides
from tailguard.runlog.views.runs import composition_by_snapshot
from tailguard.store.writing import digest_of, write_atomically
from tailguard.workspace import Workspace

KEYS = "keys"
FEWEST_DIGITS = 8


@dataclass(frozen=True)
class Answer:
    """Allowed or not, with every reason; exit code 0 or 3. `statement` is where the signed clearance was written."""

    run: str
    lineage: str
    snapshot: str
    allowed: bool
    enforced: bool
    reason: str
    override: str | None
    gate: Verdict
    statement: str | None = None

    @property
    def exit_code(self) -> int:
        """0 when the job may train, 3 when it is blocked."""
        return 0 if self.allowed else 3


def check(workspace: Workspace, *, lineage: str, snapshot: str, out: Path | None = None) -> Answer:
    """Ask for clearance, record the answer, and sign it where it is yes: to `out`, or to the workspace's `clearances`.

    Raises InputError for a lineage or snapshot that nobody knows, and for a beginning too short to name one: a job whose
    variable is empty must not be cleared for another set.
    """
    now = workspace.clock.now()
    with workspace.deciding(Right.CLEAR) as tx:
        rules = tx.policy.lineage(lineage)
        view = tx.view
        made = _named(view, lineage, snapshot)
        composition = made.fact
        criteria = view.recorded(ExitCriterion, run=composition.run, stage="compose")
        measured = view.recorded(RatioMeasured, snapshot=composition.snapshot)
        bounds = [row.fact for row in measured]
        upper = max((bound.high for bound in bounds), default=_highest(composition))
        exception = live_override(overrides(view), gate=Gate.RATIO, run=composition.run, now=now)
        answer = _answer(composition, [row.fact for row in criteria], upper, rules, exception)
        if changed := _altered(view, [made, *criteria, *measured], exception):
            answer = replace(answer, allowed=False, reason=changed, override=None, gate=Verdict.BLOCK)
        expires = now + timedelta(days=tx.policy.clearance.valid_days)
        if answer.override and exception:
            expires = min(expires, exception.expires)
        signed = _signed(
            answer, composition, upper, rules,
            policy=tx.policy_digest, issued_by=workspace.actor, now=now, expires=expires,
        )  # fmt: skip
        close_missed(tx, now=now)
        tx.record(*_facts(answer, signed))
    if not answer.allowed:
        return answer
    path = out or workspace.root / "clearances" / f"{file_name_of(answer.run)}-{answer.snapshot[:12]}.json"
    write_atomically(path, signing.sign(signing.statement(signed), workspace.root / KEYS))
    return replace(answer, statement=str(path))


def _altered(view: LogView, rows: Sequence[Recorded[Any]], exception: Override | None) -> str | None:
    """Which row behind a clearance is not what was recorded, and what to do; None where all are. It refuses whatever the mode."""
    asked, decided = (
        view.recorded(kind, override=exception.id) if exception else [] for kind in (OverrideRequested, OverrideDecided)
    )
    composed = rows[0].fact
    kinds = (Composition, ExitCriterion, RatioMeasured)
    problem = altered(view, [*rows, *asked, *decided], kinds=kinds, chains=(composed.run,))
    return f"{problem.words}. {HOW_TO_RESTORE}" if problem else None


def _named(view: LogView, lineage: str, snapshot: str) -> Recorded[Composition]:
    """The composition that a snapshot's digest, or its beginning, names."""
    composition = composition_by_snapshot(view, lineage, snapshot)
    if composition is None:
        raise InputError(
            f"Lineage {lineage} has no snapshot {snapshot!r}. Compose one with `tailguard run`; `tailguard status` lists them."
        )
    if len(snapshot) < FEWEST_DIGITS:
        raise InputError(
            f"A snapshot is named by at least {FEWEST_DIGITS} digits of its digest, found {snapshot!r}. "
            "`tailguard status --json` lists them."
        )
    return composition


def _answer(
    composition: Composition,
    criteria: Sequence[ExitCriterion],
    upper: float,
    rules: LineagePolicy,
    exception: Override | None,
) -> Answer:
    """Yes or no, with the reason. An override is used only where the ratio is over the ceiling."""
    failed = _unmet(criteria)
    ratios = _told(composition, rules, upper)
    over = (upper if rules.enforce_on == "upper bound" else _highest(composition)) > rules.ceiling
    used = exception if over else None
    if over and used is None:
        failed.append(f"over the ceiling: {ratios}")
    enforced = rules.mode == Mode.ENFORCE
    reason = "; ".join(failed) if failed else ratios
    if failed and not enforced:
        reason = f"observe mode, would be blocked: {reason}"
    if used and not failed:
        reason = f"{ratios}; let through by override {used.id} until {used.expires:%Y-%m-%d}"
    return Answer(
        composition.run,
        composition.lineage,
        composition.snapshot,
        allowed=not failed or not enforced,
        enforced=enforced,
        reason=reason,
        override=used.id if used and not failed else None,
        gate=Verdict.BLOCK if failed else Verdict.PASS,
    )


def _unmet(criteria: Sequence[ExitCriterion]) -> list[str]:
    """Criteria of the composition that stop training, but the ratio, which is held against the policy as it stands now."""
    return [
        f"{criterion.name.label}: {criterion.observed}, required {criterion.required}"
        for criterion in criteria
        if not criterion.met
        and criterion.name != Requirement.RATIO_WITHIN_CEILING
        and criterion.waived_by != Waiver.FINDING
    ]


def _highest(composition: Composition) -> float:
    return max(composition.ratio_records, composition.ratio_tokens)


def _told(composition: Composition, policy: LineagePolicy, upper: float) -> str:
    ratios = f"{composition.ratio_records:.1%} of records and {composition.ratio_tokens:.1%} of tokens are synthetic"
    if policy.enforce_on == "upper bound":
        ratios += f", at most {upper:.1%} as tags may be wrong"
    return f"{ratios}, ceiling {policy.ceiling:.1%}"


def _facts(answer: Answer, signed: Signed) -> list[Fact]:
    facts: list[Fact] = [
        Clearance(
            run=answer.run,
            lineage=answer.lineage,
            snapshot=answer.snapshot,
            allowed=answer.allowed,
            enforced=answer.enforced,
            exit_code=answer.exit_code,
            reason=answer.reason,
            override=answer.override,
        ),
        GateDecision(
            run=answer.run,
            lineage=answer.lineage,
            gate=Gate.RATIO,
            verdict=answer.gate,
            enforced=answer.enforced,
            reason=answer.reason,
            override=answer.override,
        ),
    ]
    if answer.override:
        facts.append(OverrideUsed(override=answer.override, run=answer.run, gate=Gate.RATIO, effect=answer.reason))
    if answer.allowed:
        digest = digest_of(signing.statement(signed))
        facts.append(
            ClearanceSigned(
                run=signed.run,
                snapshot=signed.snapshot,
                content=signed.content,
                statement=digest,
                expires=signed.expires,
            )
        )
    return facts


def _signed(
    answer: Answer,
    composition: Composition,
    upper: float,
    rules: LineagePolicy,
    *,
    policy: str,
    issued_by: str,
    now: datetime,
    expires: datetime,
) -> Signed:
    """What the statement says; its times are whole seconds."""
    return Signed(
        run=answer.run,
        lineage=answer.lineage,
        snapshot=answer.snapshot,
        content=composition.content,
        policy=policy,
        ratio_records=composition.ratio_records,
        ratio_tokens=composition.ratio_tokens,
        upper_bound=upper,
        ceiling=rules.ceiling,
        mode=rules.mode,
        gate=answer.gate,
        reason=answer.reason,
        override=answer.override,
        issued_by=issued_by,
        issued=now.replace(microsecond=0),
        expires=expires.replace(microsecond=0),
    )
