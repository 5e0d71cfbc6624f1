"""A log full of text that wants to be obeyed, one of it a megabyte long: every page shows it as text, in its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tailguard.domain.gates import Gate
from tailguard.domain.requests import BatchRequest
from tailguard.domain.tags import Origin
from tailguard.handoff import bundle
from tailguard.overrides import requests
from tailguard.plays import assignment
from tailguard.plays.loops import actions
from tailguard.plays.monitoring import alerts
from tailguard.plays.provenance import sources
from tailguard.plays.status import status
from tailguard.response import protocol
from tests.browser.driving import serving
from tests.builders import found_team, write_jsonl, written_by

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ("", "provenance", "mixing", "diversity", "gates", "quarantine", "overrides", "loops", "plays", "drill", "runs")
HOSTILE = (
    '<img src=x onerror="window.obeyed=1"><script>window.obeyed=1</script> **bold** [go](javascript:window.obeyed=1) '
    "![pic](http://evil.example/x.png) $\\frac{1}{2}$ :red[red] `code` # head | cell \u202edrow\u2066 \x07\x1b[31m"
)
NAME = HOSTILE[:60]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on two generations, a held megabyte, an override, an incident, a loop, all with hostile words."""
    team = found_team(tmp_path_factory.mktemp("hostile") / "team", observe=True)
    (team.workspace.root / "flows.yaml").unlink()
    first = team.run([team.batch("a", team.take(200), NAME)])
    ours = written_by(team, first, 60, logged=True)
    megabyte = HOSTILE + "x" * 500_000 + " <b>and</b> so on" * 30_000
    texts = [megabyte, *(f"{HOSTILE} {text}" for text in team.take(40))]
    rows = [{"text": text, HOSTILE: HOSTILE, "note": HOSTILE * 20} for text in texts]
    held = write_jsonl(team.workspace.root / "inbox" / "held.jsonl", rows)
    run = team.run(
        [
            team.batch("b", [*team.take(80), *ours], f"w{NAME}", Origin.AI),
            BatchRequest(str(held), f"u{NAME}", Origin.UNKNOWN),
        ]
    )
    space = team.workspace
    now = team.clock.now()
    sources.declare(space, f"c{NAME}", owner=HOSTILE, licence=HOSTILE, declared=Origin.HUMAN, since=now, note=HOSTILE)
    until = team.clock.now() + timedelta(days=12)
    requests.request(space.as_actor("lin"), gate=Gate.RATIO, run=run, reason=megabyte, expires=until)
    actions.declare(space, f"main -> {NAME.replace('->', '')}")
    bundle.note_deviation(space, run, what=HOSTILE, why=megabyte)
    protocol.open_incident(space, "main", what=HOSTILE, alert=None, generation=run)
    alerts.send(space)
    with space.log.reading() as view:
        key = status(view, now=team.clock.now()).findings[0].key
    assignment.assign(space, key, plan=megabyte)
    with serving(space.root) as address:
        yield address


def test_hostile_text_is_only_text_on_every_page(hostile: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        tab.goto(f"{hostile}/{path}")
        expect(tab.get_by_text(" · as of").last).to_be_visible(timeout=60_000)
        expect(tab.get_by_test_id("stException")).to_have_count(0)
        main = tab.get_by_test_id("stMain")
        assert main.evaluate("element => element.scrollWidth <= element.clientWidth + 1"), path
        assert main.evaluate("one => one.scrollHeight") < 12_000, path
        assert (
            main.locator(
                "img[src='x'], script, a[href^='javascript'], a[href^='http'], [data-testid=stMarkdownColoredText]"
            ).count()
            == 0
        ), path
        assert tab.evaluate("window.obeyed") is None, path
        assert "\u202e" not in main.inner_text(), path
    assert not [url for url in asked if "localhost" not in url and not url.startswith(("data:", "blob:"))]
    context.close()
