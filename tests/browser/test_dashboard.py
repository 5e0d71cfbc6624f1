"""A person clicks through every page of the demo's year, in light and dark, and reads what it says."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.browser.conftest import serving

pytestmark = pytest.mark.browser

SAYS = {
    "Overview": "may ship",
    "Provenance": "vendor-7: the batch is declared human, but",
    "Mixing": "as its tags may be wrong), under the ceiling of 30%",
    "Diversity": "no primary measure fell past its margin",
    "Gates": "1 of 9 candidates were blocked",
    "Quarantine": "records wait, the oldest",
    "Overrides": "1 open, 0 wait for a decision",
    "Runs": "is complete",
}
SHOWS = {
    "Overview": "unguarded only observes",
    "Provenance": "Evidence behind the tags",
    "Mixing": "override-1",
    "Diversity": "What was lost, and what was gained",
    "Gates": "Each decision",
    "Quarantine": "The queue",
    "Overrides": "Ask for one",
    "Runs": "Exit criteria",
}


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, dashboard: str):  # type: ignore[no-untyped-def]
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1440, "height": 1200})
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    hosts: set[str] = set()
    tab.on("request", lambda one: hosts.add(urlsplit(one.url).hostname or ""))
    tab.goto(dashboard)
    yield tab
    context.close()
    assert hosts <= {"localhost", "127.0.0.1", ""}, hosts


def go(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=30_000)


def test_every_page_says_what_it_must(page: Page) -> None:
    for title, sentence in SAYS.items():
        go(page, title)
        expect(page.locator("h4").filter(has_text=sentence)).to_be_visible(timeout=30_000)
        expect(page.get_by_test_id("stMetric").first).to_be_visible()
        if title not in ("Runs",):
            expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
        if title not in ("Overview", "Mixing"):
            expect(page.get_by_text(SHOWS[title]).first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_link_leads_to_one_lineage_and_candidate(page: Page, dashboard: str) -> None:
    page.goto(f"{dashboard}/diversity?lineage=guarded&candidate=guarded%2F5")

    expect(page.locator("h4").filter(has_text="Block: guarded/5: tail recall fell")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("unguarded").first).to_be_visible()


def test_the_other_lineage_is_chosen_in_the_bar_and_kept_in_the_address(page: Page) -> None:
    page.get_by_test_id("stSelectbox").first.click()
    page.get_by_role("option", name="unguarded").click()

    expect(page.locator("h4").filter(has_text="would not ship if unguarded were enforced")).to_be_visible(
        timeout=30_000
    )
    assert "lineage=unguarded" in page.url
    expect(page.get_by_text("observe: gates only report")).to_be_visible()
    expect(page.get_by_text("demo clock").first).to_be_visible()


def press(page: Page, key: str, then: Locator) -> None:
    """A key, pressed again as a person would if nothing has come of it in a few seconds."""
    for _ in range(4):
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        page.keyboard.press(key)
        try:
            then.wait_for(timeout=5_000)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"{key} does nothing")


def test_the_queue_is_walked_by_keyboard(page: Page) -> None:
    go(page, "Quarantine")
    expect(page.get_by_text("1 of ").first).to_be_visible(timeout=30_000)

    press(page, "j", page.get_by_text("2 of ").first)
    press(page, "j", page.get_by_text("3 of ").first)
    press(page, "k", page.get_by_text("2 of ").first)
    press(page, "n", page.get_by_role("dialog"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "1", page.get_by_text("may not decide held records"))


def test_a_link_opens_its_page_as_the_first_visit_of_a_fresh_dashboard(browser: Browser, demo: Path) -> None:
    with serving(demo) as address:
        tab = browser.new_page()
        tab.goto(f"{address}/mixing?lineage=unguarded")

        expect(tab.get_by_role("heading", name="Mixing", exact=True)).to_be_visible(timeout=30_000)
        expect(tab.get_by_test_id("stSidebarNav").get_by_text("Look up")).to_be_visible(timeout=30_000)
        expect(tab.get_by_text("observe: gates only report")).to_be_visible(timeout=30_000)
        assert "lineage=unguarded" in tab.url
        tab.close()
