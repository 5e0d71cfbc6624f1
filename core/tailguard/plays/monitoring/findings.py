"""Play 4, diversity monitoring: lineages against their gates, the gate's sensitivity, the suite, alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import AlertSent, Measurement, ShippingEvent
from tailguard.domain.gates import Mode
from tailguard.domain.measures import Measure
from tailguard.domain.runs import lineage_of
from tailguard.domain.shipping import ReleaseHistory, State
from tailguard.domain.verdict import SHIPS
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.plays.lineages import LineageStatus
from tailguard.plays.monitoring.gates import SHOWN_DAMAGE
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView
from tailguard.runlog.views.alarms import Sensitivity, alarms, never_blocked, sensitivity
from tailguard.runlog.views.references import frozen_suite
from tailguard.runlog.views.releases import release_history_of
from tailguard.runlog.views.runs import NotPassed, not_passed


def find(context: PlayContext) -> list[Finding]:
    """What candidates, the gate itself, the suite and alerts leave to be asked."""
    return [
        *_about_lineages(context.view, context.lineages),
        *_about_the_gate(context.view),
        *_overdue_sign_offs(context),
        *_about_the_suite(context.view, context.policy, context.moment),
        *_about_alerts(context.view),
    ]


def _about_lineages(view: LogView, lineages: Sequence[LineageStatus]) -> list[Finding]:
    """Candidates that were stopped, and what is in production that should not be."""
    findings = []
    failed = not_passed(view, [lineage.name for lineage in lineages if lineage.mode == Mode.OBSERVE])
    for lineage in lineages:
        releases = release_history_of(view, lineage.name)
        findings += _stopped_candidate(lineage)
        findings += _refused_training(lineage)
        findings += _frozen_in_production(view, lineage.name, releases)
        if lineage.mode == Mode.OBSERVE:
            findings += _shipped_without_passing(lineage.name, failed, releases)
    return findings


def _stopped_candidate(lineage: LineageStatus) -> list[Finding]:
    """The newest generation, where an enforcing gate did not pass it."""
    newest = lineage.generations[-1] if lineage.generations else None
    if newest is None or lineage.mode != Mode.ENFORCE or newest.verdict in (None, *SHIPS):
        return []
    return [
        Finding(
            kind=FindingKind.CANDIDATE_STOPPED,
            subject=(newest.run,),
            severity=Severity.HIGH,
            what=lineage.sentence,
            since=newest.started,
            row=newest.run,
        )
    ]


def _refused_training(lineage: LineageStatus) -> Iterator[Finding]:
    """The newest generation, where it was held before the gate could judge it."""
    newest = lineage.generations[-1] if lineage.generations else None
    if newest is None or not lineage.held or newest.verdict is not None:
        return
    yield Finding(
        kind=FindingKind.TRAINING_REFUSED,
        subject=(newest.run,),
        severity=Severity.HIGH,
        what=lineage.sentence,
        since=newest.started,
        row=newest.run,
    )


def _frozen_in_production(view: LogView, lineage: str, releases: ReleaseHistory) -> Iterator[Finding]:
    """The generation in production, where it was frozen and not rolled back."""
    deployed = releases.deployed
    frozen = view.newest(ShippingEvent, run=deployed, action="frozen") if deployed else None
    if not deployed or not frozen or releases.state(deployed) is not State.FROZEN:
        return
    yield Finding(
        kind=FindingKind.FROZEN_IN_PRODUCTION,
        subject=(deployed,),
        severity=Severity.HIGH,
        what=f"{deployed} is frozen and still in production (`tailguard rollback {lineage}`)",
        since=frozen.recorded,
        row=deployed,
    )


def _shipped_without_passing(lineage: str, failed: Sequence[NotPassed], releases: ReleaseHistory) -> Iterator[Finding]:
    """Generations of a lineage that only observes which were shipped though they did not pass. `failed` is oldest first."""
    shipped = [run for run in failed if run.lineage == lineage and releases.state(run.run) is State.SHIPPED]
    if not shipped:
        return
    what = (
        f"{lineage} only observes: {counted(len(shipped), 'generation was', 'generations were')} "
        "shipped that its gate would have stopped"
    )
    yield Finding(
        kind=FindingKind.STOPPED_YET_SHIPPED,
        subject=(lineage,),
        severity=Severity.HIGH,
        what=what,
        since=shipped[0].when,
        row=shipped[0].run,
    )


_ALARMS = {
    AlarmKind.STREAM: FindingKind.STREAM_LOST_DIVERSITY,
    AlarmKind.SELF_TEST: FindingKind.SELF_TEST_FAILED,
}
"""Of a candidate that lost diversity the lineage's own finding tells."""
LESS_SENSITIVE = 2.0
"""A gate has become less sensitive when the smallest planted loss that it blocked is so many times what it used to be."""
_FEWEST_BEFORE = 3


def _about_the_gate(view: LogView) -> list[Finding]:
    findings = [
        Finding(
            kind=_ALARMS[alarm.kind],
            subject=alarm.about,
            severity=Severity.HIGH,
            what=alarm.what,
            since=alarm.since,
            row=alarm.source,
        )
        for alarm in alarms(view)
        if alarm.kind in _ALARMS
    ]
    lineages: dict[str, list[Sensitivity]] = defaultdict(list)
    for test in sensitivity(view, SHOWN_DAMAGE):
        lineages[lineage_of(test.run)].append(test)
    for lineage, tests in lineages.items():
        earlier = sorted(test.smallest for test in tests[:-1] if test.smallest is not None)
        last, now = tests[-1], tests[-1].smallest
        if len(earlier) < _FEWEST_BEFORE:
            continue
        usual = earlier[len(earlier) // 2]
        if now is None or now > LESS_SENSITIVE * usual:
            blocked = f"only a planted loss of {now:.1%}" if now is not None else "no planted loss"
            what = f"the gate is less sensitive: in {last.run} it blocked {blocked}; usually it blocks {usual:.1%}"
            findings.append(
                Finding(
                    kind=FindingKind.GATE_LESS_SENSITIVE,
                    subject=(lineage,),
                    severity=Severity.MEDIUM,
                    what=what,
                    since=last.when,
                    row=last.row,
                )
            )
    if untested := never_blocked(view):
        what = (
            f"{counted(untested.candidates, 'candidate was', 'candidates were')} judged, none blocked, with no "
            "planted damage to show that one would be"
        )
        findings.append(
            Finding(
                kind=FindingKind.GATE_NEVER_BLOCKED,
                severity=Severity.MEDIUM,
                what=what,
                since=untested.since,
                row=untested.first,
            )
        )
    return findings


def _overdue_sign_offs(context: PlayContext) -> list[Finding]:
    """Verdicts that have waited for the quality owner longer than the policy gives."""
    if context.policy is None:
        return []
    days = context.policy.cadence.sign_off
    return [
        Finding(
            kind=FindingKind.SIGN_OFF_OVERDUE,
            subject=(pending.run,),
            severity=Severity.MEDIUM,
            what=f"{pending.run} has waited for sign-off since {pending.since:%Y-%m-%d}; {context.policy.quality_owner} has "
            f"{counted(days, 'day')} to decide (`tailguard sign-off list`)",
            since=pending.since + timedelta(days=days),
            row=pending.row,
        )
        for lineage in context.lineages
        for pending in lineage.pending_sign_offs
        if context.moment - pending.since > timedelta(days=days)
    ]


SATURATED = 0.98
"""From this share of right answers to checked tail prompts on, a suite cannot tell better models apart."""


def _about_the_suite(view: LogView, policy: Policy | None, moment: datetime) -> Iterator[Finding]:
    suite = frozen_suite(view)
    if suite and policy and moment - suite.recorded > timedelta(days=policy.suite.max_age_days):
        what = f"the suite {suite.fact.name} is old: it was frozen on {suite.recorded:%Y-%m-%d}"
        yield Finding.from_row(
            suite, kind=FindingKind.SUITE_OLD, subject=(suite.fact.suite,), severity=Severity.LOW, what=what
        )
    right = view.newest(Measurement, measure=Measure.TAIL_ACCURACY)
    if right and right.fact.value >= SATURATED:
        what = f"the suite is saturated: {right.fact.run} gets {right.fact.value:.1%} of its checked tail answers right"
        yield Finding.from_row(right, kind=FindingKind.SUITE_SATURATED, severity=Severity.LOW, what=what)


def _about_alerts(view: LogView) -> Iterator[Finding]:
    """Alerts that a channel did not take, and has not taken since."""
    sent = view.recorded(AlertSent, newest_by=("alert", "channel"))
    failed = [row for row in sent if not row.fact.delivered]
    if not failed:
        return
    last = failed[-1]
    what = f"{counted(len(failed), 'alert')} could not be delivered; {last.fact.alert} to {last.fact.channel}: {last.fact.problem}"
    yield Finding.from_row(last, kind=FindingKind.ALERT_UNDELIVERED, severity=Severity.MEDIUM, what=what)
