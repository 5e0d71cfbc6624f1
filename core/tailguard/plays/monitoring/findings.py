"""Play 4, diversity monitoring: lineages against their gates, the gate's teeth, the suite, alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import AlertSent, Measurement, ShippingEvent
from tailguard.domain.shipping import State
from tailguard.domain.wording import counted
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.plays.lineages import LineageStatus
from tailguard.policy.model import Policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.history import Teeth, never_blocked, not_passed, teeth
from tailguard.runlog.queries import AlarmKind, alarms, fleet_of, frozen_suite, newest, recorded


def find(scene: Scene) -> list[Finding]:
    """What candidates, the gate itself, the suite and alerts leave to be asked."""
    return [
        *_about_lineages(scene.connection, scene.lineages),
        *_about_the_gate(scene.connection),
        *_about_the_suite(scene.connection, scene.policy, scene.moment),
        *_about_alerts(scene.connection),
    ]


def _about_lineages(connection: Connection, lineages: Sequence[LineageStatus]) -> list[Finding]:
    findings = []
    passed_by = not_passed(connection, [one.name for one in lineages if one.mode == "observe"])
    for lineage in lineages:
        last = lineage.generations[-1] if lineage.generations else None
        if last and lineage.mode == "enforce" and last.verdict not in (None, "PASS"):
            findings.append(
                Finding(
                    kind=FindingKind.CANDIDATE_STOPPED,
                    subject=(last.run,),
                    severity="high",
                    what=lineage.sentence,
                    since=last.started,
                    row=last.run,
                )
            )
        if last and lineage.held and last.verdict is None:
            findings.append(
                Finding(
                    kind=FindingKind.TRAINING_REFUSED,
                    subject=(last.run,),
                    severity="high",
                    what=lineage.sentence,
                    since=last.started,
                    row=last.run,
                )
            )
        fleet = fleet_of(connection, lineage.name)
        frozen = newest(connection, ShippingEvent, run=fleet.deployed, action="frozen") if fleet.deployed else None
        if fleet.deployed and frozen and fleet.state(fleet.deployed) is State.FROZEN:
            what = f"{fleet.deployed} is frozen and still at work (`tailguard rollback {lineage.name}`)"
            findings.append(
                Finding(
                    kind=FindingKind.FROZEN_IN_PRODUCTION,
                    subject=(fleet.deployed,),
                    severity="high",
                    what=what,
                    since=frozen.recorded,
                    row=fleet.deployed,
                )
            )
        if lineage.mode == "observe":
            stopped = [
                one for one in passed_by if one.lineage == lineage.name and fleet.state(one.run) is State.SHIPPED
            ]
            if stopped:
                what = (
                    f"{lineage.name} only observes: {counted(len(stopped), 'generation was', 'generations were')} "
                    "shipped that its gate would have stopped"
                )
                findings.append(
                    Finding(
                        kind=FindingKind.STOPPED_YET_SHIPPED,
                        subject=(lineage.name,),
                        severity="high",
                        what=what,
                        since=stopped[0].when,
                        row=stopped[0].run,
                    )
                )
    return findings


_ALARMS = {
    AlarmKind.STREAM: FindingKind.STREAM_LOST_DIVERSITY,
    AlarmKind.SELF_TEST: FindingKind.SELF_TEST_FAILED,
}
"""Of a candidate that lost diversity the lineage's own finding tells."""
BLUNT = 2.0
"""A gate is blunt when the smallest planted loss that it blocked is so many times what it used to be."""
_FEWEST_BEFORE = 3


def _about_the_gate(connection: Connection) -> list[Finding]:
    findings = [
        Finding(
            kind=_ALARMS[one.kind], subject=one.about, severity="high", what=one.what, since=one.since, row=one.source
        )
        for one in alarms(connection)
        if one.kind in _ALARMS
    ]
    lineages: dict[str, list[Teeth]] = defaultdict(list)
    for one in teeth(connection):
        lineages[one.run.rpartition("/")[0]].append(one)
    for lineage, tests in lineages.items():
        earlier = sorted(one.smallest for one in tests[:-1] if one.smallest is not None)
        last, now = tests[-1], tests[-1].smallest
        if len(earlier) >= _FEWEST_BEFORE and (now is None or now > BLUNT * earlier[len(earlier) // 2]):
            told = f"only a planted loss of {now:.1%}" if now is not None else "no planted loss"
            what = f"the gate goes blunt: in {last.run} it blocked {told}; usually it blocks {earlier[len(earlier) // 2]:.1%}"
            findings.append(
                Finding(
                    kind=FindingKind.GATE_BLUNT,
                    subject=(lineage,),
                    severity="middle",
                    what=what,
                    since=last.when,
                    row=last.row,
                )
            )
    if untested := never_blocked(connection):
        what = (
            f"{counted(untested.candidates, 'candidate was', 'candidates were')} judged, none blocked, with no "
            "planted collapse to show that one would be"
        )
        findings.append(
            Finding(
                kind=FindingKind.GATE_NEVER_BLOCKED,
                severity="middle",
                what=what,
                since=untested.since,
                row=untested.first,
            )
        )
    return findings


SATURATED = 0.98
"""From this share of right answers to checked tail prompts on, a suite cannot tell better models apart."""


def _about_the_suite(connection: Connection, policy: Policy | None, moment: datetime) -> list[Finding]:
    findings = []
    suite = frozen_suite(connection)
    if suite and policy and moment - suite.recorded > timedelta(days=policy.suite.max_age_days):
        what = f"the suite {suite.fact.name} is old: it was frozen on {suite.recorded:%Y-%m-%d}"
        findings.append(
            Finding(
                kind=FindingKind.SUITE_OLD,
                subject=(suite.fact.suite,),
                severity="low",
                what=what,
                since=suite.recorded,
                row=suite.id,
            )
        )
    right = newest(connection, Measurement, measure="tail accuracy")
    if right and right.fact.value >= SATURATED:
        what = f"the suite is saturated: {right.fact.run} gets {right.fact.value:.1%} of its checked tail answers right"
        findings.append(
            Finding(kind=FindingKind.SUITE_SATURATED, severity="low", what=what, since=right.recorded, row=right.id)
        )
    return findings


def _about_alerts(connection: Connection) -> list[Finding]:
    """Alerts that a channel did not take, and has not taken since."""
    sent = recorded(connection, AlertSent, newest_by=("alert", "channel"))
    failed = [one for one in sent if not one.fact.delivered]
    if not failed:
        return []
    last = failed[-1]
    what = f"{counted(len(failed), 'alert')} could not be delivered; {last.fact.alert} to {last.fact.channel}: {last.fact.problem}"
    return [Finding(kind=FindingKind.ALERT_UNDELIVERED, severity="middle", what=what, since=last.recorded, row=last.id)]
