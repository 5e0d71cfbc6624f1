"""Pages run in the project's own folder, on workspaces that are made when the first page asks for them."""

from __future__ import annotations

import pytest
import streamlit as st

from tests.logs import Catalogue
from tests.pages.opening import ROOT


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project's own folder; the workspace that `opened` names is forgotten when a test ends."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TAILGUARD_WORKSPACE", "none yet")
    st.cache_data.clear()
