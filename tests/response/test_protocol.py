"""One protocol for drills and real incidents: timed, in order, not to be closed without a cause and a change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import AlertRaised, Composition, ContaminationAudited, RunStarted, ShippingEvent
from tailguard.domain.incidents import ORDER, Gap, next_step
from tailguard.domain.shipping import State
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import status
from tailguard.release import freeze
from tailguard.response import protocol
from tailguard.response.drill import start_drill
from tailguard.runlog.verify import verify
from tailguard.runlog.views.releases import release_history_of
from tailguard.workspace import LOG_FILE, LOG_VARIABLE
from tests.builders import Team, written_by
from tests.recording import record, record_policy

CLOSING = {
    "cause": "a planted collapse of rare words",
    "play": "monitoring",
    "change": "weekly figures are looked at on Mondays",
}


def two_generations(team: Team) -> tuple[str, str]:
    return team.run([team.batch("a", team.take(400))]), team.run([team.batch("b", team.take(150))])


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and "lock" not in path.name}


def through(team: Team, incident: str, *, until: str = "close") -> None:
    """The steps of a response up to one."""
    space = team.workspace
    work = {
        "freeze": protocol.freeze,
        "rollback": protocol.rollback,
        "audit": protocol.audit,
        "prepare": protocol.prepare,
    }
    for step in ORDER[1 : ORDER.index(until)]:
        work[step](space, incident)


@pytest.fixture
def kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The team's log is no file in its workspace: TAILGUARD_RUNLOG names it."""
    (tmp_path / "server").mkdir()
    monkeypatch.setenv(LOG_VARIABLE, f"duckdb:///{tmp_path / 'server' / 'runlog.duckdb'}")


@pytest.mark.slow
@pytest.mark.usefixtures("kept_elsewhere")
def test_a_drill_touches_nothing_in_production_and_leaves_its_times(team: Team) -> None:
    first, second = two_generations(team)
    space = team.workspace
    stored = {path for path in everything(space.store.root) if not path.startswith("contamination")}

    begun = start_drill(space, "main", seed=0)
    through(team, begun.incident)

    with space.log.reading() as view:
        assert release_history_of(view, "main").deployed == second
        assert release_history_of(view, "main").state(second) is State.SHIPPED
        assert [row.fact.run for row in view.recorded(RunStarted)] == [first, second]
        assert view.recorded(AlertRaised) == [], "the planted collapse alarms in the sandbox alone"
        (found,) = incidents(view)
    assert not (space.root / LOG_FILE).exists(), "the team's log is kept elsewhere"
    assert (space.root / "drills" / begun.incident / LOG_FILE).exists()
    assert {path for path in everything(space.store.root) if not path.startswith("contamination")} == stored
    assert [step.fact.step for step in found.steps] == list(ORDER[:-1])
    assert f"{second} was rolled back, {first} is in production" in found.steps[2].fact.evidence
    assert all(found.seconds(step) is not None for step in ORDER[:-1])
    assert found.next == "close"
    assert (space.root / "drills" / begun.incident).is_dir()
    protocol.close(space, begun.incident, **CLOSING)
    assert not (space.root / "drills" / begun.incident).exists()
    assert {gap.fact.gap for gap in found.gaps} >= {Gap.PRODUCTION_NOT_WATCHED, Gap.ALERTS_REACH_NOBODY}
    assert verify(space.log).problems == ()


@pytest.mark.slow
def test_a_response_keeps_its_order_and_does_not_close_without_cause_and_change(team: Team) -> None:
    two_generations(team)
    space = team.workspace
    name = start_drill(space, "main", seed=0).incident

    with pytest.raises(InputError, match="is at freeze; audit comes later"):
        protocol.audit(space, name)
    with pytest.raises(InputError, match="is at freeze; close comes later"):
        protocol.close(space, name, **CLOSING)
    with pytest.raises(InputError, match=f"{name} is open. Close it first"):
        start_drill(space, "main", seed=0)
    through(team, name)
    with pytest.raises(InputError, match=r"freeze of .* was done by .*; close comes next"):
        protocol.freeze(space, name)
    for wrong, message in (("cause", "needs a root cause"), ("change", "needs a change"), ("play", "no play ''")):
        with pytest.raises(InputError, match=message):
            protocol.close(space, name, **{**CLOSING, wrong: ""})
    with pytest.raises(InputError, match="ada or ada closes it; you are lin"):
        protocol.close(space.as_actor("lin"), name, **CLOSING)
    protocol.close(space, name, **CLOSING)
    with pytest.raises(InputError, match="was closed by ada on"):
        protocol.freeze(space, name)


def test_a_real_incident_from_an_alert_acts_on_the_lineage_itself(team: Team) -> None:
    first, second = two_generations(team)
    space = team.workspace
    record(
        space,
        AlertRaised(
            alert="alert-1",
            kind=AlarmKind.STREAM,
            subject="bot",
            what="bot lost its rare words",
            source="decisions#1",
        ),
    )
    team.clock.moment += timedelta(minutes=30)

    begun = protocol.open_incident(space.as_actor("lin"), "main", what="", alert="alert-1", generation=None)
    through(team, begun.incident)

    assert begun.evidence == "bot lost its rare words"
    with space.log.reading() as view:
        (found,) = incidents(view)
        releases = release_history_of(view, "main")
        runs = [row.fact.run for row in view.recorded(RunStarted)]
        made = view.recorded(Composition, run=runs[-1])
        events = [(row.fact.run, row.fact.action) for row in view.recorded(ShippingEvent)][-3:]
        findings = [finding.what for finding in status(view, now=team.clock.now()).findings]
    assert (found.trigger, found.kind) == ("alert-1", "incident")
    assert 1800 < (found.seconds("detect") or 0) < 2000, "since the alert"
    assert (releases.deployed, releases.state(second)) == (first, State.ROLLED_BACK)
    assert events == [(second, "frozen"), (second, "rolled back"), (first, "restored")]
    assert made[0].fact.ratio_records == 0
    assert runs[-1] == "main/2"
    assert any("incident-1 on main/1 is open" in what for what in findings)
    protocol.close(space, begun.incident, **CLOSING)
    with pytest.raises(InputError, match="no alert 'alert-9'"):
        protocol.open_incident(space, "main", what="", alert="alert-9", generation=None)
    with pytest.raises(InputError, match="An incident needs an alert, or a description"):
        protocol.open_incident(space, "main", what="?", alert=None, generation=None)


def test_without_a_good_generation_the_response_goes_on_and_tells_of_the_gap(team: Team) -> None:
    only = team.run([team.batch("a", team.take(300))])
    name = protocol.open_incident(
        team.workspace, "main", what="users see the same answers", alert=None, generation=None
    )

    through(team, name.incident)

    found = protocol.find(team.workspace, name.incident)
    assert "not possible: main has no known-good generation" in found.steps[2].fact.evidence
    assert {Gap.NO_GOOD_GENERATION} <= {gap.fact.gap for gap in found.gaps}
    assert only == found.generation


def test_a_drill_that_cannot_begin_leaves_no_open_one(team: Team) -> None:
    with pytest.raises(InputError, match="nothing to rehearse with"):
        start_drill(team.workspace, "main", seed=0)
    two_generations(team)
    for file in (team.workspace.store.root / "outputs").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="missing from the store"):
        start_drill(team.workspace, "main", seed=0)

    with team.workspace.log.reading() as view:
        assert [incident.next for incident in incidents(view)] == [None]
    assert not list((team.workspace.root / "drills").iterdir())


def test_the_audit_names_contaminated_sources_and_the_prepared_set_leaves_them_out(team: Team) -> None:
    first = team.run([team.batch("a", team.take(400))])
    ours = written_by(team, first, 120, logged=True)
    run = team.run([team.batch("v", [*team.take(80), *ours], "vendor", Origin.HUMAN)])
    name = protocol.open_incident(
        team.workspace, "main", what="rare words are gone", alert=None, generation=None
    ).incident
    protocol.freeze(team.workspace, name)
    protocol.rollback(team.workspace, name)

    _, report = protocol.audit(team.workspace, name)
    done = protocol.prepare(team.workspace, name)

    rows = {(row.run, row.source): row for row in report.rows if row.doubtful}
    assert all(source != "docs" for _, source in rows)
    with team.workspace.log.reading() as view:
        kept = view.recorded(ContaminationAudited, incident=name)
    assert len(kept) == len(report.rows)
    if (run, "vendor") in rows:
        assert report.examples
        assert "without vendor" in done.evidence


def test_steps_come_in_order() -> None:
    assert [next_step(set(ORDER[:number])) for number in range(len(ORDER) + 1)] == [*ORDER, None]


@pytest.mark.slow
def test_a_drill_is_due_every_quarter_and_overdue_until_one_is_held(team: Team) -> None:
    def sentences() -> list[str]:
        record_policy(team.workspace)
        freeze.freeze(team.workspace, "main/1", reason="moves the log's own time")
        freeze.unfreeze(team.workspace, "main/1", reason="moves the log's own time")
        with team.workspace.log.reading() as view:
            found = status(view, now=team.clock.now())
        return [finding.what for finding in found.findings if finding.what.startswith("a drill is overdue")]

    two_generations(team)
    assert sentences() == []
    team.clock.move(40)
    assert len(sentences()) == 1
    name = start_drill(team.workspace, "main", seed=0).incident
    through(team, name)
    protocol.close(team.workspace, name, **CLOSING)
    assert sentences() == []
    team.clock.move(93)
    assert "the last was closed on" in sentences()[0]
