"""Models side by side: compare two sets of answers, with nothing set up."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, show
from tailguard.errors import Blocked, Held, InputError

if TYPE_CHECKING:
    from tailguard.diversity.report import Report


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(compare)
    app.command()(generate)


def compare(
    parent: Annotated[
        Path, typer.Argument(help="What the generation before answered: JSONL or Parquet, a row a sample.")
    ],
    candidate: Annotated[Path, typer.Argument(help="What the new one answered to the same prompts.")],
    suite: Annotated[
        Path | None, typer.Option(help="The suite: slices, tail prompts and checkers of the prompts.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Largest loss that passes, 0 to 1; default .05, and .08 for rare words.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the whole report as a page.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    as_json: Json = False,
) -> None:
    """Has a new model lost diversity against the one before? Needs no policy, log or set-up.

    A row has prompt_id, prompt and output; optionally slice, tail, score (0 to 1) and decoding. Exit code 0 PASS, 3 BLOCK, 4
    INCONCLUSIVE or NOT COMPARABLE.
    """
    from tailguard.comparison import compare as comparing
    from tailguard.domain.verdict import Verdict
    from tailguard.reports.comparison_page import page
    from tailguard.store.writing import write_atomically

    if margin is not None and not 0 < margin < 1:
        raise InputError(f"--margin is above 0 and below 1, found {margin}.")
    report = comparing.compare(parent, candidate, suite=suite, margin=margin, seed=seed)
    content = report.content()
    if html:
        write_atomically(html, page(content))
    typer.echo(json.dumps(content, indent=2) if as_json else _text(report))
    raise typer.Exit({Verdict.PASS: 0, Verdict.BLOCK: Blocked.exit_code}.get(report.verdict, Held.exit_code))


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

        def tell(done: int, total: int) -> None:
            started.append(done)
            rate = (done - started[0]) / max(time.monotonic() - begun, 0.1)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f}/s")

        decoding = Decoding(samples, max_tokens, temperature)
        done = generating.generate(prompts, out, endpoint=endpoint, decoding=decoding, seed=seed, tell=tell)
    cost = f"{done.prompt_tokens:,} tokens read and {done.completion_tokens:,} written"
    show(done, f"{done.answers:,} answers to {done.prompts:,} prompts in {out}: {cost}.", as_json=as_json)


def _text(report: Report) -> str:
    found = report.comparison
    lines = [f"{report.verdict}: {report.candidate} against {report.reference}", f"  {report.reason}", ""]
    lines.append(
        f"  {'primary measure':28}{'reference':>12}{'candidate':>12}{'change':>9}  90 % interval       margin  verdict"
    )
    for one in found.measures:
        values = f"{one.reference_value:12,.4g}{one.candidate_value:12,.4g}{one.delta:+9.1%}"
        interval = f"{one.low:+.1%} to {one.high:+.1%}"
        lines.append(f"  {one.measure:28}{values}  {interval:20}{-one.margin:6.0%}  {one.verdict}")
    if found.measures:
        seen = max(one.detectable_loss for one in found.measures)
        lines.append(f"  smallest loss that every measure would see (power .8): {seen:.1%}")
    for guard in found.guards:
        if not guard.held:
            lines.append(f"  guard failed: {guard.name} is {guard.observed}, required {guard.required}")
    worst = found.worst_slice
    if worst:
        told = f"{worst.measure} {worst.delta:+.1%} ({worst.low:+.1%} to {worst.high:+.1%}, p {worst.p_holm:.3f} after Holm)"
        lines.append(f"  worst slice: {_printable(worst.slice)}, {told}")
    moved = [one for one in found.secondary if one.lost]
    told = "; ".join(f"{one.measure} {one.delta:+.1%}" for one in moved) or "none"
    lines.append(f"  secondary measures with a loss after Holm's correction, of {len(found.secondary)}: {told}")
    for title, some in (("lost", report.lost), ("gained", report.gained)):
        for kind in dict.fromkeys(one.kind for one in some):
            names = [one.what for one in some if one.kind == kind]
            lines.append(
                f"  {title}, {kind}: {', '.join(_printable(name) for name in names[:8])}{' ...' if len(names) > 8 else ''}"
            )
    lines += [f"  note: {note}" for note in found.notes]
    return "\n".join(lines)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
