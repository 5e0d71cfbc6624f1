"""Where a record came from, asked on the page by its id and answered in a dialog."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tailguard import pipeline
from tailguard.domain.records import record_id
from tests.browser.driving import serving
from tests.builders import found_team

pytestmark = pytest.mark.browser


def test_the_trace_of_a_record_that_exists_opens_in_a_dialog(browser: Browser, tmp_path: Path) -> None:
    team = found_team(tmp_path / "team")
    texts = team.take(60)
    run = pipeline.start(team.workspace, "main", [team.batch("a", texts)], recipe=pipeline.PLAIN, seed=0)
    pipeline.advance(team.workspace, run, until="compose")
    record = record_id(texts[0])

    with serving(team.workspace.root) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 1200})
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        tab.goto(f"{address}/provenance")
        tab.get_by_label("Where did this record come from?").fill(record)
        tab.get_by_role("button", name="Trace").click()
        dialog = tab.get_by_role("dialog")

        expect(dialog).to_contain_text(f"{record[:12]} came from docs in main/0, is tagged human", timeout=60_000)
        expect(dialog).to_contain_text("used in 1 training set")
        expect(dialog.get_by_test_id("stDataFrame")).to_have_count(2)
        expect(dialog.get_by_test_id("stException")).to_have_count(0)
        context.close()
