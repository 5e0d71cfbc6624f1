"""`tailguard compare`: two sets of answers held against each other, with nothing set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailguard.cli.output import Json, printable
from tailguard.domain import changes
from tailguard.errors import Blocked, Held, InputError

if TYPE_CHECKING:
    from tailguard.diversity.report import Report
    from tailguard.domain.verdict import MeasureComparison


def compare(
    parent: Annotated[
        Path, typer.Argument(help="What the generation before answered: JSONL or Parquet, a row a sample.")
    ],
    candidate: Annotated[Path, typer.Argument(help="What the new one answered to the same prompts.")],
    suite: Annotated[
        Path | None, typer.Option(help="The suite: slices, tail prompts and checkers of the prompts.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Largest loss of every measure that passes, 0 to 1. Default: a margin for each measure, as in a run's gate."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the whole report as a page.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the groups of prompts for the measures that do not gate.")] = 0,
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
    raise typer.Exit(
        0 if report.verdict.ships else Blocked.exit_code if report.verdict is Verdict.BLOCK else Held.exit_code
    )


def _text(report: Report) -> str:
    from tailguard.diversity.report import unusable_answers

    comparison = report.comparison
    lines = [f"{report.verdict}: {report.candidate} against {report.reference}", f"  {report.reason}", ""]
    if comparison.measures:
        lines.append(
            f"  {'measure':32}{'reference':>10}{'candidate':>10}{'change':>14}  {'90% interval':26}{'margin':12}"
            f"{'verdict':16}detectable loss"
        )
    lines += [_row(measured) for measured in comparison.measures]
    if any(part.candidate_share for part in comparison.unusable):
        lines.append(f"  {unusable_answers(comparison.unusable)}")
    for guard in comparison.guards:
        if not guard.met:
            lines.append(f"  guard failed: {guard.name} is {guard.observed}, required {guard.required}")
    worst = comparison.worst_slice
    if worst:
        change = f"{worst.measure.label} {changes.signed(worst.measure, worst.delta)}"
        certainty = f"{changes.interval(worst.measure, worst.low, worst.high)}, p {worst.p_holm:.3f} after Holm"
        lines.append(f"  worst slice: {printable(worst.slice)}, {change} ({certainty})")
    lost = [measured for measured in comparison.secondary if measured.lost]
    losses = "; ".join(f"{measured.measure} {changes.percent(measured.delta)}" for measured in lost) or "none"
    lines.append(f"  secondary measures with a loss after Holm's correction, of {len(comparison.secondary)}: {losses}")
    for title, contents in (("lost", report.lost), ("gained", report.gained)):
        for kind in dict.fromkeys(content.kind for content in contents):
            names = [content.what for content in contents if content.kind == kind]
            lines.append(
                f"  {title}, {kind}: {', '.join(printable(name) for name in names[:8])}{' ...' if len(names) > 8 else ''}"
            )
    lines += [f"  note: {note}" for note in comparison.notes]
    return "\n".join(lines)


def _row(measured: MeasureComparison) -> str:
    """A line of the table; its last column is the smallest loss that the comparison would see with power .8."""
    measure = measured.measure
    values = "".join(
        f"{changes.level(measure, value):>10}" for value in (measured.reference_value, measured.candidate_value)
    )
    change = changes.signed(measure, measured.delta)
    interval = changes.interval(measure, measured.low, measured.high)
    margin, detectable = (changes.size(measure, loss) for loss in (measured.margin, measured.detectable_loss))
    return f"  {printable(measured.label):32}{values}{change:>14}  {interval:26}{margin:12}{measured.verdict:16}{detectable}"
