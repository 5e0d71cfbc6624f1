"""A gate's whole comparison again, as a page to keep; and its self-test again, whenever somebody asks for it."""

from __future__ import annotations

from tailguard.domain.facts import CanaryResult, PolicyInForce, ReportKept, RunStarted
from tailguard.domain.references import ReferenceKind
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.policy.reading import parse_policy
from tailguard.reports.comparison_page import page
from tailguard.runlog.view import latest
from tailguard.runlog.views.runs import evaluation_of, stage_results
from tailguard.stages.gate import Evaluated, answered, limits_of, self_test
from tailguard.store.suites import read_suite
from tailguard.workspace import Workspace


def report_page(workspace: Workspace, run: str, reference_kind: ReferenceKind) -> bytes:
    """The comparison of a run with one of its references, as HTML. Raises InputError where there is none."""
    with workspace.log.reading() as view:
        kept = latest(view.recorded(ReportKept, run=run, reference_kind=reference_kind))
    if kept is None:
        raise InputError(
            f"{run} has no report against a reference of the kind {reference_kind}. `tailguard status --json` lists what it was "
            "compared with."
        )
    return page(workspace.store.json("reports", kept.fact.report))


def rerun_self_test(workspace: Workspace, run: str, *, seed: int) -> list[CanaryResult]:
    """Plant damage in a generation's answers once more, and hold it against its own second sample; with the limits of
    its own policy. The results are recorded. Raises InputError for a run without answers."""
    workspace.require(Right.TEST)
    with workspace.log.reading() as view:
        started = latest(view.recorded(RunStarted, run=run))
        evaluation = evaluation_of(view, run)
        ended = stage_results(view, run).get("evaluate")
        policy = latest(view.recorded(PolicyInForce, digest=started.fact.policy)) if started else None
    if evaluation is None or ended is None or policy is None:
        raise InputError(f"{run} has not answered the suite yet; there is nothing to test the gate with.")
    fact = evaluation.fact
    suite = read_suite(workspace.store, fact.suite)
    again = workspace.store.json("results", ended.fact.output)["again"]
    first, second = (
        answered(workspace.store, Evaluated(run, fact.suite, outputs, fact.decoding), suite)
        for outputs in (fact.outputs, again)
    )
    limits = limits_of(parse_policy(policy.fact.text, f"the policy of run {run}").gate)
    results = self_test(first, second, run, rare_terms=suite.rare_terms, limits=limits, seed=seed)
    with workspace.deciding(Right.TEST) as tx:
        tx.record(*results)
    return results
