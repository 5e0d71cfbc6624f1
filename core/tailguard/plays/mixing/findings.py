"""Play 2, mixing ratios: training sets, the anchor, and the exceptions that are open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import (
    AnchorVerified,
    EarlierHumanKept,
    MeetingEnded,
    MixingAudited,
    RatioMeasured,
    RunStarted,
    SliceCoverage,
)
from tailguard.domain.overrides import Override
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.plays.lineages import LineageStatus
from tailguard.policy.model import Policy
from tailguard.runlog.anchor import anchor_standing
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import foresee, newest, recorded


def find(scene: Scene) -> list[Finding]:
    """What training sets, the anchor and open exceptions leave to be asked."""
    return [
        *_about_overrides(scene.connection, scene.policy, scene.exceptions, scene.moment),
        *_about_mixing(scene.connection, scene.policy, scene.lineages),
        *_about_the_anchor(scene.connection, scene.policy, scene.moment),
    ]


def _about_mixing(connection: Connection, policy: Policy | None, lineages: Sequence[LineageStatus]) -> list[Finding]:
    """What the newest training set of each lineage leaves to be asked."""
    findings = []
    sets = ([one for one in lineage.generations if one.snapshot] for lineage in lineages)
    composed = [found[-1] for found in sets if found]
    foresee(connection, [one.run for one in composed], SliceCoverage, EarlierHumanKept, RatioMeasured, RunStarted)
    audited = {one.fact.run for one in recorded(connection, MixingAudited) if one.fact.signed}
    for made in composed:
        run = made.run
        for one in recorded(connection, SliceCoverage, run=run):
            if not one.fact.narrowed:
                continue
            what = (
                f"the filter, not the model, narrows {run}: of {one.fact.before:,} rare cells of slice {one.fact.slice} "
                f"({one.fact.origin}) {one.fact.after:,} are left; chance would have lost {one.fact.likely_loss:.0f}"
            )
            findings.append(
                Finding(
                    kind=FindingKind.FILTER_NARROWS,
                    subject=(run, one.fact.slice, one.fact.origin),
                    severity="middle",
                    what=what,
                    since=one.recorded,
                    row=one.id,
                )
            )
        for kept in recorded(connection, EarlierHumanKept, run=run):
            lost = 1 - kept.fact.kept / kept.fact.before if kept.fact.before else 0.0
            if lost > kept.fact.allowed_loss:
                what = f"{run} leaves out {lost:.0%} of the human text that its parent had: replacing it is how collapse begins"
                findings.append(
                    Finding(
                        kind=FindingKind.HUMAN_TEXT_DROPPED,
                        subject=(run,),
                        severity="high",
                        what=what,
                        since=kept.recorded,
                        row=kept.id,
                    )
                )
        for one_ratio in recorded(connection, RatioMeasured, run=run):
            fact = one_ratio.fact
            if fact.ratio <= fact.ceiling < fact.high:
                what = (
                    f"{run} has {fact.ratio:.1%} synthetic {fact.unit}, but {fact.high:.1%} if its tags are wrong as far as "
                    f"their estimates allow (ceiling {fact.ceiling:.0%})"
                )
                findings.append(
                    Finding(
                        kind=FindingKind.RATIO_UNCERTAIN,
                        subject=(run, fact.unit),
                        severity="low",
                        what=what,
                        since=one_ratio.recorded,
                        row=one_ratio.id,
                    )
                )
        starters = {one.actor for one in recorded(connection, RunStarted, run=run)}
        if policy and set(policy.roles.data_lead) - starters and run not in audited:  # a team of one has no second role
            what = f"no data lead has audited the training set of {run} (`tailguard audit {run}`)"
            findings.append(
                Finding(
                    kind=FindingKind.SET_NOT_AUDITED,
                    subject=(run,),
                    severity="low",
                    what=what,
                    since=made.started,
                    row=run,
                )
            )
    return findings


def _about_the_anchor(connection: Connection, policy: Policy | None, moment: datetime) -> list[Finding]:
    found = anchor_standing(connection, policy.anchor, moment) if policy else None
    if found is None:
        return []
    findings = [
        Finding(
            kind=FindingKind.ANCHOR_THIN,
            subject=one.subject,
            severity="middle",
            what=f"the anchor is thin: {one.words}",
            since=found.renewed,
            row=found.anchor[:12],
        )
        for one in found.thin
    ]
    if found.stale:
        what = f"the anchor is stale: nothing was added since {found.renewed:%Y-%m-%d}"
        findings.append(
            Finding(
                kind=FindingKind.ANCHOR_STALE, severity="middle", what=what, since=found.renewed, row=found.anchor[:12]
            )
        )
    checked = newest(connection, AnchorVerified)
    if checked and not checked.fact.intact:
        what = "the anchor was found changed: no set that holds it can be trusted (`tailguard anchor verify`)"
        findings.append(
            Finding(kind=FindingKind.ANCHOR_CHANGED, severity="high", what=what, since=checked.recorded, row=checked.id)
        )
    return findings


def _about_overrides(
    connection: Connection, policy: Policy | None, exceptions: Sequence[Override], moment: datetime
) -> list[Finding]:
    findings = []
    current = [one for one in exceptions if one.state(moment) == "open"]
    meetings = recorded(connection, MeetingEnded)
    days = timedelta(days=policy.overrides.review_days if policy else 31)
    begun = max([one.recorded for one in meetings[-1:]] + [min((one.requested for one in current), default=moment)])
    if current and moment - begun > days:
        what = (
            f"{counted(len(current), 'open override waits', 'open overrides wait')} for the monthly meeting, due "
            f"since {begun + days:%Y-%m-%d}"
        )
        findings.append(
            Finding(
                kind=FindingKind.MEETING_OVERDUE, severity="middle", what=what, since=begun + days, row=current[0].id
            )
        )
    for one in exceptions:
        state = one.state(moment)
        if state == "void":
            what = f"{one.id} for {one.run} is void: {one.void}. It opens nothing"
            findings.append(
                Finding(
                    kind=FindingKind.OVERRIDE_VOID,
                    subject=(one.id,),
                    severity="high",
                    what=what,
                    since=one.requested,
                    row=one.id,
                )
            )
        if state == "open" and one.orphan:
            what = f"{one.id} matches nothing any more ({one.run}: {one.orphan}). Close it"
            findings.append(
                Finding(
                    kind=FindingKind.OVERRIDE_ORPHANED,
                    subject=(one.id,),
                    severity="low",
                    what=what,
                    since=one.requested,
                    row=one.id,
                )
            )
        if state == "requested":
            what = f"{one.id} for {one.run} waits for a decision"
            findings.append(
                Finding(
                    kind=FindingKind.OVERRIDE_REQUESTED,
                    subject=(one.id,),
                    severity="middle",
                    what=what,
                    since=one.requested,
                    row=one.id,
                )
            )
        if state == "open" and one.expires - moment < timedelta(days=7):
            what = f"{one.id} for {one.run} expires on {one.expires:%Y-%m-%d}"
            findings.append(
                Finding(
                    kind=FindingKind.OVERRIDE_EXPIRES,
                    subject=(one.id,),
                    severity="low",
                    what=what,
                    since=one.requested,
                    row=one.id,
                )
            )
    return findings
