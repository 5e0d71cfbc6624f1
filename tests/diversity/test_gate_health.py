"""The gate's own health: its self-test again on demand, a gate that is less sensitive, one that was never tested; reports kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailguard.domain.damage import Damage
from tailguard.domain.facts import CanaryResult, CaseShift, GateDecision, ReportKept, RunStarted, SecondaryMeasure
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.references import ReferenceKind
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.reports import gate
from tailguard.workspace import Workspace
from tests.builders import Clock, Team
from tests.recording import record, record_policy


def findings(workspace: Workspace, clock: Clock) -> list[str]:
    with workspace.log.reading() as view:
        return [finding.what for finding in status(view, now=clock.now()).findings]


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Workspace, Clock]:
    (tmp_path / "policy.toml").write_text(template("ada"))
    clock = Clock()
    workspace = Workspace(tmp_path, "ada", clock)
    record_policy(workspace)
    return workspace, clock


def judged(workspace: Workspace, number: int, *losses: tuple[float, str], verdict: str = "PASS") -> None:
    run = f"main/{number}"
    record(
        workspace,
        RunStarted(
            run=run,
            lineage="main",
            number=number,
            parent=None,
            mode=Mode.ENFORCE,
            policy="p",
            request="r",
            seed=0,
            tool_version="test",
        ),
        GateDecision(
            run=run,
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict(verdict),
            enforced=True,
            reason="as measured",
            override=None,
        ),
        *(
            CanaryResult(
                run=run, kind=Damage.RARE_WORDS_LOST, strength=0.1, loss=loss, verdict=Verdict(result), as_expected=True
            )
            for loss, result in losses
        ),
    )


def test_a_gate_that_blocks_only_larger_and_larger_losses_is_a_finding(plain: tuple[Workspace, Clock]) -> None:
    workspace, clock = plain
    for number in range(4):
        judged(workspace, number, (0.05, "PASS"), (0.10, "BLOCK"), (0.3, "BLOCK"))
    assert not any("less sensitive" in what for what in findings(workspace, clock))

    judged(workspace, 4, (0.05, "PASS"), (0.10, "INCONCLUSIVE"), (0.3, "BLOCK"))

    assert any(
        "the gate is less sensitive: in main/4 it blocked only a planted loss of 30.0%" in what
        for what in findings(workspace, clock)
    )
    judged(workspace, 5, (0.05, "PASS"), (0.10, "PASS"))
    assert any(
        "in main/5 it blocked no planted loss; usually it blocks 10.0%" in what for what in findings(workspace, clock)
    )


def test_a_gate_that_blocked_nothing_and_was_never_tested_is_a_finding(plain: tuple[Workspace, Clock]) -> None:
    workspace, clock = plain
    for number in range(3):
        judged(workspace, number)
    assert any("3 candidates were judged, none blocked" in what for what in findings(workspace, clock))

    judged(workspace, 3, verdict="BLOCK")

    assert not any("none blocked" in what for what in findings(workspace, clock))


@pytest.mark.slow
def test_a_run_keeps_its_whole_report_and_its_gate_can_be_tested_again(team: Team) -> None:
    first, second = (team.run([team.batch(name, team.take(200))]) for name in ("a", "b"))

    page = gate.report_page(team.workspace, second, ReferenceKind.PARENT).decode()
    before = len(_canaries(team, second))
    results = gate.rerun_self_test(team.workspace, second, seed=5)

    assert first in page
    assert "What was lost" in page
    assert len(_canaries(team, second)) == before + len(results)
    assert {result.kind for result in results} == {*Damage} - {Damage.NOISE}
    with team.workspace.log.reading() as view:
        assert {row.fact.reference_kind for row in view.recorded(ReportKept, run=second)} == {*ReferenceKind}
        assert {row.fact.measure for row in view.recorded(SecondaryMeasure, run=second)} >= {
            "self-BLEU",
            "divergence from the anchor",
        }
        assert view.recorded(CaseShift, run=second)
    with pytest.raises(InputError, match="has no report against a reference of the kind parent"):
        gate.report_page(team.workspace, first, ReferenceKind.PARENT)
    with pytest.raises(InputError, match="has not answered the suite yet"):
        gate.rerun_self_test(team.workspace, "main/9", seed=0)


def _canaries(team: Team, run: str) -> list[object]:
    with team.workspace.log.reading() as view:
        return list(view.recorded(CanaryResult, run=run))
