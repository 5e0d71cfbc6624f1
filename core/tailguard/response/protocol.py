"""Response to a collapse, rehearsed or real, by one protocol: detect, freeze, roll back, audit, prepare, close.

A real incident acts on its lineage. A drill acts on a sandbox: a copy of the log and of the store's files in a folder of its own,
where the same functions freeze and roll back the same lineage, and nothing is deployed. What was done, and how long it took,
is recorded in the team's own log either way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tailguard.diversity.canary import planted_collapse
from tailguard.diversity.comparison import compare
from tailguard.domain.facts import (
    AlertRaised,
    ContaminationAudited,
    Fact,
    IncidentClosed,
    IncidentGap,
    IncidentOpened,
    IncidentStep,
)
from tailguard.domain.incidents import ORDER
from tailguard.domain.recipe import Recipe
from tailguard.domain.roles import Right
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict
from tailguard.domain.wording import by
from tailguard.errors import InputError, NotAllowed, TailguardError
from tailguard.pipeline import runner
from tailguard.plays.finding import FindingKind
from tailguard.plays.loops.declared import FILE
from tailguard.plays.mixing.clearance import KEYS
from tailguard.plays.monitoring import alerts, streams
from tailguard.plays.response.drills import Incident, incidents
from tailguard.plays.status import standing_of
from tailguard.policy.model import PLAYS, Deploy, Policy
from tailguard.ports import RawRecord
from tailguard.release import ship
from tailguard.response import contamination
from tailguard.runlog.connection import Connection
from tailguard.runlog.copying import put, rows
from tailguard.runlog.queries import evaluation_of, fleet_of, frozen_stream, generation_of, recorded
from tailguard.stages.gate import Evaluated, answered, limits_of
from tailguard.store.suites import read_suite
from tailguard.workspace import POLICY_FILE, Workspace, decision

STRENGTH = 0.5
"""Share of the rare terms that a drill takes out of the answers of the generation at work."""
LEFT_OUT = 0.05
"""A source of which more is in doubt (0 to 1) is left out of the training set that is prepared."""
SHORTEST = 10
"""Letters of a root cause and of a change."""
_DRILLS = "drills"


class Sandbox(Workspace):
    """A copy of a workspace in which everything may be tried: nothing is deployed from it, and no registry is told."""

    def policy(self) -> Policy:
        """The policy as the file says, without a deployment command and a registry."""
        return super().policy().model_copy(update={"deploy": Deploy(), "registry": None})


@dataclass(frozen=True)
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
        told = f" Next: {self.next} (`tailguard incident show {self.incident}`)." if self.next else ""
        return f"{self.incident}, {self.step}: {self.evidence} ({self.seconds:.1f} s).{told}"


@decision(Right.RESPOND)
def start_drill(workspace: Workspace, lineage: str, *, seed: int) -> Done:
    """Open a drill on what is at work: build the sandbox, plant a collapse there, and see whether and when it is noticed.

    Raises InputError where nothing of the lineage is at work, it was never evaluated, or a drill is open already.
    """
    workspace.policy().lineage(lineage)
    with workspace.log.reading() as connection:
        at_work = fleet_of(connection, lineage).deployed
        going_on = [one.id for one in incidents(connection) if one.kind == "drill" and not one.closed]
        answers = evaluation_of(connection, at_work) if at_work else None
    if going_on:
        raise InputError(f"{going_on[0]} is open. Close it first: `tailguard incident show {going_on[0]}`.")
    if at_work is None or answers is None:
        raise InputError(
            f"No generation of {lineage} is at work that answered a suite; there is nothing to rehearse with."
        )
    what = f"A drill: {STRENGTH:.0%} of the rare terms are taken out of what {at_work} writes."
    incident = _open(workspace, "drill", at_work, "schedule", what)
    with _ended_on_failure(workspace, incident):
        sandbox = _build(workspace, incident)
        begun = workspace.clock.now()
        seen, told = _plant(sandbox, lineage, at_work, seed)
        gaps = _gaps(workspace, incident, lineage)
        gaps += [] if seen else [IncidentGap(incident, "not noticed", f"the planted collapse was not noticed: {told}")]
        return _record(workspace, incident, "detect", begun, told, gaps)


@contextmanager
def _ended_on_failure(workspace: Workspace, incident: str) -> Iterator[None]:
    """A drill whose beginning failed is not left open: the sandbox goes, and the log says why."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(_folder(workspace, incident), ignore_errors=True)
        why = f"the drill could not begin: {error}"
        workspace.desk.record(IncidentGap(incident, "drill", why), IncidentClosed(incident, why, "drill", "none"))
        raise


@decision(Right.RESPOND)
def open_incident(workspace: Workspace, lineage: str, *, what: str, alert: str | None, generation: str | None) -> Done:
    """Open a real incident, from an alert or because a person saw something.

    Raises InputError for an unknown alert, without words, and where nothing is at work and no generation is named.
    """
    workspace.policy().lineage(lineage)
    with workspace.log.reading() as connection:
        raised = {one.fact.alert: one for one in recorded(connection, AlertRaised)}
        suspect = generation or fleet_of(connection, lineage).deployed
        if suspect is None or generation_of(connection, suspect) is None:
            raise InputError(f"Name the suspect generation of {lineage} with --generation; none is at work.")
    if alert is not None and alert not in raised:
        raise InputError(f"There is no alert {alert!r}. Known: {', '.join(list(raised)[-10:]) or 'none yet'}.")
    said = what.strip() or (raised[alert].fact.what if alert else "")
    if len(said) < SHORTEST:
        raise InputError(f"Say what was seen, in at least {SHORTEST} letters, or name an alert.")
    begun = raised[alert].recorded if alert else workspace.clock.now()
    incident = _open(workspace, "incident", suspect, alert or "a person", said)
    return _record(workspace, incident, "detect", begun, said, _gaps(workspace, incident, lineage))


@decision(Right.RESPOND)
def freeze(workspace: Workspace, incident: str) -> Done:
    """Freeze the suspect generation."""
    found = _ready(workspace, incident, "freeze")
    stage = _stage(workspace, found)
    begun = workspace.clock.now()
    with stage.log.reading() as connection:
        frozen = fleet_of(connection, found.lineage).state(found.generation) is State.FROZEN
    if not frozen:
        ship.freeze(stage, found.generation, reason=f"{incident}: {found.what}")
    told = f"{found.generation} was frozen before" if frozen else f"{found.generation} is frozen"
    return _record(workspace, incident, "freeze", begun, told)


@decision(Right.RESPOND)
def rollback(workspace: Workspace, incident: str) -> Done:
    """Put the last known-good generation back. Where there is none, that is a gap, and the response goes on."""
    found = _ready(workspace, incident, "rollback")
    begun = workspace.clock.now()
    try:
        done = ship.rollback(_stage(workspace, found), found.lineage, reason=f"{incident}: {found.what}")
    except InputError as error:
        gap = IncidentGap(incident, "no good generation", str(error))
        return _record(workspace, incident, "rollback", begun, f"not possible: {error}", [gap])
    told = f"{done.replaced} was rolled back, {done.generation} is at work, weights as their digest says"
    return _record(workspace, incident, "rollback", begun, told)


@decision(Right.RESPOND)
def audit(workspace: Workspace, incident: str) -> tuple[Done, contamination.Contamination]:
    """Search recent training data for contamination."""
    found = _ready(workspace, incident, "audit")
    begun = workspace.clock.now()
    report = contamination.audit(workspace, incident, found.lineage, found.generation)
    doubtful = sum(one.doubtful for one in report.rows)
    told = f"{doubtful:,} of {sum(one.records for one in report.rows):,} records in doubt, report {report.report[:12]}"
    return _record(workspace, incident, "audit", begun, told, list(report.rows)), report


@decision(Right.RESPOND)
def prepare(workspace: Workspace, incident: str, *, watch: runner.Watcher = runner.UNWATCHED) -> Done:
    """Compose a training set from the anchor and the human text that is not in doubt, without model-made text; not trained yet."""
    found = _ready(workspace, incident, "prepare")
    stage = _stage(workspace, found)
    with workspace.log.reading() as connection:
        rows_ = [one.fact for one in recorded(connection, ContaminationAudited, incident=incident)]
    doubtful = tuple(sorted({one.source for one in rows_ if one.doubtful > LEFT_OUT * one.records}))
    begun = workspace.clock.now()
    recipe = Recipe(0.0, without=doubtful, from_anchor=True)
    run = runner.start(stage, found.lineage, [], recipe=recipe, seed=0)
    runner.advance(stage, run, until="compose", watch=watch)
    done = runner.report(stage, run)
    left = f", without {', '.join(doubtful)}" if doubtful else ""
    told = f"{run} is composed{left}: {done.ratio_records:.1%} synthetic, snapshot {(done.snapshot or '')[:12]}"
    if found.kind == "incident":
        told += f"; train it with `tailguard run --resume {run}`"
    return _record(workspace, incident, "prepare", begun, told)


@decision(Right.RESPOND)
def close(workspace: Workspace, incident: str, *, cause: str, play: str, change: str) -> None:
    """Close a response. Raises InputError with a step to go, without a root cause and the change that it led to, or for anybody
    but the owner of the play and the quality owner."""
    found = _ready(workspace, incident, "close")
    policy = workspace.policy()
    if workspace.actor not in (policy.plays.drill, policy.quality_owner):
        raise NotAllowed(f"{policy.plays.drill} or {policy.quality_owner} closes it; you are {workspace.actor}.")
    if play not in PLAYS:
        raise InputError(f"There is no play {play!r}. Plays: {', '.join(PLAYS)}.")
    for name, text in (("root cause", cause), ("change", change)):
        if len(text.strip()) < SHORTEST:
            raise InputError(f"{incident} cannot be closed without a {name} of at least {SHORTEST} letters.")
    workspace.desk.record(IncidentClosed(incident, cause.strip(), play, change.strip()))
    if found.kind == "drill":
        shutil.rmtree(_folder(workspace, incident), ignore_errors=True)


def find(workspace: Workspace, incident: str) -> Incident:
    """The response of that name. Raises InputError that lists the known ones."""
    with workspace.log.reading() as connection:
        known = {one.id: one for one in incidents(connection)}
    if incident not in known:
        raise InputError(f"There is no incident {incident!r}. Known: {', '.join(list(known)[-10:]) or 'none yet'}.")
    return known[incident]


def _ready(workspace: Workspace, incident: str, step: str) -> Incident:
    found = find(workspace, incident)
    if found.closed:
        raise InputError(f"{incident} was closed {by(found.closed.actor, found.closed.recorded)}.")
    done = next((one for one in found.steps if one.fact.step == step), None)
    if done:
        raise InputError(f"{step} of {incident} was done {by(done.actor, done.recorded)}; {found.next} comes next.")
    if found.next != step:
        raise InputError(f"{incident} is at {found.next}; {step} comes later.")
    return found


def _open(workspace: Workspace, kind: str, generation: str, trigger: str, what: str) -> str:
    names: list[str] = []

    def look(connection: Connection) -> list[Fact]:
        names.append(f"{kind}-{sum(one.kind == kind for one in incidents(connection)) + 1}")
        lineage = generation.rpartition("/")[0]
        return [IncidentOpened(names[0], kind, lineage, generation, trigger, what)]

    workspace.desk.decide(look)
    return names[0]


def _record(
    workspace: Workspace, incident: str, step: str, begun: datetime, told: str, more: list[Fact] | None = None
) -> Done:
    """Record a step: how long since it could have begun, and how long the machine took."""
    now = workspace.clock.now()
    found = find(workspace, incident)
    could = found.steps[-1].recorded if found.steps else begun if step == "detect" else found.opened
    fact = IncidentStep(incident, step, (now - could).total_seconds(), (now - begun).total_seconds(), told)
    workspace.desk.record(fact, *(more or []))
    after = ORDER[ORDER.index(step) + 1] if step != ORDER[-1] else None
    return Done(incident, step, fact.machine_seconds, told, after)


def _stage(workspace: Workspace, found: Incident) -> Workspace:
    """Where a response acts: on the lineage itself, or in the drill's sandbox."""
    if found.kind == "incident":
        return workspace
    folder = _folder(workspace, found.id)
    if not folder.is_dir():
        raise InputError(f"The sandbox {folder} is gone. Close {found.id} and start another drill.")
    return Sandbox(folder, workspace.actor, workspace.clock, isolated=True)


def _folder(workspace: Workspace, incident: str) -> Path:
    return workspace.root / _DRILLS / incident


def _build(workspace: Workspace, incident: str) -> Sandbox:
    """A copy of the workspace: policy, flows, keys, the log's rows, and the store by hard links (its files never change)."""
    workspace.store.must_exist()
    folder = _folder(workspace, incident)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (POLICY_FILE, FILE):
        if (workspace.root / name).exists():
            shutil.copyfile(workspace.root / name, folder / name)
    if (workspace.root / KEYS).is_dir():
        shutil.copytree(workspace.root / KEYS, folder / KEYS)
    shutil.copytree(workspace.store.root, folder / "store", copy_function=_linked())
    sandbox = Sandbox(folder, workspace.actor, workspace.clock, isolated=True)
    with workspace.log.reading() as source:
        everything = list(rows(source))
    with sandbox.log.writing() as target:
        put(target, everything)
    return sandbox


def _linked() -> Callable[[str, str], object]:
    def link(source: str, target: str) -> object:
        try:
            os.link(source, target)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, target)
        return target

    return link


def _plant(sandbox: Workspace, lineage: str, generation: str, seed: int) -> tuple[bool, str]:
    """Feed the monitoring play with answers from which rare terms are gone; whether an alarm or the gate saw it, and how."""
    with sandbox.log.reading() as connection:
        evaluation = evaluation_of(connection, generation)
        stream = frozen_stream(connection, lineage)
    if evaluation is None:
        raise TailguardError(f"{generation} has no evaluation any more.")
    suite = read_suite(sandbox.store, evaluation.fact.suite)
    fact = evaluation.fact
    good = answered(sandbox.store, Evaluated(generation, fact.suite, fact.outputs, fact.decoding), suite)
    bad = planted_collapse(good, rare_terms=suite.rare_terms, strength=STRENGTH, seed=seed)
    verdict = compare(
        bad, good, rare_terms=suite.rare_terms, limits=limits_of(sandbox.policy().gate), seed=seed, resamples=500
    ).verdict
    watched = f"{lineage} drill"
    texts = [text for answers in good.answers.values() for text in answers]
    streams.freeze(sandbox, watched, [RawRecord(text, None, line) for line, text in enumerate(texts, 1)], seed=seed)
    spoiled = [text for answers in bad.answers.values() for text in answers]
    week = max(1, len(spoiled) // 10)
    for number, start in enumerate(range(0, len(spoiled), week), start=1):
        some = [RawRecord(text, None, line) for line, text in enumerate(spoiled[start : start + week], 1)]
        if streams.add(sandbox, watched, some, seed=seed).alarms:
            raised = alerts.raise_new(sandbox)
            name = next((one.alert for one in raised if one.subject.startswith(f"{watched}, ")), "an alert")
            seen = min(number * week, len(spoiled))
            told = f"{name} after {seen:,} of {len(spoiled):,} planted answers; the gate says {verdict}"
            return True, told + ("" if stream else "; production itself is not watched")
    return verdict is Verdict.BLOCK, f"no alarm in {len(spoiled):,} planted answers; the gate says {verdict}"


def _gaps(workspace: Workspace, incident: str, lineage: str) -> list[Fact]:
    """What would be missing in an emergency, as things stand."""
    with workspace.log.reading() as connection:
        standing = standing_of(connection, workspace.clock.now())
        fleet = fleet_of(connection, lineage)
        watched = frozen_stream(connection, lineage)
        earlier = [one for one in fleet.good if one != fleet.deployed]
        weights = [(one, made.fact.weights) for one in earlier if (made := generation_of(connection, one))]
    found = [
        ("no good generation", f"{lineage} has no earlier generation to roll back to") if not earlier else None,
        ("production not watched", f"no production text of {lineage} is monitored") if watched is None else None,
        ("alerts reach nobody", f"{alerts.CHANNELS} names no channel") if not os.environ.get(alerts.CHANNELS) else None,
    ]
    for one, digest in weights[-1:]:
        try:
            workspace.store.folder("weights", digest)
        except TailguardError as error:
            found.append(("no good generation", f"the weights of {one} cannot be trusted: {error}"))
    for finding in standing.findings:
        if finding.kind in (FindingKind.ANCHOR_STALE, FindingKind.ANCHOR_THIN):
            found.append(("stale anchor", finding.what))
        if finding.kind is FindingKind.COVERAGE_LOW and finding.subject[0].rpartition("/")[0] == lineage:
            found.append(("missing tags", finding.what))
    return [IncidentGap(incident, *one) for one in found if one]
