"""Play 2, mixing ratios: training sets and the anchor. The overrides that are open are in `override_findings`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from tailguard.domain.facts import (
    AnchorVerified,
    EarlierHumanKept,
    MixingAudited,
    RatioMeasured,
    RunStarted,
    SliceCoverage,
)
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.plays.lineages import GenerationStatus, LineageStatus
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView
from tailguard.runlog.views.references import anchor_state


def find(context: PlayContext) -> list[Finding]:
    """What training sets and the anchor leave to be asked."""
    return [
        *_about_training_sets(context.view, context.policy, context.lineages),
        *_about_the_anchor(context.view, context.policy, context.moment),
    ]


def _about_training_sets(view: LogView, policy: Policy | None, lineages: Sequence[LineageStatus]) -> list[Finding]:
    """What the newest training set of each lineage leaves to be asked."""
    with_set = ([made for made in lineage.generations if made.snapshot] for lineage in lineages)
    newest = [generations[-1] for generations in with_set if generations]
    view.prefetch([made.run for made in newest], SliceCoverage, EarlierHumanKept, RatioMeasured, RunStarted)
    audited = {audit.fact.run for audit in view.recorded(MixingAudited) if audit.fact.signed}
    return [
        finding
        for made in newest
        for finding in (
            *_narrowed_by_the_filter(view, made.run),
            *_dropped_human_text(view, made.run),
            *_uncertain_ratio(view, made.run),
            *([] if made.run in audited else _not_audited(view, policy, made)),
        )
    ]


def _narrowed_by_the_filter(view: LogView, run: str) -> list[Finding]:
    """Slices of which the filter dropped more rare cells than chance would have."""
    narrowed = [coverage for coverage in view.recorded(SliceCoverage, run=run) if coverage.fact.narrowed]
    return [
        Finding.from_row(
            coverage,
            kind=FindingKind.FILTER_NARROWS,
            subject=(run, coverage.fact.slice, coverage.fact.origin),
            severity=Severity.MEDIUM,
            what=(
                f"the filter, not the model, narrows {run}: of {coverage.fact.before:,} rare cells of slice "
                f"{coverage.fact.slice} ({coverage.fact.origin}) {coverage.fact.after:,} are left; chance would have lost "
                f"{coverage.fact.likely_loss:.0f}"
            ),
        )
        for coverage in narrowed
    ]


def _dropped_human_text(view: LogView, run: str) -> Iterator[Finding]:
    """A set that leaves out more of its parent's human text than was allowed."""
    for kept in view.recorded(EarlierHumanKept, run=run):
        lost = 1 - kept.fact.kept / kept.fact.before if kept.fact.before else 0.0
        if lost > kept.fact.allowed_loss:
            what = f"{run} leaves out {lost:.0%} of the human text that its parent had: replacing it is how collapse begins"
            yield Finding.from_row(
                kept, kind=FindingKind.HUMAN_TEXT_DROPPED, subject=(run,), severity=Severity.HIGH, what=what
            )


def _uncertain_ratio(view: LogView, run: str) -> list[Finding]:
    """Ratios within the ceiling whose upper bound is past it."""
    uncertain = [
        ratio
        for ratio in view.recorded(RatioMeasured, run=run)
        if ratio.fact.ratio <= ratio.fact.ceiling < ratio.fact.high
    ]
    return [
        Finding.from_row(
            ratio,
            kind=FindingKind.RATIO_UNCERTAIN,
            subject=(run, ratio.fact.unit),
            severity=Severity.LOW,
            what=(
                f"{run} has {ratio.fact.ratio:.1%} synthetic {ratio.fact.unit}, but {ratio.fact.high:.1%} if its tags are "
                f"wrong as far as their estimates allow (ceiling {ratio.fact.ceiling:.0%})"
            ),
        )
        for ratio in uncertain
    ]


def _not_audited(view: LogView, policy: Policy | None, made: GenerationStatus) -> Iterator[Finding]:
    """A set that some data lead could audit: one who did not start its run. A team of one has no second role."""
    starters = {start.actor for start in view.recorded(RunStarted, run=made.run)}
    if policy is None or not set(policy.roles.data_lead) - starters:
        return
    yield Finding(
        kind=FindingKind.SET_NOT_AUDITED,
        subject=(made.run,),
        severity=Severity.LOW,
        what=f"no data lead has audited the training set of {made.run} (`tailguard audit {made.run}`)",
        since=made.started,
        row=made.run,
    )


def _about_the_anchor(view: LogView, policy: Policy | None, moment: datetime) -> list[Finding]:
    anchor = anchor_state(view, policy.anchor, moment) if policy else None
    if anchor is None:
        return []
    findings = [
        Finding(
            kind=FindingKind.ANCHOR_THIN,
            subject=shortfall.subject,
            severity=Severity.MEDIUM,
            what=f"the anchor is thin: {shortfall.words}",
            since=anchor.renewed,
            row=anchor.anchor[:12],
        )
        for shortfall in anchor.thin
    ]
    if anchor.stale:
        what = f"the anchor is stale: nothing was added since {anchor.renewed:%Y-%m-%d}"
        findings.append(
            Finding(
                kind=FindingKind.ANCHOR_STALE,
                severity=Severity.MEDIUM,
                what=what,
                since=anchor.renewed,
                row=anchor.anchor[:12],
            )
        )
    checked = view.newest(AnchorVerified)
    if checked and not checked.fact.intact:
        what = "the anchor was found changed: no set that holds it can be trusted (`tailguard anchor verify`)"
        findings.append(Finding.from_row(checked, kind=FindingKind.ANCHOR_CHANGED, severity=Severity.HIGH, what=what))
    return findings
