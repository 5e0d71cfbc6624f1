"""The filter answers for itself: which rare cells were covered before it and after, per slice and origin, and by which rule.

A filter with a narrow taste can cause the collapse that it is to prevent. Dropping any records loses some cells; so the loss
is held against what dropping as many at random would lose (exactly: a cell with k of n texts is lost with the probability
that all k are among those dropped).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from tailguard.domain.facts import Fact, ReasonCount, RuleFailed, SliceCoverage, TailCoverage
from tailguard.domain.reasons import Reason
from tailguard.domain.stages import Stage
from tailguard.quality.rules import RULES
from tailguard.stages.score.judging import DROPPED, OUTCOMES, Judged
from tailguard.stages.score.reading import Read

_FEWEST_CELLS = 20
"""Fewer covered cells than this cannot tell a narrow filter from chance."""


def coverage_facts(run: str, record_set: Read, judged: Judged, allowed: float) -> list[Fact]:
    """Cells before and after for each slice and origin, and rare terms before and after for each origin."""
    owner = np.repeat(np.arange(len(record_set)), np.diff(record_set.cell_starts))
    term = (record_set.cells % max(1, len(record_set.terms) * record_set.topics)) // max(1, record_set.topics)
    stays = judged.outcome != DROPPED
    facts: list[Fact] = []
    for origin in sorted(set(record_set.origin)):
        of_origin = record_set.origin == origin
        for moment, among in (("before", of_origin), ("after", of_origin & stays)):
            covered = len(np.unique(term[among[owner]]))
            facts.append(
                TailCoverage(run=run, moment=moment, origin=str(origin), covered=covered, cells=len(record_set.terms))
            )
    for name in sorted(set(record_set.slice)):
        for origin in sorted(set(record_set.origin)):
            among = (record_set.origin == origin) & (record_set.slice == name)
            if among.any():
                facts.append(_slice(run, str(name), str(origin), record_set, among, stays, owner, allowed))
    return facts


def _slice(
    run: str,
    name: str,
    origin: str,
    record_set: Read,
    among: NDArray[np.bool_],
    stays: NDArray[np.bool_],
    owner: NDArray[np.int64],
    allowed: float,
) -> SliceCoverage:
    cells, counts = np.unique(record_set.cells[among[owner]], return_counts=True)
    after = len(np.unique(record_set.cells[(among & stays)[owner]]))
    records, kept = int(among.sum()), int((among & stays).sum())
    likely = float(lost_at_random(counts, records, records - kept).sum())
    lost = len(cells) - after
    narrowed = len(cells) >= _FEWEST_CELLS and lost - likely > allowed * len(cells)
    return SliceCoverage(
        run=run,
        slice=name,
        origin=origin,
        before=len(cells),
        after=after,
        records_before=records,
        records_after=kept,
        likely_loss=likely,
        narrowed=bool(narrowed),
    )


def lost_at_random(counts: NDArray[np.int64], records: int, dropped: int) -> NDArray[np.float64]:
    """Probability that all `counts` texts of a cell are among `dropped` of `records` drawn without replacement."""
    possible = counts <= dropped
    few = np.where(possible, counts, 0)
    logs = gammaln(dropped + 1) - gammaln(dropped - few + 1) - gammaln(records + 1) + gammaln(records - few + 1)
    return np.where(possible, np.exp(np.minimum(logs, 0)), 0.0)


def reason_facts(run: str, record_set: Read, judged: Judged) -> list[Fact]:
    """How many records of a source and origin had which outcome, for which reason."""
    counted = Counter(
        zip(
            (OUTCOMES[code] for code in judged.outcome),
            map(str, record_set.source),
            map(str, record_set.origin),
            map(str, judged.reason),
            strict=True,
        )
    )
    return [
        ReasonCount(
            run=run,
            stage=Stage.SCORE,
            outcome=outcome,
            source=source,
            origin=origin,
            reason=Reason(reason),
            records=count,
        )
        for (outcome, source, origin, reason), count in sorted(counted.items())
    ]


def rule_facts(run: str, record_set: Read) -> list[Fact]:
    """How many records of a source and origin failed each rule."""
    facts: list[Fact] = []
    for source in sorted(set(record_set.source)):
        for origin in sorted(set(record_set.origin)):
            counts = record_set.failed[(record_set.source == source) & (record_set.origin == origin)].sum(axis=0)
            facts += [
                RuleFailed(
                    run=run,
                    source=str(source),
                    origin=str(origin),
                    family=rule.family,
                    rule=rule.name,
                    records=int(count),
                )
                for rule, count in zip(RULES, counts, strict=True)
                if count
            ]
    return facts
