"""`tailguard compare`: two sets of answers held against each other, with nothing set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, printable
from tailguard.errors import Blocked, Held, InputError

if TYPE_CHECKING:
    from tailguard.diversity.report import Report


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


def _text(report: Report) -> str:
    comparison = report.comparison
    lines = [f"{report.verdict}: {report.candidate} against {report.reference}", f"  {report.reason}", ""]
    lines.append(
        f"  {'primary measure':28}{'reference':>12}{'candidate':>12}{'change':>9}  90 % interval       margin  verdict"
    )
    for measured in comparison.measures:
        values = f"{measured.reference_value:12,.4g}{measured.candidate_value:12,.4g}{measured.delta:+9.1%}"
        interval = f"{measured.low:+.1%} to {measured.high:+.1%}"
        lines.append(f"  {measured.measure:28}{values}  {interval:20}{-measured.margin:6.0%}  {measured.verdict}")
    if comparison.measures:
        detectable = max(measured.detectable_loss for measured in comparison.measures)
        lines.append(f"  smallest loss that every measure would see (power .8): {detectable:.1%}")
    for guard in comparison.guards:
        if not guard.met:
            lines.append(f"  guard failed: {guard.name} is {guard.observed}, required {guard.required}")
    worst = comparison.worst_slice
    if worst:
        loss = f"{worst.measure} {worst.delta:+.1%} ({worst.low:+.1%} to {worst.high:+.1%}, p {worst.p_holm:.3f} after Holm)"
        lines.append(f"  worst slice: {printable(worst.slice)}, {loss}")
    lost = [measured for measured in comparison.secondary if measured.lost]
    losses = "; ".join(f"{measured.measure} {measured.delta:+.1%}" for measured in lost) or "none"
    lines.append(f"  secondary measures with a loss after Holm's correction, of {len(comparison.secondary)}: {losses}")
    for title, contents in (("lost", report.lost), ("gained", report.gained)):
        for kind in dict.fromkeys(content.kind for content in contents):
            names = [content.what for content in contents if content.kind == kind]
            lines.append(
                f"  {title}, {kind}: {', '.join(printable(name) for name in names[:8])}{' ...' if len(names) > 8 else ''}"
            )
    lines += [f"  note: {note}" for note in comparison.notes]
    return "\n".join(lines)
