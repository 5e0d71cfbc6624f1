"""Play 1, provenance: what batches and sources leave to be asked."""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import Artifact, BatchTaken, DetectorCalibrated, DriftChecked, OwnOutputFound, RunStarted
from tailguard.domain.tags import Origin
from tailguard.plays.finding import Finding, Scene
from tailguard.plays.lineages import coverage_of
from tailguard.policy import Policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import contracts, recorded, review_decisions

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
    for batch in recorded(connection, BatchTaken):
        if batch.fact.conflict:
            what = f"{batch.fact.source}: {batch.fact.conflict}"
            findings.append(Finding("middle", what, batch.recorded, "provenance", batch.id))
    runs = recorded(connection, RunStarted)
    if policy and runs:
        newest: dict[str, str] = {one.fact.lineage: one.fact.run for one in runs}
        for lineage, run in newest.items():
            coverage = coverage_of([one.fact for one in recorded(connection, BatchTaken, run=run)])
            if coverage and coverage.share < policy.intake.min_coverage:
                target = f"(target {policy.intake.min_coverage:.0%})"
                what = f"{lineage}: only {coverage.share:.1%} of {run}'s records carry a confident tag {target}"
                findings.append(Finding("middle", what, moment, "provenance", run))
    waiting = sum(one.fact.held for one in recorded(connection, BatchTaken)) - len(review_decisions(connection))
    held = recorded(connection, Artifact, kind="quarantine", direction="out")
    if waiting > 0 and held:
        what = f"{waiting:,} held records wait for a person (`tailguard quarantine list`)"
        findings.append(Finding("low", what, held[0].recorded, "quarantine", held[0].id))
    if runs and not recorded(connection, DetectorCalibrated):
        what = (
            "the detector is not calibrated on the team's own texts: its error rates are those on public ones "
            "(`tailguard detector calibrate`)"
        )
        findings.append(Finding("low", what, runs[0].recorded, "provenance", runs[0].id))
    return findings


def _about_sources(connection: Connection, policy: Policy | None) -> list[Finding]:
    findings = []
    newest = {one.fact.source: one for one in recorded(connection, DriftChecked)}
    for source, drift in newest.items():
        if drift.fact.drifted:
            what = (
                f"{source} no longer looks like what the detector was calibrated on (distance {drift.fact.distance:.2f}, "
                f"allowed {drift.fact.allowed:.2f}): its verdicts there may be wrong"
            )
            findings.append(Finding("middle", what, drift.recorded, "provenance", drift.id))
    declared = {(one.fact.run, one.fact.batch): one.fact.declared for one in recorded(connection, BatchTaken)}
    for found in recorded(connection, OwnOutputFound):
        fact = found.fact
        if declared.get((fact.run, fact.batch)) != Origin.AI and fact.records >= LOOP_RECORDS:
            what = (
                f"{fact.records:,} records of {fact.source} in {fact.run} are our own: {fact.kind} of {fact.generation}"
            )
            findings.append(Finding("high", what, found.recorded, "provenance", found.id))
    if policy and policy.intake.require_sign_off:
        signed = {name for name, one in contracts(connection).items() if one.signed_by}
        for source in sorted({one.fact.source for one in recorded(connection, BatchTaken)} - signed):
            what = f"{source} has no signed contract, so what it declares is not believed (`tailguard source sign`)"
            findings.append(
                Finding(
                    "middle", what, recorded(connection, BatchTaken, source=source)[0].recorded, "provenance", source
                )
            )
    return findings
