"""A press counts once, whatever the browser, the clock and other people do in that moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tailguard.domain.facts import OverrideRequested, ReviewDecision
from tailguard.domain.tags import Origin
from tailguard.plays.provenance import quarantine
from tests.browser.driving import serving
from tests.builders import Team, facts, found_team, held_for_review

pytestmark = pytest.mark.browser

HELD = 30
PRESSED_WHILE_BUSY = """label => {
    const busy_until = performance.now() + 2100;
    while (performance.now() < busy_until);
    [...document.querySelectorAll("button")].find(button => button.innerText.startsWith(label)).click();
}"""
"""A press at the end of work that kept the browser busy for longer than the page's clock of 2 s. The clock's message goes
out before the press's own and carries the press as well: the server is told of it twice."""
PRESSED_TWICE = """label => {
    const button = [...document.querySelectorAll("button")].find(button => button.innerText.startsWith(label));
    button.click();
    setTimeout(() => button.click(), 50);
}"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Team]]:
    """A dashboard, and its team with records that wait for a person."""
    team = found_team(
        tmp_path_factory.mktemp("held") / "team", changes=[('reviewer = ["ada"]', 'reviewer = ["ada", "sam"]')]
    )
    held_for_review(team, HELD)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAILGUARD_USER", "ada")
        with serving(team.workspace.root) as address:
            yield address, team


@contextmanager
def opened(browser: Browser, address: str, title: str) -> Iterator[Page]:
    """A page that is drawn to its last line, and whose buttons can be pressed."""
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(60_000)
    page.goto(f"{address}/{title.lower()}")
    page.get_by_text(f"{title} · ").last.wait_for()
    page.get_by_role("button", name=re.compile("^(Human|Ask)")).wait_for()
    yield page
    page.close()


def stands_still(page: Page, label: str) -> Locator:
    """The button, once there is just one: while the page is drawn the one before fades away."""
    button = page.get_by_role("button", name=re.compile(f"^{label}"))
    expect(button).to_have_count(1)
    return button


def decided(team: Team) -> list[ReviewDecision]:
    found: list[ReviewDecision] = facts(team, ReviewDecision)
    return found


def test_a_press_that_reaches_the_server_twice_is_carried_out_once(held: tuple[str, Team], browser: Browser) -> None:
    address, team = held
    before = len(decided(team))

    with opened(browser, address, "Quarantine") as page:
        for number in (1, 2):
            stands_still(page, "Human")
            page.evaluate(PRESSED_WHILE_BUSY, "Human")
            page.get_by_text(f"{HELD - before - number} records wait").wait_for()

            newest = decided(team)
            assert len(newest) == before + number
            expect(page.get_by_test_id("stAlert")).to_contain_text(f"{newest[-1].record[:12]} answered human")
            expect(page.get_by_test_id("stAlert")).to_have_count(1)


@pytest.mark.slow
def test_each_press_is_one_decision_while_others_decide_each_moment(held: tuple[str, Team], browser: Browser) -> None:
    address, team = held
    before = len(decided(team))
    sam = team.workspace.as_actor("sam")

    with opened(browser, address, "Quarantine") as page:
        for number in (1, 2, 3):
            last_in_line = quarantine.waiting(team.workspace)[-1]
            quarantine.decide(sam, [last_in_line.id], origin=Origin.AI, code="checked")
            team.workspace.log.publish()
            stands_still(page, "Human").click()
            page.get_by_text(re.compile("^[0-9a-f]{12} answered human; 1 settled")).wait_for()
            page.get_by_text(f"{HELD - before - 2 * number} records wait").wait_for()

            assert len({decision.record for decision in decided(team)}) == len(decided(team)) == before + 2 * number


def test_a_form_that_is_sent_twice_asks_once(held: tuple[str, Team], browser: Browser) -> None:
    address, team = held
    with opened(browser, address, "Overrides") as page:
        for number in (1, 2):
            page.get_by_role("textbox", name="Reason").fill(f"needed for the launch of week {number}")

            stands_still(page, "Ask")
            page.evaluate(PRESSED_TWICE, "Ask")
            page.get_by_text(f"override-{number} requested. Another person approves it").wait_for()
            expect(page.get_by_text("1 waits" if number == 1 else "2 wait").first).to_be_visible()

            assert len(facts(team, OverrideRequested)) == number
