"""The beginning of a drill: production is copied into a sandbox, a collapse is planted there, and either it is noticed or not.

The steps after that are those of a real incident (`response.protocol`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tailguard.diversity.comparison import compare
from tailguard.diversity.damage import planted
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.usable import judge
from tailguard.domain.damage import Damage
from tailguard.domain.facts import IncidentClosed, IncidentGap
from tailguard.domain.incidents import Gap
from tailguard.domain.roles import Right
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError, TailguardError
from tailguard.plays.monitoring import alerts, streams
from tailguard.plays.response.drills import incidents
from tailguard.ports import RawRecord
from tailguard.response import sandbox as sandboxes
from tailguard.response.gaps import gaps
from tailguard.response.protocol import Done, open_response, record_step
from tailguard.runlog.views.alarms import frozen_stream
from tailguard.runlog.views.releases import release_history_of
from tailguard.runlog.views.runs import evaluation_of
from tailguard.stages.gate import Evaluated, answered, limits_of
from tailguard.store.suites import read_suite
from tailguard.workspace import Workspace

STRENGTH = 0.5
"""Share of the rare terms that a drill takes out of the answers of the generation in production."""


def start_drill(workspace: Workspace, lineage: str, *, seed: int) -> Done:
    """Open a drill on what is in production: build the sandbox, plant a collapse there, and see whether and when it is noticed.

    Raises InputError where nothing of the lineage is in production, it was never evaluated, or a drill is open already.
    """
    workspace.require(Right.RESPOND).lineage(lineage)
    with workspace.log.reading() as view:
        in_production = release_history_of(view, lineage).deployed
        going_on = [incident.id for incident in incidents(view) if incident.kind == "drill" and not incident.closed]
        answers = evaluation_of(view, in_production) if in_production else None
    if going_on:
        raise InputError(f"{going_on[0]} is open. Close it first: `tailguard incident show {going_on[0]}`.")
    if in_production is None or answers is None:
        raise InputError(
            f"No generation of {lineage} in production answered a suite; there is nothing to rehearse with."
        )
    what = f"A drill: {STRENGTH:.0%} of the rare terms are taken out of what {in_production} writes."
    incident = open_response(workspace, "drill", in_production, "schedule", what)
    with _ended_on_failure(workspace, incident):
        sandbox = sandboxes.build(workspace, incident)
        begun = workspace.clock.now()
        noticed, evidence = _plant(sandbox, lineage, in_production, seed)
        missing = gaps(workspace, incident, lineage)
        if not noticed:
            missing.append(
                IncidentGap(
                    incident=incident,
                    gap=Gap.COLLAPSE_NOT_NOTICED,
                    what=f"the planted collapse was not noticed: {evidence}",
                )
            )
        return record_step(workspace, incident, "detect", begun, evidence, missing)


@contextmanager
def _ended_on_failure(workspace: Workspace, incident: str) -> Iterator[None]:
    """A drill whose beginning failed is not left open: the sandbox goes, and the log says why."""
    try:
        yield
    except BaseException as error:
        sandboxes.discard(workspace, incident)
        why = f"the drill could not begin: {error}"
        with workspace.deciding(Right.RESPOND) as tx:
            tx.record(
                IncidentGap(incident=incident, gap=Gap.DRILL_NOT_BEGUN, what=why),
                IncidentClosed(incident=incident, cause=why, play="drill", change="none"),
            )
        raise


def _plant(sandbox: Workspace, lineage: str, generation: str, seed: int) -> tuple[bool, str]:
    """Feed the monitoring play with answers from which rare terms are gone; whether an alarm or the gate saw it, and how."""
    with sandbox.log.reading() as view:
        evaluation = evaluation_of(view, generation)
        stream = frozen_stream(view, lineage)
    if evaluation is None:
        raise TailguardError(f"{generation} has no evaluation any more.")
    suite = read_suite(sandbox.store, evaluation.fact.suite)
    fact = evaluation.fact
    good = answered(sandbox.store, Evaluated(generation, fact.suite, fact.outputs, fact.decoding), suite)
    bad = planted(good, Damage.RARE_WORDS_LOST, share=STRENGTH, rare_terms=suite.rare_terms, seed=seed)
    verdict = compare(
        judge(bad), judge(good), rare_terms=suite.rare_terms, limits=limits_of(sandbox.edited_policy().gate)
    ).verdict
    spoiled = _texts(bad)
    alert, read = _alarm(sandbox, f"{lineage} drill", _texts(good), spoiled, seed)
    if alert is None:
        return verdict is Verdict.BLOCK, f"no alarm in {len(spoiled):,} planted answers; the gate says {verdict}"
    evidence = f"{alert} after {read:,} of {len(spoiled):,} planted answers; the gate says {verdict}"
    return True, evidence if stream else f"{evidence}; production itself is not watched"


def _alarm(sandbox: Workspace, stream: str, good: list[str], spoiled: list[str], seed: int) -> tuple[str | None, int]:
    """The alert that a stream of spoiled texts sets off, and after how many of them; None where all were read without one."""
    streams.freeze(sandbox, stream, _as_records(good), seed=seed)
    week = max(1, len(spoiled) // 10)
    for start in range(0, len(spoiled), week):
        if streams.add(sandbox, stream, _as_records(spoiled[start : start + week]), seed=seed).alarms:
            raised = alerts.raise_new(sandbox)
            alert = next((alert.alert for alert in raised if alert.subject.startswith(f"{stream}, ")), "an alert")
            return alert, min(start + week, len(spoiled))
    return None, len(spoiled)


def _texts(outputs: Outputs) -> list[str]:
    return [text for answers in outputs.answers.values() for text in answers]


def _as_records(texts: list[str]) -> list[RawRecord]:
    return [RawRecord(text, None, line) for line, text in enumerate(texts, start=1)]
