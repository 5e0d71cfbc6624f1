"""`tailguard loops`: where our own output can come back as training data, and what guards it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.wording import counted
from tailguard.errors import Blocked, InputError

loops = typer.Typer(
    name="loops",
    help="Where our own output can come back as training data, and what guards it.",
    no_args_is_help=True,
)
Note = Annotated[str, typer.Option(help="What was looked at, what was decided.")]


@loops.command("init")
def loops_init(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Write a commented flows.yaml beside the policy."""
    from tailguard.plays.loops import actions

    file = actions.init(open_workspace(workspace))
    show({"file": str(file)}, f"{file} written. Say in it where your models' output goes.", as_json=as_json)


@loops.command("list")
def loops_list(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Every loop, unguarded first: its way, the edge that closes it, checkpoints, what came back, where to cut."""
    from tailguard.plays.loops import actions

    found = actions.current_loops(open_workspace(workspace))
    lines = [f"{len(found.unguarded)} of {len(found.loops)} loops are unguarded."]
    if found.capped:
        lines[0] = f"At least {lines[0]} More exist than are listed."
    for loop in found.loops:
        lines.append(f"{'guarded  ' if loop.guarded else 'UNGUARDED'} {loop.sentence} ({loop.known})")
        lines += [f"    checkpoint {check.text}" for check in loop.checkpoints]
        lines += [f"    {remark}" for remark in (loop.capped, loop.exception, loop.change.label) if remark]
        if not loop.guarded:
            cut = " or ".join(f"`{edge.text}`" for edge in loop.suggested or (loop.closing,))
            lines.append(f"    put a checkpoint on {cut}")
    show({"loops": found.loops, "capped": found.capped}, "\n".join(lines), as_json=as_json)


@loops.command("check")
def loops_check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="flows.yaml, OpenLineage events, a Marquez export or a dbt manifest; default: this workspace."
        ),
    ] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Exit code 3 when a loop is unguarded. With files it needs no policy, log or set-up."""
    from tailguard.plays.loops import actions

    if files:
        checked = actions.check_files(files)
        size = f"{checked.nodes:,} nodes, {checked.edges:,} edges"
        lines = [f"{size}, {len(checked.loops.cycles)} unguarded loops."]
        if checked.loops.capped:
            lines[0] = f"{size}, more unguarded loops than the {len(checked.loops.cycles)} listed."
        lines += [" -> ".join((*cycle, cycle[0])) for cycle in checked.loops.cycles]
        if checked.loops.cycles:
            how = "These edges cut them all" if checked.suggested.exact else "These edges cut them all; fewer may do"
            lines.append(f"{how}: " + ", ".join(f"`{edge.text}`" for edge in checked.suggested.edges))
        show(checked, "\n".join([*lines, *checked.problems]), as_json=as_json)
        if checked.problems:
            raise InputError(f"{len(checked.problems)} entries could not be read; the others were looked at.")
        if checked.loops.cycles:
            raise Blocked(f"{counted(len(checked.loops.cycles), 'loop')} without a checkpoint.")
        return
    found = actions.current_loops(open_workspace(workspace))
    show(
        {"unguarded": found.unguarded, "loops": len(found.loops)},
        "\n".join(
            [
                f"{len(found.unguarded)} of {len(found.loops)} loops are unguarded.",
                *(loop.sentence for loop in found.unguarded),
            ]
        ),
        as_json=as_json,
    )
    held = [loop for loop in found.unguarded if not loop.exception]
    if held:
        raise Blocked(
            f"{counted(len(held), 'loop')} without a live checkpoint or exception. `tailguard loops list` says where to cut."
        )


@loops.command("diagram")
def loops_diagram(
    form: Annotated[str, typer.Option("--format", help="mermaid, dot or svg.")] = "mermaid",
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Draw the flows: feedback edges in orange, checkpoints on their edge, declared, imported and observed by line style."""
    from tailguard.plays.loops import actions
    from tailguard.plays.loops.diagram import FORMS, as_text
    from tailguard.store.writing import write_atomically

    if form not in FORMS:
        raise InputError(f"--format is {', '.join(FORMS)}, found {form!r}.")
    found = actions.current_loops(open_workspace(workspace))
    text = as_text(found.flows, found.closing, form)
    if out:
        write_atomically(out, text.encode())
    show({"format": form, "diagram": text}, f"{out} written." if out else text.rstrip(), as_json=as_json)


@loops.command("declare")
def loops_declare(
    edge: Annotated[str, typer.Argument(help='"from -> to", in quotes.')],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Add an edge to flows.yaml."""
    from tailguard.plays.loops import actions

    actions.declare(open_workspace(workspace), edge)
    show({"declared": edge}, f"{edge} is declared.", as_json=as_json)


@loops.command("guard")
def loops_guard(
    name: Annotated[str, typer.Argument(help="What the checkpoint is called.")],
    on: Annotated[str, typer.Option(help='The edge that it is on: "from -> to".')],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    evidence: Annotated[
        str, typer.Option(help="What shows that it works: intake, filter, ratio, review or confirmed.")
    ],
    every_days: Annotated[int, typer.Option(min=1, max=366, help="How fresh the evidence has to be.")] = 31,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Add a checkpoint to flows.yaml, and its edge where it is not declared yet."""
    from tailguard.plays.loops import actions

    actions.guard(open_workspace(workspace), name, on=on, owner=owner, evidence=evidence, every_days=every_days)
    show({"checkpoint": name, "on": on}, f"{name} is on {on}; {owner} answers for it.", as_json=as_json)


@loops.command("import")
def loops_import(
    file: Annotated[Path, typer.Argument(help="OpenLineage events, a Marquez export or a dbt manifest.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take another system's lineage into the graph; a newer file of the same name takes the place of the older one."""
    from tailguard.plays.loops import actions

    done = actions.import_lineage(open_workspace(workspace), file)
    text = f"{done.form}: {done.datasets:,} datasets, {done.jobs:,} jobs, {done.edges:,} edges imported."
    show(done, text, as_json=as_json)


@loops.command("confirm")
def loops_confirm(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint of flows.yaml.")],
    evidence: Annotated[str, typer.Option(help="What shows that it works: a ticket, a report.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Confirm that a checkpoint outside of Tailguard works; for its owner."""
    from tailguard.plays.loops import actions

    actions.confirm(open_workspace(workspace), checkpoint, evidence=evidence)
    show({"confirmed": checkpoint}, f"{checkpoint} is confirmed.", as_json=as_json)


@loops.command("review")
def loops_review(note: Note, workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """Mark the review of all loops done; for the owner of the play."""
    from tailguard.plays.loops import actions

    done = actions.review(open_workspace(workspace), note=note)
    show(done, f"Reviewed; {counted(done.unguarded, 'loop was', 'loops were')} unguarded.", as_json=as_json)
