"""Where a record came from, asked on the page by its id and answered in a dialog."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tailguard.domain.records import record_id
from tests.builders import ANCHOR, PROMPTS, passages

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("shown", ["season"], indirect=True)
def test_the_trace_of_a_record_that_exists_opens_in_a_dialog(browser: Browser, dashboard: str) -> None:
    record = record_id(passages()[ANCHOR + PROMPTS])
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    tab = context.new_page()
    tab.goto(f"{dashboard}/provenance")
    tab.get_by_label("Where did this record come from?").fill(record)
    tab.get_by_role("button", name="Trace").click()
    dialog = tab.get_by_role("dialog")

    expect(dialog).to_contain_text(f"{record[:12]} came from docs in main/0, is tagged human")
    expect(dialog).to_contain_text("used in 3 training sets")
    expect(dialog.get_by_test_id("stDataFrame")).to_have_count(2)
    expect(dialog.get_by_test_id("stException")).to_have_count(0)
    context.close()
