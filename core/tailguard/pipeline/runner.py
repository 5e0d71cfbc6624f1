"""Runs: started, advanced step by step, resumed after their last finished step, cancelled.

What a step read, made, required and observed goes to the run log in one transaction when it ends; a run that was killed
continues from its last finished step with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tailguard import __version__
from tailguard.adapters.readers import reader_for
from tailguard.adapters.running import cancel_file
from tailguard.domain.facts import Artifact, ExitCriterion, Fact, GateDecision, RunStarted, StageResult, StageStarted
from tailguard.domain.gates import Gate
from tailguard.domain.requests import PLAIN, BatchRequest, Recipe, RunRequest
from tailguard.domain.roles import Right
from tailguard.domain.runs import file_name_of, run_name
from tailguard.domain.stages import Outcome, Stage
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError, LogBusy, TailguardError
from tailguard.pipeline.context import context_of, policy_of, started_run
from tailguard.pipeline.progress import UNWATCHED, Watcher, WatcherAndFile
from tailguard.pipeline.steps import Step, step_ahead, steps_until
from tailguard.plays.loops import actions as loops
from tailguard.plays.monitoring import alerts
from tailguard.policy.model import Policy
from tailguard.runlog.locks import exclusive_lock
from tailguard.runlog.recorder import RunRecorder
from tailguard.runlog.view import LogView
from tailguard.runlog.views.references import frozen_suite
from tailguard.runlog.views.releases import shipped_generations
from tailguard.runlog.views.runs import runs_of, stage_results
from tailguard.store.progress import ProgressFile
from tailguard.store.requests import put_request
from tailguard.store.suites import read_suite
from tailguard.store.writing import write_atomically
from tailguard.workspace import Workspace


@dataclass(frozen=True)
class Progress:
    """How far a run has come: the stages that have ended."""

    run: str
    finished: tuple[str, ...]


def start(workspace: Workspace, lineage: str, batches: Sequence[BatchRequest], *, recipe: Recipe, seed: int) -> str:
    """Begin a run; returns its name, which its generation will bear. Raises InputError where the request is incomplete."""
    with workspace.deciding(Right.RUN) as tx:
        loops.record_flows(workspace, tx)
        mode = tx.policy.lineage(lineage).mode
        _require_slices(workspace, tx.view, tx.policy)
        for batch in batches:
            reader_for(batch.file)
        request = put_request(workspace.store, RunRequest(batches=tuple(batches), recipe=recipe), workspace.root)
        number = len(runs_of(tx.view, lineage))
        parent = next(reversed(shipped_generations(tx.view, lineage)), None)
        run = run_name(lineage, number)
        tx.record(
            RunStarted(
                run=run,
                lineage=lineage,
                number=number,
                parent=parent,
                mode=mode,
                policy=tx.policy_digest,
                request=request,
                seed=seed,
                tool_version=__version__,
            )
        )
        return run


def _require_slices(workspace: Workspace, view: LogView, policy: Policy) -> None:
    """Raises InputError where the policy lets slices gate that the frozen suite does not have."""
    suite = frozen_suite(view)
    if suite and policy.gate.slices:
        known = sorted(set(read_suite(workspace.store, suite.fact.suite).slices.values()))
        for name in policy.gate.slices:
            if name not in known:
                raise InputError(
                    f"policy.toml has [gate.slices.{name}], and no prompt of the suite is in that slice. Its slices: "
                    f"{', '.join(known) or 'none'}."
                )


def last_stage(workspace: Workspace, run: str) -> Stage:
    """Where a run ends under its own policy: with its hand-off, or after intake where nothing is trained."""
    with workspace.log.reading() as view:
        policy = policy_of(view, started_run(view, run))
    return Stage.INTAKE if policy.profile == "api-only" else Stage.HANDOFF


def advance(workspace: Workspace, run: str, *, until: str = Stage.HANDOFF, watch: Watcher = UNWATCHED) -> Progress:
    """Take a run through its stages up to and including `until`, starting after the last finished one.

    Raises Blocked or Held when a stage did not meet its exit criteria, or the ratio gate refuses training.
    """
    workspace.require(Right.RUN)
    lock = workspace.root / "runs" / (file_name_of(run) + ".lock")
    with exclusive_lock(lock, doing=f"working on run {run}"):
        file = ProgressFile(workspace.log.folder, run)
        active = _ActiveRun(workspace, run, WatcherAndFile(watch, file))
        if Stage(until) not in active.finished:
            ahead = [step for step in steps_until(Stage(until)) if step.stage not in active.finished]
            try:
                for step, following in zip(ahead, [*ahead[1:], None], strict=True):
                    active.do(step, following=following)
            finally:
                file.end()
                try:
                    if Stage.GATE in active.finished:
                        with suppress(
                            TailguardError
                        ):  # the next run, or `tailguard alerts send`, raises what is still in alarm
                            alerts.send(workspace)
                finally:
                    workspace.log.publish()
        return Progress(run, tuple(active.finished))


def require_passed(workspace: Workspace, run: str) -> None:
    """Raises Blocked or Held where the run's gate stopped it, also when the run went on to its hand-off since."""
    with workspace.log.reading() as view:
        decided = stage_results(view, run).get(Stage.GATE)
        loops_gate = view.recorded(GateDecision, run=run, gate=Gate.LOOPS)
    if decided and not decided.fact.passed:
        result = workspace.store.json("results", decided.fact.output)
        raise _stopped_at_gate(run, result, loops_gate[-1].fact if loops_gate else None)


def execute(
    workspace: Workspace,
    lineage: str,
    batches: Sequence[BatchRequest],
    *,
    recipe: Recipe = PLAIN,
    seed: int = 0,
    watch: Watcher = UNWATCHED,
) -> Progress:
    """Start a run and take it through all stages."""
    return advance(workspace, start(workspace, lineage, batches, recipe=recipe, seed=seed), watch=watch)


def require_ready(workspace: Workspace, run: str, stage: str) -> None:
    """Raises InputError when a stage of `run` is asked for by itself and the one ahead of it has not finished."""
    step = steps_until(Stage(stage))[-1]
    if step not in steps_until(last_stage(workspace, run)):
        raise InputError(
            f'The profile "api-only" has no training stages, so there is no `{stage}`. Intake is all of a run.'
        )
    with workspace.log.reading() as view:
        ended = stage_results(view, run)
    ahead = step_ahead(step)
    if ahead and ahead.stage not in ended:
        raise InputError(_not_ready(run, step, ahead))


def cancel(workspace: Workspace, run: str) -> None:
    """Ask the command that a run waits for to end; whoever runs it hears so. Raises InputError when no command is running."""
    workspace.require(Right.RUN)
    name = file_name_of(run)
    try:
        with exclusive_lock(workspace.root / "runs" / f"{name}.lock", doing=f"working on run {run}"):
            pass
    except LogBusy:
        write_atomically(cancel_file(workspace.root, run), workspace.actor.encode())
        return
    raise InputError(f"Nothing is working on {run}; there is nothing to cancel.")


def read_file(root: Path, run: str) -> Path:
    """Where a run lists the contents of the store that its stages asked for, for whoever takes them along."""
    return root / "runs" / f"{file_name_of(run)}.read"


def _not_ready(run: str, step: Step, ahead: Step) -> str:
    return (
        f"{step.stage} cannot start: {ahead.stage} has not finished in run {run}. Run `tailguard {ahead.stage}` first."
    )


class _ActiveRun:
    """A run that is being worked on: its finished steps, and its chain in the log."""

    def __init__(self, workspace: Workspace, run: str, watcher: Watcher) -> None:
        self._workspace = workspace
        self._run = run
        self._watcher = watcher
        self._recorder = RunRecorder(workspace.log, run, workspace.author)
        self._recorder.record()
        with workspace.log.reading() as view:
            ended = stage_results(view, run)
        self.finished = {Stage(stage): row.fact for stage, row in ended.items()}
        made = {stage: workspace.store.json("results", result.output) for stage, result in self.finished.items()}
        self._made: dict[Stage, dict[str, str]] = made
        self._context = context_of(workspace, run, made=made, watcher=watcher)
        self._announced: Stage | None = None

    def do(self, step: Step, *, following: Step | None) -> None:
        """One step: may it start, do the work, record it. `following` is what this process goes on with."""
        self._require_start(step)
        self._watcher.stage(self._run, step.stage)
        started = self._workspace.clock.now()
        self._workspace.store.touched.clear()
        if self._announced != step.stage:
            self._recorder.record(StageStarted(run=self._run, stage=step.stage))
        outcome = step.work(self._context)
        with read_file(self._workspace.root, self._run).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in sorted(self._workspace.store.touched))
        self._record(step, outcome, started, following)
        if step.stage is Stage.HANDOFF:
            self._recorder.seal()
        if step.ends_run and not outcome.passed:
            raise _refusal(self._run, step, outcome)

    def _require_start(self, step: Step) -> None:
        ahead = step_ahead(step)
        if ahead is None:
            return
        if ahead.stage not in self.finished:
            raise InputError(_not_ready(self._run, step, ahead))
        if not self.finished[ahead.stage].passed and not step.starts_regardless:
            raise Blocked(
                f"{step.stage} cannot start: {ahead.stage} did not meet its exit criteria in run {self._run}."
            )

    def _record(self, step: Step, outcome: Outcome, started: datetime, following: Step | None) -> None:
        run, stage, result = self._run, step.stage, dict(outcome.result)
        digest = self._workspace.store.put_json("results", result)
        ended = StageResult(
            run=run,
            stage=stage,
            started=started,
            passed=outcome.passed,
            records_in=outcome.records_in,
            records_out=outcome.records_out,
            output=digest,
        )
        # What comes next is announced in the same transaction, so that a page can say what is going on.
        announced = following.stage if following and outcome.passed else None
        self._recorder.record(
            *outcome.facts,
            *_artifacts(run, stage, outcome),
            *(
                ExitCriterion(
                    run=run,
                    stage=stage,
                    name=c.name,
                    required=c.required,
                    observed=c.observed,
                    met=c.met,
                    waived_by=c.waived_by,
                )
                for c in outcome.criteria
            ),
            ended,
            *([StageStarted(run=run, stage=announced)] if announced else []),
        )
        self._announced = announced
        self.finished[stage] = ended
        self._made[stage] = result


def _artifacts(run: str, stage: Stage, outcome: Outcome) -> list[Fact]:
    directed = [("in", named) for named in outcome.inputs] + [("out", named) for named in outcome.outputs]
    return [
        Artifact(run=run, stage=stage, direction=direction, kind=named.kind, name=named.name, digest=named.digest)
        for direction, named in directed
    ]


def _refusal(run: str, step: Step, outcome: Outcome) -> Blocked | Held:
    """What ends a run after a step that did not meet its exit criteria."""
    if step.stage is not Stage.GATE:
        missed = "; ".join(
            f"{criterion.name.label}: {criterion.observed}, required {criterion.required}"
            for criterion in outcome.criteria
            if not criterion.lets_through
        )
        return Blocked(f"{run} stops after {step.stage}: {missed}.")
    loop = next((fact for fact in outcome.facts if isinstance(fact, GateDecision) and fact.gate == Gate.LOOPS), None)
    return _stopped_at_gate(run, outcome.result, loop)


def _stopped_at_gate(run: str, result: Mapping[str, str], loop: GateDecision | None) -> Blocked | Held:
    verdict, reason = Verdict(result["verdict"]), result["reason"]
    if verdict is Verdict.BLOCK:
        return Blocked(f"{run} is blocked at its gate. {reason}")
    if verdict.ships and loop:
        return Held(
            f"{run} stops at its gate: unguarded loop, {loop.reason}. Put a checkpoint on it (`tailguard loops guard`), or ask "
            "for an override of the loops gate."
        )
    return Held(f"{run} stops at its gate: {verdict}. {reason}")
