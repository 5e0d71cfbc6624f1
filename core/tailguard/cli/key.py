"""`tailguard key`: the public key by which clearances are verified."""

from __future__ import annotations

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def key(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Print the public key by which clearances are verified, for those who have no workspace."""
    from tailguard.plays.mixing import clearance, statement

    pem = statement.public_key(open_workspace(workspace).root / clearance.KEYS)
    show({"key": pem.decode(), "id": statement.key_id(pem)}, pem.decode().rstrip(), as_json=as_json)
