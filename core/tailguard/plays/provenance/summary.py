"""What came into a lineage in figures: coverage, conflicts, the most suspect batch, and the evidence behind the tags."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import BatchTaken, OwnOutputFound, ProvenanceCount, ShareEstimated
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.tags import Origin
from tailguard.runlog.view import LogView

PACC = "PACC"
SLD = "SLD"
BATCH_POOL = "batch"
_DEFAULT_TARGET = 0.9


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """The batch declared human that looks most model-made: its estimated share (PACC, 90 % interval) and what SLD says (None: it
    was not asked); shares (0 to 1)."""

    source: str
    share: float
    low: float
    high: float
    sld: float | None


@dataclass(frozen=True, kw_only=True)
class ProvenanceSummary:
    """The batches of a lineage in a period: distinct records, those with a confident tag, and those that were held.

    `conflicts` are batches whose declaration was not believed, `newest_conflict` the last of them in words, and `own_output`
    records that are or contain what our own generations wrote.
    """

    records: int
    confident: int
    held: int
    coverage: Interval | None
    conflicts: int
    newest_conflict: str | None
    suspect: Suspect | None
    own_output: int


@dataclass(frozen=True, kw_only=True)
class EvidenceCount:
    """Records and tokens by what was declared, what was tagged, and on what evidence."""

    source: str
    declared: str
    origin: str
    evidence: str
    records: int
    tokens: int


def coverage_target(view: LogView) -> float:
    """The policy's target for provenance coverage (0 to 1)."""
    policy = view.policy()
    return policy.intake.min_coverage if policy else _DEFAULT_TARGET


def summary(view: LogView, lineage: str, since: datetime | None) -> ProvenanceSummary | None:
    """What came into a lineage at `since` or later (None: ever); None where no batch did."""
    batches = [row.fact for row in view.recorded(BatchTaken, of_lineage=lineage, since=since)]
    if not batches:
        return None
    records = sum(distinct(batch) for batch in batches)
    confident = sum(batch.confident for batch in batches)
    doubted = [batch for batch in batches if batch.conflict is not None]
    returned = view.recorded(OwnOutputFound, of_lineage=lineage, since=since)
    return ProvenanceSummary(
        records=records,
        confident=confident,
        held=sum(batch.held for batch in batches),
        coverage=wilson(confident, records),
        conflicts=len(doubted),
        newest_conflict=f"{doubted[-1].source}: {doubted[-1].conflict}" if doubted else None,
        suspect=_suspect(batches, shares_of_batches(view, lineage, since)),
        own_output=sum(row.fact.records for row in returned),
    )


def distinct(batch: BatchTaken) -> int:
    """The records of a batch without its duplicates."""
    return batch.read - batch.duplicates


def shares_of_batches(view: LogView, lineage: str, since: datetime | None) -> list[ShareEstimated]:
    """The estimated model-made shares of a lineage's batches by both methods, oldest first."""
    rows = view.recorded(ShareEstimated, of_lineage=lineage, since=since, pool=BATCH_POOL)
    return [row.fact for row in rows]


def _suspect(batches: list[BatchTaken], shares: list[ShareEstimated]) -> Suspect | None:
    claimed = [
        (batch.estimate, batch) for batch in batches if batch.declared == Origin.HUMAN and batch.estimate is not None
    ]
    if not claimed:
        return None
    share, batch = max(claimed, key=lambda pair: pair[0])
    by_sld = [
        estimate.share
        for estimate in shares
        if estimate.run == batch.run and estimate.source == batch.source and estimate.method == SLD
    ]
    return Suspect(
        source=batch.source,
        share=share,
        low=share if batch.estimate_low is None else batch.estimate_low,
        high=share if batch.estimate_high is None else batch.estimate_high,
        sld=by_sld[-1] if by_sld else None,
    )


def evidence(view: LogView, lineage: str, since: datetime | None) -> list[EvidenceCount]:
    """Sums over the batches of a lineage, in the order of source, declaration, origin and evidence."""
    sums: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in view.recorded(ProvenanceCount, of_lineage=lineage, since=since):
        total = sums[row.fact.source, row.fact.declared, row.fact.origin, row.fact.evidence]
        total[0] += row.fact.records
        total[1] += row.fact.tokens
    return [
        EvidenceCount(source=source, declared=declared, origin=origin, evidence=kind, records=records, tokens=tokens)
        for (source, declared, origin, kind), (records, tokens) in sorted(sums.items())
    ]
