"""What a batch comes to: counts by origin and reason, the estimated share, drift, and whether its word is believed at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tailguard.detection.conformal import share_is_excessive
from tailguard.detection.drift import drift
from tailguard.detection.judge import Detector
from tailguard.detection.prevalence import Shares
from tailguard.domain.facts import (
    BatchTaken,
    DriftChecked,
    Fact,
    OwnOutputFound,
    ProvenanceCount,
    ReasonCount,
    RecordsHeld,
    ShareEstimated,
)
from tailguard.domain.own_output import MatchKind
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.stages import Stage
from tailguard.domain.tags import Evidence, Origin, Tag
from tailguard.ports import ShareEstimate
from tailguard.stages.intake.reading import Batch, numbers
from tailguard.stages.intake.tagging import Rules

if TYPE_CHECKING:
    from tailguard.domain.requests import BatchRequest

_SURPRISE = 3.3  # standard errors: a chance of one in two thousand for an honest batch
_SUSPECT_SHARE = 0.1
_ENOUGH = 200_000
_IDS_PER_ROW = 1_000


@dataclass
class Counts:
    """Sums over a batch's parts.

    `scores` are those of all records, `unknown` and `undisputed` mark places in them; `found` has, for a generation and a
    kind of match, how many records and the id of the first.
    """

    records: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    held: Counter[tuple[Origin, Reason]] = field(default_factory=Counter)
    held_ids: list[str] = field(default_factory=list)
    found: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    copies: int = 0
    tags: int = 0
    unknown_tags: int = 0
    untagged: int = 0
    unknown_advancing: int = 0
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    unknown: list[NDArray[np.bool_]] = field(default_factory=list)
    undisputed: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, table: pa.Table, part: pa.Table, tags: Sequence[Tag]) -> None:
        """Count a part: the tagged table, the same records as they were read, and their tags."""
        self.tags += len(table)
        columns = table.select(["declared", "origin", "evidence", "tokens", "held", "id", "tag_digest"]).to_pydict()
        for declared, origin, evidence, tokens in zip(
            columns["declared"], columns["origin"], columns["evidence"], columns["tokens"], strict=True
        ):
            self.records[declared, origin, evidence] += 1
            self.tokens[declared, origin, evidence] += tokens
        for tag in tags:
            if tag.held_for:
                self.held[tag.origin, tag.held_for] += 1
                self.held_ids.append(tag.record)
        matches = part.select(["match", "generation"]).to_pydict()
        for identity, kind, generation in zip(columns["id"], matches["match"], matches["generation"], strict=True):
            if kind:
                count, example = self.found.get((generation, kind), (0, identity))
                self.found[generation, kind] = (count + 1, example)
                self.copies += kind != MatchKind.PASSAGE
        origin = np.array(columns["origin"])
        self.unknown_tags += int((origin == Origin.UNKNOWN).sum())
        self.unknown_advancing += int(((origin == Origin.UNKNOWN) & ~np.array(columns["held"], dtype=bool)).sum())
        self.untagged += sum(not digest for digest in columns["tag_digest"])
        self.scores.append(numbers(part["score"]))
        undecided = np.array(columns["evidence"]) == Evidence.NONE  # those that the detector held were chosen by score
        self.unknown.append((origin == Origin.UNKNOWN) & undecided)
        self.undisputed.append(origin == Origin.HUMAN)


def conflict_of(batch: Batch, rules: Rules, detector: Detector) -> str | None:
    """Why a batch's declaration of human origin is not believed as a whole, or None.

    Single records are hard to tell. That far more of them than the detector's error rate look model-made is not, nor is
    a batch whose scores as a whole are not those of the team's human text.
    """
    declared = hits = 0
    scores: list[float] = []
    for part in batch.tables():
        for row in part.drop_columns(["text", "meta"]).to_pylist():
            if rules.word(row).origin is Origin.HUMAN:
                declared += 1
                hits += row["match"] is not None or row["verdict"] in (Origin.AI, Origin.MIXED)
                if row["match"] is None and row["score"] is not None:
                    scores.append(row["score"])
    expected = detector.expected_rate
    if share_is_excessive(hits, declared, expected=expected):
        return (
            f"the batch is declared human, but {hits / declared:.1%} of it looks model-made or is our own output "
            f"({expected:.1%} expected)"
        )
    if detector.fitted_to_team and scores:
        estimate = detector.pacc(np.array(scores))
        if estimate and estimate.surprise > _SURPRISE and estimate.low > _SUSPECT_SHARE:
            return (
                f"the batch is declared human, but an estimated {estimate.share:.0%} of it looks model-made "
                f"({estimate.low:.0%} to {estimate.high:.0%})"
            )
    return None


@dataclass(frozen=True)
class _BatchKey:
    """What every fact of a batch begins with: the run that read it, its digest and its source."""

    run: str
    batch: str
    source: str


def facts_of(
    run: str,
    request: BatchRequest,
    digest: str,
    batch: Batch,
    counts: Counts,
    conflict: str | None,
    detector: Detector,
    seed: int,
) -> list[Fact]:
    """Everything that the log remembers of a batch."""
    key = _BatchKey(run, digest, request.source)
    scores = np.concatenate([np.zeros(0), *counts.scores])
    unknown, undisputed = (
        np.concatenate([np.zeros(0, dtype=bool), *parts]) for parts in (counts.unknown, counts.undisputed)
    )
    of_batch = detector.shares(_some(scores), seed=seed)
    of_unknown = detector.shares(_some(scores[unknown]), seed=seed)
    return [
        _batch_taken(key, request, batch, counts, _of_batch(of_batch, counts), conflict),
        *_counted_facts(key, counts),
        *_share_facts(key, "batch", of_batch),
        *_share_facts(key, "unknown", of_unknown),
        *_drift_facts(key, scores[undisputed], detector),
        *_reasons(run, request.source, batch, counts),
    ]


def _batch_taken(
    key: _BatchKey,
    request: BatchRequest,
    batch: Batch,
    counts: Counts,
    estimate: ShareEstimate | None,
    conflict: str | None,
) -> BatchTaken:
    return BatchTaken(
        run=key.run,
        batch=key.batch,
        source=key.source,
        declared=str(request.declared),
        file=Path(request.file).name,
        read=batch.read,
        rejected=len(batch.rejects),
        duplicates=batch.duplicates,
        confident=counts.tags - counts.unknown_tags,
        held=sum(counts.held.values()),
        estimate=estimate.share if estimate else None,
        estimate_low=estimate.low if estimate else None,
        estimate_high=estimate.high if estimate else None,
        conflict=conflict,
    )


def _counted_facts(key: _BatchKey, counts: Counts) -> list[Fact]:
    """The ids of held records, counts by declaration, origin and evidence, and what of our own output came back."""
    held = [counts.held_ids[start : start + _IDS_PER_ROW] for start in range(0, len(counts.held_ids), _IDS_PER_ROW)]
    return [
        *(RecordsHeld(run=key.run, batch=key.batch, source=key.source, records=" ".join(ids)) for ids in held),
        *(
            ProvenanceCount(
                run=key.run,
                batch=key.batch,
                source=key.source,
                declared=declared,
                origin=origin,
                evidence=evidence,
                records=records,
                tokens=counts.tokens[declared, origin, evidence],
            )
            for (declared, origin, evidence), records in sorted(counts.records.items())
        ),
        *(
            OwnOutputFound(
                run=key.run,
                batch=key.batch,
                source=key.source,
                generation=generation,
                kind=kind,
                records=count,
                example=example,
            )
            for (generation, kind), (count, example) in sorted(counts.found.items())
        ),
    ]


def _share_facts(key: _BatchKey, pool: str, shares: Shares | None) -> list[Fact]:
    """The estimated share of model-made text in a pool of records, by both methods; none where it was not estimated."""
    if not shares:
        return []
    return [
        ShareEstimated(
            run=key.run,
            batch=key.batch,
            source=key.source,
            pool=pool,
            method=method,
            share=estimate.share,
            low=estimate.low,
            high=estimate.high,
            records=shares.records,
        )
        for method, estimate in (("PACC", shares.pacc), ("SLD", shares.sld))
    ]


def _drift_facts(key: _BatchKey, human_scores: NDArray[np.float64], detector: Detector) -> list[Fact]:
    """How far the scores of undisputed human text are from those that the detector was calibrated on."""
    checked = drift(_some(human_scores), detector.human)
    if not checked:
        return []
    return [
        DriftChecked(
            run=key.run,
            batch=key.batch,
            source=key.source,
            detector=detector.name,
            records=checked.records,
            distance=checked.distance,
            allowed=checked.limit,
            drifted=checked.drifted,
        )
    ]


def _some(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evenly spread over a batch, as many as an estimate needs."""
    return scores[:: 1 + len(scores) // _ENOUGH]


def _of_batch(judged: Shares | None, counts: Counts) -> ShareEstimate | None:
    """PACC's share of a whole batch: what we wrote ourselves is known, the rest is estimated by the detector."""
    rest = counts.tags - counts.copies
    if judged is None:
        return ShareEstimate(1.0, 1.0, 1.0, 0.0) if counts.copies and not rest else None
    estimate = judged.pacc
    share, low, high = (
        (counts.copies + value * rest) / (counts.copies + rest)
        for value in (estimate.share, estimate.low, estimate.high)
    )
    return ShareEstimate(share, low, high, estimate.surprise)


def _reasons(run: str, source: str, batch: Batch, counts: Counts) -> list[Fact]:
    reasons: Counter[tuple[RecordOutcome, str, Reason]] = Counter()
    reasons.update({(RecordOutcome.HELD, origin, reason): count for (origin, reason), count in counts.held.items()})
    reasons.update((RecordOutcome.REJECTED, "", reject.kind) for reject in batch.rejects)
    if batch.duplicates:
        reasons[RecordOutcome.DROPPED, "", Reason.ALREADY_TAKEN_IN] += batch.duplicates
    return [
        ReasonCount(
            run=run,
            stage=Stage.INTAKE,
            outcome=outcome,
            source=source,
            origin=origin,
            reason=reason,
            records=count,
        )
        for (outcome, origin, reason), count in sorted(reasons.items())
    ]
