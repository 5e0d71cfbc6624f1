"""Where the policy asks for it, nothing ships before the quality owner has approved its verdict; how long that took is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tailguard.cli import run as command
from tailguard.domain.facts import AttemptRefused, GateDecision, GateSignedOff, ShippingEvent
from tailguard.domain.gates import Gate
from tailguard.domain.shipping import State
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError, NotAllowed
from tailguard.overrides import requests
from tailguard.plays.calendar import DueKind
from tailguard.plays.finding import FindingKind
from tailguard.plays.monitoring.gates import sign_offs
from tailguard.plays.status import Status, status
from tailguard.release import freeze, rollback, ship
from tailguard.release.sign_off import sign_off
from tailguard.reports.monthly import report
from tailguard.workspace import Workspace
from tests.builders import Clock
from tests.recording import record, record_policy
from tests.release.test_ship import founded, judged, state

NOTE = "I read the report against the parent"


def signing(root: Path) -> tuple[Workspace, Clock]:
    """A workspace whose policy asks for sign-off: quality owner ada, engineer lin, who is the actor."""
    workspace, clock = founded(root)
    change(workspace, "\nsign_off = false", "\nsign_off = true")
    record_policy(workspace)
    return workspace, clock


def change(workspace: Workspace, old: str, new: str) -> None:
    policy = workspace.root / "policy.toml"
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))


def status_now(workspace: Workspace, clock: Clock) -> Status:
    with workspace.log.reading() as view:
        return status(view, now=clock.now())


def test_what_passed_ships_once_the_quality_owner_has_approved_it(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    run = judged(workspace, 0, "PASS")
    clock.move(2)

    with pytest.raises(Held, match="main/0 may not ship: it waits for the quality owner's sign-off"):
        ship.ship(workspace, run)
    with pytest.raises(NotAllowed, match=r"lin may not sign off gate decisions\. The policy names ada"):
        sign_off(workspace, run, approved=True, note=NOTE)
    seconds = sign_off(workspace.as_actor("ada"), run, approved=True, note=NOTE)

    assert "approved by ada" in ship.ship(workspace, run)
    with workspace.log.reading() as view:
        (answer,) = view.recorded(GateSignedOff)
        (verdict,) = view.recorded(GateDecision)
        assert [event.fact.action for event in view.recorded(ShippingEvent)] == ["refused", "shipped"]
        assert [refused.actor for refused in view.recorded(AttemptRefused)] == ["lin"]
    assert answer.fact == GateSignedOff(
        run=run, lineage="main", decision=verdict.id, approved=True, note=NOTE, seconds=seconds
    )
    assert timedelta(seconds=seconds) == pytest.approx(timedelta(days=2), abs=timedelta(minutes=1))


def test_what_was_declined_does_not_ship_until_the_quality_owner_thinks_otherwise(tmp_path: Path) -> None:
    workspace, _ = signing(tmp_path)
    owner, run = workspace.as_actor("ada"), judged(workspace, 0, "PASS")
    sign_off(owner, run, approved=False, note="dialect answers are gone")

    with pytest.raises(Blocked, match=r"declined by ada on .*: dialect answers are gone"):
        ship.ship(workspace, run)
    with pytest.raises(InputError, match="main/0 was declined by ada"):
        sign_off(owner, run, approved=False, note=NOTE)

    sign_off(owner, run, approved=True, note=NOTE)
    assert ship.ship(workspace, run)


def test_a_new_verdict_needs_a_new_sign_off(tmp_path: Path) -> None:
    workspace, _ = signing(tmp_path)
    run = judged(workspace, 0, "PASS")
    sign_off(workspace.as_actor("ada"), run, approved=True, note=NOTE)

    record(
        workspace,
        GateDecision(
            run=run,
            lineage="main",
            gate=Gate.DIVERSITY,
            verdict=Verdict.PASS,
            enforced=True,
            reason="measured again",
            override=None,
        ),
    )

    with pytest.raises(Held, match="waits for the quality owner's sign-off"):
        ship.ship(workspace, run)


def test_nobody_approves_a_run_that_they_started_and_they_may_decline_it(tmp_path: Path) -> None:
    workspace, _ = signing(tmp_path)
    owner = workspace.as_actor("ada")
    run = judged(owner, 0, "PASS")

    with pytest.raises(NotAllowed, match="ada started main/0 and cannot approve it"):
        sign_off(owner, run, approved=True, note=NOTE)
    sign_off(owner, run, approved=False, note=NOTE)

    with pytest.raises(Blocked, match="declined by ada"):
        ship.ship(owner, run)


def test_an_override_of_the_gate_does_not_replace_the_sign_off(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    owner, run = workspace.as_actor("ada"), judged(workspace, 0, "BLOCK")
    with pytest.raises(InputError, match=r"There is nothing to sign off\. main/0 may not ship: BLOCK"):
        sign_off(owner, run, approved=True, note=NOTE)
    name = requests.request(
        workspace, gate=Gate.DIVERSITY, run=run, reason="the pilot needs it", expires=clock.now() + timedelta(days=9)
    )
    requests.decide(owner, name, decision="approved", note="")

    with pytest.raises(Held, match="sign-off"):
        ship.ship(workspace, run)
    sign_off(owner, run, approved=True, note=NOTE)

    assert "let through by override override-1" in ship.ship(workspace, run)


def _short_note(workspace: Workspace) -> str:
    return judged(workspace, 0, "PASS")


def _not_asked(workspace: Workspace) -> str:
    change(workspace, "\nsign_off = true", "\nsign_off = false")
    return judged(workspace, 0, "PASS")


def _shipped(workspace: Workspace) -> str:
    run = judged(workspace, 0, "PASS")
    sign_off(workspace.as_actor("ada"), run, approved=True, note=NOTE)
    ship.ship(workspace, run)
    return run


@pytest.mark.parametrize(
    ("begin", "note", "message"),
    [
        (_short_note, "fine", "needs a note of at least 10 letters"),
        (lambda _: "main/7", NOTE, "There is no generation 'main/7'"),
        (_not_asked, NOTE, "The policy asks for no sign-off"),
        (_shipped, NOTE, "main/0 is shipped; a sign-off comes before"),
    ],
)
def test_where_there_is_nothing_to_decide_nothing_is_recorded(
    tmp_path: Path, begin: Callable[[Workspace], str], note: str, message: str
) -> None:
    workspace, _ = signing(tmp_path)
    run = begin(workspace)
    with workspace.log.reading() as view:
        before = len(view.recorded(GateSignedOff))

    with pytest.raises(InputError, match=message):
        sign_off(workspace.as_actor("ada"), run, approved=False, note=note)

    with workspace.log.reading() as view:
        assert len(view.recorded(GateSignedOff)) == before


def test_a_rollback_waits_for_nobodys_signature(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)
    first, second = (judged(workspace, number, "PASS") for number in range(2))
    for run in (first, second):
        ship.ship(workspace, run)
    change(workspace, "\nsign_off = false", "\nsign_off = true")

    assert rollback.rollback(workspace, "main", reason="it repeats itself").generation == first


def test_a_lineage_that_only_observes_ships_and_says_what_was_missing(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    change(workspace, 'mode = "enforce"', 'mode = "observe"')
    run = judged(workspace, 0, "PASS")

    reason = ship.ship(workspace, run)

    assert "observe mode, would be held: it waits for the quality owner's sign-off" in reason
    assert state(workspace, run) is State.SHIPPED
    assert status_now(workspace, clock).lineages[0].pending_sign_offs == ()


def test_a_verdict_that_waits_is_due_in_the_status_and_in_time_a_finding(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    old, _, run = (judged(workspace, number, verdict) for number, verdict in enumerate(["PASS", "BLOCK", "PASS"]))
    sign_off(workspace.as_actor("ada"), old, approved=False, note=NOTE)

    waiting = status_now(workspace, clock)
    clock.move(8)
    freeze.freeze(workspace, old, reason="dialect answers are gone")  # the log's clock ends with its newest row
    overdue = status_now(workspace, clock)
    sign_off(workspace.as_actor("ada"), run, approved=True, note=NOTE)
    decided = status_now(workspace, clock)

    (line,) = waiting.lineages
    assert [(pending.run, pending.verdict) for pending in line.pending_sign_offs] == [(run, "PASS")]
    assert line.held == "it waits for the quality owner's sign-off"
    assert line.sentence.startswith("main/2 may not ship: it waits for the quality owner's sign-off.")
    (due,) = (item for item in waiting.due if item.kind is DueKind.SIGN_OFF)
    assert (due.subject, due.who) == (run, "ada")
    assert due.when == line.pending_sign_offs[0].since + timedelta(days=7)
    found = [
        {finding.subject for finding in moment.findings if finding.kind is FindingKind.SIGN_OFF_OVERDUE}
        for moment in (waiting, overdue, decided)
    ]
    assert found == [set(), {(run,)}, set()]
    assert decided.lineages[0].pending_sign_offs == ()
    assert decided.lineages[0].sentence.startswith("main/2 may ship")


def test_what_was_passed_by_in_production_waits_no_longer(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    judged(workspace, 0, "PASS")
    newer = judged(workspace, 1, "PASS")
    sign_off(workspace.as_actor("ada"), newer, approved=True, note=NOTE)
    ship.ship(workspace, newer)

    assert status_now(workspace, clock).lineages[0].pending_sign_offs == ()


def test_the_time_to_decide_is_in_the_monthly_pack(tmp_path: Path) -> None:
    workspace, clock = signing(tmp_path)
    month = f"{clock.now():%Y-%m}"
    owner = workspace.as_actor("ada")
    runs = [judged(workspace, number, "PASS") for number in range(3)]
    for run, days, approved in zip(runs[:2], (1, 2), (False, True), strict=True):
        clock.move(days)
        sign_off(owner, run, approved=approved, note=NOTE)

    page = report(workspace, month, form="html").decode()

    assert (
        "2 verdicts were signed off or declined, 1 declined; median time to decide 2.0 days. 1 verdict waits now."
        in page
    )
    with workspace.log.reading() as view:
        given = sign_offs(view, "main")
        assert sign_offs(view, "main", until=given.answers[0].recorded).answers == ()
    assert [answer.fact.run for answer in given.answers] == runs[:2]


def test_the_commands_list_approve_and_decline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, _ = signing(tmp_path)
    first, second = (judged(workspace, number, "PASS") for number in range(2))

    def done(person: str, *words: str) -> tuple[int, str]:
        monkeypatch.setenv("TAILGUARD_USER", person)
        code = command([*words, "-w", str(tmp_path)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    code, out = done("lin", "sign-off", "list", "--json")
    assert (code, [waiting["run"] for waiting in json.loads(out)]) == (0, [first, second])
    assert done("lin", "ship", first)[0] == Held.exit_code
    assert done("lin", "sign-off", "approve", first, "--note", NOTE)[0] == 1
    code, out = done("ada", "sign-off", "approve", first, "--note", NOTE)
    assert (code, "main/0 approved, " in out, "after its verdict." in out) == (0, True, True)
    code, out = done("ada", "sign-off", "decline", second, "--note", NOTE, "--json")
    assert (code, json.loads(out)["approved"]) == (0, False)
    assert done("lin", "ship", second)[0] == Blocked.exit_code
    assert done("lin", "ship", first)[0] == 0
    assert done("lin", "sign-off", "list") == (0, "No verdict waits for sign-off.\n")
    code, out = done("ada", "sign-off", "report", first, "--out", str(tmp_path / "report.html"))
    assert (code, "has no report against a reference of the kind parent" in out) == (1, True)
