"""`tailguard trace`: where a record came from, and what it went into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, printable, show

if TYPE_CHECKING:
    from tailguard.plays.provenance.tracing import Trace


def trace(
    what: Annotated[str, typer.Argument(help="A record's id or its beginning, its text, or a file of records.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Where did this record come from? Source, batch, evidence, decisions, every training set and generation that used it."""
    from tailguard.plays.provenance import tracing

    space = open_workspace(workspace)
    if _is_file(what):
        from tailguard.adapters.readers import read_texts

        traces = tracing.trace_all(space, list(read_texts(what)))
        show(traces, "\n".join(traced.sentence for traced in traces), as_json=as_json)
        return
    traced = tracing.trace(space, what)
    show(traced, _text(traced), as_json=as_json)


def _is_file(what: str) -> bool:
    try:
        return Path(what).exists()
    except (OSError, ValueError):  # a text, too long for a name or with a NUL in it
        return False


def _text(traced: Trace) -> str:
    lines = [traced.sentence]
    if traced.text:
        lines.append(f"  text      {printable(traced.text, 300)}")
    if traced.declared:
        lines.append(f"  declared  {traced.declared} by its {traced.declared_by or 'source'}")
    for tag in traced.tags:
        proof = "proven by its ledger's root" if tag.proven else "NOT PROVEN: ledger or tag was changed"
        lines.append(
            f"  tag       {tag.recorded:%Y-%m-%d} {tag.run} {tag.source}: {tag.origin}{' (held)' if tag.held else ''}, "
            f"{tag.evidence}: {tag.reason}; by {tag.by}; {proof}"
        )
    lines += [
        f"  review    {answer.recorded:%Y-%m-%d} {answer.by}: {answer.origin} ({answer.code}) {answer.note}"
        for answer in traced.answers
    ]
    lines += [
        f"  used in   {use.run} as {use.role}, snapshot {use.snapshot[:12]}, "
        + (f"generation {use.generation}" if use.generation else "never trained")
        for use in traced.uses
    ]
    if traced.own_output:
        lines.append(
            f"  ours      {traced.own_output.kind} of {traced.own_output.generation} ({traced.own_output.share:.0%} of it)"
        )
    return "\n".join(lines)
