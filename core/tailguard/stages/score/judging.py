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
from tailguard.domain.sources import SourceRecord
from tailguard.domain.tags import Evidence, Origin
from tailguard.quality.duplicates import NONE, near_duplicates
from tailguard.quality.rules import RULES, quality
from tailguard.stages.score.reading import Base, Read

if TYPE_CHECKING:
    from tailguard.stages.score import Filter

KEPT, DROPPED, FLAGGED = 0, 1, 2
OUTCOMES = ("kept", "dropped", "flagged")

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


def judge(found: Read, *, base: Base, sources: Mapping[str, SourceRecord], rules: Filter, seed: int) -> Judged:
    """Scores, then the filter, then the ceiling."""
    count = len(found)
    own = Judged(
        quality(found.failed),
        _diversity(found),
        _reliability(found, sources),
        np.zeros(count),
        np.full(count, KEPT, np.int8),
        np.full(count, "", dtype=object),
        np.zeros(count, np.int64),
        np.zeros(count),
    )
    own.priority = priority(
        own.quality, own.diversity, own.reliability, found.score, found.ids, policy=rules.compose, seed=seed
    )
    _filter(found, own, rules)
    _drop_repeated(found, own, rules)
    _flag(found, own, base, rules)
    return own


def _diversity(found: Read) -> Floats:
    if not len(found):
        return np.zeros(0)
    # 1/k summed as whole 2**-30ths: sums do not depend on the order, nor on the machine.
    parts = np.round(2.0**30 / np.maximum(found.crowd[found.cells], 1)).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(parts)])
    novelty = (sums[found.cell_starts[1:]] - sums[found.cell_starts[:-1]]) / 2.0**30
    return np.asarray(novelty / (1 + novelty))


def _reliability(found: Read, sources: Mapping[str, SourceRecord]) -> Floats:
    of_evidence = np.array([RELIABILITY[Evidence(str(one))] for one in found.evidence], dtype=np.float64)
    factor = {name: source_factor(sources.get(name)) for name in set(found.source)}
    return of_evidence * np.array([factor[name] for name in found.source], dtype=np.float64)


def source_factor(source: SourceRecord | None) -> float:
    """What a source's record leaves of its tags' reliability (0 to 1): share not demoted, agreement of reviewers with what it
    declared, half of its duplicates, and whether its contract is signed."""
    if source is None:
        return UNSIGNED
    return (1 - source.demoted) * source.agreement * (1 - source.duplicates / 2) * (1.0 if source.signed else UNSIGNED)


def _filter(found: Read, own: Judged, rules: Filter) -> None:
    """Origin-aware: human text is dropped only when it is hardly text; synthetic text has to be good, or rare and fair."""
    limits = rules.score
    human = found.origin == str(Origin.HUMAN)
    rare = (own.quality >= limits.rare_quality) & (own.diversity >= RARE_CONTRIBUTION)
    good = own.quality >= limits.synthetic_quality
    poor_human = human & (own.quality < limits.human_quality)
    own.reason[:] = np.where(
        human, "human", np.where(good, "synthetic of good quality", "synthetic that covers a rare cell")
    )
    _drop(own, poor_human, f"human, quality below {limits.human_quality:.2f}")
    _drop(own, ~human & ~good & ~rare, f"synthetic, quality below {limits.synthetic_quality:.2f} and no rare cell")
    for at in found.contaminated:
        own.outcome[at] = DROPPED
        own.reason[at] = "shares a long run of words with the evaluation suite"


def _drop(own: Judged, which: NDArray[np.bool_], reason: str) -> None:
    own.outcome[which] = DROPPED
    own.reason[which] = reason


def _drop_repeated(found: Read, own: Judged, rules: Filter) -> None:
    """Exact and near-duplicates of what is there already, and within the run: human first, then the best, then by identity."""
    there, place = _standing(found)
    for name in set(found.standing_names):
        same = there & (own.outcome == KEPT)
        same[same] = found.standing_names[place[same]] == name
        _drop(own, same, f"stands in {name} already")
    human = found.origin == str(Origin.HUMAN)
    order = np.lexsort((found.ids[:, 1], found.ids[:, 0], -own.priority, ~human)) + found.standing
    order = order[own.outcome[order - found.standing] == KEPT]
    repeats = near_duplicates(found.signatures, order, standing=found.standing, threshold=rules.quality.near_duplicate)[
        found.standing :
    ]
    for at in np.flatnonzero(repeats != NONE).tolist():
        if own.outcome[at] == KEPT:
            other = int(repeats[at])
            where = found.standing_names[other] if other < found.standing else "this run"
            own.outcome[at] = DROPPED
            own.reason[at] = f"near-duplicate of a record of {where}"


def _standing(found: Read) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which records stand in the base already, and at which place of it."""
    if not found.standing:
        return np.zeros(len(found), dtype=bool), np.zeros(len(found), dtype=np.int64)
    order = np.lexsort((found.standing_ids[:, 1], found.standing_ids[:, 0]))
    ranked = found.standing_ids[order]
    place = np.minimum(np.searchsorted(ranked[:, 0], found.ids[:, 0]), found.standing - 1)
    return np.asarray((ranked[place] == found.ids).all(axis=1)), order[place]


def _flag(found: Read, own: Judged, base: Base, rules: Filter) -> None:
    """Synthetic records by priority while they fit; the others are flagged, in order, with the ratio that they would make."""
    kept = np.flatnonzero(own.outcome == KEPT)
    counted = found.share[kept] > 0
    human, pool = kept[~counted], kept[counted]
    order = sorted(set(found.slice))
    numbers = {name: at for at, name in enumerate(order)}
    candidates = Candidates(
        found.share[pool],
        found.tokens[pool],
        keys(own.priority[pool], found.ids[pool]),
        found.ids[pool],
        np.array([numbers[name] for name in found.slice[pool]], dtype=np.int64),
    )
    chosen = np.zeros(len(found), dtype=bool)
    chosen[human] = True
    held = base.mass + found.mass(chosen)
    quotas = {numbers[name]: quota for name, quota in rules.quotas.items() if name in numbers}
    outcome = fill(candidates, held, ceiling=rules.ceiling, quotas=quotas)
    chosen[pool[outcome == 0]] = True
    over = pool[outcome != 0]
    beyond_quota = pool[outcome == OVER_QUOTA]
    over = over[np.lexsort((found.ids[over, 1], found.ids[over, 0], keys(own.priority[over], found.ids[over])))]
    whole = base.mass + found.mass(chosen)
    records = (whole.synthetic_records + np.cumsum(found.share[over])) / (
        (whole.records + np.arange(1, len(over) + 1)) * WHOLE
    )
    tokens = (whole.synthetic_tokens + np.cumsum(found.share[over] * found.tokens[over])) / (
        np.maximum(whole.tokens + np.cumsum(found.tokens[over]), 1) * WHOLE
    )
    own.outcome[over] = FLAGGED
    own.reason[over] = "would push the ratio past its ceiling"
    own.reason[beyond_quota] = "would push its slice past its quota"
    own.position[over] = np.arange(1, len(over) + 1)
    own.running_ratio[over] = np.maximum(records, tokens)


def explanation(found: Read, sources: Mapping[str, SourceRecord], at: int, *, evidence: str) -> str:
    """What a record's three scores are made of, as JSON."""
    covered = found.cells_of(at)
    of_slice = max(1, len(found.terms) * found.topics)
    terms = [found.terms[(int(cell) % of_slice) // found.topics] for cell in covered[:20]]
    source = sources.get(str(found.source[at]))
    told: dict[str, object] = {
        "quality": {"fails": [rule.name for rule, wrong in zip(RULES, found.failed[at], strict=True) if wrong]},
        "diversity": {
            "rare terms": terms,
            "topic": int(covered[0]) % found.topics if len(covered) else None,
            "texts in the emptiest cell": int(found.crowd[covered].min()) if len(covered) else None,
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
    if at in found.contaminated:
        told["shares words with prompt"] = found.contaminated[at]
    return json.dumps(told, ensure_ascii=False, sort_keys=True)
