"""`tailguard migrate`: upgrades the run log's tables."""

from __future__ import annotations

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def migrate(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Upgrade the run log's tables to this version."""
    from tailguard.runlog.schema import HEAD

    with open_workspace(workspace).log.writing():
        pass
    show({"schema": HEAD}, f"The run log has schema {HEAD}.", as_json=as_json)
