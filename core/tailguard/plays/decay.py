"""How a defence erodes without anybody deciding so: each finding here bears the date on which it began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import (
    AlertAcknowledged,
    AlertRaised,
    BatchTaken,
    DetectorCalibrated,
    Evaluation,
    GateDecision,
    Generation,
    OutputsLogged,
    PolicyInForce,
    RunStarted,
    ShippingEvent,
    StreamWeek,
)
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.overrides import Override
from tailguard.domain.verdict import SHIPS
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.policy.model import Policy
from tailguard.policy.reading import parse_policy
from tailguard.runlog.view import LogView, Recorded


def find(context: PlayContext) -> list[Finding]:
    """Tagging that stopped or was switched to a detector nobody calibrated, gates passed by, observe mode left on, alerts that
    nobody acknowledged, overrides renewed for ever. A stale suite or anchor is told by the plays that use them."""
    if context.policy is None:
        return []
    view, policy, moment = context.view, context.policy, context.moment
    return [
        *_tagging_stopped(view, policy, moment),
        *_detector_switched(view, policy),
        *_gate_bypassed(view, policy),
        *_observing(view, policy, moment),
        *_unacknowledged_alerts(view, policy, moment),
        *_renewed_for_ever(context.exceptions, policy, moment),
    ]


def broken(context: PlayContext) -> dict[str, Finding]:
    """Plays that only seem to run, by name: what passes them by."""
    if context.policy is None:
        return {}
    by_play: dict[str, Finding] = {}
    for finding in _gate_bypassed(context.view, context.policy):
        by_play["monitoring"] = finding
    for finding in _detector_switched(context.view, context.policy):
        by_play["provenance"] = finding
    return by_play


def _tagging_stopped(view: LogView, policy: Policy, moment: datetime) -> Iterator[Finding]:
    """Models were trained, asked or watched after the last batch was tagged, for longer than the cadence."""
    taken = view.newest(BatchTaken)
    if taken is None:
        return
    since = taken.recorded + timedelta(days=policy.cadence.provenance)
    kinds = (Generation, Evaluation, OutputsLogged, StreamWeek)
    active = [row for kind in kinds if (row := view.newest(kind)) and row.recorded > since]
    if moment <= since or not active:
        return
    what = f"tagging has stopped: no batch since {taken.recorded:%Y-%m-%d}, while models were still in production"
    yield Finding(kind=FindingKind.TAGGING_STOPPED, severity=Severity.HIGH, what=what, since=since, row=taken.id)


def _detector_switched(view: LogView, policy: Policy) -> Iterator[Finding]:
    """The team calibrated a detector, and the policy names another one since."""
    calibrated = view.recorded(DetectorCalibrated)
    if not calibrated or any(row.fact.name == policy.intake.detector for row in calibrated):
        return
    since: Recorded[PolicyInForce] | None = None
    for row in view.recorded(PolicyInForce):
        same = parse_policy(row.fact.text, "the policy in the log").intake.detector == policy.intake.detector
        since = (since or row) if same else None
    what = f"the detector was switched to {policy.intake.detector}, which was never calibrated on the team's texts"
    if since is None:
        return
    yield Finding.from_row(
        since,
        kind=FindingKind.DETECTOR_SWITCHED,
        subject=(policy.intake.detector,),
        severity=Severity.HIGH,
        what=what,
    )


def _gate_bypassed(view: LogView, policy: Policy) -> list[Finding]:
    """Generations in production, or shipped since, that their gate had stopped without an override, in an enforced lineage."""
    shipped = view.recorded(ShippingEvent, newest_by=("lineage",), action=("shipped", "restored"))
    runs = tuple(row.fact.run for row in shipped)
    verdicts = {row.fact.run: row.fact.verdict for row in view.recorded(GateDecision, gate=Gate.DIVERSITY, run=runs)}
    modes = {row.fact.run: row.fact.mode for row in view.recorded(RunStarted, run=runs)}
    findings = []
    for row in shipped:
        rules = policy.lineages.get(row.fact.lineage)
        verdict = verdicts.get(row.fact.run, "no verdict")
        if rules and rules.mode == Mode.ENFORCE and verdict not in SHIPS and row.fact.override is None:
            how = "in observe mode" if modes.get(row.fact.run) == Mode.OBSERVE else "without an override"
            what = f"the gate was bypassed: {row.fact.run} was shipped {how}, with {verdict}"
            findings.append(
                Finding.from_row(
                    row, kind=FindingKind.GATE_BYPASSED, subject=(row.fact.run,), severity=Severity.HIGH, what=what
                )
            )
    return findings


def _observing(view: LogView, policy: Policy, moment: datetime) -> Iterator[Finding]:
    for name, rules in policy.lineages.items():
        if rules.mode != Mode.OBSERVE:
            continue
        since: Recorded[PolicyInForce] | None = None
        for row in view.recorded(PolicyInForce):
            known = parse_policy(row.fact.text, "the policy in the log").lineages.get(name)
            since = (since or row) if known and known.mode == Mode.OBSERVE else None
        if since and moment - since.recorded > timedelta(days=policy.cadence.observe):
            what = f"{name} has only observed since {since.recorded:%Y-%m-%d}; {policy.cadence.observe} days were meant"
            begun = since.recorded + timedelta(days=policy.cadence.observe)
            yield Finding(
                kind=FindingKind.ONLY_OBSERVING,
                subject=(name,),
                severity=Severity.MEDIUM,
                what=what,
                since=begun,
                row=since.id,
            )


def _unacknowledged_alerts(view: LogView, policy: Policy, moment: datetime) -> list[Finding]:
    acknowledged = {row.fact.alert for row in view.recorded(AlertAcknowledged)}
    waits = timedelta(days=policy.cadence.alert)
    return [
        Finding(
            kind=FindingKind.ALERT_NOT_ACKNOWLEDGED,
            subject=(row.fact.alert,),
            severity=Severity.MEDIUM,
            what=(
                f"nobody acknowledged {row.fact.alert} of {row.recorded:%Y-%m-%d}: {row.fact.what} "
                "(`tailguard alerts acknowledge`)"
            ),
            since=row.recorded + waits,
            row=row.id,
        )
        for row in view.recorded(AlertRaised)
        if row.fact.alert not in acknowledged and moment - row.recorded > waits
    ]


def _renewed_for_ever(exceptions: Sequence[Override], policy: Policy, moment: datetime) -> Iterator[Finding]:
    """Open overrides that follow more renewals than the policy lets pass; since the first of their chain."""
    by_name = {override.id: override for override in exceptions}
    for override in exceptions:
        first, renewals = override, 0
        while first.renews and first.renews in by_name:
            first, renewals = by_name[first.renews], renewals + 1
        if override.state(moment) == "open" and renewals > policy.overrides.max_renewals:
            what = (
                f"{override.id} is the {renewals + 1}th in a row for {override.run}, since {first.requested:%Y-%m-%d}: "
                "fix its cause"
            )
            yield Finding(
                kind=FindingKind.OVERRIDE_RENEWED_AGAIN,
                subject=(override.id,),
                severity=Severity.MEDIUM,
                what=what,
                since=first.requested,
                row=override.id,
            )
