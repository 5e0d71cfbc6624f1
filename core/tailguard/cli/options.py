"""Options and arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Lineage = Annotated[str, typer.Option("--lineage", "-l", help="The line of generations, as the policy names it.")]
LineageName = Annotated[str, typer.Argument(help="The line of generations.")]
Run = Annotated[str, typer.Argument(help="A run, such as main/3.")]
Override = Annotated[str, typer.Argument(help="The override, such as override-3.")]
Note = Annotated[str, typer.Option(help="Why.")]
Reason = Annotated[str, typer.Option(help="For whoever finds it so; at least 10 letters.")]
