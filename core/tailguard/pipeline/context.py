"""A run as its steps see it: what was asked for, the policy that it began under, and what its finished steps made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tailguard.domain.facts import PolicyInForce, RunStarted
from tailguard.domain.requests import RunRequest
from tailguard.domain.stages import Stage
from tailguard.errors import InputError
from tailguard.pipeline.progress import Watcher
from tailguard.policy.model import LineagePolicy, Policy
from tailguard.policy.reading import parse_policy
from tailguard.runlog.view import LogView, latest
from tailguard.runlog.views.references import frozen_anchor, frozen_suite
from tailguard.runlog.views.runs import composition_of
from tailguard.store.files import Store
from tailguard.store.requests import read_request
from tailguard.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """All that a step may look at. `anchor`, `previous` (the parent's snapshot) and `suite` are digests, None where there is
    none; `made` holds, by stage, the digests that finished steps handed on."""

    workspace: Workspace
    run: RunStarted
    policy: Policy
    request: RunRequest
    anchor: str | None
    previous: str | None
    suite: str | None
    made: Mapping[Stage, Mapping[str, str]]
    watcher: Watcher

    @property
    def store(self) -> Store:
        """The content-addressed files."""
        return self.workspace.store

    @property
    def lineage_policy(self) -> LineagePolicy:
        """The policy of the run's lineage."""
        return self.policy.lineage(self.run.lineage)

    @property
    def seed(self) -> int:
        """The run's own: generations of one lineage draw differently."""
        return self.run.seed + 1000 * self.run.number

    def required_suite(self) -> str:
        """The digest of the frozen suite. Raises InputError when there is none."""
        if self.suite is None:
            raise InputError("No evaluation suite is frozen. Freeze one with `tailguard suite freeze FILE`.")
        return self.suite


def context_of(
    workspace: Workspace, run: str, *, made: Mapping[Stage, Mapping[str, str]], watcher: Watcher
) -> RunContext:
    """The context of a run that was started. Raises InputError when there is no such run."""
    with workspace.log.reading() as view:
        started = started_run(view, run)
        policy = policy_of(view, started)
        earlier = composition_of(view, started.parent) if started.parent else None
        anchor = frozen_anchor(view)
        suite = frozen_suite(view)
    return RunContext(
        workspace=workspace,
        run=started,
        policy=policy,
        request=read_request(workspace.store, started.request, workspace.root),
        anchor=anchor.fact.anchor if anchor else None,
        previous=earlier.fact.snapshot if earlier else None,
        suite=suite.fact.suite if suite else None,
        made=made,
        watcher=watcher,
    )


def started_run(view: LogView, run: str) -> RunStarted:
    """How a run was begun. Raises InputError when there is no such run."""
    started = latest(view.recorded(RunStarted, run=run))
    if started is None:
        raise InputError(f"There is no run {run!r}. `tailguard status` lists the runs.")
    return started.fact


def policy_of(view: LogView, run: RunStarted) -> Policy:
    """The policy that a run began under."""
    recorded = latest(view.recorded(PolicyInForce, digest=run.policy))
    return parse_policy(recorded.fact.text if recorded else "", f"the policy of run {run.run}")
