"""The protocol of a response, step by step: what was done by whom and how fast, and the one step that comes next."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.shared import actions, opened
from pages.shared.actions import Values
from pages.shared.words import plain
from tailguard.domain.incidents import STEPS, Step
from tailguard.domain.wording import duration
from tailguard.plays.response.drills import Incident
from tailguard.policy.model import PLAYS

TIMED = {"detect": "detected", "freeze": "frozen", "rollback": "rolled back"}
"""The steps whose times are shown, as words of a sentence."""


def lasting(seconds: float | None) -> str:
    """A length of time for a person; a dash where there is none."""
    return "–" if seconds is None else duration(seconds)


def hold(incident: Incident) -> None:
    """Every step of one response, with the button or the form of the next."""
    done = {row.fact.step: row for row in incident.steps}
    for step in STEPS:
        with st.container(border=True):
            left, right = st.columns([3, 2], vertical_alignment="center")
            if row := done.get(step.name):
                left.markdown(f"**✔ {step.name}** {plain(row.fact.evidence)}")
                took = (
                    f"{lasting(row.fact.seconds)} after the step before, {row.fact.machine_seconds:,.1f} s of machine"
                )
                right.caption(plain(f"{row.actor}, {row.recorded:%d %b %H:%M:%S}, {took}"))
            elif step.name == "close" and incident.closed:
                fact = incident.closed.fact
                summary = f"Root cause: {plain(fact.cause)}  \nChange to {fact.play}: {plain(fact.change)}"
                left.markdown(f"**✔ close** {summary}")
                right.caption(plain(f"{incident.closed.actor}, {incident.closed.recorded:%d %b %H:%M:%S}"))
            else:
                _to_do(incident, step, left, right)


def _to_do(
    incident: Incident, step: Step, left: st.delta_generator.DeltaGenerator, right: st.delta_generator.DeltaGenerator
) -> None:
    left.markdown(f"**{'▶' if incident.next == step.name else '○'} {step.name}** {step.purpose} ({step.role})")
    if step.command:
        left.code(step.command.format(incident=incident.id), language="bash")
    if incident.next != step.name:
        return
    if step.name == "close":
        _closing(incident.id, right)
    else:
        with right:
            work = partial(_done, step.name, incident.id)
            actions.button(f"Do it: {step.name}", work, key=f"do-{step.name}-{incident.id}", busy=f"{step.name} …")


def _done(step: str, incident: str, _: Values) -> str:
    """Do one step; what does it loads when it is first needed."""
    from tailguard.response import protocol

    space = opened.workspace()
    match step:
        case "freeze":
            return protocol.freeze(space, incident).text
        case "rollback":
            return protocol.rollback(space, incident).text
        case "audit":
            return protocol.audit(space, incident)[0].text
    return protocol.prepare(space, incident).text


def _closing(incident: str, container: st.delta_generator.DeltaGenerator) -> None:
    with container.form("close", border=False):
        st.text_input("Root cause", key="cause")
        st.selectbox("Play that is changed", PLAYS, key="play")
        st.text_input("The change", key="change")
        actions.submit("Close it", partial(_close, incident), key=f"close-{incident}")


def _close(incident: str, values: Values) -> str:
    from tailguard.response import protocol

    protocol.close(opened.workspace(), incident, cause=values["cause"], play=values["play"], change=values["change"])
    return f"{incident} is closed."
