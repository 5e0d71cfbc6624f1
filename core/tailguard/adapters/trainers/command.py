"""An external trainer as a subprocess: any framework behind one command line, a list of words without a shell.

`{training_set}` (JSONL; each line has `text`, `id`, `origin`, `role`, `source`), `{weights}` (an empty folder to fill), `{seed}`,
`{lineage}` and `{snapshot}` are filled in. The environment carries TAILGUARD_CLEARANCE (the signed statement that the set was
cleared) and TAILGUARD_PUBLIC_KEY. Exit code 0 means done; any other fails the stage, with the last lines in the message.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.adapters.running import Watched, run_command
from tailguard.ports import TrainingJob


@dataclass(frozen=True)
class CommandTrainer:
    """The trainer port over a command line."""

    command: tuple[str, ...]
    timeout_seconds: float
    watched: Watched
    name: str = "command"

    def train(self, job: TrainingJob) -> None:
        """Run the command; it fills the weights folder."""
        values = {
            "training_set": str(job.training_set),
            "weights": str(job.weights),
            "seed": str(job.seed),
            "lineage": job.lineage,
            "snapshot": job.snapshot,
        }
        environment = {"TAILGUARD_PUBLIC_KEY": str(job.public_key)}
        if job.clearance:
            environment["TAILGUARD_CLEARANCE"] = str(job.clearance)
        run_command(
            self.command,
            values,
            what="trainer's command",
            timeout_seconds=self.timeout_seconds,
            environment=environment,
            watched=self.watched,
        )
