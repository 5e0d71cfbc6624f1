"""`tailguard run`: all stages of the workflow; `tailguard intake` and the other stages by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.options import Lineage
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace
from tailguard.cli.progress import advance_shown
from tailguard.domain.stages import ORDER
from tailguard.errors import InputError

if TYPE_CHECKING:
    from tailguard.domain.requests import BatchRequest
    from tailguard.workspace import Workspace

Batches = Annotated[
    list[str] | None,
    typer.Option(
        "--batch",
        "-b",
        help="SOURCE:ORIGIN:FILE; origin human, ai, mixed, unknown, or empty for what the source's contract says; "
        "FILE is a file, a folder or an fsspec address. May be repeated.",
    ),
]
Share = Annotated[
    float | None, typer.Option("--synthetic-share", min=0, max=1, help="Synthetic share to aim at; default: what fits.")
]
NoAnchor = Annotated[bool, typer.Option("--no-anchor", help="Leave the anchor out (stopped, except in observe mode).")]
NoEarlier = Annotated[bool, typer.Option("--no-earlier-human", help="Leave out the human records of earlier sets.")]
Seed = Annotated[int, typer.Option(help="Seed of training and sampling.")]
RunName = Annotated[str | None, typer.Option("--run", help="The run, such as main/3; default: the lineage's newest.")]


def run(
    lineage: Lineage = "main",
    batch: Batches = None,
    synthetic_share: Share = None,
    no_anchor: NoAnchor = False,
    no_earlier_human: NoEarlier = False,
    seed: Seed = 0,
    resume: Annotated[str | None, typer.Option(help="Go on with this run after its last finished stage.")] = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Take records through all stages: intake, score, compose, train, evaluate, gate, handoff."""
    from tailguard.pipeline import runner

    space = open_workspace(workspace)
    name = resume or _start(space, lineage, batch or [], synthetic_share, no_anchor, no_earlier_human, seed)
    advance_shown(space, name, runner.last_stage(space, name), as_json)


def intake(
    lineage: Lineage = "main",
    batch: Batches = None,
    synthetic_share: Share = None,
    no_anchor: NoAnchor = False,
    no_earlier_human: NoEarlier = False,
    seed: Seed = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Begin a run: read batches, tag every record, hold what has no known origin."""
    space = open_workspace(workspace)
    name = _start(space, lineage, batch or [], synthetic_share, no_anchor, no_earlier_human, seed)
    advance_shown(space, name, "intake", as_json)


def stage_command(stage: str) -> Callable[..., None]:
    """The command that takes a run through one stage; it bears the stage's name."""

    def command(
        lineage: Lineage = "main", run: RunName = None, workspace: WorkspaceFolder = None, as_json: Json = False
    ) -> None:
        space = open_workspace(workspace)
        advance_shown(space, run or _newest(space, lineage), stage, as_json, one_stage=True)

    command.__name__ = stage
    command.__doc__ = f"Take a run through `{stage}`, after the stages ahead of it."
    return command


STAGES = tuple(stage_command(stage) for stage in ORDER[1:])
"""score, compose, train, evaluate, gate, handoff."""


def _start(
    space: Workspace,
    lineage: str,
    batches: list[str],
    share: float | None,
    no_anchor: bool,
    no_earlier_human: bool,
    seed: int,
) -> str:
    from tailguard.domain.requests import Recipe
    from tailguard.pipeline import runner

    recipe = Recipe(share, anchor=not no_anchor, earlier_human=not no_earlier_human)
    return runner.start(space, lineage, [_batch(text) for text in batches], recipe=recipe, seed=seed)


def _batch(text: str) -> BatchRequest:
    from tailguard.domain.requests import BatchRequest
    from tailguard.domain.tags import Origin

    source, _, rest = text.partition(":")
    origin, _, file = rest.partition(":")
    if not source or not file or origin not in {"", *Origin}:
        raise InputError(f"--batch is SOURCE:ORIGIN:FILE with origin human, ai, mixed or unknown, found {text!r}.")
    address = file if "://" in file else str(Path(file).resolve())
    return BatchRequest(address, source, origin or Origin.UNKNOWN)


def _newest(space: Workspace, lineage: str) -> str:
    from tailguard.runlog.views.runs import runs_of

    with space.log.reading() as view:
        runs = runs_of(view, lineage)
    if not runs:
        raise InputError(f"Lineage {lineage} has no run yet. Begin one with `tailguard intake` or `tailguard run`.")
    return runs[-1].fact.run
