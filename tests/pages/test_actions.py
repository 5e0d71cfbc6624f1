"""A press is carried out once, however often the server is told of it, and on what was shown when it was pressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import reads
from pages.shared.actions import Presses
from tailguard.desk import quarantine
from tailguard.domain.facts import ReviewDecision
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tests.builders import Team, facts, held_for_review

APP = Path(__file__).parent.parent.parent / "app.py"


@pytest.fixture(autouse=True)
def _nothing_to_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "look_again", lambda: None)


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


@pytest.mark.parametrize(("label", "reason"), [("Ask", "the launch"), ("Approve", "")])
def test_a_press_that_is_delivered_twice_is_carried_out_once(label: str, reason: str) -> None:
    app = AppTest.from_function(_page).run()
    app.text_input(key="reason").input("the launch")  # a form's fields count once it is sent
    next(one for one in app.button if one.label == label).click()
    press = app._tree.get_widget_states()

    app._run(press)
    app._run(press)

    assert not app.exception
    assert app.session_state["done"] == [reason]
    assert [one.value for one in app.success] == ["done 1 times"]


def test_a_button_that_is_drawn_anew_acts_again() -> None:
    app = AppTest.from_function(_page).run()
    for _ in range(2):
        next(one for one in app.button if one.label == "Approve").click().run()

    assert [one.value for one in app.success] == ["done 2 times"]


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
    reviewing.button(key=f"answer-human-{shown}").click()
    press = reviewing._tree.get_widget_states()
    quarantine.decide(team.workspace.as_actor("sam"), [shown], origin=Origin.AI, code="checked")
    team.workspace.log.publish()
    reviewing._run()  # the server draws the next record; the browser shows the first one still

    reviewing._run(press)

    assert not reviewing.exception
    assert [(one.record, one.origin) for one in facts(team, ReviewDecision)] == [(shown, "ai")]
    assert f"{shown[:12]} was answered ai by sam on 2 Mar 2026" in reviewing.error[0].value.replace("\\", "")


def test_a_press_on_next_that_is_delivered_twice_goes_one_record_on(team: Team, reviewing: AppTest) -> None:
    reviewing.button(key=f"next-{quarantine.waiting(team.workspace)[0].id}").click()
    press = reviewing._tree.get_widget_states()

    reviewing._run(press)
    reviewing._run(press)

    assert any("2 of 3" in one.value for one in reviewing.markdown)


def test_a_decision_that_is_delivered_twice_is_recorded_once(team: Team, reviewing: AppTest) -> None:
    shown = quarantine.waiting(team.workspace)[0].id
    reviewing.button(key=f"answer-human-{shown}").click()
    press = reviewing._tree.get_widget_states()

    reviewing._run(press)
    reviewing._run(press)

    assert [one.record for one in facts(team, ReviewDecision)] == [shown]
    assert not reviewing.error
    assert f"{shown[:12]} answered human; 1 settled" in reviewing.success[0].value.replace("\\", "")
