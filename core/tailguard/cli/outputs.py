"""`tailguard outputs`: texts that our own generations wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.domain.runs import lineage_of
from tailguard.errors import Held

outputs = typer.Typer(name="outputs", help="Texts that our own generations wrote.", no_args_is_help=True)


@outputs.command("sample")
def outputs_sample(
    generation: Annotated[str, typer.Argument(help="A generation, such as main/0.")],
    count: Annotated[int, typer.Option(min=1, help="How many texts to draw.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest text, in tokens.")] = 60,
    temperature: Annotated[float, typer.Option(help="Decoding temperature, above 0.")] = 1.0,
    fewest_words: Annotated[int, typer.Option(min=0, help="Shorter texts are not kept.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Let a generation write texts; they are logged as our own before the file appears."""
    from tailguard.adapters.generators import generator_for
    from tailguard.plays.provenance.own_output import sample_outputs

    space = open_workspace(workspace)
    kept = sample_outputs(
        space,
        generation,
        generator=lambda policy: generator_for(policy, lineage_of(generation), generation=generation, root=space.root),
        count=count,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        fewest_words=fewest_words,
        file=out,
    )
    show(
        {"texts": kept, "file": str(out)},
        f"{kept:,} texts of {generation} in {out}, logged as our own.",
        as_json=as_json,
    )


@outputs.command("add")
def outputs_add(
    generation: Annotated[str, typer.Argument(help="The generation that wrote them, such as main/0.")],
    file: Annotated[str, typer.Argument(help="File or folder of records, path or fsspec address.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Tell of texts that a generation of ours wrote in production: they are recognised when they come back as data.

    Where the lineage has a frozen reference (`tailguard monitor freeze main FILE`) they also continue its weekly monitoring;
    exit code 4 when that is in alarm.
    """
    from tailguard.adapters.readers import WHOLE, read_texts, reader_for
    from tailguard.plays.monitoring import alerts, streams
    from tailguard.plays.provenance.own_output import log_outputs
    from tailguard.runlog.views.alarms import frozen_stream
    from tailguard.runlog.views.runs import generation_of

    space = open_workspace(workspace)
    lineage = lineage_of(generation)
    with space.log.reading() as view:
        watched = frozen_stream(view, lineage) and generation_of(view, generation)
    if not watched:
        count = log_outputs(space, generation, read_texts(file), purpose="production")
        show({"texts": count}, f"{count:,} texts of {generation} are known as our own.", as_json=as_json)
        return
    done = streams.add(space, lineage, reader_for(file)(file, WHOLE), seed=0, generation=generation)
    alerts.send(space)
    show(done, done.text, as_json=as_json)
    if done.alarms:
        raise Held(f"{lineage} is in alarm: {done.alarmed}. `tailguard status` says by how much.")
