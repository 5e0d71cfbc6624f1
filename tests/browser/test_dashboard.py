"""A person clicks through every page and reads what it says: the small workspace in light, the demo's year in dark."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, TimeoutError, ViewportSize, expect

from tailguard.domain.gates import Gate
from tailguard.overrides import requests
from tailguard.workspace import Workspace
from tests.browser.driving import Shown, go, serving

pytestmark = pytest.mark.browser

PAGES = (
    "Overview", "Provenance", "Mixing", "Diversity", "Gates", "Quarantine", "Overrides", "Loops", "Plays", "Drill", "Runs",
)  # fmt: skip
SAYS = {
    "demo": {
        "Overview": "may ship",
        "Provenance": "vendor-7: the batch is declared human, but",
        "Mixing": "as its tags may be wrong), under the ceiling of 30%",
        "Diversity": "no loss exceeds its limit",
        "Gates": "1 of 9 candidates were blocked",
        "Quarantine": "records wait, the oldest",
        "Overrides": "1 open, 0 wait for a decision",
        "Runs": "is complete",
    },
    "season": {
        "Overview": "main/2 may not be trained: over the ceiling",
        "Provenance": "vendor: the batch is declared human, but",
        "Mixing": "as its tags may be wrong), over the ceiling of 30%",
        "Diversity": "main/1: compared with its parent main/0, no loss exceeds its limit",
        "Gates": "0 of 2 candidates were blocked",
        "Quarantine": "52 records wait, the oldest 60 days",
        "Overrides": "1 open, 0 wait for a decision",
        "Runs": "main/2 is at compose",
    },
}
SHOWS = {
    "Provenance": "Evidence behind the tags",
    "Diversity": "What was lost, and what was gained",
    "Gates": "Each decision",
    "Quarantine": "The queue",
    "Overrides": "Ask for one",
    "Runs": "Exit criteria",
}
WITHOUT_CHART = {"demo": ("Runs",), "season": ("Runs", "Drill")}
"""Pages on which nothing is drawn, as there is nothing to draw yet."""
OBSERVED = {"demo": "unguarded", "season": "wild"}
"""The lineage that only observes."""
NEWEST = {"demo": "guarded/8", "season": "main/2"}
"""The newest run of the lineage that pages begin with."""
BLOCKED = {
    "demo": ("guarded/5", "Block: guarded/5: compared with guarded/3 (best so far), "),
    "season": ("wild/1", "Block: wild/1: compared with its parent wild/0, "),
}


WINDOW: ViewportSize = {"width": 1440, "height": 1200}
on_the_demo = pytest.mark.parametrize("shown", [pytest.param("demo", marks=pytest.mark.slow)], indirect=True)
"""Marks what is looked at on the demo's year alone, among the slow tests."""


@pytest.fixture
def page(browser: Browser, dashboard: str, shown: Shown) -> Iterator[Page]:
    context = browser.new_context(color_scheme=shown.theme, viewport=WINDOW)
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    hosts: set[str] = set()
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    tab.goto(dashboard)
    yield tab
    context.close()
    assert hosts <= {"localhost", "127.0.0.1", ""}, hosts


def test_every_page_says_what_it_must_fits_narrow_screens_and_shuts_nobody_out(page: Page, shown: Shown) -> None:
    assert SAYS[shown.name].keys() | SHOWS.keys() <= set(PAGES)
    for title in PAGES:
        go(page, title)
        says_what_it_must(page, title, shown)
        has_no_serious_fault(page, title)
        fits(page, title)


def says_what_it_must(page: Page, title: str, shown: Shown) -> None:
    if title in SAYS[shown.name]:
        expect(page.locator("h4").filter(has_text=SAYS[shown.name][title])).to_be_visible()
        expect(page.get_by_test_id("stMetric").first).to_be_visible()
    if title not in WITHOUT_CHART[shown.name]:
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        expect(page.locator("svg.main-svg text").first).to_be_attached()
    if title in SHOWS:
        expect(page.get_by_text(SHOWS[title]).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def has_no_serious_fault(page: Page, title: str) -> None:
    """For somebody who cannot see or point."""
    # The list of pages is Streamlit's own: it puts a heading among the items of a list, which we cannot change.
    theirs = {"exclude": [["[data-testid=stSidebarNavItems]"]]}
    results = Axe().run(page, context=theirs, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    violations = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"][:3]])
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert not violations, (title, violations)
    assert not faint(page), (title, faint(page))  # axe does not look into charts


FITS = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    return main.scrollWidth <= main.clientWidth + 1;
}"""


def fits(page: Page, title: str) -> None:
    """No part of the page hangs over the edge of a narrow window."""
    page.set_viewport_size({"width": 390, "height": 850})
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').clientWidth <= 390")
    try:  # charts follow the window a moment later
        page.wait_for_function(FITS, timeout=10_000)
    except TimeoutError:
        pytest.fail(f"{title} is wider than a narrow window.")
    page.set_viewport_size(WINDOW)


@on_the_demo
def test_a_link_leads_to_one_lineage_and_candidate(page: Page, dashboard: str, shown: Shown) -> None:
    run, says = BLOCKED[shown.name]
    lineage, _, number = run.partition("/")
    page.goto(f"{dashboard}/diversity?lineage={lineage}&candidate={lineage}%2F{number}")

    expect(page.locator("h4").filter(has_text=says)).to_be_visible()
    expect(page.get_by_text(OBSERVED[shown.name]).first).to_be_visible()


@on_the_demo
def test_the_other_lineage_is_chosen_in_the_bar_and_kept_in_the_address(page: Page, shown: Shown) -> None:
    name = OBSERVED[shown.name]
    page.get_by_test_id("stSelectbox").first.click()
    page.get_by_role("option", name=name).click()

    expect(page.locator("h4").filter(has_text=f"would not ship if {name} were enforced")).to_be_visible()
    assert f"lineage={name}" in page.url
    expect(page.get_by_text("observe: gates only report")).to_be_visible()
    clock = "demo clock" if shown.name == "demo" else "test clock"
    expect(page.get_by_text(clock).first).to_be_visible()


def press(page: Page, key: str, then: Locator) -> None:
    """Press a key until the page takes it: Streamlit binds it some time after its button is drawn. Once taken, it counts."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    for _ in range(300):
        page.evaluate("addEventListener('keydown', one => window.taken = one.defaultPrevented, {once: true})")
        page.keyboard.press(key)
        if page.evaluate("window.taken"):
            then.wait_for()
            return
        page.wait_for_timeout(100)
    pytest.fail(f"Nothing on the page takes the key {key}.")


def test_the_queue_is_walked_by_keyboard(page: Page) -> None:
    def at(place: int) -> Locator:
        return page.locator("strong", has_text=re.compile(rf"^{place} of [\d,]+$"))

    go(page, "Quarantine")
    expect(at(1)).to_be_visible()

    press(page, "j", at(2))
    press(page, "j", at(3))
    press(page, "k", at(2))
    press(page, "n", page.get_by_role("dialog"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "1", page.get_by_text("may not decide held records"))


@on_the_demo
def test_a_link_opens_its_page_as_the_first_visit_of_a_fresh_dashboard(browser: Browser, shown: Shown) -> None:
    with serving(shown.root) as address:
        tab = browser.new_page()
        tab.goto(f"{address}/mixing?lineage={OBSERVED[shown.name]}")

        expect(tab.get_by_role("heading", name="Mixing", exact=True)).to_be_visible()
        expect(tab.get_by_test_id("stSidebarNav").get_by_text("Look up")).to_be_visible()
        expect(tab.get_by_text("observe: gates only report")).to_be_visible()
        assert f"lineage={OBSERVED[shown.name]}" in tab.url
        tab.close()


WORDS_OF_CHARTS = """() => {
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(channel => channel / 255);
        const [r, g, b] = parts.map(channel => channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const page = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor;
    const behind = element => {
        const tag = element.parentElement.querySelector('rect.bg');
        return tag && Number(getComputedStyle(tag).fillOpacity) > 0 ? getComputedStyle(tag).fill : page;
    };
    const drawn = [...document.querySelectorAll('svg.main-svg text:not(.heatmap-label text)')];
    return drawn.filter(element => element.textContent.trim()).map(element => {
        const [dark, bright] = [light(getComputedStyle(element).fill), light(behind(element))].sort((a, b) => a - b);
        return [(bright + 0.05) / (dark + 0.05), element.textContent];
    });
}"""


def faint(page: Page) -> list[tuple[float, str]]:
    """Words in charts whose contrast is below what WCAG 2.2 asks for."""
    return [(round(contrast, 2), text) for contrast, text in page.evaluate(WORDS_OF_CHARTS) if contrast < 4.5]


@on_the_demo
def test_words_of_charts_follow_a_theme_that_is_changed(page: Page) -> None:
    go(page, "Mixing")
    expect(page.locator("svg.main-svg text").first).to_be_attached()
    themes: dict[Literal["dark", "light"], str] = {"dark": "rgb(18, 24, 31)", "light": "rgb(255, 255, 255)"}
    for theme, behind in [*themes.items(), *themes.items()]:
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", behind)
        deadline = time.monotonic() + 30
        while faint(page) and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        assert not faint(page), theme


@on_the_demo
def test_a_figure_opens_to_its_rows_and_they_can_be_taken_away(page: Page, shown: Shown) -> None:
    go(page, "Mixing")
    page.get_by_role("button", name="Rows and formula").first.click()

    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("the larger one is held against the ceiling")).to_be_visible()
    expect(dialog.get_by_text("Synthetic share of a training set")).to_be_visible()
    with page.expect_download() as csv:
        dialog.get_by_role("button", name="CSV").click()
    with page.expect_download() as parquet:
        dialog.get_by_role("button", name="Parquet").click()

    assert NEWEST[shown.name].encode() in Path(csv.value.path()).read_bytes()
    assert Path(parquet.value.path()).read_bytes().startswith(b"PAR1")


@on_the_demo
def test_a_chart_and_the_monthly_pack_are_taken_away(page: Page) -> None:
    go(page, "Overview")
    for name, beginning in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("HTML", b"<!doctype html>"), ("PDF", b"%PDF")):
        with page.expect_download(timeout=60_000) as file:
            page.get_by_role("button", name=name).first.click()
        assert Path(file.value.path()).read_bytes().startswith(beginning), name


def test_what_somebody_else_decides_appears_by_itself_and_nothing_typed_is_lost(
    browser: Browser, shown: Shown, tmp_path: Path
) -> None:
    shutil.copytree(shown.root, tmp_path / "copy")
    with serving(tmp_path / "copy") as address:
        tab = browser.new_page()
        tab.goto(f"{address}/overrides")
        expect(tab.get_by_role("heading", name="Overrides", exact=True)).to_be_visible()
        reason = tab.get_by_role("textbox", name="Reason")
        reason.fill("I was about to ask for")
        space = Workspace(tmp_path / "copy", "lin")

        requests.request(
            space,
            gate=Gate.DIVERSITY,
            run=BLOCKED[shown.name][0],
            reason="somebody else asks",
            expires=space.clock.now() + timedelta(days=3),
        )
        tab.get_by_text("1 waits for a decision").wait_for(timeout=20_000)

        expect(reason).to_have_value("I was about to ask for")
        tab.close()


@on_the_demo
def test_a_run_in_progress_is_told_on_the_page_with_rate_and_time_left(
    browser: Browser, shown: Shown, tmp_path: Path
) -> None:
    shutil.copytree(shown.root, tmp_path / "copy")
    with serving(tmp_path / "copy") as address:
        tab = browser.new_page()
        tab.goto(address)
        expect(tab.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
        folder = tmp_path / "copy" / "progress"
        folder.mkdir(exist_ok=True)
        progress = {
            "run": "guarded/9",
            "stage": "score",
            "what": "score",
            "done": 1200,
            "rate": 300.0,
            "share": 0.25,
            "seconds_left": 12.0,
        }
        (folder / "guarded-9.json").write_text(json.dumps(progress))

        expect(
            tab.get_by_text("guarded/9 is at score: 1,200 records of score, 300 a second, about 12 s left")
        ).to_be_visible(timeout=10_000)
        tab.close()


@on_the_demo
@pytest.mark.parametrize("width", [390, 1024])
def test_every_page_fits_a_narrow_screen_from_the_first(browser: Browser, dashboard: str, width: int) -> None:
    tab = browser.new_context(viewport={"width": width, "height": 850}).new_page()
    for title in PAGES:
        tab.goto(f"{dashboard}/{'' if title == 'Overview' else title.lower()}")
        expect(tab.get_by_text(" · as of").last).to_be_visible(timeout=60_000)
        main = tab.get_by_test_id("stMain")
        assert main.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), title
    tab.context.close()
