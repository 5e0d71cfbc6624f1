"""What a run departed in from the plan, why, and who repeated it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import (
    DeviationNoted,
    ExitCriterion,
    OverrideRequested,
    OverrideUsed,
    PolicyInForce,
    Reproduced,
    RunbookRevised,
    RunStarted,
)
from tailguard.domain.runs import lineage_of, number_of
from tailguard.domain.stages import waiver_label
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.runlog.view import LogView, latest


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One departure from the plan, its reason (empty where nobody gave one), and who answers for it. `about` names it among those
    of its run: an override, or the row of the log that shows it."""

    what: str
    why: str
    by: str
    about: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """Somebody other than its author replayed a run: who, when, whether it came out the same, and what differed."""

    by: str
    when: datetime
    identical: bool
    compared: int
    differences: tuple[str, ...]


def deviations(view: LogView, run: str) -> list[Deviation]:
    """Overrides used, criteria that did not hold, a policy that changed since the run before, and what people noted."""
    asked = {row.fact.override: row for row in view.recorded(OverrideRequested)}
    noted = view.recorded(DeviationNoted, run=run)
    explanation = "; ".join(row.fact.why for row in noted)
    departures = []
    for used in {row.fact.override: row for row in view.recorded(OverrideUsed, run=run)}.values():
        request = asked.get(used.fact.override)
        why = request.fact.reason if request else explanation
        departures.append(
            Deviation(
                what=f"{used.fact.override} opened the {used.fact.gate} gate",
                why=why,
                by=request.actor if request else "",
                about=("override", used.fact.override),
            )
        )
    for row in view.recorded(ExitCriterion, run=run):
        fact = row.fact
        if fact.met:
            continue
        why = (
            f"waived by {waiver_label(fact.waived_by)}"
            if fact.waived_by
            else explanation or "the run stopped there, as it has to"
        )
        departures.append(
            Deviation(
                what=f"{fact.stage}: {fact.name.label} was {fact.observed}, required {fact.required}",
                why=why,
                by=row.actor,
                about=("criterion", row.id),
            )
        )
    if change := _policy_change(view, run):
        departures.append(Deviation(what=change[0], why=change[1] or explanation, by=change[2], about=("policy",)))
    return [
        *departures,
        *(Deviation(what=row.fact.what, why=row.fact.why, by=row.actor, about=("noted", row.id)) for row in noted),
    ]


def _policy_change(view: LogView, run: str) -> tuple[str, str, str] | None:
    """Whether a run was made under another policy than the one before it in its lineage; why, as the runbook's revision tells."""
    this = latest(view.recorded(RunStarted, run=run))
    last = view.newest(RunStarted, lineage=lineage_of(run), number=number_of(run) - 1)
    if this is None or last is None or this.fact.policy == last.fact.policy:
        return None
    policy = view.newest(PolicyInForce, digest=this.fact.policy)
    before, now = last.recorded, this.recorded
    revision = [row for row in view.recorded(RunbookRevised) if before <= row.recorded <= now]
    why = revision[-1].fact.note if revision else ""
    what = f"the policy has changed since {last.fact.run}"
    return what, why, revision[-1].actor if revision else policy.actor if policy else ""


def repetitions(view: LogView, run: str) -> list[Repetition]:
    """Who repeated a run. Its author does not count."""
    authors = {row.actor for row in view.recorded(RunStarted, run=run)}
    return [
        Repetition(
            by=row.actor,
            when=row.recorded,
            identical=row.fact.identical,
            compared=row.fact.compared,
            differences=tuple(row.fact.differences.splitlines()),
        )
        for row in view.recorded(Reproduced, run=run)
        if row.actor not in authors
    ]


def find(context: PlayContext) -> list[Finding]:
    """Deviations of each lineage's newest run that nobody explained, and repetitions of it that came out otherwise."""
    runs = [lineage.generations[-1].run for lineage in context.lineages if lineage.generations]
    context.view.prefetch(runs, RunStarted, DeviationNoted, OverrideUsed, ExitCriterion, Reproduced)
    findings = []
    for lineage in context.lineages:
        if not lineage.generations:
            continue
        run = lineage.generations[-1].run
        for deviation in deviations(context.view, run):
            if not deviation.why:
                what = f"{run} deviates without a reason: {deviation.what} (`tailguard deviation {run}`)"
                findings.append(
                    Finding(
                        kind=FindingKind.DEVIATION_UNEXPLAINED,
                        subject=(run, *deviation.about),
                        severity=Severity.LOW,
                        what=what,
                        since=lineage.generations[-1].started,
                        row=run,
                    )
                )
        last = latest(context.view.recorded(Reproduced, run=run))
        if last and not last.fact.identical:
            first = last.fact.differences.splitlines()[0]
            what = f"{last.actor} could not repeat {run}: {first}"
            findings.append(
                Finding.from_row(
                    last, kind=FindingKind.NOT_REPRODUCED, subject=(run,), severity=Severity.MEDIUM, what=what
                )
            )
    return findings
