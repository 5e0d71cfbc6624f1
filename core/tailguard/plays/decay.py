"""How a defence erodes without anybody deciding so: each finding here bears the date on which it began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import (
    AlertRaised,
    AlertTaken,
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
from tailguard.domain.overrides import Override
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.policy.model import Policy, parse_policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, newest, recorded


def find(scene: Scene) -> list[Finding]:
    """Tagging that stopped or was switched to a detector nobody calibrated, gates passed by, observe mode left on, alerts that
    nobody took, overrides renewed for ever. A stale suite or anchor is told by the plays that use them."""
    if scene.policy is None:
        return []
    connection, policy, moment = scene.connection, scene.policy, scene.moment
    return [
        *_tagging_stopped(connection, policy, moment),
        *_detector_switched(connection, policy),
        *_gate_bypassed(connection, policy),
        *_observing(connection, policy, moment),
        *_alerts_nobody_took(connection, policy, moment),
        *_renewed_for_ever(scene.exceptions, policy, moment),
    ]


def broken(scene: Scene) -> dict[str, Finding]:
    """Plays that only seem to run, by name: what passes them by."""
    if scene.policy is None:
        return {}
    found: dict[str, Finding] = {}
    for one in _gate_bypassed(scene.connection, scene.policy):
        found["monitoring"] = one
    for one in _detector_switched(scene.connection, scene.policy):
        found["provenance"] = one
    return found


def _tagging_stopped(connection: Connection, policy: Policy, moment: datetime) -> list[Finding]:
    """Models were trained, asked or watched after the last batch was tagged, for longer than the cadence."""
    taken = newest(connection, BatchTaken)
    if taken is None:
        return []
    since = taken.recorded + timedelta(days=policy.cadence.provenance)
    kinds = (Generation, Evaluation, OutputsLogged, StreamWeek)
    active = [row for kind in kinds if (row := newest(connection, kind)) and row.recorded > since]
    if moment <= since or not active:
        return []
    what = f"tagging has stopped: no batch since {taken.recorded:%Y-%m-%d}, while models were still at work"
    return [Finding(kind=FindingKind.TAGGING_STOPPED, severity="high", what=what, since=since, row=taken.id)]


def _detector_switched(connection: Connection, policy: Policy) -> list[Finding]:
    """The team calibrated a detector, and the policy names another one since."""
    calibrated = recorded(connection, DetectorCalibrated)
    if not calibrated or any(one.fact.name == policy.intake.detector for one in calibrated):
        return []
    since: Recorded[PolicyInForce] | None = None
    for one in recorded(connection, PolicyInForce):
        same = parse_policy(one.fact.text, "the policy in the log").intake.detector == policy.intake.detector
        since = (since or one) if same else None
    what = f"the detector was switched to {policy.intake.detector}, which was never calibrated on the team's texts"
    if since is None:
        return []
    return [
        Finding(
            kind=FindingKind.DETECTOR_SWITCHED,
            subject=(policy.intake.detector,),
            severity="high",
            what=what,
            since=since.recorded,
            row=since.id,
        )
    ]


def _gate_bypassed(connection: Connection, policy: Policy) -> list[Finding]:
    """Generations at work, or shipped since, that their gate had stopped and no override covered, in a lineage that enforces."""
    shipped = recorded(connection, ShippingEvent, newest_by=("lineage",), action=("shipped", "restored"))
    runs = tuple(one.fact.run for one in shipped)
    verdicts = {
        one.fact.run: one.fact.verdict for one in recorded(connection, GateDecision, gate="diversity", run=runs)
    }
    modes = {one.fact.run: one.fact.mode for one in recorded(connection, RunStarted, run=runs)}
    findings = []
    for one in shipped:
        rules = policy.lineages.get(one.fact.lineage)
        verdict = verdicts.get(one.fact.run, "no verdict")
        if rules and rules.mode == "enforce" and verdict != "PASS" and one.fact.override is None:
            how = "in observe mode" if modes.get(one.fact.run) == "observe" else "without an override"
            what = f"the gate was bypassed: {one.fact.run} was shipped {how}, with {verdict}"
            findings.append(
                Finding(
                    kind=FindingKind.GATE_BYPASSED,
                    subject=(one.fact.run,),
                    severity="high",
                    what=what,
                    since=one.recorded,
                    row=one.id,
                )
            )
    return findings


def _observing(connection: Connection, policy: Policy, moment: datetime) -> list[Finding]:
    findings = []
    for name, rules in policy.lineages.items():
        if rules.mode != "observe":
            continue
        since: Recorded[PolicyInForce] | None = None
        for one in recorded(connection, PolicyInForce):
            known = parse_policy(one.fact.text, "the policy in the log").lineages.get(name)
            since = (since or one) if known and known.mode == "observe" else None
        if since and moment - since.recorded > timedelta(days=policy.cadence.observe):
            what = f"{name} has only observed since {since.recorded:%Y-%m-%d}; {policy.cadence.observe} days were meant"
            begun = since.recorded + timedelta(days=policy.cadence.observe)
            findings.append(
                Finding(
                    kind=FindingKind.ONLY_OBSERVING,
                    subject=(name,),
                    severity="middle",
                    what=what,
                    since=begun,
                    row=since.id,
                )
            )
    return findings


def _alerts_nobody_took(connection: Connection, policy: Policy, moment: datetime) -> list[Finding]:
    taken = {one.fact.alert for one in recorded(connection, AlertTaken)}
    waits = timedelta(days=policy.cadence.alert)
    return [
        Finding(
            kind=FindingKind.ALERT_NOT_TAKEN,
            subject=(one.fact.alert,),
            severity="middle",
            what=f"nobody took {one.fact.alert} of {one.recorded:%Y-%m-%d}: {one.fact.what} (`tailguard alerts take`)",
            since=one.recorded + waits,
            row=one.id,
        )
        for one in recorded(connection, AlertRaised)
        if one.fact.alert not in taken and moment - one.recorded > waits
    ]


def _renewed_for_ever(exceptions: Sequence[Override], policy: Policy, moment: datetime) -> list[Finding]:
    """Open overrides that follow more renewals than the policy lets pass; since the first of their chain."""
    by_name = {one.id: one for one in exceptions}
    findings = []
    for one in exceptions:
        first, renewals = one, 0
        while first.renews and first.renews in by_name:
            first, renewals = by_name[first.renews], renewals + 1
        if one.state(moment) == "open" and renewals > policy.overrides.max_renewals:
            what = f"{one.id} is the {renewals + 1}th in a row for {one.run}, since {first.requested:%Y-%m-%d}: mend its cause"
            findings.append(
                Finding(
                    kind=FindingKind.OVERRIDE_RENEWED_AGAIN,
                    subject=(one.id,),
                    severity="middle",
                    what=what,
                    since=first.requested,
                    row=one.id,
                )
            )
    return findings
