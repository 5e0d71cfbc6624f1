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
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import composition_of, recorded, runs_of
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
            f"{one.run} {one.source} ({one.origin}): {one.doubtful:,} of {one.records:,} records in doubt. {one.why}"
            for one in self.rows
            if one.doubtful
        ]
        clean = sum(one.records for one in self.rows if not one.doubtful)
        lines.append(f"{clean:,} records of other sources show nothing. {len(self.examples)} records to look at.")
        return "\n".join([*lines, *(f"  {one.record[:12]} {one.source}: {one.reason}" for one in self.examples[:5])])


def audit(workspace: Workspace, incident: str, lineage: str, generation: str) -> Contamination:
    """Go through the training sets of a generation and of the ones before it. The report is kept under its digest."""
    with workspace.log.reading() as connection:
        names = [one.fact.run for one in runs_of(connection, lineage)]
        chosen = names[: names.index(generation) + 1][-RUNS:]
        found = [row for run in chosen for row in _rows(connection, run)]
        snapshots = {run: made.fact.snapshot for run in chosen if (made := composition_of(connection, run))}
    doubtful = {(run, source, origin) for run, source, origin, _, doubt, _ in found if doubt}
    examples = [
        one
        for run in reversed(chosen)
        if run in snapshots
        for one in _examples(workspace, run, snapshots[run], doubtful)
    ]
    content = {
        "format": FORMAT,
        "generation": generation,
        "rows": [
            dict(zip(("run", "source", "origin", "records", "doubtful", "why"), row, strict=True)) for row in found
        ],
        "examples": [asdict(one) for one in examples[:EXAMPLES]],
    }
    report = workspace.store.put_json("contamination", content)
    rows = tuple(
        ContaminationAudited(incident, run, source, origin, records, doubt, why, report)
        for run, source, origin, records, doubt, why in found
    )
    return Contamination(rows, tuple(examples[:EXAMPLES]), report)


def _rows(connection: Connection, run: str) -> list[tuple[str, str, str, int, int, str]]:
    """Run, source, origin, records, how many are in doubt, and why."""
    parts: dict[tuple[str, str], int] = {}
    for part in recorded(connection, CompositionPart, run=run):
        key = (part.fact.source, part.fact.origin)
        parts[key] = parts.get(key, 0) + part.fact.records
    started = recorded(connection, RunStarted, run=run)
    up_to = tuple(
        one.fact.run for one in recorded(connection, RunStarted) if started and one.recorded <= started[0].recorded
    )
    found = []
    for (source, origin), records in sorted(parts.items()):
        doubt, why = _doubt(connection, up_to, source, origin, records)
        found.append((run, source, origin, records, doubt, why))
    return found


def _doubt(connection: Connection, runs: tuple[str, ...], source: str, origin: str, records: int) -> tuple[int, str]:
    """How many records of a source and origin may be model-made although their tag says otherwise, and what says so."""
    if origin == Origin.AI:
        return 0, ""
    if origin == Origin.UNKNOWN:
        return records, "nobody knows where they come from"
    reasons, doubt = [], 0
    found = recorded(connection, OwnOutputFound, source=source, run=runs)
    ours = sum(one.fact.records for one in found if one.fact.records >= LOOP_RECORDS)
    if ours:
        doubt = max(doubt, min(records, ours))
        reasons.append(f"{ours:,} records of our own were found in its batches")
    for one in recorded(connection, BatchTaken, source=source, run=runs):
        if one.fact.conflict:
            reasons.append(f"{one.fact.run}: {one.fact.conflict}")
            doubt = max(doubt, round(records * (one.fact.estimate or 0.0)))
    estimates = [
        one.fact for one in recorded(connection, ShareEstimated, source=source, run=runs, pool="batch", method="PACC")
    ]
    if estimates and estimates[-1].low > _ESTIMATED:
        doubt = max(doubt, round(records * estimates[-1].low))
        reasons.append(f"its newest batch is estimated to be {estimates[-1].low:.0%} or more model-made")
    drifted = [one for one in recorded(connection, DriftChecked, source=source, run=runs) if one.fact.drifted]
    if drifted:
        reasons.append("it no longer looks like what the detector was calibrated on")
    return doubt, "; ".join(dict.fromkeys(reasons))


def _examples(workspace: Workspace, run: str, snapshot: str, doubtful: set[tuple[str, str, str]]) -> list[Example]:
    """Records of doubtful sources in a training set, those with the weakest evidence first."""
    sources = {(source, origin) for name, source, origin in doubtful if name == run}
    if not sources:
        return []
    found: list[dict[str, Any]] = []
    for part in read_snapshot(workspace.store, snapshot).parts:
        if part.role == "anchor":  # verified, and not what a response looks for
            continue
        for batch in rows_of(workspace.store, part, COLUMNS):
            found += [row for row in batch.to_pylist() if (row["source"], row["origin"]) in sources]
    found.sort(key=lambda row: (row["evidence"] == "review", row["id"]))
    return [
        Example(run, row["source"], row["id"], row["origin"], row["evidence"], row["reason"], row["text"][:600])
        for row in found[:EXAMPLES]
    ]


def kept(workspace: Workspace, rows: Sequence[ContaminationAudited]) -> tuple[Example, ...]:
    """The records to look at that an audit kept."""
    if not rows:
        return ()
    return tuple(Example(**one) for one in workspace.store.json("contamination", rows[0].report)["examples"])
