"""The README's pictures, taken of the real demo: `make screenshots`.

python -m bench.screenshots DEMO   writes docs/overview.png and docs/pages/*.png, light; the overview in dark as well
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from bench.dashboard import dashboard
from bench.processes import ROOT
from tests.browser.driving import FLAGS, find_browser

SHOTS: tuple[tuple[str, Literal["light", "dark"], str, int], ...] = (
    ("Overview", "light", "docs/overview.png", 1180),
    ("Overview", "dark", "docs/pages/overview-dark.png", 1000),
    ("Mixing", "light", "docs/pages/mixing.png", 900),
    ("Diversity", "light", "docs/pages/diversity.png", 900),
    ("Loops", "light", "docs/pages/loops.png", 1080),
    ("Plays", "dark", "docs/pages/plays-dark.png", 900),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path)
    workspace: Path = parser.parse_args().demo
    (ROOT / "docs" / "pages").mkdir(exist_ok=True)
    with dashboard(workspace) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for title, theme, file, height in SHOTS:
            context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": height})
            tab = context.new_page()
            tab.goto(f"{address}/{'' if title == 'Overview' else title.lower()}")
            tab.get_by_text(f"{title} · ").last.wait_for(timeout=60_000)
            tab.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
            tab.wait_for_timeout(800)  # charts slide into place
            tab.screenshot(path=ROOT / file)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
