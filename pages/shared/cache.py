"""Answers of the run log, cached for the state of it that pages show; a large log is read in a thread before it is shown."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx

from pages.shared import opened
from tailguard.errors import TailguardError
from tailguard.runlog.view import LogView

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")

LONGEST_SECONDS = 4.0
"""After this time at the latest a page shows what others have decided."""
_PAUSE_PER_COST = 4
"""A new state is read at most a quarter of the time, however long one reading takes."""
_INSTANT_SECONDS = 0.2
"""A log that is read in less time is read on demand, without a thread."""
_FREEZE_SECONDS = 20.0
_LIMIT_CHARTS = 160
_LIMIT_PREFETCHED = 2
"""The state that is shown, and the next one."""

_NEVER = float("-inf")
_clear: list[Callable[[], None]] = []
"""Drops the cached answers of one question."""
_prefetched: list[Callable[[tuple[Any, ...]], object]] = []
"""Questions that a new state has answered before it is shown."""


class ShownState:
    """The state of the log that this server shows to everybody, and when a newer one may be read."""

    def __init__(self) -> None:
        self.version: tuple[int, ...] = ()
        self.reader: threading.Thread | None = None
        self.shown_at = _NEVER
        self.cost_seconds = 0.0
        self.frozen_at = _NEVER
        self.new_charts = 0

    def show(self, version: tuple[int, ...]) -> None:
        """Show this state from now on, and drop the answers of the one before."""
        self.version, self.shown_at, self.reader = version, time.monotonic(), None
        for clear in _clear:
            clear()

    def needed_now(self) -> bool:
        """Whether the newest state is read on demand: it is the first, something was decided here, or reading is instant."""
        return self.shown_at == _NEVER or (self.cost_seconds < _INSTANT_SECONDS and self.due())

    def due(self) -> bool:
        """Whether a newer state may be read."""
        pause = min(LONGEST_SECONDS, _PAUSE_PER_COST * self.cost_seconds)
        return self.reader is None and time.monotonic() - self.shown_at >= pause


@st.cache_resource(show_spinner=False)
def _shown_state(folder: str) -> ShownState:
    del folder  # one state for each workspace
    return ShownState()


def shown_state() -> ShownState:
    """What this server shows of the workspace's log."""
    return _shown_state(opened.root())


def version() -> tuple[int, ...]:
    """The version of the state that is shown; it changes when there is something new to show."""
    state = shown_state()
    try:
        newest = opened.local().log.version()
    except TailguardError:
        return ()
    if newest != state.version and state.needed_now():
        state.show(newest)
    elif newest != state.version and state.due():
        state.reader = threading.Thread(target=_prefetch, args=(state, newest), daemon=True)
        add_script_run_ctx(state.reader)
        state.reader.start()
    return state.version


def invalidate() -> None:
    """Show what was just decided here at once."""
    shown_state().shown_at = _NEVER


def _prefetch(state: ShownState, newest: tuple[int, ...]) -> None:
    try:
        for ask in _prefetched:
            ask((opened.root(), _hour(), *newest))
    finally:  # a state that cannot be read is shown as well: the page says why
        if state.reader is threading.current_thread():
            state.show(newest)


def cached(limit: int) -> Callable[[Callable[Asked, Answer]], Callable[Asked, Answer]]:
    """Cache the newest `limit` answers of a function, shared by all sessions, until another state of the log is shown."""

    def decorate(work: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
        def in_state(state: tuple[Any, ...], *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            del state  # a part of the cache's key
            return work(*args, **kwargs)

        _name_after(work, in_state)
        answers = st.cache_resource(show_spinner=False, max_entries=limit)(in_state)
        _clear.append(answers.clear)

        @wraps(work)
        def ask(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            return answers((opened.root(), *version()), *args, **kwargs)

        return ask

    return decorate


def of_log(question: Callable[Concatenate[LogView, Asked], Answer], *, limit: int) -> Callable[Asked, Answer]:
    """A question of the core, asked of the published copy of the log, with its newest `limit` answers cached."""

    def ask(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        with opened.local().log.read_published() as view:
            return question(view, *args, **kwargs)

    _name_after(question, ask)
    ask.__doc__ = question.__doc__
    return cached(limit)(ask)


def prefetched(question: Callable[[], Answer]) -> Callable[[], Answer]:
    """Cache a question's answer for an hour at most, and show a new state of the log only once it has been answered.

    How long the answer takes is what reading the log costs.
    """

    def in_state(key: tuple[Any, ...]) -> Answer:
        started = time.monotonic()
        answer = question()
        _shown_state(str(key[0])).cost_seconds = time.monotonic() - started
        return answer

    _name_after(question, in_state)
    answers = st.cache_resource(show_spinner=False, max_entries=_LIMIT_PREFETCHED)(in_state)
    _prefetched.append(answers)

    @wraps(question)
    def ask() -> Answer:
        return answers((opened.root(), _hour(), *version()))

    return ask


def _hour() -> int:
    return int(time.time() // 3600)


def _name_after(work: Callable[..., object], wrapper: Any) -> None:
    """Streamlit tells cached functions apart by these names."""
    wrapper.__module__, wrapper.__qualname__ = work.__module__, work.__qualname__


@st.cache_resource(show_spinner=False, max_entries=_LIMIT_CHARTS)
def _chart(key: tuple[Any, ...], _draw: Callable[[], go.Figure]) -> go.Figure:
    _shown_state(str(key[0])).new_charts += 1
    return _draw()


_clear.append(_chart.clear)


def chart(page_state: str, draw: Callable[[], go.Figure]) -> go.Figure:
    """A chart, drawn once for each state of the log, of the page, and each person."""
    return _chart((opened.root(), *version(), opened.workspace().actor, page_state), draw)


def freeze_gc() -> None:
    """Exclude cached charts from garbage collection, which Streamlit runs after every run of a page."""
    state = shown_state()
    if state.new_charts and time.monotonic() - state.frozen_at > _FREEZE_SECONDS:
        state.frozen_at, state.new_charts = time.monotonic(), 0
        gc.unfreeze()
        gc.collect()
        gc.freeze()
