"""Stage 2, filter and score: three scores a record, an origin-aware filter with reasons, and the ceiling's flags.

`reading` goes over the texts once and keeps figures, never texts; `judging` makes scores and outcomes of them; `coverage`
says what the filter did to the rare cells. A second pass over the records writes what was found into their rows. Nothing
depends on the order in which records come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tailguard.composing.ceiling import Mass
from tailguard.domain.facts import Fact, FlaggedRecord, SliceCoverage
from tailguard.domain.records import SCORED
from tailguard.domain.sources import SourceRecord
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement, Waiver
from tailguard.policy.model import Compose, Quality, Score
from tailguard.stages.score.coverage import coverage_facts, reason_facts, rule_facts
from tailguard.stages.score.judging import DROPPED, FLAGGED, KEPT, OUTCOMES, Judged, explanation, judge
from tailguard.stages.score.reading import Base, Read, read
from tailguard.store.files import Store

_LOGGED_FLAGS = 50

__all__ = ["Base", "Filter", "score"]


@dataclass(frozen=True)
class Filter:
    """Everything that the policy and the frozen suite say of this stage."""

    quality: Quality
    score: Score
    compose: Compose
    slice_field: str
    prompts: Mapping[str, str]
    rare_terms: frozenset[str]
    ceiling: float
    quotas: Mapping[str, float]


def score(
    records: str,
    *,
    run: str,
    store: Store,
    base: Base,
    sources: Mapping[str, SourceRecord],
    rules: Filter,
    seed: int,
    progress: Callable[[int], None],
) -> Outcome:
    """Score and filter a run's tagged records (`records` names their table).

    `base` is the human text that the composition will hold besides them, `progress` is called with how many were read. Raises
    InputError when a record is untagged or held, naming it.
    """
    record_set = read(records, store=store, base=base, rules=rules, progress=progress)
    judged = judge(record_set, base=base, sources=sources, rules=rules, seed=seed)
    with store.table_writer("scored", SCORED) as scored:
        at = 0
        for batch in store.batches("records", records):
            scored.write(_scored(pa.Table.from_batches([batch]), record_set, judged, sources, at))
            at += len(batch)
    kept = judged.outcome == KEPT
    synthetic = kept & (record_set.origin != "human")
    lowest = float(judged.quality[synthetic].min()) if synthetic.any() else 1.0
    ratio = (base.mass + record_set.mass(kept)).highest
    facts: list[Fact] = [
        *coverage_facts(run, record_set, judged, rules.score.max_tail_loss),
        *rule_facts(run, record_set),
        *reason_facts(run, record_set, judged),
    ]
    flagged = np.flatnonzero(judged.outcome == FLAGGED)
    facts += [
        FlaggedRecord(
            run=run,
            position=int(judged.position[row]),
            record=record_set.identity(row),
            source=str(record_set.source[row]),
            running_ratio=float(judged.running_ratio[row]),
            ceiling=rules.ceiling,
        )
        for row in flagged[np.argsort(judged.position[flagged])][:_LOGGED_FLAGS]
    ]
    return Outcome(
        result={"scored": scored.digest},
        criteria=_criteria(lowest, int(synthetic.sum()), ratio, base.mass + record_set.mass(kept), facts, rules),
        inputs=(Named("records", "advancing", records), *base.inputs),
        outputs=(Named("scored", "", scored.digest),),
        facts=tuple(facts),
        records_in=len(record_set),
        records_out=int((judged.outcome != DROPPED).sum()),
    )


def _criteria(
    lowest: float, synthetic: int, ratio: float, total: Mass, facts: Sequence[Fact], rules: Filter
) -> tuple[Criterion, ...]:
    narrowed = sorted(
        {f"{fact.slice}, {fact.origin}" for fact in facts if isinstance(fact, SliceCoverage) and fact.narrowed}
    )
    return (
        Criterion(
            Requirement.SYNTHETIC_QUALITY,
            f"every kept synthetic record reaches {rules.score.rare_quality:.2f}",
            f"lowest {lowest:.2f} of {synthetic}",
            lowest >= rules.score.rare_quality,
        ),
        Criterion(
            Requirement.RATIO_WITHIN_LIMITS,
            f"at most {rules.ceiling:.1%} synthetic",
            f"{ratio:.1%} without the flagged",
            total.within(rules.ceiling),
        ),
        Criterion(
            Requirement.TAILS_KEPT,
            f"at most {rules.score.max_tail_loss:.0%} more of a slice's rare cells lost than by chance",
            f"narrowed in {'; '.join(narrowed)}" if narrowed else "no slice narrowed",
            not narrowed,
            waived_by=Waiver.FINDING,
        ),
    )


def _scored(part: pa.Table, record_set: Read, judged: Judged, sources: Mapping[str, SourceRecord], at: int) -> pa.Table:
    rows = slice(at, at + len(part))
    evidence = part["evidence"].to_pylist()
    columns = {
        "quality": judged.quality[rows],
        "diversity": judged.diversity[rows],
        "reliability": judged.reliability[rows],
        "priority": judged.priority[rows],
        "slice": record_set.slice[rows],
        "explanation": [
            explanation(record_set, sources, at + position, evidence=evidence[position])
            for position in range(len(part))
        ],
        "outcome": [OUTCOMES[code] for code in judged.outcome[rows]],
        "outcome_reason": judged.reason[rows],
        "position": judged.position[rows],
        "running_ratio": judged.running_ratio[rows],
    }
    for name, values in columns.items():
        part = part.append_column(SCORED.field(name), pa.array(values, type=SCORED.field(name).type))
    return part.select(SCORED.names).cast(SCORED)
