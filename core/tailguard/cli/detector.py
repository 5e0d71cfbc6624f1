"""`tailguard detector`: the detector of model-made text."""

from __future__ import annotations

from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show

detector = typer.Typer(name="detector", help="The detector of model-made text.", no_args_is_help=True)


@detector.command("calibrate")
def detector_calibrate(
    file: Annotated[str, typer.Argument(help="File or folder with texts that GENERATION wrote.")],
    generation: Annotated[str, typer.Option(help="The generation that wrote them, such as main/0.")],
    seed: Annotated[int, typer.Option(help="Seed of the split into fitting and calibration halves.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make the detector the team's own: fit and calibrate it on the anchor and on our own output."""
    from tailguard.adapters.readers import read_texts
    from tailguard.plays.provenance.detector import calibrate

    fact = calibrate(open_workspace(workspace), list(read_texts(file)), generation=generation, seed=seed)
    text = (
        f"Calibrated on {fact.human_texts:,} human and {fact.ai_texts:,} model-made texts: AUROC {fact.auroc:.3f}; "
        f"finds {fact.true_positive_rate:.1%} of single texts at {fact.false_positive_rate:.1%} false alarms."
    )
    show(fact, text, as_json=as_json)
