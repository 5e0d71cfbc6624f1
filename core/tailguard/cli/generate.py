"""`tailguard generate`: lets a served model answer prompts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, show
from tailguard.errors import InputError


def generate(
    prompts: Annotated[Path, typer.Argument(help="JSONL: `prompt`, optionally id, slice and tail; a suite will do.")],
    out: Annotated[Path, typer.Argument(help="The file of answers to write: JSONL, a row a sample.")],
    url: Annotated[str, typer.Option(help="The server of the OpenAI protocol, up to /v1.")],
    model: Annotated[str, typer.Option(help="The model's name on that server.")],
    api: Annotated[str, typer.Option(help="chat or completions.")] = "chat",
    samples: Annotated[int, typer.Option(min=1, max=64, help="Answers a prompt; four or more are wanted.")] = 8,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, help="Decoding temperature.")] = 1.0,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests side by side.")] = 8,
    key_variable: Annotated[str, typer.Option(help="The environment variable that holds the key.")] = "OPENAI_API_KEY",
    seed: Annotated[int, typer.Option(help="Seed of the sampling, where the server takes one.")] = 0,
    as_json: Json = False,
) -> None:
    """Let a served model (vLLM, llama.cpp, Ollama, hosted) answer prompts, for `tailguard compare`.

    After an interruption the same command asks only for what is missing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tailguard.adapters.generators.endpoint import Endpoint
    from tailguard.comparison import generate as generating
    from tailguard.ports import Decoding

    if api not in ("chat", "completions"):
        raise InputError(f"--api is chat or completions, found {api!r}.")
    endpoint = Endpoint(url, model, api, concurrency, key_variable=key_variable)
    begun = time.monotonic()
    with Progress(
        TextColumn("answers"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=as_json,
        transient=True,
    ) as bar:
        task = bar.add_task("answers", total=None, rate="")
        started: list[int] = []

        def progress(done: int, total: int) -> None:
            started.append(done)
            rate = (done - started[0]) / max(time.monotonic() - begun, 0.1)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f}/s")

        decoding = Decoding(samples, max_tokens, temperature)
        done = generating.generate(prompts, out, endpoint=endpoint, decoding=decoding, seed=seed, progress=progress)
    cost = f"{done.prompt_tokens:,} tokens read and {done.completion_tokens:,} written"
    show(done, f"{done.answers:,} answers to {done.prompts:,} prompts in {out}: {cost}.", as_json=as_json)
