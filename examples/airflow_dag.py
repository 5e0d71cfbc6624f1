"""An Airflow DAG whose training task waits for clearance. Exit code 3 (blocked) fails the run without a retry: asking again
changes nothing, an override or another composition does.
"""

from datetime import datetime

from airflow.exceptions import AirflowFailException
from airflow.sdk import dag, task

WORKSPACE, LINEAGE = "/srv/tailguard", "main"


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"snapshot": ""})
def train_with_clearance() -> None:
    """Ask, then train."""

    @task
    def clearance(snapshot: str) -> dict[str, str]:
        """The signed statement's path and the training file's, or a failed run."""
        import subprocess
        import tempfile
        from pathlib import Path

        job = Path(tempfile.mkdtemp())
        out, training = str(job / "clearance.json"), str(job / "training.jsonl")
        asked = ["tailguard", "check", "-w", WORKSPACE, "-l", LINEAGE, "-s", snapshot, "--out", out]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 3:
            raise AirflowFailException(done.stdout + done.stderr)
        done.check_returncode()
        rebuild = ["tailguard", "rebuild", "-w", WORKSPACE, snapshot, "--out", training]
        subprocess.run(rebuild, check=True)  # noqa: S603
        return {"clearance": out, "training": training}

    @task
    def train(files: dict[str, str]) -> None:
        """Refuses to start on anything but the cleared file."""
        import tailguard

        tailguard.require_clearance(
            files["training"], clearance=files["clearance"], public_key=f"{WORKSPACE}/keys/clearance.pub"
        )
        # ... the team's own training goes here

    train(clearance("{{ params.snapshot }}"))


train_with_clearance()
