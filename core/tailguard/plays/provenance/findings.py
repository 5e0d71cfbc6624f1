"""Play 1, provenance: what batches and sources leave to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tailguard.domain.facts import BatchTaken, DetectorCalibrated, DriftChecked, RunStarted
from tailguard.domain.own_output import match_label
from tailguard.domain.runs import lineage_of
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.plays.lineages import coverage_of
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView
from tailguard.runlog.views.backlog import waiting_now
from tailguard.runlog.views.sources import contracts, undeclared_returns

LOOP_RECORDS = 5
"""Records of ours in one batch, not declared model-made, from which they are a finding: a phrase may stand in two texts."""


def find(context: PlayContext) -> list[Finding]:
    """What intake and its sources leave to be asked."""
    return [
        *_about_batches(context.view, context.policy, context.moment),
        *_about_sources(context.view, context.policy),
    ]


def _about_batches(view: LogView, policy: Policy | None, moment: datetime) -> list[Finding]:
    return [
        *_not_believed(view),
        *(_low_coverage(view, policy, moment) if policy else ()),
        *_waiting_records(view),
        *_uncalibrated_detector(view),
    ]


def _not_believed(view: LogView) -> list[Finding]:
    """The newest batch of each source and conflict whose declaration is not believed."""
    newest_of_each = view.recorded(BatchTaken, newest_by=("source", "conflict"))
    doubted = {(batch.fact.source, batch.fact.batch): batch for batch in newest_of_each if batch.fact.conflict}
    return [
        Finding.from_row(
            batch,
            kind=FindingKind.BATCH_NOT_BELIEVED,
            subject=subject,
            severity=Severity.MEDIUM,
            what=f"{batch.fact.source}: {batch.fact.conflict}",
        )
        for subject, batch in doubted.items()
    ]


def _low_coverage(view: LogView, policy: Policy, moment: datetime) -> Iterator[Finding]:
    """Lineages whose newest run tagged too few of its records with confidence."""
    newest = view.recorded(RunStarted, newest_by=("lineage",))
    view.prefetch([started.fact.run for started in newest], BatchTaken)
    for started in newest:
        lineage, run = started.fact.lineage, started.fact.run
        coverage = coverage_of([batch.fact for batch in view.recorded(BatchTaken, run=run)])
        if coverage and coverage.share < policy.intake.min_coverage:
            target = f"(target {policy.intake.min_coverage:.0%})"
            what = f"{lineage}: only {coverage.share:.1%} of {run}'s records carry a confident tag {target}"
            yield Finding(
                kind=FindingKind.COVERAGE_LOW,
                subject=(run,),
                severity=Severity.MEDIUM,
                what=what,
                since=moment,
                row=run,
            )


def _waiting_records(view: LogView) -> Iterator[Finding]:
    if waiting := waiting_now(view):
        what = f"{waiting.records:,} held records wait for a person (`tailguard quarantine list`)"
        since, row = waiting.unbroken_since, waiting.row
        yield Finding(kind=FindingKind.RECORDS_WAIT, severity=Severity.LOW, what=what, since=since, row=row)


def _uncalibrated_detector(view: LogView) -> Iterator[Finding]:
    """A detector that is used since the first run and was never calibrated on the team's own texts."""
    first = view.oldest(RunStarted)
    if first is None or view.recorded(DetectorCalibrated):
        return
    what = (
        "the detector is not calibrated on the team's own texts: its error rates are those on public ones "
        "(`tailguard detector calibrate`)"
    )
    yield Finding.from_row(first, kind=FindingKind.DETECTOR_NOT_CALIBRATED, severity=Severity.LOW, what=what)


def _about_sources(view: LogView, policy: Policy | None) -> Iterator[Finding]:
    for drift in view.recorded(DriftChecked, newest_by=("source",)):
        if drift.fact.drifted:
            what = (
                f"{drift.fact.source} no longer looks like what the detector was calibrated on "
                f"(distance {drift.fact.distance:.2f}, allowed {drift.fact.allowed:.2f}): its verdicts there may be wrong"
            )
            yield Finding.from_row(
                drift,
                kind=FindingKind.SOURCE_DRIFTED,
                subject=(drift.fact.source,),
                severity=Severity.MEDIUM,
                what=what,
            )
    for returned in undeclared_returns(view, LOOP_RECORDS):
        fact = returned.fact
        what = f"{fact.records:,} records of {fact.source} in {fact.run} are our own: {match_label(fact.kind)} of {fact.generation}"
        if returned.times > 1:
            what += f"; {returned.times:,} times so far"
        yield Finding(
            kind=FindingKind.OWN_TEXT_RETURNED,
            subject=(fact.source, lineage_of(fact.generation), fact.kind),
            severity=Severity.HIGH,
            what=what,
            since=returned.recorded,
            row=returned.id,
        )
    if policy and policy.intake.require_sign_off:
        signed = {name for name, contract in contracts(view).items() if contract.signed_by}
        for taken in view.recorded(BatchTaken, newest_by=("source",)):
            source = taken.fact.source
            if source in signed:
                continue
            what = f"{source} has no signed contract, so what it declares is not believed (`tailguard source sign`)"
            since = view.oldest(BatchTaken, source=source) or taken
            yield Finding(
                kind=FindingKind.SOURCE_NOT_SIGNED,
                subject=(source,),
                severity=Severity.MEDIUM,
                what=what,
                since=since.recorded,
                row=source,
            )
