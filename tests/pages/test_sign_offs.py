"""A verdict is signed off on the gates page: the report first, then the answer, by the quality owner alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tailguard.domain.facts import GateDecision, GateSignedOff, ReportKept, RunStarted
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.verdict import Verdict
from tailguard.workspace import Workspace
from tests.logs import Catalogue
from tests.pages.opening import acting_as, answered, button, opened, page_text
from tests.recording import record, record_policy

RUN = "main/2"


@pytest.fixture
def waiting(catalogue: Catalogue, tmp_path: Path) -> Workspace:
    """Two shipped generations, and a third that passed: lin started it, the policy asks ada for sign-off."""
    shutil.copytree(catalogue["long"], tmp_path / "copy")
    workspace = Workspace(tmp_path / "copy", "lin")
    policy = workspace.root / "policy.toml"
    policy.write_text(policy.read_text().replace("\nsign_off = false", "\nsign_off = true"))
    with workspace.log.reading() as view:
        reports = [row.fact for row in view.recorded(ReportKept, run="main/1")]
    record_policy(workspace)
    record(
        workspace,
        RunStarted(
            run=RUN,
            lineage="main",
            number=2,
            parent="main/1",
            mode=Mode.ENFORCE,
            policy="p",
            request="{}",
            seed=0,
            tool_version="test",
        ),
        *(
            ReportKept(run=RUN, reference_kind=kept.reference_kind, reference=kept.reference, report=kept.report)
            for kept in reports
        ),
        GateDecision(
            run=RUN,
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict.PASS,
            enforced=True,
            reason="nothing fell past its margin",
            override=None,
        ),
    )
    workspace.log.publish()
    return workspace


def reviewed(workspace: Workspace) -> AppTest:
    app = opened(workspace.root, "gates")
    assert "1 verdict waits for sign-off." in page_text(app)
    return button(app, "Review").click().run()


def answers(workspace: Workspace) -> list[tuple[str, bool, str]]:
    with workspace.log.reading() as view:
        return [(row.actor, row.fact.approved, row.fact.note) for row in view.recorded(GateSignedOff, run=RUN)]


@pytest.mark.parametrize(("label", "approved"), [("Approve", True), ("Decline", False)])
def test_the_quality_owner_reads_the_report_and_answers(waiting: Workspace, label: str, approved: bool) -> None:
    with acting_as("ada"):
        app = reviewed(waiting)
        assert len(app.get("iframe")) == 1
        button(app, label).click().run()
        assert "needs a note of at least 10 letters" in answered(app)
        app.text_area(key="sign_off_note").input("I read the whole report")
        button(app, label).click().run()

    done = "approved" if approved else "declined"
    assert f"{RUN} is {done}" in answered(app)
    assert answers(waiting) == [("ada", approved, "I read the whole report")]
    assert "Review" not in [button.label for button in app.button]
    assert "waits for sign-off" not in page_text(app)
    assert any(part.label.startswith("1 sign-off") for part in app.expander)
    decisions = next(frame.value for frame in app.dataframe if "sign-off" in frame.value)
    assert dict(zip(decisions["run"], decisions["sign-off"], strict=True))[RUN] == f"{done} by ada"


def test_an_engineer_reads_the_report_and_cannot_answer(waiting: Workspace) -> None:
    with acting_as("lin"):
        app = reviewed(waiting)

    assert not app.exception, app.exception
    assert len(app.get("iframe")) == 1
    assert [button(app, label).disabled for label in ("Approve", "Decline")] == [True, True]
    assert "lin may not sign off gate decisions. The policy names ada (quality_owner)." in page_text(app)
    assert answers(waiting) == []


def test_without_sign_off_in_the_policy_nothing_is_asked(catalogue: Catalogue) -> None:
    app = opened(catalogue["long"], "gates")

    assert "sign-off" not in page_text(app)
    assert "Review" not in [button.label for button in app.button]
