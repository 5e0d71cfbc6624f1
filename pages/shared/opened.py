"""The workspace that the dashboard was opened on, who works in it, and what of it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from pages.shared import entrance
from tailguard.domain.roles import Right
from tailguard.errors import TailguardError
from tailguard.workspace import POLICY_FILE, Workspace, default_actor, find_workspace


def root() -> str:
    """The workspace's folder: TAILGUARD_WORKSPACE, or the nearest one from the current folder upwards."""
    if folder := os.environ.get("TAILGUARD_WORKSPACE"):
        return folder
    try:
        return str(find_workspace(Path.cwd()))
    except TailguardError:  # nothing was set up here yet: the page says what to run
        return str(Path.cwd())


@st.cache_resource(show_spinner=False)
def _opened(folder: str) -> Workspace:
    return Workspace(Path(folder), default_actor())


def local() -> Workspace:
    """The workspace before anybody is known to be signed in."""
    return _opened(root())


def workspace() -> Workspace:
    """The workspace, acting as whoever is signed in."""
    return entrance.person(local())


def why_not(right: Right) -> str | None:
    """Why the person at this page may not do something, and who may; None where they may. Raises InputError without a policy."""
    space = workspace()
    return space.why_not(right, space.edited_policy())


def missing() -> str | None:
    """What is missing beside the run log and what that means for the reader; None where everything is there."""
    space, problems = local(), []
    if not space.store.root.is_dir():
        problems.append(f"There is no store at {space.store.root}: records, training sets and reports cannot be shown.")
    if not (space.root / POLICY_FILE).is_file():
        problems.append(
            f"There is no {POLICY_FILE} in {space.root}: nobody has a role here, so nothing can be decided."
        )
    return " ".join(problems) or None


def unavailable(kind: str, digest: str) -> str | None:
    """Why content that is stored as JSON cannot be downloaded from here; None where it is in the store."""
    try:
        local().store.found(kind, digest, ".json")
    except TailguardError as error:
        return str(error)
    return None
