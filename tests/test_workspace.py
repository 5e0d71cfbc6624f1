"""A workspace that is isolated keeps to its folder, whatever the environment says of the team's log and channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import AlertRaised, AlertSent, SuiteFrozen
from tailguard.plays.monitoring import alerts
from tailguard.policy.reading import template
from tailguard.workspace import LOG_FILE, LOG_VARIABLE, Workspace
from tests.recording import record


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The team's log, kept in another folder, as its environment names it; alerts go to a file."""
    file = tmp_path / "team" / "runlog.duckdb"
    file.parent.mkdir()
    monkeypatch.setenv(LOG_VARIABLE, f"duckdb:///{file}")
    monkeypatch.setenv(alerts.CHANNELS, "json://127.0.0.1:9/team")
    return file


def frozen(workspace: Workspace) -> SuiteFrozen:
    fact = SuiteFrozen(suite="digest", name="openings", prompts=10, tail_prompts=5, samples_per_prompt=4, rare_terms=3)
    record(workspace, fact)
    return fact


@pytest.mark.parametrize("isolated", [True, False])
def test_only_an_isolated_workspace_has_its_log_in_its_folder_when_the_environment_names_another(
    tmp_path: Path, elsewhere: Path, isolated: bool
) -> None:
    workspace = Workspace(tmp_path, "ada", isolated=isolated)

    frozen(workspace)

    assert (tmp_path / LOG_FILE).exists() is isolated
    assert elsewhere.exists() is not isolated


def test_another_actor_of_an_isolated_workspace_is_isolated_too(tmp_path: Path, elsewhere: Path) -> None:
    other = Workspace(tmp_path, "ada", isolated=True).as_actor("lin", groups=("ml",))

    fact = frozen(other)

    assert not elsewhere.exists()
    with other.log.reading() as view:
        assert [(row.actor, row.fact) for row in view.recorded(SuiteFrozen)] == [("lin", fact)]


def test_alerts_of_an_isolated_workspace_reach_nobody(tmp_path: Path, elsewhere: Path) -> None:
    workspace = Workspace(tmp_path, "ada", isolated=True)
    (tmp_path / "policy.toml").write_text(template("ada"))
    frozen(workspace)
    record(
        workspace,
        AlertRaised(alert="alert-1", kind=AlarmKind.STREAM, subject="main", what="main is in alarm", source="main"),
    )

    sent = alerts.send(workspace)

    assert (sent.delivered, sent.problems) == (0, ())
    with workspace.log.reading() as view:
        assert view.recorded(AlertSent) == []
    assert not elsewhere.exists()
