"""Stage 5, document and hand off: one file that tells what a run read, made, measured and decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tailguard.domain.facts import Fact, HandOff
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement
from tailguard.store.files import Store

FORMAT = "tailguard-run/1"


@dataclass(frozen=True)
class RecordedFact:
    """A fact as the log holds it: kind, when, who, and the values."""

    kind: str
    recorded: str
    actor: str
    fact: Fact


def handoff(run: str, *, store: Store, recorded: Sequence[RecordedFact], deviations: Sequence[str]) -> Outcome:
    """Write the run's record: every fact that the log holds of it, in order, and what deviated from the plan."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "run": run,
        "deviations": list(deviations),
        "facts": [
            {"fact": row.kind, "recorded": row.recorded, "actor": row.actor, **_plain(asdict(row.fact))}
            for row in recorded
        ],
    }
    digest = store.put_json("handoffs", content)
    kinds = {row.kind for row in recorded}
    needed = {"composition", "generation", "evaluation", "gate_decision"}
    return Outcome(
        result={"handoff": digest},
        criteria=(
            Criterion(
                Requirement.RECORD_COMPLETE,
                ", ".join(sorted(needed)),
                ", ".join(sorted(needed & kinds)),
                needed <= kinds,
            ),
        ),
        inputs=(),
        outputs=(Named("handoffs", run, digest),),
        facts=(HandOff(run=run, file=f"{digest}.json", digest=digest),),
        records_in=0,
        records_out=len(recorded),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in values.items()}
