"""Play 4, diversity monitoring: lineages against their gates, the gate's teeth, the suite, alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from tailguard.domain.facts import AlertSent, CanaryResult, GateDecision, Measurement
from tailguard.domain.shipping import State
from tailguard.plays.finding import Finding, Scene
from tailguard.plays.lineages import LineageStatus
from tailguard.policy import Policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, alarms, frozen_suite, only, recorded


def find(scene: Scene) -> list[Finding]:
    """What candidates, the gate itself, the suite and alerts leave to be asked."""
    return [
        *_about_lineages(scene.lineages),
        *_about_the_gate(scene.connection),
        *_about_the_suite(scene.connection, scene.policy, scene.moment),
        *_about_alerts(scene.connection),
    ]


def _about_lineages(lineages: Sequence[LineageStatus]) -> list[Finding]:
    findings = []
    for lineage in lineages:
        if lineage.generations and lineage.mode == "enforce" and lineage.generations[-1].verdict not in (None, "PASS"):
            newest = lineage.generations[-1]
            findings.append(Finding("high", lineage.sentence, newest.started, "gates", newest.run))
        for one in lineage.generations:
            if one.shipping == State.FROZEN and one.run == lineage.shipped:
                what = f"{one.run} is frozen and still at work (`tailguard rollback {lineage.name}`)"
                findings.append(Finding("high", what, one.started, "gates", one.run))
        stopped = [
            one for one in lineage.generations if one.verdict not in (None, "PASS") and one.shipping == "shipped"
        ]
        if lineage.mode == "observe" and stopped:
            what = f"{lineage.name} only observes: {len(stopped)} generation(s) were shipped that its gate would have stopped"
            findings.append(Finding("high", what, stopped[0].started, "gates", stopped[0].run))
    return findings


BLUNT = 2.0
"""A gate is blunt when the smallest planted loss that it blocked is so many times what it used to be."""
_FEWEST_BEFORE = 3


def _about_the_gate(connection: Connection) -> list[Finding]:
    findings = [
        Finding("high", one.what, one.since, "diversity" if "stream" in one.kind else "gates", one.source)
        for one in alarms(connection)
        if one.kind != "a candidate lost diversity"  # the lineage's own finding says so
    ]
    smallest: dict[str, float | None] = {}
    rows: dict[str, Recorded[CanaryResult]] = {}
    for one in recorded(connection, CanaryResult, kind="planted"):
        before = smallest.setdefault(one.fact.run, None)
        rows[one.fact.run] = one
        if one.fact.verdict == "BLOCK":
            smallest[one.fact.run] = one.fact.loss if before is None else min(before, one.fact.loss)
    lineages: dict[str, list[str]] = defaultdict(list)
    for run in smallest:
        lineages[run.rpartition("/")[0]].append(run)
    for runs in lineages.values():
        earlier = sorted(found for run in runs[:-1] if (found := smallest[run]) is not None)
        now = smallest[runs[-1]]
        if len(earlier) >= _FEWEST_BEFORE and (now is None or now > BLUNT * earlier[len(earlier) // 2]):
            told = f"only a planted loss of {now:.1%}" if now is not None else "no planted loss"
            what = f"the gate goes blunt: in {runs[-1]} it blocked {told}; usually it blocks {earlier[len(earlier) // 2]:.1%}"
            findings.append(Finding("middle", what, rows[runs[-1]].recorded, "gates", rows[runs[-1]].id))
    decisions = recorded(connection, GateDecision, gate="diversity")
    toothless = [one for one in decisions if one.fact.run not in smallest]
    if toothless and not any(one.fact.verdict == "BLOCK" for one in decisions):
        what = f"{len(toothless)} candidate(s) were judged and none blocked, with no planted collapse to show that one would be"
        findings.append(Finding("middle", what, toothless[0].recorded, "gates", toothless[0].id))
    return findings


SATURATED = 0.98
"""From this share of right answers to checked tail prompts on, a suite cannot tell better models apart."""


def _about_the_suite(connection: Connection, policy: Policy | None, moment: datetime) -> list[Finding]:
    findings = []
    suite = frozen_suite(connection)
    if suite and policy and moment - suite.recorded > timedelta(days=policy.suite.max_age_days):
        what = f"the suite {suite.fact.name} is old: it was frozen on {suite.recorded:%Y-%m-%d}"
        findings.append(Finding("low", what, suite.recorded, "diversity", suite.id))
    right = only(recorded(connection, Measurement, measure="tail accuracy"))
    if right and right.fact.value >= SATURATED:
        what = f"the suite is saturated: {right.fact.run} gets {right.fact.value:.1%} of its checked tail answers right"
        findings.append(Finding("low", what, right.recorded, "diversity", right.id))
    return findings


def _about_alerts(connection: Connection) -> list[Finding]:
    """Alerts that a channel did not take, and has not taken since."""
    newest: dict[tuple[str, str], Recorded[AlertSent]] = {}
    for one in recorded(connection, AlertSent):
        newest[one.fact.alert, one.fact.channel] = one
    failed = [one for one in newest.values() if not one.fact.delivered]
    if not failed:
        return []
    last = failed[-1]
    what = (
        f"{len(failed)} alert(s) could not be delivered; {last.fact.alert} to {last.fact.channel}: {last.fact.problem}"
    )
    return [Finding("middle", what, last.recorded, "gates", last.id)]
