"""The whole workflow on one screen: intake, score, compose, train, evaluate, gate, handoff.

A stage starts when the one ahead of it has met its exit criteria. What it read, made, required and observed goes to the
run log in one transaction when it ends; a run that was killed continues from its last finished stage with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tailguard import __version__
from tailguard.adapters.checkers import judge
from tailguard.adapters.generators import generator_for
from tailguard.adapters.readers import reader_for
from tailguard.adapters.readers.source import content_digest, plain_size
from tailguard.adapters.running import cancel_file, watching
from tailguard.adapters.trainers import trainer_for
from tailguard.detection.own_outputs.index import own_outputs
from tailguard.domain import stages as workflow
from tailguard.domain.facts import (
    Artifact,
    BatchTaken,
    ExitCriterion,
    GateDecision,
    Generation,
    OverrideUsed,
    PolicyInForce,
    RunStarted,
    StageResult,
    StageStarted,
)
from tailguard.domain.recipe import Recipe
from tailguard.domain.references import trained_before
from tailguard.domain.roles import Right
from tailguard.domain.shipping import State
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.errors import Blocked, Held, InputError, LogBusy
from tailguard.plays.loops import actions
from tailguard.plays.loops.standing import GATE
from tailguard.plays.mixing import clearance
from tailguard.plays.monitoring import alerts
from tailguard.plays.provenance import detector, quarantine
from tailguard.policy.model import LineagePolicy, Policy, parse_policy
from tailguard.ports import Decoding
from tailguard.runlog import queries
from tailguard.runlog.locks import alone
from tailguard.runlog.recorder import RunRecorder
from tailguard.runlog.schema import table_name
from tailguard.stages.compose import Ceiling, Trust, compose, human_parts, mass_of
from tailguard.stages.evaluate import evaluate
from tailguard.stages.gate import Evaluated, gate
from tailguard.stages.handoff import RecordedFact, handoff
from tailguard.stages.intake import BatchRequest, Opened, intake
from tailguard.stages.score import Base, Filter, score
from tailguard.stages.score.reading import kept_topics
from tailguard.stages.train import train
from tailguard.store.progress import Told
from tailguard.store.suites import read_suite
from tailguard.store.writing import write_atomically
from tailguard.workspace import Workspace, decision


class Watcher(Protocol):
    """Is told what a run is doing."""

    def stage(self, run: str, stage: str) -> None:
        """A stage begins."""

    def reading(self, file: str, records: int, share: float) -> None:
        """So many records of a batch have been read, about this share (0 to 1) of it; 0 where nobody knows."""

    def said(self, line: str) -> None:
        """A trainer's or generator's command wrote a line."""


class _Unwatched:
    def stage(self, run: str, stage: str) -> None:
        """Nobody listens."""

    def reading(self, file: str, records: int, share: float) -> None:
        """Nobody listens."""

    def said(self, line: str) -> None:
        """Nobody listens."""


class _Both:
    """Tells whoever watches this run, and the file that dashboards read."""

    def __init__(self, watch: Watcher, told: Told) -> None:
        self._watch, self._told = watch, told

    def stage(self, run: str, stage: str) -> None:
        self._watch.stage(run, stage)
        self._told.stage(stage)

    def reading(self, file: str, records: int, share: float) -> None:
        self._watch.reading(file, records, share)
        self._told.done(file, records, share)

    def said(self, line: str) -> None:
        self._watch.said(line)


UNWATCHED = _Unwatched()
PLAIN = Recipe()
"""What fits under the ceiling, with anchor and earlier human text."""


@decision(Right.RUN)
def start(workspace: Workspace, lineage: str, batches: Sequence[BatchRequest], *, recipe: Recipe, seed: int) -> str:
    """Begin a run; returns its name, which its generation will bear. Raises InputError where the request is incomplete."""
    return begin(workspace, lineage, batches, recipe=recipe, seed=seed)


def begin(workspace: Workspace, lineage: str, batches: Sequence[BatchRequest], *, recipe: Recipe, seed: int) -> str:
    """The same without asking for a role: a replay begins the run of somebody who had one then."""
    policy, digest = workspace.policy_in_force()
    actions.in_force(workspace)
    mode = policy.lineage(lineage).mode
    for batch in batches:
        reader_for(batch.file)
    request = workspace.store.put_json(
        "requests",
        {
            "batches": [{**asdict(batch), "file": _kept_path(workspace, batch.file)} for batch in batches],
            "recipe": asdict(recipe),
        },
    )
    begun: list[RunStarted] = []

    def numbered(connection: Any) -> list[RunStarted]:
        number = len(queries.runs_of(connection, lineage))
        parent = next(reversed(queries.shipped_generations(connection, lineage)), None)
        run = f"{lineage}/{number}"
        begun.append(RunStarted(run, lineage, number, parent, mode, digest, request, seed, __version__))
        return begun

    workspace.desk.decide(numbered)
    return begun[0].run


def last_stage(policy: Policy) -> str:
    """Where a run ends: with its hand-off, or after intake where nothing is trained."""
    return "intake" if policy.profile == "api-only" else workflow.ORDER[-1]


def advance(workspace: Workspace, run: str, *, until: str = "handoff", watch: Watcher = UNWATCHED) -> Progress:
    """Take a run through its stages up to and including `until`, starting after the last finished one.

    Raises Blocked or Held when a stage did not meet its exit criteria, or the ratio gate refuses training.
    """
    lock = workspace.root / "runs" / (run.replace("/", "-") + ".lock")
    with alone(lock, doing=f"working on run {run}"):
        told = Told(workspace.log.folder, run)
        work = _Work(workspace, run, _Both(watch, told))
        if until not in work.results:
            ahead = [stage for stage in workflow.ORDER[: workflow.ORDER.index(until) + 1] if stage not in work.results]
            try:
                for stage, after in zip(ahead, [*ahead[1:], None], strict=True):
                    work.do(stage, after=after)
            finally:
                told.end()
                if "gate" in work.results:
                    with suppress(LogBusy):  # the next run, or `tailguard alerts send`, raises what stands in alarm
                        alerts.send(workspace)
                workspace.log.publish()
        return Progress(run, tuple(work.results))


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
    place = workflow.ORDER.index(stage)
    if place > workflow.ORDER.index(last_stage(workspace.policy())):
        raise InputError(
            f'The profile "api-only" has no training stages, so there is no `{stage}`. Intake is all of a run.'
        )
    with workspace.log.reading() as connection:
        ended = queries.stage_results(connection, run)
    if place and workflow.ORDER[place - 1] not in ended:
        raise InputError(_not_ready(run, stage, workflow.ORDER[place - 1]))


def cancel(workspace: Workspace, run: str) -> None:
    """Ask the command that a run waits for to end; whoever runs it hears so. Raises InputError when no command is at work."""
    name = run.replace("/", "-")
    try:
        with alone(workspace.root / "runs" / f"{name}.lock", doing=f"working on run {run}"):
            pass
    except LogBusy:
        write_atomically(cancel_file(workspace.root, run), workspace.actor.encode())
        return
    raise InputError(f"Nothing is working on {run}; there is nothing to cancel.")


def read_file(root: Path, run: str) -> Path:
    """Where a run lists the contents of the store that its stages asked for, for whoever takes them along."""
    return root / "runs" / f"{run.replace('/', '-')}.read"


def _not_ready(run: str, stage: str, ahead: str) -> str:
    return f"{stage} cannot start: {ahead} has not finished in run {run}. Run `tailguard {ahead}` first."


def _kept_path(workspace: Workspace, file: str) -> str:
    """A batch's file as a request names it: inside the workspace by its place there, so that a copy asks for the same."""
    if "://" in file:
        return file
    path, root = Path(file).resolve(), workspace.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _address(workspace: Workspace, kept: str) -> str:
    """Where a kept path leads."""
    return kept if "://" in kept else str(workspace.root / kept)


@dataclass(frozen=True)
class Report:
    """What a run's finished stages came to, in a few lines."""

    run: str
    stages: tuple[str, ...]
    snapshot: str | None
    ratio_records: float | None
    ratio_tokens: float | None
    held: int
    rejected: int
    verdict: str | None
    reason: str | None

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [f"{self.run}: {', '.join(self.stages) or 'nothing'} finished."]
        if self.held or self.rejected:
            lines.append(f"{self.held:,} records are held for a person, {self.rejected:,} could not be read.")
        if self.snapshot:
            lines.append(
                f"Snapshot {self.snapshot[:12]}: {self.ratio_records:.1%} of records synthetic, {self.ratio_tokens:.1%} of tokens."
            )
        if self.verdict:
            lines.append(f"{self.verdict}: {self.reason}")
        return "\n".join(lines)


def report(workspace: Workspace, run: str) -> Report:
    """Read back from the log what a run has come to."""
    with workspace.log.reading() as connection:
        ended = queries.stage_results(connection, run)
        batches = [one.fact for one in queries.recorded(connection, BatchTaken, run=run)]
        composition = queries.composition_of(connection, run)
        decision = queries.gate_decision_of(connection, run)
    return Report(
        run=run,
        stages=tuple(stage for stage in workflow.ORDER if stage in ended),
        snapshot=composition.fact.snapshot if composition else None,
        ratio_records=composition.fact.ratio_records if composition else None,
        ratio_tokens=composition.fact.ratio_tokens if composition else None,
        held=sum(batch.held for batch in batches),
        rejected=sum(batch.rejected for batch in batches),
        verdict=decision.fact.verdict if decision else None,
        reason=decision.fact.reason if decision else None,
    )


@dataclass(frozen=True)
class Progress:
    """How far a run has come: the stages that have ended."""

    run: str
    finished: tuple[str, ...]


class _Work:
    """One run at work: what it was asked for, what its finished stages made, and its chain in the log."""

    def __init__(self, workspace: Workspace, run: str, watch: Watcher) -> None:
        self._watch = watch
        self._workspace = workspace
        self._store = workspace.store
        self._recorder = RunRecorder(workspace.log, run, workspace.author)
        self._recorder.record()
        with workspace.log.reading() as connection:
            started = queries.only(queries.recorded(connection, RunStarted, run=run))
            if started is None:
                raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
            policy = queries.only(queries.recorded(connection, PolicyInForce, digest=started.fact.policy))
            ended = queries.stage_results(connection, run)
            parent = started.fact.parent
            earlier = queries.composition_of(connection, parent) if parent else None
            anchor = queries.frozen_anchor(connection)
            self._suite = queries.frozen_suite(connection)
        self._anchor = anchor.fact.anchor if anchor else None
        self._previous = earlier.fact.snapshot if earlier else None
        self._run = started.fact
        self._announced: str | None = None
        self._policy: Policy = parse_policy(policy.fact.text if policy else "", f"the policy of run {run}")
        self._request = self._store.json("requests", started.fact.request)
        recipe = self._request["recipe"]
        self._recipe = Recipe(**{**recipe, "without": tuple(recipe.get("without", ()))})
        self._ended = {stage: result.fact for stage, result in ended.items()}
        self.results: dict[str, Any] = {
            stage: self._store.json("results", result.output) for stage, result in self._ended.items()
        }

    def do(self, stage: str, *, after: str | None) -> None:
        """One stage: may it start, do the work, remember it. `after` is the stage that this process goes on with."""
        self._may_start(stage)
        self._watch.stage(self._run.run, stage)
        started = self._workspace.clock.now()
        self._store.touched.clear()
        if self._announced != stage:
            self._recorder.record(StageStarted(self._run.run, stage))
        outcome = getattr(self, f"_{stage}")()
        with read_file(self._workspace.root, self._run.run).open("a", encoding="utf-8") as file:
            file.writelines(f"{one}\n" for one in sorted(self._store.touched))
        self._remember(stage, outcome, started, after)
        if stage == "handoff":
            self._recorder.seal()
        elif not outcome.passed and stage != "compose":
            self._refuse(stage, outcome)

    def _may_start(self, stage: str) -> None:
        """A stage starts after the exit criteria of the one ahead held. Two gates stand in between.

        Training asks the ratio gate, which an override can open. A candidate that its gate stopped is documented all the
        same: what its verdict stops is shipping.
        """
        place = workflow.ORDER.index(stage)
        if place == 0:
            return
        ahead = workflow.ORDER[place - 1]
        if ahead not in self._ended:
            raise InputError(_not_ready(self._run.run, stage, ahead))
        if not self._ended[ahead].passed and stage not in ("train", "handoff"):
            raise Blocked(f"{stage} cannot start: {ahead} did not meet its exit criteria in run {self._run.run}.")

    def _refuse(self, stage: str, outcome: Outcome) -> None:
        failed = [one for one in outcome.criteria if not one.lets_through]
        told = "; ".join(f"{one.name}: {one.observed}, required {one.required}" for one in failed)
        loops = [one for one in outcome.facts if isinstance(one, GateDecision) and one.gate == GATE]
        if stage == "gate" and outcome.result["verdict"] == "PASS" and loops:
            raise Held(
                f"{self._run.run} stops at its gate: unguarded loop, {loops[0].reason}. Put a checkpoint on it (`tailguard loops "
                "guard`), or ask for an override of the loops gate."
            )
        if stage == "gate" and outcome.result["verdict"] != "BLOCK":
            raise Held(f"{self._run.run} stops at its gate: {outcome.result['verdict']}. {outcome.result['reason']}")
        if stage == "gate":
            raise Blocked(f"{self._run.run} is blocked at its gate. {outcome.result['reason']}")
        raise Blocked(f"{self._run.run} stops after {stage}: {told}.")

    def _remember(self, stage: str, outcome: Outcome, started: Any, after: str | None) -> None:
        run = self._run.run
        result = StageResult(
            run,
            stage,
            started,
            outcome.passed,
            outcome.records_in,
            outcome.records_out,
            self._store.put_json("results", dict(outcome.result)),
        )
        # What comes next is announced in the same transaction, so that a page can say what is going on.
        following = [StageStarted(run, after)] if after and outcome.passed else []
        self._announced = after if following else None
        directed = [("in", named) for named in outcome.inputs] + [("out", named) for named in outcome.outputs]
        self._recorder.record(
            *outcome.facts,
            *(Artifact(run, stage, direction, named.kind, named.name, named.digest) for direction, named in directed),
            *(ExitCriterion(run, stage, c.name, c.required, c.observed, c.held, c.waived_by) for c in outcome.criteria),
            result,
            *following,
        )
        self._ended[stage] = result
        self.results[stage] = dict(outcome.result)

    @property
    def _suite_digest(self) -> str:
        if self._suite is None:
            raise InputError("No evaluation suite is frozen. Freeze one with `tailguard suite freeze FILE`.")
        return self._suite.fact.suite

    @property
    def _seed(self) -> int:
        return self._run.seed + 1000 * self._run.number

    @property
    def _rules(self) -> LineagePolicy:
        return self._policy.lineage(self._run.lineage)

    def _intake(self) -> Outcome:
        with self._workspace.log.reading() as connection:
            logged = queries.logged_outputs(connection)
            contracts = queries.contracts(connection)
        return intake(
            [
                BatchRequest(_address(self._workspace, batch["file"]), batch["source"], batch["declared"])
                for batch in self._request["batches"]
            ],
            run=self._run.run,
            store=self._store,
            open_batch=self._open,
            detector=detector.in_force(self._workspace, self._policy),
            own=own_outputs(self._store, logged, self._workspace.root / "cache" / "own-outputs", anchor=self._anchor),
            released=quarantine.released(self._workspace, self._run.lineage),
            contracts=contracts,
            policy=self._policy.intake,
            nothing_new=self._recipe.from_anchor,
            seed=self._seed,
            tell=self._watch.reading,
        )

    def _open(self, request: BatchRequest) -> Opened:
        rows = reader_for(request.file)(request.file, self._policy.columns.of(request.source))
        return Opened(content_digest(request.file), rows, plain_size(request.file))

    def _score(self) -> Outcome:
        suite = read_suite(self._store, self._suite_digest)
        with self._workspace.log.reading() as connection:
            sources = queries.source_records(connection)
        records = self.results["intake"]["records"]
        total = max(1, self._store.rows("records", records))
        return score(
            records,
            run=self._run.run,
            store=self._store,
            base=self._base(),
            sources=sources,
            rules=Filter(
                quality=self._policy.quality,
                score=self._policy.score,
                compose=self._policy.compose,
                slice_field=self._policy.columns.slice,
                prompts={item.id: item.prompt for item in suite.prompts},
                rare_terms=suite.rare_terms,
                ceiling=self._rules.ceiling,
                quotas=self._rules.quotas,
            ),
            seed=self._seed,
            tell=lambda done: self._watch.reading("score", done, done / total),
        )

    def _base(self) -> Base:
        parts = human_parts(self._store, self._anchor, self._previous, self._recipe)
        topics = kept_topics(self._store, self._anchor, self._workspace.root / "cache" / "topics")
        named = [("anchors", "", self._anchor), ("snapshots", "previous", self._previous)]
        return Base(
            tuple(parts),
            mass_of(self._store, parts),
            self._anchor,
            topics,
            tuple(Named(kind, name, digest) for kind, name, digest in named if digest),
        )

    def _compose(self) -> Outcome:
        with self._workspace.log.reading() as connection:
            leaks = queries.leaks(connection)
        return compose(
            self.results["score"]["scored"],
            run=self._run.run,
            lineage=self._run.lineage,
            store=self._store,
            anchor=self._anchor,
            previous=self._previous,
            recipe=self._recipe,
            ceiling=Ceiling(self._rules.ceiling, self._rules.enforce_on, self._rules.quotas),
            max_human_loss=self._policy.compose.max_human_loss,
            trust=Trust(leaks, self._policy.intake.error_rate),
            mode=self._run.mode,
            policy=self._run.policy,
            seed=self._seed,
            version=__version__,
        )

    def _train(self) -> Outcome:
        snapshot = self.results["compose"]["snapshot"]
        answer = clearance.check(self._workspace, lineage=self._run.lineage, snapshot=snapshot)
        if not answer.allowed:
            raise Blocked(
                f"{self._run.run} may not train: {answer.reason}. Compose within the ceiling or ask for an override."
            )
        return train(
            snapshot,
            run=self._run.run,
            lineage=self._run.lineage,
            number=self._run.number,
            parent=self._run.parent,
            store=self._store,
            trainer=trainer_for(
                self._policy,
                self._run.lineage,
                watching(self._workspace.root, self._run.run, self._watch.said),
            ),
            clearance=Path(answer.statement) if answer.statement else None,
            public_key=self._workspace.root / clearance.KEYS / "clearance.pub",
            seed=self._seed,
        )

    def _evaluate(self) -> Outcome:
        decoding = self._policy.evaluation
        return evaluate(
            self.results["train"]["weights"],
            run=self._run.run,
            store=self._store,
            suite=self._suite_digest,
            generator=generator_for(
                self._policy,
                self._run.lineage,
                generation=self._run.run,
                root=self._workspace.root,
                hear=self._watch.said,
                tell=lambda done, total: self._watch.reading("answers", done, done / max(1, total)),
            ),
            decoding=Decoding(decoding.samples, decoding.max_tokens, decoding.temperature),
            judge=judge,
            seed=self._seed,
        )

    def _gate(self) -> Outcome:
        made = self.results["evaluate"]
        suite = read_suite(self._store, made["suite"])
        outcome = gate(
            Evaluated(self._run.run, made["suite"], made["outputs"], made["decoding"]),
            again=made["again"],
            references=self._references(),
            predecessors=self._predecessors(),
            suite=suite,
            anchor=self._anchor,
            lineage=self._run.lineage,
            mode=self._run.mode,
            store=self._store,
            policy=self._policy.gate,
            seed=self._seed,
        )
        return self._no_unguarded_loop(outcome)

    def _no_unguarded_loop(self, outcome: Outcome) -> Outcome:
        """A loop without a live checkpoint holds the gate of its lineage, unless an override covers the run."""
        run, enforced = self._run.run, self._run.mode == "enforce"
        actions.in_force(self._workspace)
        with self._workspace.log.reading() as connection:
            found, exception = actions.unguarded(self._workspace, connection, run)
        told = "; ".join(one.sentence for one in found[:3]) or "every loop has a live checkpoint"
        name = exception.id if exception else None
        decision = GateDecision(run, self._run.lineage, GATE, "BLOCK" if found else "PASS", enforced, told, name)
        used = [OverrideUsed(name, run, GATE, told)] if name else []
        waived = name or (None if enforced else "observe mode")
        criterion = Criterion("no unguarded loop", "0", str(len(found)), not found, waived)
        return replace(outcome, criteria=(*outcome.criteria, criterion), facts=(*outcome.facts, decision, *used))

    def _references(self) -> dict[str, Evaluated]:
        """Parent, best and first: the generations that a candidate is held against, so that small losses cannot add up."""
        found: dict[str, Evaluated] = {}
        with self._workspace.log.reading() as connection:
            shipped = queries.shipped_generations(connection, self._run.lineage)
            best = queries.best_generation(connection, self._run.lineage, "tail recall")
            for kind, run in (("parent", self._run.parent), ("best", best), ("first", next(iter(shipped), None))):
                answered = queries.evaluation_of(connection, run) if run else None
                if run and answered:
                    fact = answered.fact
                    found[kind] = Evaluated(run, fact.suite, fact.outputs, fact.decoding)
        return found

    def _predecessors(self) -> dict[str, State]:
        """The generations of this lineage that were trained before this one, oldest first, and where each stands."""
        with self._workspace.log.reading() as connection:
            made = queries.recorded(connection, Generation, lineage=self._run.lineage)
            fleet = queries.fleet_of(connection, self._run.lineage)
        return {run: fleet.state(run) for run in trained_before(self._run.run, [row.fact.run for row in made])}

    def _handoff(self) -> Outcome:
        run = self._run.run
        with self._workspace.log.reading() as connection:
            facts = queries.facts_of_run(connection, run)
            used = queries.recorded(connection, OverrideUsed, run=run)
            criteria = queries.recorded(connection, ExitCriterion, run=run)
        deviations = [f"{one.fact.override} opened the {one.fact.gate} gate: {one.fact.effect}" for one in used]
        deviations += [
            f"{one.fact.stage}: {one.fact.name} was {one.fact.observed}, required {one.fact.required}"
            for one in criteria
            if not one.fact.held
        ]
        return handoff(
            run,
            store=self._store,
            recorded=[
                RecordedFact(table_name(type(one.fact)), one.recorded.isoformat(), one.actor, one.fact)
                for _, one in facts
            ],
            deviations=deviations,
        )
