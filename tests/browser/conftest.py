"""A browser, and a dashboard on the demo's year, for every browser test of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.driving import FLAGS, find_browser, serving


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        told = "no Chrome or Chromium was found, and Playwright could not fetch one: the browser tests did not run"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def dashboard(demo: Path) -> Iterator[str]:
    with serving(demo) as address:
        yield address
