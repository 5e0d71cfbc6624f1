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
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import foresee, newest, only, recorded


@dataclass(frozen=True)
class Deviation:
    """One departure from the plan, its reason (empty where nobody gave one), and who answers for it. `about` names it among those
    of its run: an override, or the row of the log that shows it."""

    what: str
    why: str
    by: str
    about: tuple[str, ...]


@dataclass(frozen=True)
class Repetition:
    """Somebody other than its author replayed a run: who, when, whether it came out the same, and what differed."""

    by: str
    when: datetime
    identical: bool
    compared: int
    differences: tuple[str, ...]


def deviations(connection: Connection, run: str) -> list[Deviation]:
    """Overrides used, criteria that did not hold, a policy that changed since the run before, and what people noted."""
    asked = {one.fact.override: one for one in recorded(connection, OverrideRequested)}
    noted = recorded(connection, DeviationNoted, run=run)
    told = "; ".join(one.fact.why for one in noted)
    found = []
    for used in {one.fact.override: one for one in recorded(connection, OverrideUsed, run=run)}.values():
        request = asked.get(used.fact.override)
        why = request.fact.reason if request else told
        found.append(
            Deviation(
                f"{used.fact.override} opened the {used.fact.gate} gate",
                why,
                request.actor if request else "",
                ("override", used.fact.override),
            )
        )
    for one in recorded(connection, ExitCriterion, run=run):
        fact = one.fact
        if fact.held:
            continue
        why = f"waived by {fact.waived_by}" if fact.waived_by else told or "the run stopped there, as it has to"
        found.append(
            Deviation(
                f"{fact.stage}: {fact.name} was {fact.observed}, required {fact.required}",
                why,
                one.actor,
                ("criterion", one.id),
            )
        )
    if change := _policy_change(connection, run):
        found.append(Deviation(change[0], change[1] or told, change[2], ("policy",)))
    return [*found, *(Deviation(one.fact.what, one.fact.why, one.actor, ("noted", one.id)) for one in noted)]


def _policy_change(connection: Connection, run: str) -> tuple[str, str, str] | None:
    """Whether a run was made under another policy than the one before it in its lineage; why, as the runbook's revision tells."""
    lineage, _, number = run.rpartition("/")
    this = only(recorded(connection, RunStarted, run=run))
    last = newest(connection, RunStarted, lineage=lineage, number=int(number) - 1)
    if this is None or last is None or this.fact.policy == last.fact.policy:
        return None
    policy = newest(connection, PolicyInForce, digest=this.fact.policy)
    before, now = last.recorded, this.recorded
    revision = [one for one in recorded(connection, RunbookRevised) if before <= one.recorded <= now]
    why = revision[-1].fact.note if revision else ""
    what = f"the policy has changed since {last.fact.run}"
    return what, why, revision[-1].actor if revision else policy.actor if policy else ""


def repetitions(connection: Connection, run: str) -> list[Repetition]:
    """Who repeated a run. Its author does not count."""
    authors = {one.actor for one in recorded(connection, RunStarted, run=run)}
    return [
        Repetition(
            one.actor, one.recorded, one.fact.identical, one.fact.compared, tuple(one.fact.differences.splitlines())
        )
        for one in recorded(connection, Reproduced, run=run)
        if one.actor not in authors
    ]


def find(scene: Scene) -> list[Finding]:
    """Deviations of each lineage's newest run that nobody explained, and repetitions of it that came out otherwise."""
    runs = [one.generations[-1].run for one in scene.lineages if one.generations]
    foresee(scene.connection, runs, RunStarted, DeviationNoted, OverrideUsed, ExitCriterion, Reproduced)
    findings = []
    for lineage in scene.lineages:
        if not lineage.generations:
            continue
        run = lineage.generations[-1].run
        for one in deviations(scene.connection, run):
            if not one.why:
                what = f"{run} deviates without a reason: {one.what} (`tailguard deviation {run}`)"
                findings.append(
                    Finding(
                        kind=FindingKind.DEVIATION_UNEXPLAINED,
                        subject=(run, *one.about),
                        severity="low",
                        what=what,
                        since=lineage.generations[-1].started,
                        row=run,
                    )
                )
        last = only(recorded(scene.connection, Reproduced, run=run))
        if last and not last.fact.identical:
            first = last.fact.differences.splitlines()[0]
            what = f"{last.actor} could not repeat {run}: {first}"
            findings.append(
                Finding(
                    kind=FindingKind.NOT_REPRODUCED,
                    subject=(run,),
                    severity="middle",
                    what=what,
                    since=last.recorded,
                    row=last.id,
                )
            )
    return findings
