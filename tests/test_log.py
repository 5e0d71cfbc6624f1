"""A user reads their own run log as data frames: by kind and lineage, with types, and told what to do where it cannot be."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tailguard
from tailguard.domain.facts import (
    CeilingCalibrated,
    Composition,
    Fact,
    GateDecision,
    Measurement,
    OverrideDecided,
    RunStarted,
    TailCoverage,
)
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError
from tailguard.runlog.recorder import RunRecorder
from tailguard.workspace import Workspace
from tests.builders import Clock

STARTED = RunStarted(
    run="main/0",
    lineage="main",
    number=0,
    parent=None,
    mode=Mode.ENFORCE,
    policy="7" * 64,
    request="{}",
    seed=1,
    tool_version="1",
)
SET = Composition(
    run="main/1",
    lineage="main",
    snapshot="5" * 64,
    content="6" * 64,
    anchor=None,
    records=90,
    tokens=900,
    anchor_records=10,
    synthetic_records=9.0,
    synthetic_tokens=90.0,
    ratio_records=0.1,
    ratio_tokens=0.1,
    ceiling=0.3,
    requested=None,
)
PASSED = GateDecision(
    run="main/1",
    lineage="main",
    gate=Gate.DIVERSITY,
    verdict=Verdict.PASS,
    enforced=True,
    reason="nothing fell",
    override=None,
)
MEASURED = Measurement(run="main/1", measure=Measure.RARE_DENSITY, value=0.5, budget=40)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of `main` and one of `main_two`; a second of the clock lies between two facts."""
    space = Workspace(tmp_path_factory.mktemp("team"), "ines", Clock())
    facts_of: dict[str, list[Fact]] = {
        "main/0": [STARTED],
        "main/1": [replace(STARTED, run="main/1", number=1, parent="main/0"), replace(SET, records=80), SET, PASSED,
                   replace(PASSED, gate=Gate.RATIO, verdict=Verdict.BLOCK), MEASURED],
        "main_two/0": [replace(STARTED, run="main_two/0", lineage="main_two")],
    }  # fmt: skip
    for run, facts in facts_of.items():
        RunRecorder(space.log, run, space.author).record(*facts)
    return space.root


def test_a_kind_is_read_by_class_by_name_and_by_the_name_of_its_table(workspace: Path) -> None:
    by_class = tailguard.log.frame(tailguard.log.facts.GateDecision, workspace=workspace)

    assert list(by_class["verdict"]) == ["PASS", "BLOCK"]
    for name in ("GateDecision", "gate_decision"):
        pd.testing.assert_frame_equal(tailguard.log.frame(name, workspace=str(workspace)), by_class)
    assert tailguard.log.kinds()["GateDecision"] is GateDecision


def test_a_frame_has_the_fields_then_who_when_where_and_of_which_generation(workspace: Path) -> None:
    found = tailguard.log.frame(Measurement, workspace=workspace)

    own = [field.name for field in fields(Measurement)]
    assert list(found.columns) == [*own, "recorded", "actor", "row", "lineage", "number"]
    row = found.iloc[0]
    assert len(found) == 1
    assert (row.actor, row.lineage, row.number, row.value) == ("ines", "main", 1, 0.5)


def test_times_are_utc_and_since_is_understood_in_any_zone(workspace: Path) -> None:
    everything = tailguard.log.frame(RunStarted, workspace=workspace)
    second = everything["recorded"].iloc[1].to_pydatetime()

    assert str(everything["recorded"].dtype) == "datetime64[us, UTC]"
    for since in (second, second.replace(tzinfo=None), second.astimezone(timezone(timedelta(hours=5)))):
        assert list(tailguard.log.frame(RunStarted, workspace=workspace, since=since)["run"]) == [
            "main/1",
            "main_two/0",
        ]


def test_a_lineage_is_read_alone_also_where_anothers_name_begins_like_it(workspace: Path) -> None:
    found = tailguard.log.frame(RunStarted, workspace=workspace, lineage="main")

    assert list(found["run"]) == ["main/0", "main/1"]
    assert tailguard.log.frame(Measurement, workspace=workspace, lineage="main_two").empty
    assert tailguard.log.frame(CeilingCalibrated, workspace=workspace, lineage="main").empty


def test_a_frame_of_no_rows_has_the_types_of_its_columns(workspace: Path) -> None:
    later = datetime(2100, 1, 1)
    one_of_each_type = {field.type: kind for kind in tailguard.log.kinds().values() for field in fields(kind)}

    for kind in set(one_of_each_type.values()):
        found = tailguard.log.frame(kind, workspace=workspace, since=later)
        assert (len(found), "object" in map(str, found.dtypes)) == (0, False), kind


def test_runs_say_what_each_was_trained_on_and_came_to(workspace: Path) -> None:
    found = tailguard.log.runs(workspace=workspace, lineage="main")

    assert list(found["run"]) == ["main/0", "main/1"]
    assert list(found["records"].astype(object)) == [pd.NA, 90]
    assert list(found["verdict"].fillna("none")) == ["none", "PASS"]
    assert found["started"].dt.tz is not None
    assert len(tailguard.log.runs(workspace=workspace)) == 3
    since = found["started"].iloc[1].to_pydatetime()
    assert list(tailguard.log.runs(workspace=workspace, since=since)["run"]) == ["main/1", "main_two/0"]


def test_an_unknown_kind_or_lineage_is_told_the_nearest_and_all_known(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no kind 'GateDecison'. Did you mean 'GateDecision'\? Known: .*Measurement"):
        tailguard.log.frame("GateDecison", workspace=workspace)
    with pytest.raises(InputError, match=r"no kind 'int'. Known: "):
        tailguard.log.frame(int, workspace=workspace)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no lineage 'mian'. Did you mean 'main'\? Known: main, main_two."):
        tailguard.log.frame(TailCoverage, workspace=workspace, lineage="mian")
    with pytest.raises(InputError, match=r"no lineage 'other'. Known: main, main_two."):
        tailguard.log.runs(workspace=workspace, lineage="other")
    with pytest.raises(InputError, match="OverrideDecided does not belong to a lineage"):
        tailguard.log.frame(OverrideDecided, workspace=workspace, lineage="main")


def test_a_missing_log_or_workspace_is_told_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"There is no run log at .*tailguard init"):
        tailguard.log.runs(workspace=tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"There is no policy.toml in .* or above it"):
        tailguard.log.frame("RunStarted")


def test_the_example_in_the_readme_is_true(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "policy.toml").touch()
    monkeypatch.chdir(workspace)
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    example = readme.split("### Your run log in Python")[1].split("```python\n")[1].split("```")[0]
    made: dict[str, Any] = {}

    exec(example, made)  # noqa: S102  the README is ours

    assert list(made["runs"]["run"]) == ["main/0", "main/1"]
    assert list(made["measured"]["value"]) == [0.5]


def test_without_a_workspace_the_nearest_one_upwards_is_read(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "policy.toml").touch()
    (workspace / "notebooks").mkdir()
    monkeypatch.chdir(workspace / "notebooks")

    assert len(tailguard.log.runs()) == 3
