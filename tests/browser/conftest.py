"""A browser and a dashboard for every browser test of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.driving import FLAGS, Shown, find_browser, serving
from tests.logs import MADE

expect.set_options(timeout=30_000)  # a page that was asked for is waited for, however busy the machine


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        reason = "no Chrome or Chromium was found, and Playwright could not fetch one: the browser tests did not run"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session", params=["season", pytest.param("demo", marks=pytest.mark.slow)])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """What pages are looked at on: a small workspace, and among the slow tests the demo's year."""
    if request.param == "demo":
        return Shown("demo", request.getfixturevalue("demo"), "dark")
    root = tmp_path_factory.mktemp("season") / "workspace"
    MADE["season"](root)
    return Shown("season", root, "light")


@pytest.fixture(scope="session")
def dashboard(shown: Shown) -> Iterator[str]:
    with serving(shown.root) as address:
        yield address
