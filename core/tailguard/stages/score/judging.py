"""From figures to scores and outcomes: quality, diversity contribution, reliability; kept, dropped or flagged, with a reason.

Quality is the share of the published rules that a text meets. Diversity contribution is what a record adds to the rare cells
that it covers: n / (1 + n), n = the sum over them of 1 / (texts of anchor and run in the cell). Reliability is the evidence
behind the tag times what is known of its source. None of them is a secret: a record's explanation holds their parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailguard.composing.ceiling import OVER_QUOTA, WHOLE, Candidates, fill
from tailguard.composing.ranking import keys, priority
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.sources import SourceRecord
from tailguard.domain.tags import Evidence, Origin
from tailguard.quality.duplicates import NONE, near_duplicates
from tailguard.quality.rules import RULES, quality
from tailguard.stages.score.reading import ANCHOR, EARLIER_SET, Base, Read

if TYPE_CHECKING:
    from tailguard.stages.score import Filter

KEPT, DROPPED, FLAGGED = 0, 1, 2
OUTCOMES = (RecordOutcome.KEPT, RecordOutcome.DROPPED, RecordOutcome.FLAGGED)

_PRESENT = {ANCHOR: Reason.IN_ANCHOR, EARLIER_SET: Reason.IN_EARLIER_SET}
_NEAR = {ANCHOR: Reason.NEAR_ANCHOR, EARLIER_SET: Reason.NEAR_EARLIER_SET}

RELIABILITY = {
    Evidence.OWN_OUTPUT: 1.0,
    Evidence.REVIEW: 0.9,
    Evidence.DECLARATION: 0.8,
    Evidence.DETECTOR: 0.6,
    Evidence.NONE: 0.0,
}
"""Reliability (0 to 1) of a tag by its evidence."""
UNSIGNED = 0.95
"""What a source whose contract nobody signed keeps of it."""
RARE_CONTRIBUTION = 0.2
"""A record with at least this diversity contribution covers a rare cell: alone in it (0.5), or with up to three others."""

Floats = NDArray[np.float64]


@dataclass
class Judged:
    """Scores (0 to 1) and outcomes, as columns in the records' order; `position` counts flagged ones from 1."""

    quality: Floats
    diversity: Floats
    reliability: Floats
    priority: Floats
    outcome: NDArray[np.int8]
    reason: NDArray[Any]
    position: NDArray[np.int64]
    running_ratio: Floats


def judge(record_set: Read, *, base: Base, sources: Mapping[str, SourceRecord], rules: Filter, seed: int) -> Judged:
    """Scores, then the filter, then the ceiling."""
    count = len(record_set)
    own = Judged(
        quality(record_set.failed),
        _diversity(record_set),
        _reliability(record_set, sources),
        np.zeros(count),
        np.full(count, KEPT, np.int8),
        np.full(count, "", dtype=object),
        np.zeros(count, np.int64),
        np.zeros(count),
    )
    own.priority = priority(
        own.quality, own.diversity, own.reliability, record_set.score, record_set.ids, policy=rules.compose, seed=seed
    )
    _filter(record_set, own, rules)
    _drop_repeated(record_set, own, rules)
    _flag(record_set, own, base, rules)
    return own


def _diversity(record_set: Read) -> Floats:
    if not len(record_set):
        return np.zeros(0)
    # 1/k summed as whole 2**-30ths: sums do not depend on the order, nor on the machine.
    parts = np.round(2.0**30 / np.maximum(record_set.crowd[record_set.cells], 1)).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(parts)])
    novelty = (sums[record_set.cell_starts[1:]] - sums[record_set.cell_starts[:-1]]) / 2.0**30
    return np.asarray(novelty / (1 + novelty))


def _reliability(record_set: Read, sources: Mapping[str, SourceRecord]) -> Floats:
    of_evidence = np.array([RELIABILITY[Evidence(str(evidence))] for evidence in record_set.evidence], dtype=np.float64)
    factor = {name: source_factor(sources.get(name)) for name in set(record_set.source)}
    return of_evidence * np.array([factor[name] for name in record_set.source], dtype=np.float64)


def source_factor(source: SourceRecord | None) -> float:
    """What a source's record leaves of its tags' reliability (0 to 1): share not demoted, agreement of reviewers with what it
    declared, half of its duplicates, and whether its contract is signed."""
    if source is None:
        return UNSIGNED
    return (1 - source.demoted) * source.agreement * (1 - source.duplicates / 2) * (1.0 if source.signed else UNSIGNED)


def _filter(record_set: Read, own: Judged, rules: Filter) -> None:
    """Origin-aware: human text is dropped only when it is hardly text; synthetic text has to be good, or rare and fair."""
    limits = rules.score
    human = record_set.origin == str(Origin.HUMAN)
    rare = (own.quality >= limits.rare_quality) & (own.diversity >= RARE_CONTRIBUTION)
    good = own.quality >= limits.synthetic_quality
    poor_human = human & (own.quality < limits.human_quality)
    own.reason[:] = np.where(human, Reason.HUMAN, np.where(good, Reason.SYNTHETIC_GOOD, Reason.SYNTHETIC_RARE))
    _drop(own, poor_human, Reason.HUMAN_POOR)
    _drop(own, ~human & ~good & ~rare, Reason.SYNTHETIC_POOR)
    for at in record_set.contaminated:
        own.outcome[at] = DROPPED
        own.reason[at] = Reason.SUITE_OVERLAP


def _drop(own: Judged, which: NDArray[np.bool_], reason: Reason) -> None:
    own.outcome[which] = DROPPED
    own.reason[which] = reason


def _drop_repeated(record_set: Read, own: Judged, rules: Filter) -> None:
    """Exact and near-duplicates of what is there already, and within the run: human first, then the best, then by identity."""
    there, position = _standing(record_set)
    for name in set(record_set.standing_names):
        same = there & (own.outcome == KEPT)
        same[same] = record_set.standing_names[position[same]] == name
        _drop(own, same, _PRESENT[name])
    human = record_set.origin == str(Origin.HUMAN)
    order = np.lexsort((record_set.ids[:, 1], record_set.ids[:, 0], -own.priority, ~human)) + record_set.standing
    order = order[own.outcome[order - record_set.standing] == KEPT]
    repeats = near_duplicates(
        record_set.signatures, order, standing=record_set.standing, threshold=rules.quality.near_duplicate
    )[record_set.standing :]
    for at in np.flatnonzero(repeats != NONE).tolist():
        if own.outcome[at] == KEPT:
            other = int(repeats[at])
            own.outcome[at] = DROPPED
            own.reason[at] = (
                _NEAR[record_set.standing_names[other]] if other < record_set.standing else Reason.NEAR_SAME_RUN
            )


def _standing(record_set: Read) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which records stand in the base already, and at which place of it."""
    if not record_set.standing:
        return np.zeros(len(record_set), dtype=bool), np.zeros(len(record_set), dtype=np.int64)
    order = np.lexsort((record_set.standing_ids[:, 1], record_set.standing_ids[:, 0]))
    ranked = record_set.standing_ids[order]
    position = np.minimum(np.searchsorted(ranked[:, 0], record_set.ids[:, 0]), record_set.standing - 1)
    return np.asarray((ranked[position] == record_set.ids).all(axis=1)), order[position]


def _flag(record_set: Read, own: Judged, base: Base, rules: Filter) -> None:
    """Synthetic records by priority while they fit; the others are flagged, in order, with the ratio that they would make."""
    kept = np.flatnonzero(own.outcome == KEPT)
    counted = record_set.share[kept] > 0
    human, pool = kept[~counted], kept[counted]
    order = sorted(set(record_set.slice))
    numbers = {name: at for at, name in enumerate(order)}
    candidates = Candidates(
        record_set.share[pool],
        record_set.tokens[pool],
        keys(own.priority[pool], record_set.ids[pool]),
        record_set.ids[pool],
        np.array([numbers[name] for name in record_set.slice[pool]], dtype=np.int64),
    )
    chosen = np.zeros(len(record_set), dtype=bool)
    chosen[human] = True
    held = base.mass + record_set.mass(chosen)
    quotas = {numbers[name]: quota for name, quota in rules.quotas.items() if name in numbers}
    outcome = fill(candidates, held, ceiling=rules.ceiling, quotas=quotas)
    chosen[pool[outcome == 0]] = True
    over = pool[outcome != 0]
    beyond_quota = pool[outcome == OVER_QUOTA]
    over = over[
        np.lexsort((record_set.ids[over, 1], record_set.ids[over, 0], keys(own.priority[over], record_set.ids[over])))
    ]
    total = base.mass + record_set.mass(chosen)
    records = (total.synthetic_records + np.cumsum(record_set.share[over])) / (
        (total.records + np.arange(1, len(over) + 1)) * WHOLE
    )
    tokens = (total.synthetic_tokens + np.cumsum(record_set.share[over] * record_set.tokens[over])) / (
        np.maximum(total.tokens + np.cumsum(record_set.tokens[over]), 1) * WHOLE
    )
    own.outcome[over] = FLAGGED
    own.reason[over] = Reason.OVER_CEILING
    own.reason[beyond_quota] = Reason.OVER_QUOTA
    own.position[over] = np.arange(1, len(over) + 1)
    own.running_ratio[over] = np.maximum(records, tokens)


def explanation(record_set: Read, sources: Mapping[str, SourceRecord], at: int, *, evidence: str) -> str:
    """What a record's three scores are made of, as JSON."""
    covered = record_set.cells_of(at)
    of_slice = max(1, len(record_set.terms) * record_set.topics)
    terms = [record_set.terms[(int(cell) % of_slice) // record_set.topics] for cell in covered[:20]]
    source = sources.get(str(record_set.source[at]))
    details: dict[str, object] = {
        "quality": {"fails": [rule.name for rule, wrong in zip(RULES, record_set.failed[at], strict=True) if wrong]},
        "diversity": {
            "rare terms": terms,
            "topic": int(covered[0]) % record_set.topics if len(covered) else None,
            "texts in the emptiest cell": int(record_set.crowd[covered].min()) if len(covered) else None,
        },
        "reliability": {
            "evidence": evidence,
            "of the evidence": RELIABILITY[Evidence(evidence)],
            "of the source": round(source_factor(source), 4),
            "demoted": round(source.demoted, 4) if source else 0,
            "agreement": round(source.agreement, 4) if source else 1,
            "duplicates": round(source.duplicates, 4) if source else 0,
            "signed": bool(source and source.signed),
        },
    }
    if at in record_set.contaminated:
        details["shares words with prompt"] = record_set.contaminated[at]
    return json.dumps(details, ensure_ascii=False, sort_keys=True)
