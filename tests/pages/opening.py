"""Pages as AppTest draws them, and what stands on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

ROOT = Path(__file__).parent.parent.parent


PAGES = (
    "overview", "provenance", "mixing", "diversity", "gates", "quarantine", "overrides", "loops", "plays", "drill", "runs",
)  # fmt: skip


@contextmanager
def acting_as(person: str) -> Iterator[None]:
    """Pages that run meanwhile are this person's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILGUARD_USER", person)
        yield


def opened(workspace: Path, page: str) -> AppTest:
    os.environ["TAILGUARD_WORKSPACE"] = str(workspace)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    return app.switch_page(f"pages/{page}.py").run()


def page_text(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.info, *app.error, *app.caption]
    return "\n".join(part.value for part in parts).replace("\\", "")


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def answered(app: AppTest) -> str:
    assert not app.exception, app.exception
    return " ".join(message.value for message in (*app.success, *app.error)).replace("\\", "")


def rows_behind(app: AppTest) -> list[str]:
    """The keys of a page's expanders that fetch their rows once they are opened."""
    return [part.proto.id.split("-", 2)[2] for part in app.expander if part.proto.id]


def traced(workspace: Path, wanted: str) -> AppTest:
    app = opened(workspace, "provenance")
    app.text_input(key="wanted").input(wanted)
    return button(app, "Trace").click().run()
