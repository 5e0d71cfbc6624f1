"""What a person does on a page: a press is carried out once, before its page is drawn, and its answer is shown.

One press may reach the server twice. Streamlit's browser sends a press a moment after it happened; a message of the page's
own clock (`refresh_while_writing`) that leaves in that moment carries the press as well, and each of the two runs what the
button is to do. And a second press of a button may arrive when the server has drawn the next one and the browser has not.
So each button has a name of its own until it was pressed, and what was answered under a name stays the answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import streamlit as st

from pages.shared import cache
from pages.shared.words import plain
from tailguard.errors import TailguardError

Values = Mapping[str, Any]
"""What the fields of the page held when its button was pressed, by key."""
Work = Callable[[Values], str]
"""What a press does; returns what to tell the person. It asks `Values`, never `st.session_state`, which Streamlit leaves
with an exception of its own when the next press is waiting: work that was done would not be known as done."""

SHOWN_SECONDS = 12.0
"""So long an answer stays, also while the page is drawn anew because the log has grown."""


@dataclass(frozen=True)
class Answer:
    """What came of a press."""

    text: str
    done: bool


class Presses:
    """What one session has pressed, and what was answered."""

    def __init__(self) -> None:
        self.shown: Answer | None = None
        self.shown_key = ""
        self.shown_at: float | None = None
        self._answers: dict[str, Answer] = {}
        self._counts: Counter[str] = Counter()
        self._one_at_a_time = Lock()

    def name(self, key: str) -> str:
        """The name under which a button is drawn: another one each time that it was pressed."""
        count = self._counts[key]
        return f"{key}#{count}" if count else key

    def carry_out(self, key: str, name: str, work: Work, values: Values) -> bool:
        """Do it, unless it was done under this name already; the first answer is shown either way. Says whether it was done now."""
        with self._one_at_a_time:
            first = name not in self._answers
            if first:
                self._answers[name] = _answer(work, values)
                self._counts[key] += 1
                cache.invalidate()
            self.shown, self.shown_at, self.shown_key = self._answers[name], None, key
        return first and self.shown.done


def _answer(work: Work, values: Values) -> Answer:
    try:
        return Answer(work(values), done=True)
    except TailguardError as error:
        return Answer(str(error), done=False)


def presses() -> Presses:
    """What this session has pressed so far."""
    state: Presses = st.session_state.setdefault("presses", Presses())
    return state


def button(
    label: str,
    work: Work,
    *,
    key: str,
    then: Callable[[], object] | None = None,
    busy: str = "",
    **look: Any,
) -> None:
    """A button that does something once. `then` turns the page to what is next, and `busy` says what takes a while.

    Where it acts on one thing that the page shows, that thing's name belongs into `key`: a press is then never taken for one
    of the button that stands in its place by the time it arrives.
    """
    name = presses().name(key)
    st.button(label, key=name, on_click=_pressed, args=(presses(), key, name, work, then, busy), **look)


def submit(
    label: str, work: Work, *, key: str, then: Callable[[], object] | None = None, busy: str = "", **look: Any
) -> None:
    """The same at the end of a form; the form's fields need keys."""
    name = presses().name(key)
    st.form_submit_button(label, key=name, on_click=_pressed, args=(presses(), key, name, work, then, busy), **look)


def _pressed(done: Presses, key: str, name: str, work: Work, then: Callable[[], object] | None, busy: str) -> None:
    values = st.session_state.to_dict()
    if busy:
        with st.spinner(busy):
            now = done.carry_out(key, name, work, values)
    else:
        now = done.carry_out(key, name, work, values)
    if now and then:
        then()


def show_answer(of: str = "") -> None:
    """What came of the last thing that somebody did, if the key of its button begins with `of`."""
    state = presses()
    if not state.shown_key.startswith(of):
        return
    if state.shown_at is None:  # counted from here: on a busy machine the page is drawn long after the press
        state.shown_at = time.monotonic()
    if state.shown and time.monotonic() - state.shown_at < SHOWN_SECONDS:
        (st.success if state.shown.done else st.error)(plain(state.shown.text))


def forget_answer() -> None:
    """It belongs to the page before."""
    presses().shown = None
