"""Who may do what: the table, the names of the policy, and every decision of the core asks first and logs a refusal."""

from __future__ import annotations

import inspect
from datetime import datetime
from importlib import import_module

import pytest

from tailguard.domain.facts import AttemptRefused
from tailguard.domain.gates import Gate
from tailguard.domain.roles import ALLOWED, Right, Role
from tailguard.errors import NotAllowed
from tailguard.overrides import register, requests
from tailguard.policy.reading import parse_policy, template
from tailguard.release import ship
from tailguard.workspace import Workspace
from tests.builders import Team
from tests.sweeps import CORE, decisions, module_name, writers_that_ask_nobody

ELSEWHERE = {
    "cli.migrate": {"migrate"},  # upgrades tables, records nothing
    "handoff.replay": {"replay"},  # into a clean folder that nobody else looks at
    "response.sandbox": {"build"},  # a copy in which a drill may do anything
}
"""Public functions that write and ask for no right, for what they write to is nobody's log."""
DECISIONS = {name: right for name, right in decisions().items() if name != "tailguard.plays.loops.actions.record_edits"}
"""Whoever may not declare flows leaves edits to be recorded by somebody else, and is refused nothing."""


def test_every_other_function_that_writes_is_a_decision() -> None:
    found = {
        name: writing
        for file in CORE.rglob("*.py")
        if not file.is_relative_to(CORE / "runlog") and (writing := writers_that_ask_nobody(file.read_text()))
        for name in [module_name(file).removeprefix("tailguard.")]
    }

    assert found == ELSEWHERE


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def ship(space):\n    with space.log.writing() as view: pass", {"ship"}),
        ("def ship(space):\n    with transaction(space.log, space.author) as opened: pass", {"ship"}),
        ("def ship(space):\n    with space.concluding() as tx:\n        tx.record(fact)", {"ship"}),
        ("def ship(space):\n    RunRecorder(space.log, run, space.author).record(fact)", {"ship"}),
        ("def ship(space):\n    _keep(space)\ndef _keep(space):\n    with space.log.writing(): pass", {"ship"}),
        ("def ship(space):\n    with space.deciding(Right.SHIP) as tx:\n        tx.record(fact)", set()),
        ("def ship(space):\n    space.require(Right.SHIP)\n    with space.log.writing(): pass", set()),
        (
            "def ship(space):\n    settle(space)\ndef settle(space):\n    with space.deciding(Right.SHIP) as tx: pass",
            set(),
        ),
    ],
)
def test_a_function_that_writes_without_asking_is_found(source: str, found: set[str]) -> None:
    assert writers_that_ask_nobody(source) == found


def test_the_decisions_of_every_kind_are_among_those_that_are_tried() -> None:
    assert len(DECISIONS) > 50
    assert {Right[name] for name in DECISIONS.values()} == set(Right)


def refusals(team: Team) -> list[tuple[str, Right]]:
    with team.workspace.log.reading() as view:
        return [(row.actor, row.fact.right) for row in view.recorded(AttemptRefused)]


@pytest.mark.parametrize("name", sorted(DECISIONS))
def test_every_decision_refuses_somebody_who_only_looks_and_says_so_in_the_log(team: Team, name: str) -> None:
    module, _, function = name.rpartition(".")
    work = getattr(import_module(module), function)
    right = Right[DECISIONS[name]]
    if right is Right.LOOK:
        pytest.skip("the owner of a checkpoint confirms it, whatever else he is")
    given = {
        parameter.name: None
        for parameter in inspect.signature(work).parameters.values()
        if parameter.default is parameter.empty and parameter.name != "workspace"
    }
    positional = [
        None
        for parameter in list(inspect.signature(work).parameters.values())[1:]
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
    ]
    keywords = dict.fromkeys(list(given)[len(positional) :])

    with pytest.raises(NotAllowed, match=f"eve may not {right.label}"):
        work(team.workspace.as_actor("eve"), *positional, **keywords)

    assert refusals(team) == [("eve", right)]


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
        team.workspace, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=until.replace(day=28)
    )

    with pytest.raises(NotAllowed, match="cannot approve it"):
        requests.decide(team.workspace, name, decision="approved", note="")

    assert refusals(team) == [("ada", Right.DECIDE)]
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
    with team.workspace.log.reading() as view:
        before = view.as_of(datetime(2030, 1, 1))

    with pytest.raises(NotAllowed):
        ship.ship(Workspace(team.workspace.root, "eve"), run)

    with team.workspace.log.reading() as view:
        assert view.as_of(datetime(2030, 1, 1)) == before
    assert before[1] == "test"
