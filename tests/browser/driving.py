"""A real Chromium, a dashboard that serves a workspace, and walking from page to page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Shown:
    """A workspace that pages are looked at on, and what is said of it."""

    name: Literal["season", "demo"]
    root: Path
    theme: Literal["light", "dark"]


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """A Chrome or Chromium on this machine, or one that Playwright can fetch."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    if not own.exists():
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"], check=False, capture_output=True, timeout=300
        )
    return str(own) if own.exists() else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(workspace: Path, *, port: int | None = None) -> Iterator[str]:
    """A fresh dashboard on a workspace; its address."""
    port = port or free_port()
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "tailguard.cli", "dashboard", "-w", str(workspace), "--port", str(port)],
            cwd=ROOT, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            _await_health(server, port, output)
            yield f"http://localhost:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def _await_health(server: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    """Until the dashboard answers; one that ends, or takes minutes, fails with what it said."""
    deadline = time.monotonic() + 180
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    output.seek(0)
    pytest.fail(
        f"The dashboard did not come up (code {server.poll()}): {output.read().decode(errors='replace')[-3000:]}"
    )


def go(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(rf"^{title}( \([\d,]+\))?$")).click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    # Until a page's last line is there, buttons of the page before remain.
    expect(page.get_by_text(f"{title} · ").last).to_be_visible()
