"""The register of overrides: every one of them as the log and the policy in force have it."""

from __future__ import annotations

from tailguard.domain.facts import OverrideRequested
from tailguard.domain.overrides import Override
from tailguard.errors import InputError
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import overrides, recorded
from tailguard.workspace import Workspace


def everything(workspace: Workspace, connection: Connection) -> list[Override]:
    """Every override as it stands under the policy in force."""
    return overrides(connection, review_days=workspace.policy().overrides.review_days)


def standing(workspace: Workspace, connection: Connection, override: str) -> Override:
    """The override of that name. Raises InputError when there is none."""
    found = everything(workspace, connection)
    for one in found:
        if one.id == override:
            return one
    known = ", ".join(one.id for one in found[-10:]) or "none yet"
    raise InputError(f"There is no override {override!r}. Known: {known}.")


def find(workspace: Workspace, override: str) -> Override:
    """The override of that name as it stands now. Raises InputError when there is none."""
    with workspace.log.reading() as connection:
        return standing(workspace, connection, override)


def next_id(connection: Connection) -> str:
    """The name of the next request."""
    return f"override-{len(recorded(connection, OverrideRequested)) + 1}"
