"""A press is carried out once, however often the server is told of it, and on what was shown when it was pressed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from pages.shared import cache
from pages.shared.actions import Presses
from tailguard.domain.alarms import AlarmKind
from tailguard.domain.facts import (
    AlertRaised,
    IncidentOpened,
    IncidentStep,
    OverrideDecided,
    OverrideRequested,
    ReviewDecision,
    SourceContract,
)
from tailguard.domain.gates import Gate
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.plays.provenance import quarantine
from tests.builders import Team, facts, held_for_review
from tests.recording import record

APP = Path(__file__).parent.parent.parent / "app.py"


def test_what_was_answered_under_a_name_stays_the_answer() -> None:
    presses, done = Presses(), []

    def work(values: object) -> str:
        done.append(values)
        return f"asked {len(done)} times"

    name = presses.name("ask")
    first = presses.carry_out("ask", name, work, {"reason": "one"})
    second = presses.carry_out("ask", name, work, {"reason": "two"})

    assert (first, second) == (True, False)
    assert done == [{"reason": "one"}]
    assert presses.shown
    assert presses.shown.text == "asked 1 times"


def test_a_button_has_another_name_once_it_was_pressed_also_in_vain() -> None:
    presses = Presses()

    def refuse(_: object) -> str:
        raise InputError("Say why.")

    name = presses.name("ask")
    went_on = presses.carry_out("ask", name, refuse, {})

    assert not went_on
    assert presses.shown
    assert (presses.shown.text, presses.shown.done) == ("Say why.", False)
    assert presses.name("ask") != name
    assert presses.name("another") == "another"


def _page() -> None:
    import streamlit as st

    from pages.shared import actions

    done = st.session_state.setdefault("done", [])

    def work(values: actions.Values) -> str:
        done.append(values["reason"])
        return f"done {len(done)} times"

    with st.form("form"):
        st.text_input("Reason", key="reason")
        actions.submit("Ask", work, key="ask")
    st.text_input("Another", key="another")
    actions.button("Approve", work, key="approve")
    actions.show_answer()


def sent(app: AppTest, button: Button) -> WidgetStates:
    """What the browser sends for a press: each field and this button, and no other one."""
    button.click()
    states = app._tree.get_widget_states()
    widget_states = [
        widget for widget in states.widgets if widget.WhichOneof("value") != "trigger_value" or widget.trigger_value
    ]
    return WidgetStates(widgets=widget_states)


@pytest.mark.parametrize(("label", "reason"), [("Ask", "the launch"), ("Approve", "")])
def test_a_press_that_is_delivered_twice_is_carried_out_once(label: str, reason: str) -> None:
    app = AppTest.from_function(_page).run()
    app.text_input(key="reason").input("the launch")  # a form's fields count once it is sent
    press = sent(app, next(button for button in app.button if button.label == label))

    app._run(press)
    app._run(press)

    assert not app.exception
    assert app.session_state["done"] == [reason]
    assert [message.value for message in app.success] == ["done 1 times"]


def test_a_button_that_is_drawn_anew_acts_again() -> None:
    app = AppTest.from_function(_page).run()
    for _ in range(2):
        next(button for button in app.button if button.label == "Approve").click().run()

    assert [message.value for message in app.success] == ["done 2 times"]


@pytest.fixture
def reviewing(team: Team) -> Iterator[AppTest]:
    """The quarantine page with three records, as ada sees it."""
    policy = team.workspace.root / "policy.toml"
    policy.write_text(policy.read_text().replace('reviewer = ["ada"]', 'reviewer = ["ada", "sam"]'))
    held_for_review(team, 3)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAILGUARD_WORKSPACE", str(team.workspace.root))
        environment.setenv("TAILGUARD_USER", "ada")
        app = AppTest.from_file(str(APP), default_timeout=300).run()
        yield app.switch_page("pages/quarantine.py").run()


def test_a_press_on_a_record_that_somebody_else_has_answered_says_who_and_touches_no_other(
    team: Team, reviewing: AppTest
) -> None:
    shown = quarantine.waiting(team.workspace)[0].id
    press = sent(reviewing, reviewing.button(key=f"answer-human-{shown}"))
    quarantine.decide(team.workspace.as_actor("sam"), [shown], origin=Origin.AI, code="checked")
    team.workspace.log.publish()
    reviewing._run()  # the server draws the next record; the browser shows the first one still

    reviewing._run(press)

    assert not reviewing.exception
    assert [(decision.record, decision.origin) for decision in facts(team, ReviewDecision)] == [(shown, "ai")]
    assert f"{shown[:12]} was answered ai by sam on 2 Mar 2026" in reviewing.error[0].value.replace("\\", "")


def test_a_press_on_next_that_is_delivered_twice_goes_one_record_on(team: Team, reviewing: AppTest) -> None:
    press = sent(reviewing, reviewing.button(key=f"next-{quarantine.waiting(team.workspace)[0].id}"))

    reviewing._run(press)
    reviewing._run(press)

    assert "**2 of 3**" in " ".join(block.value for block in reviewing.markdown)


def test_a_decision_that_is_delivered_twice_is_recorded_once(team: Team, reviewing: AppTest) -> None:
    shown = quarantine.waiting(team.workspace)[0].id
    press = sent(reviewing, reviewing.button(key=f"answer-human-{shown}"))

    reviewing._run(press)
    reviewing._run(press)

    assert [decision.record for decision in facts(team, ReviewDecision)] == [shown]
    assert [message.value for message in reviewing.error] == []
    assert f"{shown[:12]} answered human; 1 settled" in reviewing.success[0].value.replace("\\", "")


FORMS = {
    "overview": ("Assign to me",),
    "provenance": ("Sign off",),
    "overrides": (
        "Ask",
        "Record the decision",
        "Start a meeting",
        "Note attendance",
        "Keep until it ends",
        "End the meeting",
    ),
    "loops": (
        "Add it to flows.yaml",
        "Declare",
        "Import",
        "Mark the review done",
        "Ask for an exception of 14 days (reason above)",
    ),
    "plays": ("Attest", "Hand over", "Acknowledge", "Acknowledge this revision as its maintainer"),
    "drill": ("Do it: freeze",),
    "runs": ("Note it",),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", FORMS)
def test_every_form_finds_what_was_typed_into_it(team: Team, reviewing: AppTest, page: str) -> None:
    team.clock.moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)  # a page decides by the real time
    until = team.clock.moment + timedelta(days=20)
    lin = team.workspace.as_actor("lin")
    record(
        lin,
        OverrideRequested(
            override="override-1",
            gate=Gate.RATIO,
            lineage="main",
            run="main/0",
            reason="needed for the launch",
            expires=until,
        ),
    )
    record(
        team.workspace,
        OverrideDecided(override="override-1", decision="approved", note="once"),
        AlertRaised(alert="alert-1", kind=AlarmKind.STREAM, subject="bot", what="bot repeats itself", source="row"),
        SourceContract(source="docs", owner="ada", licence="MIT", declared="human", since=team.clock.now(), note=""),
        IncidentOpened(
            incident="incident-1",
            kind="incident",
            lineage="main",
            generation="main/0",
            trigger="a person",
            what="answers repeat",
        ),
        IncidentStep(incident="incident-1", step="detect", seconds=1.0, machine_seconds=1.0, evidence="seen"),
    )
    team.workspace.log.publish()
    cache.invalidate()
    reviewing.switch_page(f"pages/{page}.py").run()

    for label in FORMS[page]:
        button = next((button for button in reviewing.button if button.label == label), None)
        assert button, (label, [button.label for button in reviewing.button])
        button.click().run()

        assert not reviewing.exception, (label, reviewing.exception)
        assert len(reviewing.error) + len(reviewing.success) > 0, label
