"""What a run has come to, in a few lines."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.domain.facts import BatchTaken
from tailguard.domain.stages import Stage
from tailguard.runlog.views.runs import composition_of, gate_decision_of, stage_results
from tailguard.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run's finished stages in numbers. Ratios are shares (0 to 1) of synthetic records and tokens in its snapshot."""

    run: str
    stages: tuple[str, ...]
    snapshot: str | None
    ratio_records: float | None
    ratio_tokens: float | None
    held: int
    rejected: int
    verdict: str | None
    reason: str | None

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [f"{self.run}: {', '.join(self.stages) or 'nothing'} finished."]
        if self.held or self.rejected:
            lines.append(f"{self.held:,} records are held for a person, {self.rejected:,} could not be read.")
        if self.snapshot:
            lines.append(
                f"Snapshot {self.snapshot[:12]}: {self.ratio_records:.1%} of records synthetic, {self.ratio_tokens:.1%} of tokens."
            )
        if self.verdict:
            lines.append(f"{self.verdict}: {self.reason}")
        return "\n".join(lines)


def summarize(workspace: Workspace, run: str) -> RunSummary:
    """Read back from the log what a run has come to."""
    with workspace.log.reading() as view:
        ended = stage_results(view, run)
        batches = [row.fact for row in view.recorded(BatchTaken, run=run)]
        composition = composition_of(view, run)
        decision = gate_decision_of(view, run)
    return RunSummary(
        run=run,
        stages=tuple(stage for stage in Stage if stage in ended),
        snapshot=composition.fact.snapshot if composition else None,
        ratio_records=composition.fact.ratio_records if composition else None,
        ratio_tokens=composition.fact.ratio_tokens if composition else None,
        held=sum(batch.held for batch in batches),
        rejected=sum(batch.rejected for batch in batches),
        verdict=decision.fact.verdict if decision else None,
        reason=decision.fact.reason if decision else None,
    )
