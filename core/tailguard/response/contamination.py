"""Searching recent training data for contamination, by its tags: by source, origin and time, with records to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tailguard.domain.facts import (
    BatchTaken,
    CompositionPart,
    ContaminationAudited,
    DriftChecked,
    OwnOutputFound,
    RunStarted,
    ShareEstimated,
)
from tailguard.domain.tags import Origin
from tailguard.plays.provenance.findings import LOOP_RECORDS
from tailguard.runlog.view import LogView
from tailguard.runlog.views.runs import composition_of, runs_of
from tailguard.store.snapshots import COLUMNS, read_snapshot, rows_of
from tailguard.workspace import Workspace

FORMAT = "tailguard-contamination/1"
RUNS = 3
"""So many training sets are gone through, the suspect's own and the ones before it."""
EXAMPLES = 20
_ESTIMATED = 0.05


@dataclass(frozen=True)
class Example:
    """A record to look at, and what its tag says."""

    run: str
    source: str
    record: str
    origin: str
    evidence: str
    reason: str
    text: str


@dataclass(frozen=True)
class Contamination:
    """What was found: a row a run, source and origin, and records to look at. `report` is its digest in the store."""

    rows: tuple[ContaminationAudited, ...]
    examples: tuple[Example, ...]
    report: str

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [
            f"{row.run} {row.source} ({row.origin}): {row.doubtful:,} of {row.records:,} records in doubt. {row.why}"
            for row in self.rows
            if row.doubtful
        ]
        clean = sum(row.records for row in self.rows if not row.doubtful)
        lines.append(f"{clean:,} records of other sources show nothing. {len(self.examples)} records to look at.")
        return "\n".join(
            [*lines, *(f"  {example.record[:12]} {example.source}: {example.reason}" for example in self.examples[:5])]
        )


def audit(workspace: Workspace, incident: str, lineage: str, generation: str) -> Contamination:
    """Go through the training sets of a generation and of the ones before it. The report is kept under its digest."""
    with workspace.log.reading() as view:
        names = [row.fact.run for row in runs_of(view, lineage)]
        chosen = names[: names.index(generation) + 1][-RUNS:]
        run_rows = [row for run in chosen for row in _rows(view, run)]
        snapshots = {run: made.fact.snapshot for run in chosen if (made := composition_of(view, run))}
    doubtful = {(run, source, origin) for run, source, origin, _, doubt, _ in run_rows if doubt}
    examples = [
        example
        for run in reversed(chosen)
        if run in snapshots
        for example in _examples(workspace, run, snapshots[run], doubtful)
    ]
    content = {
        "format": FORMAT,
        "generation": generation,
        "rows": [
            dict(zip(("run", "source", "origin", "records", "doubtful", "why"), row, strict=True)) for row in run_rows
        ],
        "examples": [asdict(example) for example in examples[:EXAMPLES]],
    }
    report = workspace.store.put_json("contamination", content)
    rows = tuple(
        ContaminationAudited(
            incident=incident,
            run=run,
            source=source,
            origin=origin,
            records=records,
            doubtful=doubt,
            why=why,
            report=report,
        )
        for run, source, origin, records, doubt, why in run_rows
    )
    return Contamination(rows, tuple(examples[:EXAMPLES]), report)


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """How much of the training data that an incident's audit went through is in doubt."""

    records: int
    doubtful: int
    sets: int


def in_doubt(view: LogView, incident: str) -> Doubt | None:
    """What an incident's audit found; None where there was none."""
    rows = [row.fact for row in view.recorded(ContaminationAudited, incident=incident)]
    if not rows:
        return None
    return Doubt(
        records=sum(row.records for row in rows),
        doubtful=sum(row.doubtful for row in rows),
        sets=len({row.run for row in rows}),
    )


def _rows(view: LogView, run: str) -> list[tuple[str, str, str, int, int, str]]:
    """Run, source, origin, records, how many are in doubt, and why."""
    parts: dict[tuple[str, str], int] = {}
    for part in view.recorded(CompositionPart, run=run):
        key = (part.fact.source, part.fact.origin)
        parts[key] = parts.get(key, 0) + part.fact.records
    started = view.recorded(RunStarted, run=run)
    up_to = tuple(row.fact.run for row in view.recorded(RunStarted) if started and row.recorded <= started[0].recorded)
    rows = []
    for (source, origin), records in sorted(parts.items()):
        doubt, why = _doubt(view, up_to, source, origin, records)
        rows.append((run, source, origin, records, doubt, why))
    return rows


def _doubt(view: LogView, runs: tuple[str, ...], source: str, origin: str, records: int) -> tuple[int, str]:
    """How many records of a source and origin may be model-made although their tag says otherwise, and what says so."""
    if origin == Origin.AI:
        return 0, ""
    if origin == Origin.UNKNOWN:
        return records, "nobody knows where they come from"
    reasons, doubt = [], 0
    matches = view.recorded(OwnOutputFound, source=source, run=runs)
    ours = sum(row.fact.records for row in matches if row.fact.records >= LOOP_RECORDS)
    if ours:
        doubt = max(doubt, min(records, ours))
        reasons.append(f"{ours:,} records of our own were found in its batches")
    for batch in view.recorded(BatchTaken, source=source, run=runs):
        if batch.fact.conflict:
            reasons.append(f"{batch.fact.run}: {batch.fact.conflict}")
            doubt = max(doubt, round(records * (batch.fact.estimate or 0.0)))
    estimates = [
        row.fact for row in view.recorded(ShareEstimated, source=source, run=runs, pool="batch", method="PACC")
    ]
    if estimates and estimates[-1].low > _ESTIMATED:
        doubt = max(doubt, round(records * estimates[-1].low))
        reasons.append(f"its newest batch is estimated to be {estimates[-1].low:.0%} or more model-made")
    drifted = [check for check in view.recorded(DriftChecked, source=source, run=runs) if check.fact.drifted]
    if drifted:
        reasons.append("it no longer looks like what the detector was calibrated on")
    return doubt, "; ".join(dict.fromkeys(reasons))


def _examples(workspace: Workspace, run: str, snapshot: str, doubtful: set[tuple[str, str, str]]) -> list[Example]:
    """Records of doubtful sources in a training set, those with the weakest evidence first."""
    sources = {(source, origin) for name, source, origin in doubtful if name == run}
    if not sources:
        return []
    rows: list[dict[str, Any]] = []
    for part in read_snapshot(workspace.store, snapshot).parts:
        if part.role == "anchor":  # verified, and not what a response looks for
            continue
        for batch in rows_of(workspace.store, part, COLUMNS):
            rows += [row for row in batch.to_pylist() if (row["source"], row["origin"]) in sources]
    rows.sort(key=lambda row: (row["evidence"] == "review", row["id"]))
    return [
        Example(run, row["source"], row["id"], row["origin"], row["evidence"], row["reason"], row["text"][:600])
        for row in rows[:EXAMPLES]
    ]


def kept(workspace: Workspace, rows: Sequence[ContaminationAudited]) -> tuple[Example, ...]:
    """The records to look at that an audit kept."""
    if not rows:
        return ()
    return tuple(Example(**example) for example in workspace.store.json("contamination", rows[0].report)["examples"])
