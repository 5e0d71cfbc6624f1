"""How things stand: per lineage its generations, what is open, what was found. Computed from the log alone.

`tailguard status --json` prints it (format `tailguard-status/1`, see docs/status.md), and the overview page shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from tailguard.domain.facts import (
    AlertSent,
    AnchorVerified,
    Artifact,
    BatchTaken,
    CanaryResult,
    ComparedMeasure,
    Composition,
    DetectorCalibrated,
    DriftChecked,
    EarlierHumanKept,
    Evaluation,
    GateDecision,
    Measurement,
    MeetingEnded,
    MixingAudited,
    OverrideUsed,
    OwnOutputFound,
    PolicyInForce,
    RatioMeasured,
    RunStarted,
    ShippingEvent,
    SliceCoverage,
    StageResult,
    StageStarted,
)
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.overrides import Override
from tailguard.domain.shipping import State
from tailguard.domain.stages import ORDER
from tailguard.domain.tags import Origin
from tailguard.policy import Policy, parse_policy
from tailguard.runlog.anchor import anchor_standing
from tailguard.runlog.queries import (
    Recorded,
    alarms,
    contracts,
    fleet_of,
    frozen_suite,
    only,
    overrides,
    recorded,
    review_decisions,
)
from tailguard.runlog.schema import ENTRY

FORMAT = "tailguard-status/1"
LOOP_RECORDS = 5
"""Records of ours in one batch, not declared model-made, from which they are a finding: a phrase may stand in two texts."""


@dataclass(frozen=True)
class MeasureStatus:
    """A primary measure against one reference; delta, interval and margin are shares of the reference's value."""

    measure: str
    reference_kind: str
    reference: str
    delta: float
    low: float
    high: float
    margin: float
    verdict: str


@dataclass(frozen=True)
class GenerationStatus:
    """One generation, or the run that was to make it. Fields that a run has not reached yet are None."""

    run: str
    number: int
    parent: str | None
    started: datetime
    stage: str | None
    working_on: str | None
    snapshot: str | None
    records: int | None
    ratio_records: float | None
    ratio_tokens: float | None
    ceiling: float | None
    coverage: Interval | None
    outputs: str | None
    measures: tuple[MeasureStatus, ...]
    verdict: str | None
    reason: str | None
    shipping: str
    overrides_used: tuple[str, ...]


@dataclass(frozen=True)
class LineageStatus:
    """A line of generations, oldest first, and one sentence on its newest."""

    name: str
    mode: str
    ceiling: float
    shipped: str | None
    sentence: str
    generations: tuple[GenerationStatus, ...]


@dataclass(frozen=True)
class OverrideStatus:
    """An override as it stands."""

    id: str
    gate: str
    run: str
    state: str
    reason: str
    requested_by: str
    decided_by: str | None
    expires: datetime
    uses: int
    requested: datetime
    lineage: str
    renews: str | None
    orphan: str | None
    void: str | None
    review_by: datetime | None


@dataclass(frozen=True)
class Finding:
    """Something a person should look at: how bad (high, middle, low), what, since when, and the page that explains it."""

    severity: str
    what: str
    since: datetime
    page: str
    row: str


@dataclass(frozen=True)
class Status:
    """Everything, as of a time of the log's own clock."""

    format: str
    as_of: datetime
    clock: str
    team: str
    lineages: tuple[LineageStatus, ...]
    overrides: tuple[OverrideStatus, ...]
    findings: tuple[Finding, ...]


def as_of(connection: Connection, now: datetime) -> tuple[datetime, str]:
    """The time that `now` means for this log: a demo's history ends with its newest row, whatever the wall clock says."""
    newest = connection.execute(
        select(ENTRY.c.recorded, ENTRY.c.clock).order_by(ENTRY.c.recorded.desc()).limit(1)
    ).first()
    if newest is not None and newest.clock != "system":
        return newest.recorded, str(newest.clock)
    return now, "system"


def policy_in_force(connection: Connection) -> Policy | None:
    """The newest policy that the log has seen."""
    found = only(recorded(connection, PolicyInForce))
    return parse_policy(found.fact.text, "the policy in the log") if found else None


def coverage_of(batches: Sequence[BatchTaken]) -> Interval | None:
    """Provenance coverage (M1): share of distinct records that got a confident, non-unknown tag at intake."""
    return wilson(sum(batch.confident for batch in batches), sum(batch.read - batch.duplicates for batch in batches))


def status(connection: Connection, *, now: datetime) -> Status:
    """How things stand at `now` (or at the end of the log, where that runs on a clock of its own)."""
    moment, clock = as_of(connection, now)
    policy = policy_in_force(connection)
    by_run = _facts_by_run(connection)
    generations: dict[str, list[GenerationStatus]] = defaultdict(list)
    for started in recorded(connection, RunStarted):
        generations[started.fact.lineage].append(_generation(started, by_run))
    names = list(policy.lineages) if policy else sorted(generations)
    exceptions = overrides(connection, review_days=policy.overrides.review_days if policy else None)
    lineages = tuple(_lineage(name, policy, generations.get(name, []), by_run.at_work.get(name)) for name in names)
    findings = _findings(connection, moment, policy, lineages, exceptions)
    return Status(
        FORMAT,
        moment,
        clock,
        policy.team if policy else "",
        lineages,
        tuple(_override(one, moment) for one in exceptions),
        tuple(sorted(findings, key=lambda one: (("high", "middle", "low").index(one.severity), one.since))),
    )


@dataclass(frozen=True)
class _ByRun:
    stages: dict[str, list[StageResult]]
    begun: dict[str, list[StageStarted]]
    compositions: dict[str, Composition]
    batches: dict[str, list[BatchTaken]]
    evaluations: dict[str, Evaluation]
    measures: dict[str, list[ComparedMeasure]]
    verdicts: dict[str, GateDecision]
    shipping: dict[str, str]
    used: dict[str, list[str]]
    at_work: dict[str, str | None]


def _facts_by_run(connection: Connection) -> _ByRun:
    found = _ByRun({}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    for result in recorded(connection, StageResult):
        found.stages.setdefault(result.fact.run, []).append(result.fact)
    for begun in recorded(connection, StageStarted):
        found.begun.setdefault(begun.fact.run, []).append(begun.fact)
    for batch in recorded(connection, BatchTaken):
        found.batches.setdefault(batch.fact.run, []).append(batch.fact)
    for compared in recorded(connection, ComparedMeasure):
        found.measures.setdefault(compared.fact.run, []).append(compared.fact)
    for used in recorded(connection, OverrideUsed):
        found.used.setdefault(used.fact.run, []).append(used.fact.override)
    found.compositions.update({one.fact.run: one.fact for one in recorded(connection, Composition)})
    found.evaluations.update({one.fact.run: one.fact for one in recorded(connection, Evaluation)})
    found.verdicts.update({one.fact.run: one.fact for one in recorded(connection, GateDecision, gate="diversity")})
    for lineage in {one.fact.lineage for one in recorded(connection, ShippingEvent)}:
        fleet = fleet_of(connection, lineage)
        found.shipping.update({run: str(state) for run, state in fleet.states.items() if state is not State.CANDIDATE})
        found.at_work[lineage] = fleet.deployed
    return found


def _generation(started: Recorded[RunStarted], facts: _ByRun) -> GenerationStatus:
    run = started.fact.run
    finished = [result.stage for result in facts.stages.get(run, [])]
    begun = [one.stage for one in facts.begun.get(run, []) if one.stage not in finished]
    composition, verdict, shipped = facts.compositions.get(run), facts.verdicts.get(run), facts.shipping.get(run, "")
    evaluation = facts.evaluations.get(run)
    return GenerationStatus(
        run=run,
        number=started.fact.number,
        parent=started.fact.parent,
        started=started.recorded,
        stage=max(finished, key=ORDER.index, default=None),
        working_on=begun[-1] if begun else None,
        snapshot=composition.snapshot if composition else None,
        records=composition.records if composition else None,
        ratio_records=composition.ratio_records if composition else None,
        ratio_tokens=composition.ratio_tokens if composition else None,
        ceiling=composition.ceiling if composition else None,
        coverage=coverage_of(facts.batches.get(run, [])),
        outputs=evaluation.outputs if evaluation else None,
        measures=tuple(
            MeasureStatus(
                one.measure, one.reference_kind, one.reference, one.delta, one.low, one.high, one.margin, one.verdict
            )
            for one in facts.measures.get(run, [])
        ),
        verdict=verdict.verdict if verdict else None,
        reason=verdict.reason if verdict else None,
        shipping=shipped or "waiting" if (verdict and verdict.verdict == "PASS") else "not shipped",
        overrides_used=tuple(facts.used.get(run, ())),
    )


def _lineage(
    name: str, policy: Policy | None, generations: Sequence[GenerationStatus], at_work: str | None
) -> LineageStatus:
    rules = policy.lineages[name] if policy else None
    return LineageStatus(
        name=name,
        mode=rules.mode if rules else "enforce",
        ceiling=rules.ceiling if rules else 0.0,
        shipped=at_work,
        sentence=_sentence(name, rules.mode if rules else "enforce", generations),
        generations=tuple(generations),
    )


def _sentence(name: str, mode: str, generations: Sequence[GenerationStatus]) -> str:
    """Whether the newest generation may ship, and why."""
    if not generations:
        return f"{name} has no generation yet."
    newest = generations[-1]
    if newest.verdict is None:
        stage = newest.working_on or newest.stage or "intake"
        return f"{newest.run} has no verdict yet; it stands at {stage}."
    shipped = " It is shipped." if newest.shipping == "shipped" else ""
    if newest.shipping in (State.FROZEN, State.ROLLED_BACK):
        return f"{newest.run} may not ship: it is {newest.shipping}. Its gate said {newest.verdict}: {newest.reason}."
    if newest.verdict == "PASS":
        return f"{newest.run} may ship: {newest.reason}.{shipped}"
    if newest.overrides_used and newest.shipping == "shipped":
        return f"{newest.run} was shipped under {newest.overrides_used[-1]}: {newest.reason}."
    observed = f"{newest.run} would not ship if {name} were enforced: {newest.reason}.{shipped}"
    return observed if mode == "observe" else f"{newest.run} may not ship: {newest.reason}."


def _override(one: Override, moment: datetime) -> OverrideStatus:
    return OverrideStatus(
        one.id,
        one.gate,
        one.run,
        one.state(moment),
        one.reason,
        one.requested_by,
        one.decided_by,
        one.expires,
        len(one.used),
        one.requested,
        one.lineage,
        one.renews,
        one.orphan,
        one.void,
        one.review_by,
    )


def _findings(
    connection: Connection,
    moment: datetime,
    policy: Policy | None,
    lineages: Sequence[LineageStatus],
    exceptions: Sequence[Override],
) -> list[Finding]:
    return [
        *_about_lineages(lineages),
        *_about_batches(connection, policy, moment),
        *_about_overrides(connection, policy, exceptions, moment),
        *_about_mixing(connection, policy, lineages),
        *_about_the_anchor(connection, policy, moment),
        *_about_the_gate(connection),
        *_about_the_suite(connection, policy, moment),
        *_about_alerts(connection),
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
    return findings + _about_sources(connection, policy)


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


def _about_mixing(connection: Connection, policy: Policy | None, lineages: Sequence[LineageStatus]) -> list[Finding]:
    """What the newest training set of each lineage leaves to be asked."""
    findings = []
    audited = {one.fact.run for one in recorded(connection, MixingAudited) if one.fact.signed}
    for lineage in lineages:
        composed = [one for one in lineage.generations if one.snapshot]
        if not composed:
            continue
        run = composed[-1].run
        for one in recorded(connection, SliceCoverage, run=run, narrowed=True):
            what = (
                f"the filter, not the model, narrows {run}: of {one.fact.before:,} rare cells of slice {one.fact.slice} "
                f"({one.fact.origin}) {one.fact.after:,} are left; chance would have lost {one.fact.likely_loss:.0f}"
            )
            findings.append(Finding("middle", what, one.recorded, "mixing", one.id))
        for kept in recorded(connection, EarlierHumanKept, run=run):
            lost = 1 - kept.fact.kept / kept.fact.before if kept.fact.before else 0.0
            if lost > kept.fact.allowed_loss:
                what = f"{run} leaves out {lost:.0%} of the human text that its parent had: replacing it is how collapse begins"
                findings.append(Finding("high", what, kept.recorded, "mixing", kept.id))
        for one_ratio in recorded(connection, RatioMeasured, run=run):
            fact = one_ratio.fact
            if fact.ratio <= fact.ceiling < fact.high:
                what = (
                    f"{run} has {fact.ratio:.1%} synthetic {fact.unit}, but {fact.high:.1%} if its tags are wrong as far as "
                    f"their estimates allow (ceiling {fact.ceiling:.0%})"
                )
                findings.append(Finding("low", what, one_ratio.recorded, "mixing", one_ratio.id))
        starters = {one.actor for one in recorded(connection, RunStarted, run=run)}
        if policy and set(policy.roles.data_lead) - starters and run not in audited:  # a team of one has no second role
            what = f"no data lead has audited the training set of {run} (`tailguard audit {run}`)"
            findings.append(Finding("low", what, composed[-1].started, "mixing", run))
    return findings


def _about_the_anchor(connection: Connection, policy: Policy | None, moment: datetime) -> list[Finding]:
    found = anchor_standing(connection, policy.anchor, moment) if policy else None
    if found is None:
        return []
    findings = [
        Finding("middle", f"the anchor is thin: {one}", found.renewed, "mixing", found.anchor[:12])
        for one in found.thin
    ]
    if found.stale:
        what = f"the anchor is stale: nothing was added since {found.renewed:%Y-%m-%d}"
        findings.append(Finding("middle", what, found.renewed, "mixing", found.anchor[:12]))
    checked = only(recorded(connection, AnchorVerified))
    if checked and not checked.fact.intact:
        what = "the anchor was found changed: no set that holds it can be trusted (`tailguard anchor verify`)"
        findings.append(Finding("high", what, checked.recorded, "mixing", checked.id))
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
        what = f"{len(current)} open override(s) wait for the monthly meeting, due since {begun + days:%Y-%m-%d}"
        findings.append(Finding("middle", what, begun + days, "overrides", current[0].id))
    for one in exceptions:
        state = one.state(moment)
        if state == "void":
            what = f"{one.id} for {one.run} is void: {one.void}. It opens nothing"
            findings.append(Finding("high", what, one.requested, "overrides", one.id))
        if state == "open" and one.orphan:
            what = f"{one.id} matches nothing any more ({one.run}: {one.orphan}). Close it"
            findings.append(Finding("low", what, one.requested, "overrides", one.id))
        if state == "requested":
            what = f"{one.id} for {one.run} waits for a decision"
            findings.append(Finding("middle", what, one.requested, "overrides", one.id))
        if state == "open" and one.expires - moment < timedelta(days=7):
            what = f"{one.id} for {one.run} expires on {one.expires:%Y-%m-%d}"
            findings.append(Finding("low", what, one.requested, "overrides", one.id))
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


def rows_in_log(connection: Connection) -> int:
    """How many entries the log holds."""
    return int(connection.execute(select(func.count()).select_from(ENTRY)).scalar_one())
