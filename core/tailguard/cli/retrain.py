"""`tailguard retrain`: trains again from the anchor and human text."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.options import Lineage
from tailguard.cli.output import Json, WorkspaceFolder, open_workspace
from tailguard.cli.progress import advance_shown


def retrain(
    lineage: Lineage = "main",
    synthetic_share: Annotated[
        float, typer.Option(min=0, max=1, help="Synthetic share of this run's own records.")
    ] = 0.0,
    without: Annotated[list[str] | None, typer.Option(help="A source to leave out; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of training and sampling.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Train again from the anchor and the human text that is there, without model-made text: the way out of a collapse."""
    from tailguard.domain.requests import Recipe
    from tailguard.pipeline import runner

    space = open_workspace(workspace)
    recipe = Recipe(synthetic_share, without=tuple(without or ()), from_anchor=True)
    name = runner.start(space, lineage, [], recipe=recipe, seed=seed)
    advance_shown(space, name, "handoff", as_json)
