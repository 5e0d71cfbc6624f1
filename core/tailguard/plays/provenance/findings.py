"""Play 1, provenance: what batches and sources leave to be asked."""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import BatchTaken, DetectorCalibrated, DriftChecked, RunStarted
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.plays.lineages import coverage_of
from tailguard.policy.model import Policy
from tailguard.runlog.backlog import waiting_now
from tailguard.runlog.connection import Connection
from tailguard.runlog.history import undeclared_returns
from tailguard.runlog.queries import contracts, foresee, oldest, recorded

LOOP_RECORDS = 5
"""Records of ours in one batch, not declared model-made, from which they are a finding: a phrase may stand in two texts."""


def find(scene: Scene) -> list[Finding]:
    """What intake and its sources leave to be asked."""
    return [
        *_about_batches(scene.connection, scene.policy, scene.moment),
        *_about_sources(scene.connection, scene.policy),
    ]


def _about_batches(connection: Connection, policy: Policy | None, moment: datetime) -> list[Finding]:
    findings = []
    newest_of_each = recorded(connection, BatchTaken, newest_by=("source", "conflict"))
    doubted = {(one.fact.source, one.fact.batch): one for one in newest_of_each if one.fact.conflict}
    for about, batch in doubted.items():
        what = f"{batch.fact.source}: {batch.fact.conflict}"
        findings.append(
            Finding(
                kind=FindingKind.BATCH_NOT_BELIEVED,
                subject=about,
                severity="middle",
                what=what,
                since=batch.recorded,
                row=batch.id,
            )
        )
    first = oldest(connection, RunStarted)
    if policy:
        newest = recorded(connection, RunStarted, newest_by=("lineage",))
        foresee(connection, [one.fact.run for one in newest], BatchTaken)
        for started in newest:
            lineage, run = started.fact.lineage, started.fact.run
            coverage = coverage_of([one.fact for one in recorded(connection, BatchTaken, run=run)])
            if coverage and coverage.share < policy.intake.min_coverage:
                target = f"(target {policy.intake.min_coverage:.0%})"
                what = f"{lineage}: only {coverage.share:.1%} of {run}'s records carry a confident tag {target}"
                findings.append(
                    Finding(
                        kind=FindingKind.COVERAGE_LOW,
                        subject=(run,),
                        severity="middle",
                        what=what,
                        since=moment,
                        row=run,
                    )
                )
    if waiting := waiting_now(connection):
        what = f"{waiting.records:,} held records wait for a person (`tailguard quarantine list`)"
        findings.append(
            Finding(
                kind=FindingKind.RECORDS_WAIT,
                severity="low",
                what=what,
                since=waiting.unbroken_since,
                row=waiting.row,
            )
        )
    if first and not recorded(connection, DetectorCalibrated):
        what = (
            "the detector is not calibrated on the team's own texts: its error rates are those on public ones "
            "(`tailguard detector calibrate`)"
        )
        findings.append(
            Finding(
                kind=FindingKind.DETECTOR_NOT_CALIBRATED, severity="low", what=what, since=first.recorded, row=first.id
            )
        )
    return findings


def _about_sources(connection: Connection, policy: Policy | None) -> list[Finding]:
    findings = []
    for drift in recorded(connection, DriftChecked, newest_by=("source",)):
        if drift.fact.drifted:
            what = (
                f"{drift.fact.source} no longer looks like what the detector was calibrated on "
                f"(distance {drift.fact.distance:.2f}, allowed {drift.fact.allowed:.2f}): its verdicts there may be wrong"
            )
            findings.append(
                Finding(
                    kind=FindingKind.SOURCE_DRIFTED,
                    subject=(drift.fact.source,),
                    severity="middle",
                    what=what,
                    since=drift.recorded,
                    row=drift.id,
                )
            )
    for found in undeclared_returns(connection, LOOP_RECORDS):
        fact = found.fact
        what = f"{fact.records:,} records of {fact.source} in {fact.run} are our own: {fact.kind} of {fact.generation}"
        if found.times > 1:
            what += f"; {found.times:,} times so far"
        findings.append(
            Finding(
                kind=FindingKind.OWN_TEXT_RETURNED,
                subject=(fact.source, fact.generation.rpartition("/")[0], fact.kind),
                severity="high",
                what=what,
                since=found.recorded,
                row=found.id,
            )
        )
    if policy and policy.intake.require_sign_off:
        signed = {name for name, one in contracts(connection).items() if one.signed_by}
        for taken in recorded(connection, BatchTaken, newest_by=("source",)):
            source = taken.fact.source
            if source in signed:
                continue
            what = f"{source} has no signed contract, so what it declares is not believed (`tailguard source sign`)"
            since = oldest(connection, BatchTaken, source=source) or taken
            findings.append(
                Finding(
                    kind=FindingKind.SOURCE_NOT_SIGNED,
                    subject=(source,),
                    severity="middle",
                    what=what,
                    since=since.recorded,
                    row=source,
                )
            )
    return findings
