"""Shipping, freezing, rolling back: what happens to a generation, and that no path ships what may not be shipped."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import text

from tailguard.cli import run as command
from tailguard.domain.facts import Deployed, GateDecision, Generation, RunStarted, ShippingEvent
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.shipping import Event, State, release_history
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError, LogBusy, TailguardError
from tailguard.overrides import requests
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.release import freeze, rollback, ship
from tailguard.runlog.recorder import RunRecorder
from tailguard.runlog.views.overrides import overrides
from tailguard.runlog.views.releases import release_history_of
from tailguard.workspace import Workspace
from tests.builders import Clock, Team
from tests.recording import record, record_policy

WHY = "it repeats itself in production"


def founded(root: Path, **deploy: object) -> tuple[Workspace, Clock]:
    """A workspace with a policy and nothing else: owner and approver ada, engineer lin."""
    root.mkdir(parents=True, exist_ok=True)
    text = template("ada").replace('engineer = ["ada"]', 'engineer = ["lin"]')
    if deploy:
        text += "\n[deploy]\n" + "\n".join(f"{key} = {value}" for key, value in deploy.items()) + "\n"
    (root / "policy.toml").write_text(text)
    clock = Clock()
    return Workspace(root, "lin", clock), clock


def judged(workspace: Workspace, number: int, verdict: str) -> str:
    """A generation that the gate has judged, as the run log has it."""
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
    )
    return run


def state(workspace: Workspace, run: str) -> State:
    with workspace.log.reading() as view:
        return release_history_of(view, "main").state(run)


def in_production(workspace: Workspace) -> str | None:
    with workspace.log.reading() as view:
        return release_history_of(view, "main").deployed


def test_states_follow_from_events_in_order() -> None:
    events = [
        Event("m/0", "shipped"),
        Event("m/1", "refused"),
        Event("m/2", "shipped"),
        Event("m/3", "shipped"),
        Event("m/3", "frozen"),
        Event("m/3", "rolled back"),
        Event("m/0", "restored"),
    ]

    found = release_history(events)

    assert {generation: str(found.state(generation)) for generation in ("m/0", "m/1", "m/2", "m/3", "m/9")} == {
        "m/0": "shipped",
        "m/1": "refused",
        "m/2": "candidate",
        "m/3": "rolled back",
        "m/9": "candidate",
    }
    assert (found.deployed, found.before, found.good) == ("m/0", (), ("m/0",))
    assert release_history(events[:5]).deployed == "m/3"
    assert release_history(events[:5]).good == ("m/0", "m/2")


@pytest.mark.parametrize(("verdict", "kind"), [("BLOCK", Blocked), ("INCONCLUSIVE", Held), ("NOT COMPARABLE", Held)])
def test_what_did_not_pass_is_refused_and_the_refusal_is_logged(tmp_path: Path, verdict: str, kind: type) -> None:
    workspace, _ = founded(tmp_path)
    run = judged(workspace, 0, verdict)

    with pytest.raises(kind, match=f"may not ship: {verdict}"):
        ship.ship(workspace, run)

    assert state(workspace, run) is State.REFUSED
    with workspace.log.reading() as view:
        assert [row.fact.reason for row in view.recorded(ShippingEvent)] == [f"{verdict}: as measured"]


def test_a_frozen_generation_does_not_ship_until_the_owner_unfreezes_it(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)
    run = judged(workspace, 0, "PASS")
    assert freeze.freeze(workspace, run, reason=WHY) is False

    with pytest.raises(Blocked, match="it is frozen"):
        ship.ship(workspace, run)
    with pytest.raises(InputError, match=r"lin may not unfreeze generations\. The policy names ada"):
        freeze.unfreeze(workspace, run, reason=WHY)
    with pytest.raises(InputError, match="was frozen by"):
        freeze.freeze(workspace, run, reason=WHY)

    assert freeze.unfreeze(workspace.as_actor("ada"), run, reason="it was a false alarm") is State.REFUSED
    assert ship.ship(workspace, run).startswith("passed the gate")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE gate_decision SET verdict = 'PASS'", "changed: a value in gate_decision no longer fits"),
        ("UPDATE generation SET weights = 'another'", "changed: a value in generation no longer fits"),
        ("DELETE FROM shipping_event", "removed: its row in shipping_event is gone"),
        ("DELETE FROM entry WHERE kind = 'shipping_event'", "changed, or the row ahead of it"),
        ("UPDATE entry SET row_hash = repeat('0', 64) WHERE kind = 'shipping_event'", "changed"),
        ("INSERT INTO gate_decision SELECT * REPLACE ('PASS' AS verdict) FROM gate_decision", "changed"),
        (
            "INSERT INTO entry SELECT 'main/0#' || seq + 1, chain, seq + 1, kind, recorded, actor, clock, row_hash, row_hash "
            "FROM entry WHERE chain = 'main/0' ORDER BY seq DESC LIMIT 1",
            "inserted: 1 row after the seal",
        ),
    ],
)
def test_what_does_not_fit_its_hash_does_not_ship(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, statement: str, what: str
) -> None:
    workspace, clock = founded(tmp_path)
    recorder = RunRecorder(workspace.log, "main/0", workspace.author)
    recorder.record(
        RunStarted(
            run="main/0",
            lineage="main",
            number=0,
            parent=None,
            mode=Mode.ENFORCE,
            policy="p",
            request="r",
            seed=0,
            tool_version="test",
        ),
        Generation(
            run="main/0", lineage="main", number=0, parent=None, snapshot="snapshot", weights="weights", trainer="ngram"
        ),
        GateDecision(
            run="main/0",
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict.BLOCK,
            enforced=True,
            reason="as measured",
            override=None,
        ),
    )
    recorder.seal()
    freeze.freeze(workspace, "main/0", reason=WHY)
    record_policy(workspace)

    with workspace.log.writing() as view:
        view.connection.execute(text(statement))

    with pytest.raises(Blocked, match=f"main/0 may not ship: row .* of the run log was {what}") as refused:
        ship.ship(workspace, "main/0")
    assert "`tailguard verify` lists all that was changed; restore the log from a backup" in str(refused.value)
    monkeypatch.setenv("TAILGUARD_USER", "lin")
    assert command(["ship", "main/0", "-w", str(tmp_path)]) == 3
    assert "main/0 may not ship: row" in capsys.readouterr().err
    with workspace.log.reading() as view:
        assert status(view, now=clock.now()).lineages[0].sentence.startswith("main/0 may not ship: row ")


def test_what_does_not_fit_its_hash_is_not_rolled_back_to(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)
    for number in range(2):
        ship.ship(workspace, judged(workspace, number, "PASS"))

    with workspace.log.writing() as view:
        view.connection.execute(text("UPDATE gate_decision SET reason = 'x' WHERE run = 'main/0'"))

    with pytest.raises(
        InputError, match=r"no known-good generation before main/1\. main/0 may not ship: row .* was changed"
    ):
        rollback.rollback(workspace, "main", reason=WHY)


def test_a_baseline_ships(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)

    assert ship.ship(workspace, judged(workspace, 0, "BASELINE")) == "accepted as a baseline: as measured"


def test_a_frozen_generation_in_production_is_a_finding_until_it_is_rolled_back(tmp_path: Path) -> None:
    workspace, clock = founded(tmp_path)
    first, second = (judged(workspace, number, "PASS") for number in range(2))
    record_policy(workspace)
    for run in (first, second):
        ship.ship(workspace, run)

    assert freeze.freeze(workspace, second, reason=WHY) is True
    with workspace.log.reading() as view:
        found = status(view, now=clock.now())
    assert any("is frozen and still in production" in finding.what for finding in found.findings)

    done = rollback.rollback(workspace, "main", reason=WHY)

    assert (done.replaced, done.generation) == (second, first)
    assert (in_production(workspace), state(workspace, second)) == (first, State.ROLLED_BACK)
    with pytest.raises(Blocked, match="it is rolled back"):
        ship.ship(workspace, second)
    with pytest.raises(InputError, match="no known-good generation before main/0"):
        rollback.rollback(workspace, "main", reason=WHY)
    with workspace.log.reading() as view:
        assert not any("still in production" in finding.what for finding in status(view, now=clock.now()).findings)


def test_rollback_passes_over_what_is_frozen_and_what_only_an_ended_override_let_through(tmp_path: Path) -> None:
    workspace, clock = founded(tmp_path)
    good, excused, frozen, bad = (
        judged(workspace, number, verdict) for number, verdict in enumerate(["PASS", "BLOCK", "PASS", "PASS"])
    )
    asked = requests.request(
        workspace,
        gate=Gate.DIVERSITY,
        run=excused,
        reason="the pilot needs it",
        expires=clock.now() + timedelta(days=9),
    )
    requests.decide(workspace.as_actor("ada"), asked, decision="approved", note="for the pilot")
    for run in (good, excused, frozen, bad):
        ship.ship(workspace, run)
    freeze.freeze(workspace, frozen, reason=WHY)
    clock.move(10)

    with pytest.raises(
        InputError, match=f"{frozen} is frozen and cannot be rolled back to. Known good: {good}, {excused}"
    ):
        rollback.rollback(workspace, "main", reason=WHY, to=frozen)
    done = rollback.rollback(workspace, "main", reason=WHY)

    assert done.generation == good
    assert state(workspace, excused) is State.CANDIDATE


def test_shipping_what_was_in_production_earlier_asks_for_a_rollback(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)
    first, second = (judged(workspace, number, "PASS") for number in range(2))
    for run in (first, second):
        ship.ship(workspace, run)

    assert ship.ship(workspace, second) == "was shipped before"
    with pytest.raises(InputError, match="tailguard rollback main --to main/0"):
        ship.ship(workspace, first)


def _deploy_with(team: Team, script: str) -> None:
    policy = team.workspace.root / "policy.toml"
    words = ", ".join(f"'{word}'" for word in (sys.executable, "-c", script, "{generation}", "{weights}", "{action}"))
    policy.write_text(policy.read_text() + f"\n[deploy]\ncommand = [{words}]\n")


def test_the_teams_command_is_run_with_verified_weights_and_a_failure_changes_nothing(team: Team) -> None:
    run = team.run([team.batch("b", team.take(200))], ship=False)
    _deploy_with(team, "import sys, pathlib; print(sys.argv[1:], pathlib.Path(sys.argv[2]).is_dir()); sys.exit(7)")

    with pytest.raises(TailguardError, match="ended with exit code 7; main/0 was not deployed"):
        ship.ship(team.workspace, run)

    assert state(team.workspace, run) is State.CANDIDATE
    _deploy_with_again = (team.workspace.root / "policy.toml").read_text().replace("sys.exit(7)", "sys.exit(0)")
    (team.workspace.root / "policy.toml").write_text(_deploy_with_again)
    ship.ship(team.workspace, run)
    with team.workspace.log.reading() as view:
        tried = [(row.fact.action, row.fact.exit_code) for row in view.recorded(Deployed)]
    assert tried == [("ship", 7), ("ship", 0)]
    assert "'main/0'" in (team.workspace.root / "runs" / "deploy.log").read_text()


def test_changed_weights_are_never_put_to_work(team: Team) -> None:
    run = team.run([team.batch("b", team.take(200))], ship=False)
    weights = next((team.workspace.root / "store" / "weights").rglob("model.json"))
    weights.write_text(weights.read_text() + " ")

    with pytest.raises(TailguardError, match="was changed"):
        ship.ship(team.workspace, run)

    assert state(team.workspace, run) is State.CANDIDATE


def test_the_commands_freeze_unfreeze_and_roll_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, _ = founded(tmp_path)
    for number in range(2):
        ship.ship(workspace, judged(workspace, number, "PASS"))
    monkeypatch.setenv("TAILGUARD_USER", "lin")

    codes = [
        command([*words, "-w", str(tmp_path)])
        for words in (
            ["freeze", "main/1", "--reason", WHY],
            ["rollback", "main", "--reason", WHY],
            ["ship", "main/1"],
            ["unfreeze", "main/1", "--reason", WHY],
            ["freeze", "main/7", "--reason", WHY],
            ["freeze", "main/0", "--reason", "short"],
        )
    ]

    assert codes == [0, 0, 3, 1, 1, 1]
    assert "It is still in production" in capsys.readouterr().out


class Shipping(RuleBasedStateMachine):
    """Any order of judging, asking, deciding, waiting, shipping, freezing and rolling back, several at once."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.workspace, self.clock = founded(Path(self._folder.name))
        record_policy(self.workspace)
        self.runs: list[str] = []

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(verdict=st.sampled_from(["PASS", "BASELINE", "BLOCK", "BLOCK", "INCONCLUSIVE", "NOT COMPARABLE"]))
    def judge(self, verdict: str) -> None:
        self.runs.append(judged(self.workspace, len(self.runs), verdict))

    @rule(days=st.floats(0.1, 20))
    def wait(self, days: float) -> None:
        self.clock.move(days)

    @rule(data=st.data(), days=st.integers(1, 25))
    def ask(self, data: st.DataObject, days: int) -> None:
        if self.runs:
            run = data.draw(st.sampled_from(self.runs))
            expires = self.clock.now() + timedelta(days=days)
            requests.request(self.workspace, gate=Gate.DIVERSITY, run=run, reason="the pilot needs it", expires=expires)

    @rule(data=st.data(), decision=st.sampled_from(["approved", "approved", "closed"]))
    def decide(self, data: st.DataObject, decision: str) -> None:
        with self.workspace.log.reading() as view:
            asked = [override.id for override in overrides(view)]
        if asked:
            override = data.draw(st.sampled_from(asked))
            self.tried(lambda: requests.decide(self.workspace.as_actor("ada"), override, decision=decision, note=""))

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        self.tried(self.drawn(data))

    @rule(data=st.data())
    def act_at_once(self, data: st.DataObject) -> None:
        threads = [threading.Thread(target=self.tried, args=(self.drawn(data),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def drawn(self, data: st.DataObject) -> Callable[[], object]:
        run = data.draw(st.sampled_from(self.runs or ["main/0"]))
        owner = self.workspace.as_actor("ada")
        return data.draw(
            st.sampled_from(
                [
                    lambda: ship.ship(self.workspace, run),
                    lambda: ship.ship(self.workspace, run),
                    lambda: freeze.freeze(self.workspace, run, reason=WHY),
                    lambda: freeze.unfreeze(owner, run, reason=WHY),
                    lambda: rollback.rollback(self.workspace, "main", reason=WHY),
                    lambda: rollback.rollback(self.workspace, "main", reason=WHY, to=run),
                ]
            )
        )

    @staticmethod
    def tried(work: Callable[[], object]) -> None:
        with suppress(InputError, Blocked, Held, LogBusy):
            work()

    @invariant()
    def only_what_may_is_put_to_work(self) -> None:
        with self.workspace.log.reading() as view:
            events = view.recorded(ShippingEvent)
            verdicts = {row.fact.run: row.fact.verdict for row in view.recorded(GateDecision)}
            exceptions = overrides(view)
            uses = {override.id: override.used for override in exceptions}
        for at, event in enumerate(events):
            if event.fact.action not in ("shipped", "restored"):
                continue
            run, moment = event.fact.run, event.recorded
            before = release_history(Event(row.fact.run, row.fact.action) for row in events[:at])
            assert before.state(run) not in (State.FROZEN, State.ROLLED_BACK), event
            if not Verdict(verdicts[run]).ships:
                excuse = next(override for override in exceptions if override.id == event.fact.override)
                assert excuse.run == run
                assert excuse.decided_by == "ada"
                assert excuse.requested < moment < excuse.expires + timedelta(minutes=1), event
                assert any(abs(use - moment) < timedelta(minutes=1) for use in uses[excuse.id])
                if excuse.decision == "closed":
                    assert excuse.decided is not None
                    assert excuse.decided > moment, "a closed override opened something"
            else:
                assert event.fact.override is None


TestNoPathShipsWhatMayNotBeShipped = pytest.mark.slow(Shipping.TestCase)
TestNoPathShipsWhatMayNotBeShipped.settings = settings(
    max_examples=8, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
