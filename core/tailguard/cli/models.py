"""Models side by side: compare two sets of answers, with nothing set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json
from tailguard.errors import Blocked, Held, InputError

if TYPE_CHECKING:
    from tailguard.diversity.report import Report


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(compare)


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
    from tailguard.desk import comparing
    from tailguard.desk.comparison_page import page
    from tailguard.domain.verdict import Verdict
    from tailguard.store.writing import write_atomically

    if margin is not None and not 0 < margin < 1:
        raise InputError(f"--margin is above 0 and below 1, found {margin}.")
    report = comparing.compare(parent, candidate, suite=suite, margin=margin, seed=seed)
    content = report.content()
    if html:
        write_atomically(html, page(content))
    typer.echo(json.dumps(content, indent=2) if as_json else _text(report))
    raise typer.Exit({Verdict.PASS: 0, Verdict.BLOCK: Blocked.exit_code}.get(report.verdict, Held.exit_code))


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
