"""Where a drill acts: a copy of the log and of the store's files in a folder of its own, from which nothing is deployed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tailguard.errors import InputError
from tailguard.plays.loops.actions import copy_settings
from tailguard.plays.mixing.clearance import KEYS
from tailguard.plays.response.drills import Incident
from tailguard.policy.adapters import Deploy
from tailguard.policy.model import Policy
from tailguard.runlog.copying import insert, rows
from tailguard.store.writing import copy
from tailguard.workspace import Workspace

_DRILLS = "drills"


class Sandbox(Workspace):
    """A copy of a workspace in which everything may be tried: nothing is deployed from it, and no registry is told."""

    def _policy_file(self) -> tuple[Policy, str]:
        """The policy as the file says, without a deployment command and a registry."""
        policy, text = super()._policy_file()
        return policy.model_copy(update={"deploy": Deploy(), "registry": None}), text


def build(workspace: Workspace, incident: str) -> Sandbox:
    """A copy of the workspace: policy, flows, keys, the log's rows, and the store by hard links (its files never change)."""
    workspace.store.must_exist()
    folder = _folder_of(workspace, incident)
    discard(workspace, incident)
    folder.mkdir(parents=True)
    copy_settings(workspace.root, folder)
    if (workspace.root / KEYS).is_dir():
        copy(workspace.root / KEYS, folder / KEYS)
    shutil.copytree(workspace.store.root, folder / "store", copy_function=_linked())
    sandbox = Sandbox(folder, workspace.actor, workspace.clock, isolated=True)
    with workspace.log.reading() as source:
        everything = list(rows(source))
    with sandbox.log.writing() as target:
        insert(target, everything)
    return sandbox


def workspace_of(workspace: Workspace, incident: Incident) -> Workspace:
    """Where a response acts: on the lineage itself, or in the drill's sandbox."""
    if incident.kind == "incident":
        return workspace
    folder = _folder_of(workspace, incident.id)
    if not folder.is_dir():
        raise InputError(f"The sandbox {folder} is gone. Close {incident.id} and start another drill.")
    return Sandbox(folder, workspace.actor, workspace.clock, isolated=True)


def discard(workspace: Workspace, incident: str) -> None:
    """A drill that is over leaves no copy behind."""
    shutil.rmtree(_folder_of(workspace, incident), ignore_errors=True)


def _folder_of(workspace: Workspace, incident: str) -> Path:
    return workspace.root / _DRILLS / incident


def _linked() -> Callable[[str, str], object]:
    def link(source: str, target: str) -> object:
        try:
            os.link(source, target)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, target)
        return target

    return link
