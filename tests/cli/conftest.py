"""Who is at the keyboard: ada, who owns quality in the policies that tests write, whatever the machine's account is called."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILGUARD_USER", "ada")
