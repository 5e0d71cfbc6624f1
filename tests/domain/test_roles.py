"""Who may do what: the table, the names of the policy, and every decision of the core asks first and logs a refusal."""

from __future__ import annotations

import inspect
from datetime import datetime
from importlib import import_module

import pytest

from tailguard.domain.facts import AttemptRefused
from tailguard.domain.roles import ALLOWED, Right, Role
from tailguard.errors import NotAllowed
from tailguard.overrides import register, requests
from tailguard.policy.model import parse_policy, template
from tailguard.release import ship
from tailguard.runlog.queries import as_of, recorded
from tailguard.workspace import DECISIONS, Workspace
from tests.builders import Team
from tests.sweeps import CORE, module_name, modules_with, writers_that_ask_nobody

for module in modules_with("@decision("):
    import_module(module)

RECORDED_BY_A_MACHINE = {
    "cli.look": {"add_to", "migrate"},  # upgrades tables, records nothing
    "plays.monitoring.alerts": {"raise_new", "send"},  # what stands in alarm, and whom it reached
    "plays.mixing.anchor": {"verify"},  # what a check found
    "plays.mixing.ceilings": {"calibrate"},  # a measurement; the ceiling itself stands in the policy
    "plays.mixing.clearance": {"check"},  # the answer to a training job
    "plays.loops.actions": {"in_force", "standing"},  # the file beside the policy, as it is
    "plays.monitoring.streams": {"add"},  # a measurement
    "plays.provenance.own_output": {"log_outputs", "sample_outputs"},  # fingerprints of what our models wrote
    "overrides.requests": {"close_missed"},  # what the calendar closed
    "reports.pack": {"make"},  # that a pack was made
    "pipeline.runner": {"begin"},  # `start` asks; a replay begins what somebody was allowed then
    "handoff.bundle": {"replay", "reproduce"},  # what came of a repetition
}
"""Public functions that write and ask for no right, for nobody decides anything by them."""


def test_every_other_function_that_writes_is_a_decision() -> None:
    found = {
        name: writing
        for file in CORE.rglob("*.py")
        if not file.is_relative_to(CORE / "runlog") and (writing := writers_that_ask_nobody(file.read_text()))
        for name in [module_name(file).removeprefix("tailguard.")]
    }

    assert found == RECORDED_BY_A_MACHINE


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def ship(workspace):\n    workspace.desk.record(fact)", {"ship"}),
        ("def ship(workspace):\n    _keep(workspace)\ndef _keep(space):\n    space.desk.decide(look)", {"ship"}),
        ("def ship(space):\n    with space.log.writing() as connection: pass", {"ship"}),
        ("@decision(Right.SHIP)\ndef ship(workspace):\n    workspace.desk.record(fact)", set()),
        ("def ship(space):\n    with space.may(Right.SHIP):\n        space.desk.record(fact)", set()),
        (
            "def ship(space):\n    settle(space)\n@decision(Right.SHIP)\ndef settle(space):\n    space.desk.record(fact)",
            set(),
        ),
    ],
)
def test_a_function_that_writes_without_asking_is_found(source: str, found: set[str]) -> None:
    assert writers_that_ask_nobody(source) == found


def test_every_decision_of_the_core_is_among_those_that_are_tried() -> None:
    marked = sum(file.read_text().count("\n@decision(") for file in CORE.rglob("*.py"))

    assert marked == len(DECISIONS) > 40


def refusals(team: Team) -> list[tuple[str, str]]:
    with team.workspace.log.reading() as connection:
        return [(one.actor, one.fact.action) for one in recorded(connection, AttemptRefused)]


@pytest.mark.parametrize("name", sorted(DECISIONS))
def test_every_decision_refuses_somebody_who_only_looks_and_says_so_in_the_log(team: Team, name: str) -> None:
    module, _, function = name.rpartition(".")
    work = getattr(import_module(module), function)
    right = DECISIONS[name]
    if right is Right.LOOK:
        pytest.skip("the owner of a checkpoint confirms it, whatever else he is")
    given = {
        one.name: None
        for one in inspect.signature(work).parameters.values()
        if one.default is one.empty and one.name != "workspace"
    }
    positional = [
        None
        for one in list(inspect.signature(work).parameters.values())[1:]
        if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty
    ]
    keywords = dict.fromkeys(list(given)[len(positional) :])

    with pytest.raises(NotAllowed, match=f"eve may not {right}"):
        work(team.workspace.as_actor("eve"), *positional, **keywords)

    assert refusals(team) == [("eve", str(right))]


def test_every_right_is_somebodys_and_a_viewer_has_only_the_one_to_look() -> None:
    assert set(ALLOWED) == set(Right)
    assert {right for right, roles in ALLOWED.items() if Role.VIEWER in roles} == {Right.LOOK}
    assert all(ALLOWED.values())


def test_roles_come_by_name_by_address_and_by_group() -> None:
    text = (
        template("ada")
        .replace('engineer = ["ada"]', 'engineer = ["lin@team.example", "group:ml"]')
        .replace("viewer = []", 'viewer = ["group:board"]')
    )
    policy = parse_policy(text, "policy.toml")

    assert policy.roles_of("lin@team.example") == {Role.ENGINEER, Role.VIEWER}
    assert policy.roles_of("max@team.example", ["ml"]) == {Role.ENGINEER, Role.VIEWER}
    assert policy.roles_of("vic@team.example", ["board"]) == {Role.VIEWER}
    assert policy.roles_of("eve@elsewhere.example", ["ops"]) == set()
    assert policy.roles_of("group:ml") == set(), "nobody becomes a group by calling himself one"
    assert {Role.OWNER, Role.APPROVER, Role.PLAY_OWNER} <= policy.roles_of("ada")


def test_without_a_list_of_viewers_everybody_may_look() -> None:
    assert parse_policy(template("ada"), "policy.toml").roles_of("anybody") == {Role.VIEWER}


def test_a_refusal_within_a_decision_is_logged_once_and_nothing_is_decided(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))])
    until = team.clock.now().replace(year=team.clock.now().year)
    name = requests.request(
        team.workspace, gate="ratio", run=run, reason="needed for the launch", expires=until.replace(day=28)
    )

    with pytest.raises(NotAllowed, match="cannot approve it"):
        requests.decide(team.workspace, name, decision="approved", note="")

    assert refusals(team) == [("ada", "decide on overrides")]
    assert register.find(team.workspace, name).state(team.clock.now()) == "requested"


def test_a_group_opens_what_a_name_does_not(team: Team) -> None:
    file = team.workspace.root / "policy.toml"
    file.write_text(file.read_text().replace('engineer = ["lin"]', 'engineer = ["group:ml"]'))
    run = team.run([team.batch("a", team.take(150))], ship=False)

    with pytest.raises(NotAllowed):
        ship.ship(team.workspace.as_actor("max"), run)
    assert ship.ship(team.workspace.as_actor("max", groups=("ml",)), run)


def test_a_refused_attempt_moves_no_clock(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))], ship=False)
    with team.workspace.log.reading() as connection:
        before = as_of(connection, datetime(2030, 1, 1))

    with pytest.raises(NotAllowed):
        ship.ship(Workspace(team.workspace.root, "eve"), run)

    with team.workspace.log.reading() as connection:
        assert as_of(connection, datetime(2030, 1, 1)) == before
    assert before[1] == "test"
