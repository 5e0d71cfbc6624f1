"""A policy that was edited by hand is a row of the log before anything that it allows, whatever is done first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tailguard.domain.facts import Composition, Deployed, PolicyInForce, ShippingEvent
from tailguard.domain.gates import Gate
from tailguard.domain.requests import PLAIN
from tailguard.domain.tags import Origin
from tailguard.errors import NotAllowed
from tailguard.overrides import requests
from tailguard.pipeline import runner
from tailguard.plays import attest
from tailguard.plays.loops import actions as loops
from tailguard.plays.mixing import anchor, clearance
from tailguard.plays.monitoring import alerts
from tailguard.plays.provenance import own_output, sources
from tailguard.policy.reading import policy_digest
from tailguard.release.freeze import freeze
from tailguard.release.ship import ship
from tailguard.runlog.copying import Row, rows
from tailguard.workspace import Workspace
from tests.builders import Team


def edit(workspace: Workspace, number: int) -> str:
    """Change policy.toml by hand; returns the digest of what it is now."""
    file = workspace.root / "policy.toml"
    text = file.read_text() + f"# edit {number}\n"
    file.write_text(text)
    return policy_digest(text)


def deeds(team: Team, run: str, snapshot: str) -> dict[str, Callable[[Workspace], object]]:
    until = team.clock.now() + timedelta(days=5)
    return {
        "check": lambda space: clearance.check(space, lineage="main", snapshot=snapshot),
        "ship": lambda space: ship(space, run),
        "override": lambda space: requests.request(
            space, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=until
        ),
        "flow": lambda space: loops.declare(space, "main -> robot"),
        "run": lambda space: runner.start(space, "main", [team.batch("b", team.take(5))], recipe=PLAIN, seed=0),
        "freeze": lambda space: freeze(space, run, reason="it answers with nonsense"),
        "outputs": lambda space: own_output.log_outputs(space, run, ["a text of ours"], purpose="production"),
        "source": lambda space: sources.declare(
            space, "docs", owner="kim", licence="CC0", declared=Origin.HUMAN, since=team.clock.now(), note=""
        ),
        "anchor": anchor.verify,
        "alerts": alerts.send,
        "calendar": attest.write_calendar,
        "run goes on": lambda space: runner.advance(space, run),
    }


def test_an_edited_policy_is_recorded_before_what_it_allows_whatever_is_done_first(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))], ship=False)
    with team.workspace.log.reading() as view:
        snapshot = view.recorded(Composition, run=run)[0].fact.snapshot
    first = {}
    for number, (name, do) in enumerate(deeds(team, run, snapshot).items()):
        known = {row.entry["id"] for row in entries(team.workspace)}
        digest = edit(team.workspace, number)
        team.clock.move(0.01)

        do(team.workspace)

        new = [row for row in entries(team.workspace) if row.entry["id"] not in known]
        first[name] = (new[0].kind, (new[0].fact or {}).get("digest") == digest)
    assert first == dict.fromkeys(first, ("policy_in_force", True))


def test_who_may_do_nothing_records_a_refusal_and_not_the_policy(team: Team) -> None:
    run = team.run([team.batch("a", team.take(50))], ship=False)
    edit(team.workspace, 1)

    with pytest.raises(NotAllowed, match="eve may not ship generations"):
        ship(team.workspace.as_actor("eve"), run)

    kinds = [row.kind for row in entries(team.workspace) if row.chain == "decisions"]
    assert kinds[-2:] == ["attempt_refused", "commit"]
    with team.workspace.log.reading() as view:
        assert view.recorded(PolicyInForce)[-1].actor == "ada", (
            "who answers for an edit is never somebody without a role"
        )


def test_what_was_deployed_is_recorded_although_the_policy_was_broken_meanwhile(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150))], ship=False)
    file = team.workspace.root / "policy.toml"
    file.write_text(f'{file.read_text()}\n[deploy]\ncommand = ["sh", "-c", "echo nonsense > policy.toml"]\n')

    ship(team.workspace, run)

    assert file.read_text() == "nonsense\n"
    with team.workspace.log.reading() as view:
        assert [row.fact.exit_code for row in view.recorded(Deployed)] == [0]
        assert [row.fact.action for row in view.recorded(ShippingEvent)] == ["shipped"]


def entries(workspace: Workspace) -> list[Row]:
    """Every row of the log, in its order."""
    with workspace.log.reading() as view:
        return list(rows(view))
