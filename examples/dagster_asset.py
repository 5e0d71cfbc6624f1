"""A Dagster asset that is only made from a cleared training set; a blocked one fails with the reason and is not retried."""

import subprocess
import tempfile
from pathlib import Path

from dagster import AssetExecutionContext, Config, Failure, asset

WORKSPACE, LINEAGE = "/srv/tailguard", "main"


class TrainingSet(Config):
    """Which composition to train on."""

    snapshot: str


@asset
def weights(context: AssetExecutionContext, config: TrainingSet) -> None:
    """Ask for clearance, make the file again, refuse anything else, train."""
    job = Path(tempfile.mkdtemp())
    out, training = str(job / "clearance.json"), str(job / "training.jsonl")
    asked = ["tailguard", "check", "-w", WORKSPACE, "-l", LINEAGE, "-s", config.snapshot, "--out", out]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Failure(done.stdout + done.stderr, allow_retries=done.returncode != 3)
    rebuild = ["tailguard", "rebuild", "-w", WORKSPACE, config.snapshot, "--out", training]
    subprocess.run(rebuild, check=True)  # noqa: S603

    import tailguard

    found = tailguard.require_clearance(training, clearance=out, public_key=f"{WORKSPACE}/keys/clearance.pub")
    context.log.info(found.reason)
    # ... the team's own training goes here
