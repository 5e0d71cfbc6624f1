"""Stage 4a, train: a cleared composition into weights, by whichever trainer the policy names."""

from __future__ import annotations

import shutil
from pathlib import Path

from tailguard.domain.facts import Generation
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement
from tailguard.ports import Trainer, TrainingJob
from tailguard.store.files import Store


def train(
    snapshot: str,
    *,
    run: str,
    lineage: str,
    number: int,
    parent: str | None,
    store: Store,
    trainer: Trainer,
    clearance: Path | None,
    public_key: Path,
    seed: int,
) -> Outcome:
    """Train on a snapshot. `clearance` is the signed statement that it may be; it is verified before training starts.

    Weights land in the store only when training has ended well; a failed or killed training leaves nothing behind.
    """
    content = store.json("snapshots", snapshot)["content"]
    training_set = store.path("training", content, ".jsonl")
    store.bytes("training", content, ".jsonl")
    scratch = store.scratch()
    try:
        job = TrainingJob(training_set, scratch, seed, lineage, snapshot, clearance, public_key)
        trainer.train(job)
        files = sum(path.is_file() for path in scratch.rglob("*"))
        digest = store.put_folder("weights", scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Outcome(
        result={"weights": digest},
        criteria=(
            Criterion(
                Requirement.CLEARED,
                "a signed clearance",
                "signed" if clearance else "none",
                clearance is not None,
            ),
            Criterion(Requirement.WEIGHTS_WRITTEN, "at least 1 file", f"{files}", files > 0),
        ),
        inputs=(Named("snapshots", "", snapshot), Named("training", "", content)),
        outputs=(Named("weights", trainer.name, digest),),
        facts=(
            Generation(
                run=run,
                lineage=lineage,
                number=number,
                parent=parent,
                snapshot=snapshot,
                weights=digest,
                trainer=trainer.name,
            ),
        ),
        records_in=0,
        records_out=0,
    )
