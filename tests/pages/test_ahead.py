"""A large log is read ahead: nobody waits for what others write, and what somebody decides shows to them at once."""

from __future__ import annotations

import gc
import itertools
import time
import weakref
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import cache, reads
from tailguard.domain.facts import RunStarted
from tailguard.domain.gates import Gate
from tailguard.overrides import requests
from tests.builders import found_team


def test_what_others_write_is_read_ahead_and_what_one_decides_shows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = found_team(tmp_path)
    run = team.run([team.batch("a", team.take(150))])
    monkeypatch.setenv("TAILGUARD_WORKSPACE", str(tmp_path))
    before = cache.version()
    shown = cache.shown_state()

    def ask() -> str:
        until = team.clock.now() + timedelta(days=9)
        name = requests.request(
            team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason="needed for the launch", expires=until
        )
        team.workspace.log.publish()
        return name

    assert not reads.status().overrides
    rows = weakref.ref(reads._rows(RunStarted, None, None, ()))
    assert rows() is not None, "answers are kept while the log stands still"
    shown.cost_seconds, shown.shown_at = 30.0, time.monotonic() - 60  # a log that takes half a minute to read
    first = ask()
    assert cache.version() == before, "whoever looks now goes on with what was read"
    deadline = time.monotonic() + 60
    while (later := cache.version()) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    gc.collect()
    assert later != before
    assert rows() is None, "nothing is kept of a state that is shown no more"
    assert [override.id for override in reads.status().overrides] == [first]

    shown.cost_seconds = 30.0
    second = ask()
    cache.invalidate()
    assert [override.id for override in reads.status().overrides] == [first, second]


def _page() -> None:
    import streamlit as st

    from pages.shared import components

    components.page_begins()
    components.refresh_while_writing()
    if st.button("Approve"):
        st.markdown("approved")


def test_a_button_counts_also_when_the_log_grows_while_its_page_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    states = itertools.count()
    monkeypatch.setattr(cache, "version", lambda: (next(states),))
    monkeypatch.setattr(cache, "freeze_gc", lambda: None)
    monkeypatch.setattr(reads, "active_runs", lambda: [])
    app = AppTest.from_function(_page).run()
    app.button[0].click().run()

    assert [block.value for block in app.markdown] == ["approved"]
