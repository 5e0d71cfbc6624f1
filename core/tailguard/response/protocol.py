"""Response to a collapse, rehearsed or real, by one protocol: detect, freeze, roll back, audit, prepare, close.

A real incident acts on its lineage, a drill on a sandbox, where the same functions freeze and roll back the same lineage. What was
done, and how long it took, is recorded in the team's own log either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import (
    AlertRaised,
    ContaminationAudited,
    Fact,
    IncidentClosed,
    IncidentGap,
    IncidentOpened,
    IncidentStep,
)
from tailguard.domain.incidents import ORDER, Gap
from tailguard.domain.requests import Recipe
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.domain.shipping import State
from tailguard.domain.wording import by
from tailguard.errors import InputError, NotAllowed
from tailguard.pipeline import runner
from tailguard.pipeline.progress import UNWATCHED, Watcher
from tailguard.pipeline.summary import summarize
from tailguard.plays.response.drills import Incident, incidents
from tailguard.policy.model import PLAYS
from tailguard.release import freeze as freezing
from tailguard.release import rollback as rolling_back
from tailguard.response import contamination
from tailguard.response.gaps import gaps
from tailguard.response.sandbox import discard, workspace_of
from tailguard.runlog.view import LogView
from tailguard.runlog.views.releases import release_history_of
from tailguard.runlog.views.runs import generation_of
from tailguard.workspace import Workspace

LEFT_OUT = 0.05
"""A source of which more is in doubt (0 to 1) is excluded from the training set that is prepared."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a step came to."""

    incident: str
    step: str
    seconds: float
    evidence: str
    next: str | None

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        next_step = f" Next: {self.next} (`tailguard incident show {self.incident}`)." if self.next else ""
        return f"{self.incident}, {self.step}: {self.evidence} ({self.seconds:.1f} s).{next_step}"


def open_incident(workspace: Workspace, lineage: str, *, what: str, alert: str | None, generation: str | None) -> Done:
    """Open a real incident, from an alert or because a person saw something.

    Raises InputError for an unknown alert, without words, and where nothing is in production and no generation is named.
    """
    workspace.require(Right.RESPOND).lineage(lineage)
    with workspace.log.reading() as view:
        raised = {row.fact.alert: row for row in view.recorded(AlertRaised)}
        suspect = generation or release_history_of(view, lineage).deployed
        if suspect is None or generation_of(view, suspect) is None:
            raise InputError(f"Name the suspect generation of {lineage} with --generation; none is in production.")
    if alert is not None and alert not in raised:
        raise InputError(f"There is no alert {alert!r}. Known: {', '.join(list(raised)[-10:]) or 'none yet'}.")
    seen = raised[alert].fact.what if alert and not what.strip() else what
    seen = explanation(seen, "An incident needs an alert, or a description of what was seen")
    begun = raised[alert].recorded if alert else workspace.clock.now()
    incident = open_response(workspace, "incident", suspect, alert or "a person", seen)
    return record_step(workspace, incident, "detect", begun, seen, gaps(workspace, incident, lineage))


def freeze(workspace: Workspace, incident: str) -> Done:
    """Freeze the suspect generation."""
    response = _begin(workspace, incident, "freeze")
    stage = workspace_of(workspace, response)
    begun = workspace.clock.now()
    with stage.log.reading() as view:
        frozen = release_history_of(view, response.lineage).state(response.generation) is State.FROZEN
    if not frozen:
        freezing.freeze(stage, response.generation, reason=f"{incident}: {response.what}")
    evidence = f"{response.generation} was frozen before" if frozen else f"{response.generation} is frozen"
    return record_step(workspace, incident, "freeze", begun, evidence)


def rollback(workspace: Workspace, incident: str) -> Done:
    """Put the last known-good generation back. Where there is none, that is a gap, and the response goes on."""
    response = _begin(workspace, incident, "rollback")
    begun = workspace.clock.now()
    try:
        done = rolling_back.rollback(
            workspace_of(workspace, response), response.lineage, reason=f"{incident}: {response.what}"
        )
    except NotAllowed:
        raise
    except InputError as error:
        gap = IncidentGap(incident=incident, gap=Gap.NO_GOOD_GENERATION, what=str(error))
        return record_step(workspace, incident, "rollback", begun, f"not possible: {error}", [gap])
    evidence = f"{done.replaced} was rolled back, {done.generation} is in production, weights as their digest says"
    return record_step(workspace, incident, "rollback", begun, evidence)


def audit(workspace: Workspace, incident: str) -> tuple[Done, contamination.Contamination]:
    """Search recent training data for contamination."""
    response = _begin(workspace, incident, "audit")
    begun = workspace.clock.now()
    report = contamination.audit(workspace, incident, response.lineage, response.generation)
    doubtful = sum(row.doubtful for row in report.rows)
    evidence = (
        f"{doubtful:,} of {sum(row.records for row in report.rows):,} records in doubt, report {report.report[:12]}"
    )
    return record_step(workspace, incident, "audit", begun, evidence, report.rows), report


def prepare(workspace: Workspace, incident: str, *, watch: Watcher = UNWATCHED) -> Done:
    """Compose a training set from the anchor and the human text that is not in doubt, without model-made text; not trained yet."""
    response = _begin(workspace, incident, "prepare")
    stage = workspace_of(workspace, response)
    with workspace.log.reading() as view:
        rows_ = [row.fact for row in view.recorded(ContaminationAudited, incident=incident)]
    doubtful = tuple(sorted({row.source for row in rows_ if row.doubtful > LEFT_OUT * row.records}))
    begun = workspace.clock.now()
    recipe = Recipe(0.0, without=doubtful, from_anchor=True)
    run = runner.start(stage, response.lineage, [], recipe=recipe, seed=0)
    runner.advance(stage, run, until="compose", watch=watch)
    done = summarize(stage, run)
    left = f", without {', '.join(doubtful)}" if doubtful else ""
    evidence = f"{run} is composed{left}: {done.ratio_records:.1%} synthetic, snapshot {(done.snapshot or '')[:12]}"
    if response.kind == "incident":
        evidence += f"; train it with `tailguard run --resume {run}`"
    return record_step(workspace, incident, "prepare", begun, evidence)


def close(workspace: Workspace, incident: str, *, cause: str, play: str, change: str) -> None:
    """Close a response. Raises InputError with a step to go, without a root cause and the change that it led to, or for anybody
    but the owner of the play and the quality owner."""
    with workspace.deciding(Right.RESPOND) as tx:
        response = _ready(tx.view, incident, "close")
        owner, quality_owner = tx.policy.plays.drill, tx.policy.quality_owner
        if workspace.actor not in (owner, quality_owner):
            raise NotAllowed(f"{owner} or {quality_owner} closes it; you are {workspace.actor}.")
        if play not in PLAYS:
            raise InputError(f"There is no play {play!r}. Plays: {', '.join(PLAYS)}.")
        root_cause = explanation(cause, f"Closing {incident} needs a root cause")
        tx.record(
            IncidentClosed(
                incident=incident,
                cause=root_cause,
                play=play,
                change=explanation(change, f"Closing {incident} needs a change"),
            )
        )
    if response.kind == "drill":
        discard(workspace, incident)


def find(workspace: Workspace, incident: str) -> Incident:
    """The response of that name. Raises InputError that lists the known ones."""
    with workspace.log.reading() as view:
        return _named(view, incident)


def _named(view: LogView, incident: str) -> Incident:
    known = {response.id: response for response in incidents(view)}
    if incident not in known:
        raise InputError(f"There is no incident {incident!r}. Known: {', '.join(list(known)[-10:]) or 'none yet'}.")
    return known[incident]


def _begin(workspace: Workspace, incident: str, step: str) -> Incident:
    """The response whose next step this is, for an actor who may take it."""
    workspace.require(Right.RESPOND)
    with workspace.log.reading() as view:
        return _ready(view, incident, step)


def _ready(view: LogView, incident: str, step: str) -> Incident:
    response = _named(view, incident)
    if response.closed:
        raise InputError(f"{incident} was closed {by(response.closed.actor, response.closed.recorded)}.")
    done = next((row for row in response.steps if row.fact.step == step), None)
    if done:
        raise InputError(f"{step} of {incident} was done {by(done.actor, done.recorded)}; {response.next} comes next.")
    if response.next != step:
        raise InputError(f"{incident} is at {response.next}; {step} comes later.")
    return response


def open_response(workspace: Workspace, kind: str, generation: str, trigger: str, what: str) -> str:
    """Record that a drill or an incident is open; the name that it got."""
    with workspace.deciding(Right.RESPOND) as tx:
        name = f"{kind}-{sum(response.kind == kind for response in incidents(tx.view)) + 1}"
        tx.record(
            IncidentOpened(
                incident=name,
                kind=kind,
                lineage=lineage_of(generation),
                generation=generation,
                trigger=trigger,
                what=what,
            )
        )
        return name


def record_step(
    workspace: Workspace, incident: str, step: str, begun: datetime, evidence: str, more: Sequence[Fact] = ()
) -> Done:
    """Record a step: how long since it could have begun, and how long the machine took. Raises InputError where somebody else has
    done it meanwhile."""
    now = workspace.clock.now()
    with workspace.deciding(Right.RESPOND) as tx:
        response = _ready(tx.view, incident, step)
        could = response.steps[-1].recorded if response.steps else begun if step == "detect" else response.opened
        fact = IncidentStep(
            incident=incident,
            step=step,
            seconds=(now - could).total_seconds(),
            machine_seconds=(now - begun).total_seconds(),
            evidence=evidence,
        )
        tx.record(fact, *more)
    after = ORDER[ORDER.index(step) + 1] if step != ORDER[-1] else None
    return Done(incident=incident, step=step, seconds=fact.machine_seconds, evidence=evidence, next=after)
