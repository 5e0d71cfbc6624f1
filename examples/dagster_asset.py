"""A Dagster asset that is only made from a cleared training set; a blocked one fails with the reason and is not retried."""

import subprocess

from dagster import AssetExecutionContext, Config, Failure, asset

WORKSPACE, LINEAGE = "/srv/tailguard", "main"


class TrainingSet(Config):
    """Which composition to train on."""

    snapshot: str


@asset
def weights(context: AssetExecutionContext, config: TrainingSet) -> None:
    """Ask for clearance, make the file again, refuse anything else, train."""
    out, training = f"/tmp/{config.snapshot}.clearance.json", f"/tmp/{config.snapshot}.jsonl"
    asked = ["tailguard", "check", "-w", WORKSPACE, "-l", LINEAGE, "-s", config.snapshot, "--out", out]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(done.stdout + done.stderr, allow_retries=done.returncode != 3)
    subprocess.run(["tailguard", "rebuild", "-w", WORKSPACE, config.snapshot, "--out", training], check=True)

    import tailguard

    found = tailguard.require_clearance(training, clearance=out, public_key=f"{WORKSPACE}/keys/clearance.pub")
    context.log.info(found.reason)
    # ... the team's own training goes here
