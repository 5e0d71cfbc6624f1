"""`tailguard status`: the state of every lineage."""

from __future__ import annotations

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show


def status(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """The state of every lineage: generations, open overrides, findings."""
    from tailguard.plays.status import status as compute

    space = open_workspace(workspace)
    with space.log.reading() as view:
        found = compute(view, now=space.clock.now())
    open_overrides = [override.id for override in found.overrides if override.state == "open"]
    lines = [f"As of {found.as_of:%Y-%m-%d %H:%M} ({found.clock} clock)"]
    lines += [f"{lineage.name:12} {lineage.mode:8} {lineage.sentence}" for lineage in found.lineages]
    lines += [f"Open overrides: {', '.join(open_overrides) or 'none'}"]
    lines += [f"{finding.severity:7} {finding.what}" for finding in found.findings]
    show(found, "\n".join(lines), as_json=as_json)
