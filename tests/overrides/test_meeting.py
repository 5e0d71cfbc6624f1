"""Overrides end by themselves, and the monthly meeting reviews them in order, loses nothing and keeps its minutes."""

from __future__ import annotations

import csv
import io
import threading
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from tailguard.domain.facts import MeetingDecided, MeetingEnded, OverrideDecided, OverrideRequested
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import agenda
from tailguard.domain.requests import Recipe
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.overrides import meeting, register, requests
from tailguard.pipeline import runner
from tailguard.plays.status import status
from tailguard.reports.minutes import minutes
from tailguard.runlog.views.overrides import overrides
from tests.builders import Team, facts
from tests.recording import record, record_policy

NOTE = "Discussed with the data team."
LONG = "needed until the vendor delivers again"


@pytest.fixture
def run(team: Team) -> str:
    return runner.start(team.workspace, "main", [team.batch("a", team.take(10))], recipe=Recipe(), seed=0)


def ask(team: Team, run: str, *, days: float = 20, approve: bool = True, reason: str = LONG) -> str:
    expires = team.clock.now() + timedelta(days=days)
    name = requests.request(team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason=reason, expires=expires)
    if approve:
        requests.decide(team.workspace, name, decision="approved", note="")
    return name


def state(team: Team, name: str) -> str:
    return register.find(team.workspace, name).state(team.clock.now())


def test_a_renewal_needs_a_justification_of_its_own_and_somebody_else(team: Team, run: str) -> None:
    old = ask(team, run)
    later = team.clock.now() + timedelta(days=25)

    with pytest.raises(InputError, match="justification of its own"):
        requests.renew(team.workspace.as_actor("lin"), old, reason=LONG.upper(), expires=later)
    new = requests.renew(team.workspace.as_actor("lin"), old, reason="the vendor is late again", expires=later)
    with pytest.raises(InputError, match="lin may not decide on overrides"):
        requests.decide(team.workspace.as_actor("lin"), new, decision="approved", note="")
    assert (state(team, old), state(team, new)) == ("open", "requested")
    requests.decide(team.workspace, new, decision="approved", note="")

    assert (state(team, old), state(team, new)) == ("closed", "open")
    assert register.find(team.workspace, new).renews == old
    with pytest.raises(InputError, match=f"{old} is closed .*; only one that is open can be renewed"):
        requests.renew(team.workspace, old, reason="once more, please", expires=later)


@pytest.mark.parametrize(
    ("reason", "days", "why"),
    [
        ("", 5, "it has no reason"),
        ("a good reason", -1, "it ends before it begins"),
        ("a good reason", 900, "longer than 366 days"),
    ],
)
def test_an_override_that_went_round_the_checks_is_void_and_shown(
    team: Team, run: str, reason: str, days: int, why: str
) -> None:
    now = team.clock.now()
    record(
        team.workspace.as_actor("lin"),
        OverrideRequested(
            override="override-x",
            gate=Gate.RATIO,
            lineage="main",
            run=run,
            reason=reason,
            expires=now + timedelta(days=days),
        ),
    )
    record(team.workspace, OverrideDecided(override="override-x", decision="approved", note=""))

    found = register.find(team.workspace, "override-x")

    assert found.state(team.clock.now()) == "void"
    assert why in str(found.void)
    with team.workspace.log.reading() as view:
        state = status(view, now=team.clock.now())
    assert any(
        "override-x" in finding.what and "void" in finding.what and finding.severity == "high"
        for finding in state.findings
    )
    with pytest.raises(InputError, match="override-x is void"):
        requests.decide(team.workspace, "override-x", decision="closed", note="")


def test_an_own_approval_that_went_round_the_checks_is_void(team: Team, run: str) -> None:
    name = ask(team, run, approve=False)
    record(team.workspace.as_actor("lin"), OverrideDecided(override=name, decision="approved", note=""))

    assert register.find(team.workspace, name).void == "lin approved their own request"


def test_a_missed_review_closes_an_override_and_the_log_says_so(team: Team, run: str) -> None:
    text = (team.workspace.root / "policy.toml").read_text().replace("max_days = 30 ", "max_days = 90 ")
    (team.workspace.root / "policy.toml").write_text(text)
    name = ask(team, run, days=80)
    team.clock.move(32)

    assert state(team, name) == "closed"
    for _ in range(2):
        with team.workspace.deciding(Right.MEET) as tx:
            requests.close_missed(tx, now=team.clock.now())
    assert [decision.note for decision in facts(team, OverrideDecided, override=name)[1:]] == [requests.MISSED]


def test_an_override_that_a_meeting_keeps_lives_until_the_next_review(team: Team, run: str) -> None:
    text = (team.workspace.root / "policy.toml").read_text().replace("max_days = 30 ", "max_days = 90 ")
    (team.workspace.root / "policy.toml").write_text(text)
    name = ask(team, run, days=80)
    team.clock.move(20)
    meeting.start(team.workspace)
    meeting.decide(team.workspace, name, decision="kept", note=NOTE)
    meeting.end(team.workspace)
    team.clock.move(20)

    assert state(team, name) == "open"
    team.clock.move(15)
    assert state(team, name) == "closed"


def test_an_override_whose_run_is_done_is_an_orphan(team: Team) -> None:
    done = team.run([team.batch("a", team.take(100))])
    name = ask(team, done)

    assert register.find(team.workspace, name).orphan == "its training is over"
    with team.workspace.log.reading() as view:
        state = status(view, now=team.clock.now())
    assert any(f"{name} matches nothing any more" in finding.what for finding in state.findings)


def test_the_agenda_is_in_order(team: Team, run: str) -> None:
    unused, soon, waiting = ask(team, run, days=20), ask(team, run, days=5), ask(team, run, approve=False)

    with team.workspace.log.reading() as view:
        found = agenda(overrides(view), now=team.clock.now(), soon=meeting.SOON)

    assert [item.id for item in found] == [waiting, soon, unused]


@pytest.mark.slow
def test_twenty_overrides_in_one_sitting_with_minutes_in_three_forms(team: Team, run: str) -> None:
    names = [
        ask(team, run, approve=number % 4 != 0, reason=f"=cmd|{number} <b>for</b> the launch") for number in range(20)
    ]
    started = meeting.start(team.workspace)
    meeting.attend(team.workspace, "lin")
    meeting.attend(team.workspace, "eve")
    meeting.attend(team.workspace, "eve", present=False)
    later = team.clock.now() + timedelta(days=20)
    here = meeting.going_on(team.workspace)
    assert here
    for number, item in enumerate(here.items[:18]):
        choice = meeting.DECISIONS[item.state][number % len(meeting.DECISIONS[item.state])]
        expires = later if choice == "renewed" else None
        meeting.decide(team.workspace, item.override.id, decision=choice, note=f"{NOTE} {number}", expires=expires)
    half = meeting.going_on(team.workspace)
    meeting.end(team.workspace)

    assert half
    assert len(half.left) == 2, "what was decided is there when the page is loaded again"
    assert half.present == ("ada", "lin")
    (ended,) = facts(team, MeetingEnded)
    assert (ended.decided, ended.open_items) == (18, 2)
    passed = {item.override.id for item in half.left}
    assert {state(team, name) for name in passed} == {"closed"}
    page, table = minutes(team.workspace, started, form="html"), minutes(team.workspace, started, form="csv")
    assert minutes(team.workspace, started, form="pdf") == minutes(team.workspace, started, form="pdf")
    assert minutes(team.workspace, started, form="pdf").startswith(b"%PDF-")
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))
    assert {row[0] for row in rows[1:]} == set(names)
    assert all(row[2].startswith("'=cmd|") for row in rows[1:]), "no cell is a formula"
    assert sum(row[6].startswith("closed: no justification") for row in rows) == 2
    assert b"<b>for</b>" not in page
    assert b"src=" not in page
    assert b"http" not in page
    parsed = _Cells()
    parsed.feed(page.decode())
    assert parsed.cells >= 20 * 9


class _Cells(HTMLParser):
    cells = 0

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        self.cells += tag == "td"


def test_two_people_who_decide_at_once_cannot_overwrite_each_other(team: Team, run: str) -> None:
    text = (team.workspace.root / "policy.toml").read_text().replace("approver = []", 'approver = ["ada", "bob"]')
    (team.workspace.root / "policy.toml").write_text(text)
    name = ask(team, run)
    meeting.start(team.workspace)
    refusals: list[str] = []
    barrier = threading.Barrier(2)

    def decide(actor: str, decision: str) -> None:
        barrier.wait()
        try:
            meeting.decide(team.workspace.as_actor(actor), name, decision=decision, note=NOTE)
        except InputError as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=decide, args=pair) for pair in (("ada", "kept"), ("bob", "closed"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (decided,) = facts(team, MeetingDecided)
    assert len(refusals) == 1
    assert f"{name} was {decided.decision} in this meeting by " in refusals[0]


@pytest.mark.parametrize(
    ("actor", "decision", "note", "message"),
    [
        ("lin", "kept", NOTE, "lin may not decide"),
        ("ada", "kept", "ok", "note of at least 10 letters"),
        ("ada", "approved", NOTE, "is open; what can be decided is kept, renewed, closed"),
        ("ada", "renewed", NOTE, "A renewal needs a new end"),
    ],
)
def test_a_decision_that_is_none_is_refused(
    team: Team, run: str, actor: str, decision: str, note: str, message: str
) -> None:
    name = ask(team, run)
    meeting.start(team.workspace)

    with pytest.raises(InputError, match=message):
        meeting.decide(team.workspace.as_actor(actor), name, decision=decision, note=note)
    assert state(team, name) == "open"


def test_meetings_begin_and_end_one_at_a_time(team: Team, run: str) -> None:
    with pytest.raises(InputError, match="there is nothing to meet about"):
        meeting.start(team.workspace)
    with pytest.raises(InputError, match="No meeting is going on"):
        meeting.end(team.workspace)
    ask(team, run)
    assert meeting.start(team.workspace) == "meeting-1"
    with pytest.raises(InputError, match="meeting-1 is going on"):
        meeting.start(team.workspace)
    with pytest.raises(InputError, match="No meeting 'meeting-1' has ended"):
        minutes(team.workspace, "meeting-1", form="html")
    meeting.end(team.workspace)
    with pytest.raises(InputError, match="--format is html, pdf, csv"):
        minutes(team.workspace, "meeting-1", form="docx")


def test_open_overrides_without_a_meeting_for_a_month_are_a_finding(team: Team, run: str) -> None:
    text = (team.workspace.root / "policy.toml").read_text().replace("max_days = 30 ", "max_days = 90 ")
    text = text.replace("review_days = 31", "review_days = 40")
    (team.workspace.root / "policy.toml").write_text(text)
    ask(team, run, days=80, approve=False)
    team.clock.move(20)
    ask(team, run, days=60)
    requests.decide(team.workspace, "override-1", decision="approved", note="")
    team.clock.move(25)
    (team.workspace.root / "policy.toml").write_text(f"{text}# looked at\n")
    record_policy(team.workspace)  # the log's own time moves on

    with team.workspace.log.reading() as view:
        sentences = [finding.what for finding in status(view, now=team.clock.now()).findings]

    assert any("2 open overrides wait for the monthly meeting" in sentence for sentence in sentences), sentences
