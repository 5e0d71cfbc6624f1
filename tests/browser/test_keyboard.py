"""Somebody who cannot point: everything on a page is reached by keyboard, and where the focus is can be seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driving import go

pytestmark = pytest.mark.browser

REACHED = {
    "Overview": ("Lineage", "Rows and formula", "PNG", "Assign to me", "HTML"),
    "Provenance": ("Trace", "by source", "Every batch"),
    "Mixing": ("tokens", "Compare", "Ask for an override"),
    "Diversity": ("Candidate", "parent", "Gained"),
    "Gates": ("Test the gate again", "Download the report"),
    "Quarantine": ("Human", "Reason code", "Next", "Answers"),
    "Overrides": ("Reason", "Days", "Ask"),
    "Loops": ("Edge", "Declare", "Mark the review done"),
    "Plays": ("Attest", "Hand over", "Runbook as a page"),
    "Drill": ("Plant a collapse", "What was seen", "Open it"),
    "Runs": ("Policy then and now", "Another run", "Note it"),
}
FOCUSED = """() => {
    const focused = document.activeElement;
    const words = focused.tagName === 'MAIN' ? '' : focused.innerText;
    const name = [words, focused.getAttribute('aria-label'), focused.labels && focused.labels[0] && focused.labels[0].innerText];
    const box = focused.closest('[data-baseweb], label') || focused;
    const seen = [focused, focused.parentElement, box].some(part => {
        const drawn = getComputedStyle(part);
        return drawn.outlineStyle !== 'none' || drawn.boxShadow !== 'none';
    }) || focused.matches(':focus-visible');
    const next = focused.nextElementSibling;
    const more = focused.matches('button[role=radio], [role=tab]') && next !== null && next.role === focused.role;
    return [focused.tagName, name.filter(Boolean).join(' '), seen, more];
}"""


@pytest.mark.parametrize("shown", [pytest.param("demo", marks=pytest.mark.slow)], indirect=True)
def test_everything_on_a_page_is_reached_by_keyboard_and_the_focus_is_seen(browser: Browser, dashboard: str) -> None:
    tab = browser.new_context(viewport={"width": 1440, "height": 1200}).new_page()
    tab.set_default_timeout(30_000)
    for title in REACHED:
        tab.goto(dashboard)
        go(tab, title)
        walk(tab, title)
    tab.context.close()


def walk(tab: Page, title: str) -> None:
    expect(tab.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(tab.get_by_test_id("stSkeleton")).to_have_count(0)
    reached: list[str] = []
    key = "Tab"
    for _ in range(250):
        tab.keyboard.press(key)
        tag, name, seen, more = tab.evaluate(FOCUSED)
        if tag == "BODY":
            break
        reached.append(name)
        assert seen, (tag, reached)
        key = "ArrowRight" if more else "Tab"  # a group of choices or of tabs is one stop; arrows lead through it
    words = " ".join(reached)
    missed = [name for name in REACHED[title] if name not in words]
    assert not missed, (title, missed, len(reached), reached)
