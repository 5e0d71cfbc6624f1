"""How far origins are known, broken down: by run, source or month, by batch where estimates are large, and source by source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tailguard.detection.prevalence import APART
from tailguard.domain.facts import BatchTaken, DriftChecked, OwnOutputFound, ShareEstimated
from tailguard.domain.intervals import wilson
from tailguard.domain.sources import Contract
from tailguard.plays.provenance.summary import PACC, SLD, coverage_target, distinct, shares_of_batches
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.sources import contracts

GROUPS = 120
"""So many groups are shown, the newest ones."""
_BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class CoverageOf:
    """Provenance coverage of one group of batches, a share (0 to 1) of its distinct records with a 90 % interval."""

    name: str
    share: float
    low: float
    high: float
    records: int


@dataclass(frozen=True, kw_only=True)
class CoverageBreakdown:
    """Coverage of the newest groups; of all of them, `below` are below the policy's target."""

    groups: tuple[CoverageOf, ...]
    total: int
    below: int


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """The estimates of the batches that look most model-made, the largest first; over all `batches`, the methods differ on
    `apart`."""

    shares: tuple[ShareEstimated, ...]
    batches: int
    apart: int


@dataclass(frozen=True, kw_only=True)
class SourceSummary:
    """What a source has shown in a period: distinct records, coverage (0 to 1), the newest estimates (0 to 1), records that our
    own generations wrote, its last conflict, whether it drifted, and its contract."""

    source: str
    declared: tuple[str, ...]
    records: int
    coverage: float
    pacc: float | None
    sld: float | None
    own_output: int
    conflict: str
    drifted: bool
    contract: Contract | None


@dataclass(frozen=True, kw_only=True)
class BatchCoverage:
    """The records of one batch: read, duplicates, distinct, and those of the distinct ones with a confident tag."""

    run: str
    source: str
    read: int
    duplicates: int
    distinct: int
    confident: int
    row: str


GROUPINGS: Mapping[str, Callable[[Recorded[BatchTaken]], str]] = {
    "run": lambda row: row.fact.run,
    "source": lambda row: row.fact.source,
    "month": lambda row: f"{row.recorded:%b %Y}",
}
"""What batches can be grouped by."""


def batches(view: LogView, lineage: str, since: datetime | None) -> list[BatchCoverage]:
    """What coverage is made from, batch by batch, oldest first."""
    return [
        BatchCoverage(
            run=row.fact.run,
            source=row.fact.source,
            read=row.fact.read,
            duplicates=row.fact.duplicates,
            distinct=distinct(row.fact),
            confident=row.fact.confident,
            row=row.id,
        )
        for row in view.recorded(BatchTaken, of_lineage=lineage, since=since)
    ]


def coverage_by(view: LogView, lineage: str, since: datetime | None, grouping: str) -> CoverageBreakdown:
    """Coverage by one of GROUPINGS, oldest first."""
    target = coverage_target(view)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in view.recorded(BatchTaken, of_lineage=lineage, since=since):
        total = sums[GROUPINGS[grouping](row)]
        total[0] += row.fact.confident
        total[1] += distinct(row.fact)
    groups = [
        CoverageOf(name=name, share=share.share, low=share.low, high=share.high, records=records)
        for name, (confident, records) in list(sums.items())[-GROUPS:]
        if (share := wilson(confident, records))
    ]
    below = sum(confident < target * records for confident, records in sums.values())
    return CoverageBreakdown(groups=tuple(groups), total=len(sums), below=below)


def estimates(view: LogView, lineage: str, since: datetime | None) -> Estimates:
    """The estimated model-made shares of a lineage's batches."""
    by_batch: dict[tuple[str, str], list[ShareEstimated]] = defaultdict(list)
    for share in shares_of_batches(view, lineage, since):
        by_batch[share.run, share.source].append(share)
    largest = sorted(sorted(by_batch), key=lambda batch: -max(share.share for share in by_batch[batch]))
    apart = [
        batch
        for batch, shares in by_batch.items()
        if max(share.low for share in shares) - min(share.high for share in shares) > APART
    ]
    shown = tuple(share for batch in largest[:_BATCHES] for share in by_batch[batch])
    return Estimates(shares=shown, batches=len(by_batch), apart=len(apart))


def sources(view: LogView, lineage: str, since: datetime | None) -> list[SourceSummary]:
    """Every source of a lineage's batches, in the order in which they first came."""
    by_source: dict[str, list[BatchTaken]] = defaultdict(list)
    for row in view.recorded(BatchTaken, of_lineage=lineage, since=since):
        by_source[row.fact.source].append(row.fact)
    newest = {(share.source, share.method): share.share for share in shares_of_batches(view, lineage, since)}
    drifted = {
        row.fact.source: row.fact.drifted for row in view.recorded(DriftChecked, of_lineage=lineage, since=since)
    }
    own_output: dict[str, int] = defaultdict(int)
    for returned in view.recorded(OwnOutputFound, of_lineage=lineage, since=since):
        own_output[returned.fact.source] += returned.fact.records
    signed = contracts(view)
    return [
        SourceSummary(
            source=source,
            declared=tuple(sorted({batch.declared for batch in taken})),
            records=(records := sum(distinct(batch) for batch in taken)),
            coverage=sum(batch.confident for batch in taken) / max(1, records),
            pacc=newest.get((source, PACC)),
            sld=newest.get((source, SLD)),
            own_output=own_output[source],
            conflict=next((batch.conflict for batch in reversed(taken) if batch.conflict is not None), ""),
            drifted=drifted.get(source, False),
            contract=signed.get(source),
        )
        for source, taken in by_source.items()
    ]
