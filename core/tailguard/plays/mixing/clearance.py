"""May this training job use this snapshot? The answer of `tailguard check`, and the signed statement that proves it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tailguard.domain.facts import (
    Clearance,
    ClearanceSigned,
    Composition,
    ExitCriterion,
    Fact,
    GateDecision,
    OverrideDecided,
    OverrideUsed,
    RatioMeasured,
)
from tailguard.domain.overrides import Override, live_override
from tailguard.errors import InputError
from tailguard.overrides.requests import MISSED
from tailguard.plays.mixing import statement as signing
from tailguard.plays.mixing.statement import Signed
from tailguard.policy.model import LineagePolicy, policy_digest
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import composition_by_snapshot, overrides, recorded
from tailguard.store.writing import digest_of, write_atomically
from tailguard.workspace import POLICY_FILE, Workspace

RATIO_CRITERION = "ratio within the ceiling"
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
    gate: str
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
    whole = workspace.policy()
    rules = whole.lineage(lineage)
    now = workspace.clock.now()
    given: list[tuple[Answer, Signed]] = []

    def answer(connection: Connection) -> list[Fact]:
        found = composition_by_snapshot(connection, lineage, snapshot)
        if found is None:
            raise InputError(
                f"Lineage {lineage} has no snapshot {snapshot!r}. Compose one with `tailguard run`; `tailguard status` lists them."
            )
        if len(snapshot) < FEWEST_DIGITS:
            raise InputError(
                f"A snapshot is named by at least {FEWEST_DIGITS} digits of its digest, found {snapshot!r}. "
                "`tailguard status --json` lists them."
            )
        composition = found.fact
        criteria = [one.fact for one in recorded(connection, ExitCriterion, run=composition.run, stage="compose")]
        bounds = [one.fact for one in recorded(connection, RatioMeasured, snapshot=composition.snapshot)]
        upper = max((one.high for one in bounds), default=_highest(composition))
        exceptions = overrides(connection, review_days=whole.overrides.review_days)
        exception = live_override(exceptions, gate="ratio", run=composition.run, now=now)
        yes_or_no = _answer(composition, criteria, upper, rules, exception)
        expires = now + timedelta(days=whole.clearance.valid_days)
        if yes_or_no.override and exception:
            expires = min(expires, exception.expires)
        signed = _signed(workspace, yes_or_no, composition, upper, rules, now=now, expires=expires)
        given.append((yes_or_no, signed))
        missed = [OverrideDecided(one.id, "closed", MISSED) for one in exceptions if one.missed_review(now)]
        return [*missed, *_facts(yes_or_no, signed)]

    workspace.desk.decide(answer)
    decided, signed = given[0]
    if not decided.allowed:
        return decided
    path = out or workspace.root / "clearances" / f"{decided.run.replace('/', '-')}-{decided.snapshot[:12]}.json"
    write_atomically(path, signing.sign(signing.statement(signed), workspace.root / KEYS))
    return replace(decided, statement=str(path))


def _answer(
    composition: Composition,
    criteria: Sequence[ExitCriterion],
    upper: float,
    rules: LineagePolicy,
    exception: Override | None,
) -> Answer:
    """Yes or no, with the reason. An override is used only where the ratio is over the ceiling."""
    failed = _unmet(criteria)
    told = _told(composition, rules, upper)
    over = (upper if rules.enforce_on == "upper bound" else _highest(composition)) > rules.ceiling
    used = exception if over else None
    if over and used is None:
        failed.append(f"over the ceiling: {told}")
    enforced = rules.mode == "enforce"
    reason = "; ".join(failed) if failed else told
    if failed and not enforced:
        reason = f"observe mode, would be blocked: {reason}"
    if used and not failed:
        reason = f"{told}; let through by override {used.id} until {used.expires:%Y-%m-%d}"
    return Answer(
        composition.run,
        composition.lineage,
        composition.snapshot,
        allowed=not failed or not enforced,
        enforced=enforced,
        reason=reason,
        override=used.id if used and not failed else None,
        gate="BLOCK" if failed else "PASS",
    )


def _unmet(criteria: Sequence[ExitCriterion]) -> list[str]:
    """Criteria of the composition that stop training, but the ratio, which is held against the policy as it stands now."""
    return [
        f"{one.name}: {one.observed}, required {one.required}"
        for one in criteria
        if not one.held and one.name != RATIO_CRITERION and one.waived_by != "a finding"
    ]


def _highest(composition: Composition) -> float:
    return max(composition.ratio_records, composition.ratio_tokens)


def _told(composition: Composition, policy: LineagePolicy, upper: float) -> str:
    told = f"{composition.ratio_records:.1%} of records and {composition.ratio_tokens:.1%} of tokens are synthetic"
    if policy.enforce_on == "upper bound":
        told += f", at most {upper:.1%} as tags may be wrong"
    return f"{told}, ceiling {policy.ceiling:.1%}"


def _facts(answer: Answer, signed: Signed) -> list[Fact]:
    facts: list[Fact] = [
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
        GateDecision(answer.run, answer.lineage, "ratio", answer.gate, answer.enforced, answer.reason, answer.override),
    ]
    if answer.override:
        facts.append(OverrideUsed(answer.override, answer.run, "ratio", answer.reason))
    if answer.allowed:
        digest = digest_of(signing.statement(signed))
        facts.append(ClearanceSigned(signed.run, signed.snapshot, signed.content, digest, signed.expires))
    return facts


def _signed(
    workspace: Workspace,
    answer: Answer,
    composition: Composition,
    upper: float,
    rules: LineagePolicy,
    *,
    now: datetime,
    expires: datetime,
) -> Signed:
    """What the statement says; its times are whole seconds."""
    return Signed(
        run=answer.run,
        lineage=answer.lineage,
        snapshot=answer.snapshot,
        content=composition.content,
        policy=policy_digest((workspace.root / POLICY_FILE).read_text(encoding="utf-8")),
        ratio_records=composition.ratio_records,
        ratio_tokens=composition.ratio_tokens,
        upper_bound=upper,
        ceiling=rules.ceiling,
        mode=rules.mode,
        gate=answer.gate,
        reason=answer.reason,
        override=answer.override,
        issued_by=workspace.actor,
        issued=now.replace(microsecond=0),
        expires=expires.replace(microsecond=0),
    )
