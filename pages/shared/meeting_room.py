"""Meeting mode of the overrides page: one item at a time, decision buttons with a mandatory note, attendance, progress."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import streamlit as st

from pages.shared import actions, bar, components, opened, reads
from pages.shared.actions import Values
from pages.shared.words import plain
from tailguard.domain.wording import counted
from tailguard.overrides import meeting as meetings

DRAFT = "draft"
WORDS = {
    "approved": "Approve",
    "refused": "Refuse",
    "kept": "Keep until it ends",
    "renewed": "Renew",
    "closed": "Close",
}


def forget_draft() -> None:
    """The note was recorded, or belongs to an item that is done."""
    st.query_params.pop(DRAFT, None)


def keep_draft(override: str) -> None:
    """What was typed stands in the URL, so that a page that is loaded again still has it."""
    st.query_params[DRAFT] = _note(override)


def _note(override: str) -> str:
    """What was typed for an item; each has a field of its own."""
    return str(st.session_state[f"note-{override}"])[:500]


def item_told(item: meetings.Item) -> None:
    """One item of the agenda: the reason, its uses, and what they did to the ratio."""
    over = item.override
    st.markdown(f"##### {plain(over.id)}: {plain(over.gate)} gate of {plain(over.run)}")
    st.markdown(f"> {plain(over.reason)}")
    left, right = st.columns(2)
    left.markdown(
        f"{item.state}, asked for by **{plain(over.requested_by)}** on {over.requested:%d %b %Y}"
        + (f", approved by **{plain(over.decided_by or '')}**" if over.decision == "approved" else "")
        + (f", to follow {plain(over.renews)}" if over.renews else "")
    )
    days = (over.expires - reads.status().as_of).days
    right.markdown(f"ends {over.expires:%d %b %Y}, " + (f"in {counted(days, 'day')}" if days >= 0 else "past"))
    if over.orphan:
        st.warning(plain(f"It matches nothing any more: {over.orphan}."), icon="⚠️")
    if not item.uses:
        st.markdown("Never used.")
    for use in item.uses:
        effect = (
            f", {use.ratio:.1%} synthetic against a ceiling of {use.ceiling:.0%}"
            if use.ratio is not None and use.ceiling is not None
            else ""
        )
        st.markdown(f"- used {use.recorded:%d %b %Y} by {plain(use.actor)}{effect}")


def decide(item: meetings.Item, position: int) -> None:
    """Decision buttons for one item, with a note that has to be there."""
    st.text_area(
        "Note (mandatory: it goes into the minutes)",
        value=st.query_params.get(DRAFT, ""),
        key=f"note-{item.override.id}",
        on_change=keep_draft,
        args=(item.override.id,),
        max_chars=500,
    )
    st.number_input("New end, in days (for a renewal)", min_value=1, max_value=366, value=14, key="meeting_days")
    for column, decision in zip(st.columns(3), meetings.DECISIONS.get(item.state, ()), strict=False):
        with column:
            actions.button(
                WORDS[decision],
                partial(_record, item.override.id, decision),
                key=f"decide-{decision}-{item.override.id}",
                then=partial(_turn_to, position + 1),
                width="stretch",
            )


def _record(override: str, decision: str, values: Values) -> str:
    """Decide on one item with the note that was typed."""
    space = opened.workspace()
    expires = space.clock.now() + timedelta(days=int(values["meeting_days"])) if decision == "renewed" else None
    meetings.decide(space, override, decision=decision, note=values[f"note-{override}"][:500], expires=expires)
    return f"{override} {decision}."


def _turn_to(position: int) -> None:
    forget_draft()
    st.query_params["item"] = str(position)


def _attend(values: Values) -> str:
    meetings.attend(opened.workspace(), values["person"])
    return f"{values['person']} is here."


def _end(meeting: str, _: Values) -> str:
    meetings.end(opened.workspace())
    return f"{meeting} ended. Its minutes are below."


def hold(going_on: meetings.Meeting) -> None:
    """Meeting mode: one item at a time, in order; every decision is in the log as soon as it is made."""
    done = len(going_on.items) - len(going_on.left)
    components.section(f"{going_on.id}: item by item")
    st.progress(done / len(going_on.items), text=f"{done} of {len(going_on.items)} decided")
    actions.show_answer()
    first, second = st.columns([3, 2])
    with second.container(border=True):
        st.markdown("**Agenda**")
        for number, item in enumerate(going_on.items):
            mark = "✔" if item.decision else "○"
            label = f"{mark} {item.override.id}, {item.decision or item.state}"
            if st.button(label, key=f"item-{number}", type="tertiary"):
                _turn_to(number)
                components.again()
        st.markdown("**Present**")
        st.markdown(plain(", ".join(going_on.present)) or "nobody yet")
        st.text_input("Somebody else is here", key="person")
        actions.button("Note attendance", _attend, key="attend")
    with first.container(border=True):
        position = min(bar.number("item", _next(going_on)), len(going_on.items) - 1)
        item = going_on.items[position]
        item_told(item)
        if item.decision:
            st.success(plain(f"{item.decision} by {item.decided_by}: {item.note}"), icon="✔")
            if going_on.left and st.button("Next item", key="next"):
                st.query_params["item"] = str(_next(going_on))
                components.again()
        else:
            decide(item, position)
    passed = [item.override.id for item in going_on.left if item.state == "open"]
    if passed:
        components.remark(
            f"Ending the meeting now closes {', '.join(passed)}: a review that passes an override closes it."
        )
    actions.button("End the meeting", partial(_end, going_on.id), key=f"end-{going_on.id}")


def _next(going_on: meetings.Meeting) -> int:
    return next((at for at, item in enumerate(going_on.items) if item.decision is None), 0)
