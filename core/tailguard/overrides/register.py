"""The register of overrides: each by its name, as the log and the policy in force have it."""

from __future__ import annotations

from tailguard.domain.facts import OverrideRequested
from tailguard.domain.overrides import Override
from tailguard.errors import InputError
from tailguard.runlog.view import LogView
from tailguard.runlog.views.overrides import overrides
from tailguard.workspace import Workspace


def named(view: LogView, name: str) -> Override:
    """The override of that name. Raises InputError when there is none."""
    known = overrides(view)
    for override in known:
        if override.id == name:
            return override
    newest = ", ".join(override.id for override in known[-10:]) or "none yet"
    raise InputError(f"There is no override {name!r}. Known: {newest}.")


def find(workspace: Workspace, name: str) -> Override:
    """The override of that name as it stands now. Raises InputError when there is none."""
    with workspace.log.reading() as view:
        return named(view, name)


def next_id(view: LogView) -> str:
    """The name of the next request."""
    return f"override-{len(view.recorded(OverrideRequested)) + 1}"
