"""The steps on data: what intake, score and compose are given from the workspace, the log and the policy."""

from __future__ import annotations

from tailguard import __version__
from tailguard.adapters.readers import reader_for
from tailguard.adapters.readers.source import content_digest, plain_size, read_unchanged, state_of
from tailguard.detection.own_outputs.index import own_outputs
from tailguard.domain.requests import BatchRequest
from tailguard.domain.stages import Named, Outcome, Stage
from tailguard.pipeline.context import RunContext
from tailguard.plays.provenance import detector, quarantine
from tailguard.policy.model import Policy
from tailguard.runlog.views import sources as sources_view
from tailguard.runlog.views.sources import logged_outputs, source_records
from tailguard.stages import compose as composing
from tailguard.stages import intake as taking_in
from tailguard.stages import score as scoring
from tailguard.stages.score.reading import kept_topics
from tailguard.store.suites import read_suite


def intake(context: RunContext) -> Outcome:
    """Tag every record of the requested batches, and of those that a person has released from quarantine since."""
    workspace = context.workspace
    with workspace.log.reading() as view:
        logged = logged_outputs(view)
        contracts = sources_view.contracts(view)
    return taking_in.intake(
        context.request.batches,
        run=context.run.run,
        store=context.store,
        open_batch=lambda batch: _opened(batch, context.policy),
        detector=detector.in_force(workspace, context.policy),
        own=own_outputs(context.store, logged, workspace.root / "cache" / "own-outputs", anchor=context.anchor),
        released=quarantine.released(workspace, context.run.lineage),
        contracts=contracts,
        policy=context.policy.intake,
        nothing_new=context.request.recipe.from_anchor,
        seed=context.seed,
        progress=context.watcher.reading,
    )


def _opened(batch: BatchRequest, policy: Policy) -> taking_in.Opened:
    state = state_of(batch.file)
    rows = reader_for(batch.file)(batch.file, policy.columns.of(batch.source))
    return taking_in.Opened(
        digest=content_digest(batch.file),
        state=state,
        rows=read_unchanged(batch.file, rows, state=state),
        size=plain_size(batch.file),
    )


def score(context: RunContext) -> Outcome:
    """Score and filter the records that intake let through."""
    suite = read_suite(context.store, context.required_suite())
    with context.workspace.log.reading() as view:
        sources = source_records(view)
    records = context.made[Stage.INTAKE]["records"]
    total = max(1, context.store.rows("records", records))
    policy = context.policy
    return scoring.score(
        records,
        run=context.run.run,
        store=context.store,
        base=_base(context),
        sources=sources,
        rules=scoring.Filter(
            quality=policy.quality,
            score=policy.score,
            compose=policy.compose,
            slice_field=policy.columns.slice,
            prompts={item.id: item.prompt for item in suite.prompts},
            rare_terms=suite.rare_terms,
            ceiling=context.lineage_policy.ceiling,
            quotas=context.lineage_policy.quotas,
        ),
        seed=context.seed,
        progress=lambda done: context.watcher.reading("score", done, done / total),
    )


def _base(context: RunContext) -> scoring.Base:
    """The human text that a new record is compared with: the anchor and what the parent was trained on."""
    parts = composing.human_parts(context.store, context.anchor, context.previous, context.request.recipe)
    named = [("anchors", "", context.anchor), ("snapshots", "previous", context.previous)]
    return scoring.Base(
        tuple(parts),
        composing.mass_of(context.store, parts),
        context.anchor,
        kept_topics(context.store, context.anchor, context.workspace.root / "cache" / "topics"),
        tuple(Named(kind, name, digest) for kind, name, digest in named if digest),
    )


def compose(context: RunContext) -> Outcome:
    """Make the training set: anchor, human text and synthetic text up to the ceiling."""
    with context.workspace.log.reading() as view:
        leaks = sources_view.leaks(view)
    rules = context.lineage_policy
    return composing.compose(
        context.made[Stage.SCORE]["scored"],
        run=context.run.run,
        lineage=context.run.lineage,
        store=context.store,
        anchor=context.anchor,
        previous=context.previous,
        recipe=context.request.recipe,
        ceiling=composing.Ceiling(rules.ceiling, rules.enforce_on, rules.quotas),
        max_human_loss=context.policy.compose.max_human_loss,
        trust=composing.Trust(leaks, context.policy.intake.error_rate),
        mode=context.run.mode,
        policy=context.run.policy,
        seed=context.seed,
        version=__version__,
    )
