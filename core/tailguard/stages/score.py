"""Stage 2, filter and score: three scores a record, an origin-aware filter with reasons, and the ceiling's flags.

Quality is the share of published rules that a text meets: document heuristics of Gopher (J. W. Rae et al. 2021, table
A1) and C4 (C. Raffel et al. 2020, section 2.2). Diversity contribution is what the record adds to rare cells that few
others of this run cover, computed from counts over the whole input, so that the order of records does not matter.
Reliability follows from the evidence behind the tag.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import pyarrow as pa

from tailguard.diversity.metrics import bigrams, words
from tailguard.domain.facts import Fact, FlaggedRecord, ReasonCount, TailCoverage
from tailguard.domain.recipe import synthetic_allowed
from tailguard.domain.records import SCORED
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.tags import Evidence, Origin
from tailguard.errors import InputError
from tailguard.policy import Score
from tailguard.store.files import Store

RELIABILITY = {
    Evidence.OWN_OUTPUT: 1.0,
    Evidence.REVIEW: 0.9,
    Evidence.DECLARATION: 0.8,
    Evidence.DETECTOR: 0.6,
    Evidence.NONE: 0.0,
}
"""Reliability (0 to 1) of a tag by its evidence."""

RARE_CONTRIBUTION = 0.2
"""A record with at least this diversity contribution covers a rare cell: alone in it (0.5) or with up to two others."""

_LOGGED_FLAGS = 50


@dataclass(frozen=True)
class HumanBase:
    """Human text that the composition will hold besides this run's records: anchor and earlier human records."""

    records: int
    tokens: int


@dataclass
class _Row:
    values: dict[str, object]
    id: str
    origin: Origin
    share: float
    tokens: int
    rare: frozenset[str]
    quality: float = 0.0
    diversity: float = 0.0
    outcome: str = "kept"
    reason: str = ""
    position: int = 0
    running_ratio: float = 0.0


def score(
    records: pa.Table,
    *,
    run: str,
    store: Store,
    rare_terms: frozenset[str],
    base: HumanBase,
    ceiling: float,
    policy: Score,
) -> Outcome:
    """Score and filter a run's tagged records. Raises InputError when one is untagged or held, naming it."""
    _refuse_held(records)
    rows = [
        _Row(
            row,
            row["id"],
            Origin(row["origin"]),
            row["share"],
            row["tokens"],
            rare_terms.intersection(words(row["text"])),
        )
        for row in records.to_pylist()
    ]
    _score(rows)
    for row in rows:
        row.outcome, row.reason = _filter(row, policy)
    flagged = _flag(rows, base, ceiling)
    table = pa.Table.from_pylist([_scored(row) for row in rows], schema=SCORED)
    digest = store.put_table("scored", table)
    kept = [row for row in rows if row.outcome == "kept"]
    synthetic = [row for row in kept if row.origin is not Origin.HUMAN]
    lowest = min((row.quality for row in synthetic), default=1.0)
    ratio = _ratio(kept, base)
    facts: list[Fact] = [*_coverage(run, rows, rare_terms), *_reasons(run, rows)]
    facts += [
        FlaggedRecord(run, row.position, row.id, str(row.values["source"]), row.running_ratio, ceiling)
        for row in flagged[:_LOGGED_FLAGS]
    ]
    return Outcome(
        result={"scored": digest},
        criteria=(
            Criterion(
                "synthetic quality",
                f"every kept synthetic record reaches {policy.rare_quality:.2f}",
                f"lowest {lowest:.2f} of {len(synthetic)}",
                lowest >= policy.rare_quality,
            ),
            Criterion(
                "ratio within limits",
                f"at most {ceiling:.1%} synthetic",
                f"{ratio:.1%} without the flagged",
                ratio <= ceiling,
            ),
        ),
        inputs=(Named("records", "advancing", store.put_table("records", records)),),
        outputs=(Named("scored", "", digest),),
        facts=tuple(facts),
        records_in=len(rows),
        records_out=len(kept) + len(flagged),
    )


def _refuse_held(records: pa.Table) -> None:
    wrong = [
        row["id"]
        for row in records.select(["id", "origin", "held", "tag_digest"]).to_pylist()
        if row["held"] or row["origin"] == Origin.UNKNOWN or not row["tag_digest"]
    ]
    if wrong:
        shown = ", ".join(wrong[:5])
        raise InputError(
            f"{len(wrong)} record(s) are untagged or held and cannot be scored: {shown}. "
            "Decide them with `tailguard quarantine decide`."
        )


def quality_rules(text: str) -> dict[str, bool]:
    """Which rules a text meets; quality is the share of them (0 to 1)."""
    pieces = text.split()
    count = len(pieces) or 1
    letters = sum(piece.lower() != piece.upper() or piece.isalpha() for piece in pieces)
    mean_length = sum(map(len, pieces)) / count
    pairs = bigrams([piece.casefold() for piece in pieces])
    lowered = {piece.casefold().strip(".,;:!?\"'()") for piece in pieces}
    return {
        "at least 8 words": len(pieces) >= 8,
        "mean word length 3 to 10": 3 <= mean_length <= 10,
        "80 % of words hold a letter": letters / count >= 0.8,
        "at most 10 % symbols": (text.count("#") + text.count("...") + text.count("…")) / count <= 0.1,
        "two common words": len(lowered & {"the", "be", "to", "of", "and", "that", "have", "with"}) >= 2,
        "at most 30 % repeated word pairs": not pairs or 1 - len(set(pairs)) / len(pairs) <= 0.3,
        "ends like a sentence": text.rstrip().endswith((".", "!", "?", '"', "'", ":", ")", "`")),
        "no filler": "lorem ipsum" not in text.casefold() and "javascript" not in lowered,
    }


def _score(rows: Sequence[_Row]) -> None:
    covered = Counter(term for row in rows for term in row.rare)
    for row in rows:
        rules = quality_rules(str(row.values["text"]))
        failing = sorted(name for name, met in rules.items() if not met)
        row.quality = 1 - len(failing) / len(rules)
        novelty = fsum(1 / covered[term] for term in row.rare)  # exact, so that the order of a set does not show
        row.diversity = novelty / (1 + novelty)
        explanation = {"fails": failing, "rare terms": sorted(row.rare)[:20], "tag": row.values["evidence"]}
        row.values["explanation"] = json.dumps(explanation, ensure_ascii=False, sort_keys=True)


def _filter(row: _Row, policy: Score) -> tuple[str, str]:
    """Origin-aware: human text is dropped only when it is hardly text; synthetic text has to be good, or rare and fair."""
    if row.origin is Origin.HUMAN:
        if row.quality < policy.human_quality:
            return "dropped", f"human, quality below {policy.human_quality:.2f}"
        return "kept", "human"
    if row.quality >= policy.synthetic_quality:
        return "kept", "synthetic of good quality"
    if row.quality >= policy.rare_quality and row.diversity >= RARE_CONTRIBUTION:
        return "kept", "synthetic that covers a rare cell"
    return "dropped", f"synthetic, quality below {policy.synthetic_quality:.2f} and no rare cell"


def _weight(row: _Row) -> float:
    return row.share


def _ratio(kept: Sequence[_Row], base: HumanBase) -> float:
    synthetic = (sum(map(_weight, kept)), sum(_weight(row) * row.tokens for row in kept))
    total = (len(kept) + base.records, sum(row.tokens for row in kept) + base.tokens)
    return max((part / whole for part, whole in zip(synthetic, total, strict=True) if whole), default=0.0)


def _flag(rows: Sequence[_Row], base: HumanBase, ceiling: float) -> list[_Row]:
    """Take synthetic records by diversity, then quality, while they fit; flag the others with the ratio they would make."""
    kept = [row for row in rows if row.outcome == "kept"]
    human_records = base.records + sum(1 - _weight(row) for row in kept)
    human_tokens = base.tokens + sum((1 - _weight(row)) * row.tokens for row in kept)
    allowed_records = synthetic_allowed(human_records, ceiling)
    allowed_tokens = synthetic_allowed(human_tokens, ceiling)
    candidates = sorted((row for row in kept if _weight(row)), key=lambda row: (-row.diversity, -row.quality, row.id))
    records = tokens = 0.0
    flagged: list[_Row] = []
    for row in candidates:
        records += _weight(row)
        tokens += _weight(row) * row.tokens
        if flagged or records > allowed_records or tokens > allowed_tokens:
            row.outcome, row.reason = "flagged", "would push the ratio past its ceiling"
            row.position = len(flagged) + 1
            row.running_ratio = max(records / (records + human_records), tokens / (tokens + human_tokens))
            flagged.append(row)
    return flagged


def _scored(row: _Row) -> dict[str, object]:
    return {
        **row.values,
        "quality": row.quality,
        "diversity": row.diversity,
        "reliability": RELIABILITY[Evidence(str(row.values["evidence"]))],
        "outcome": row.outcome,
        "outcome_reason": row.reason,
        "position": row.position,
        "running_ratio": row.running_ratio,
    }


def _coverage(run: str, rows: Sequence[_Row], rare_terms: frozenset[str]) -> list[TailCoverage]:
    facts = []
    for moment, chosen in (("before", rows), ("after", [row for row in rows if row.outcome != "dropped"])):
        for origin in sorted({row.origin for row in rows}):
            covered = {term for row in chosen if row.origin is origin for term in row.rare}
            facts.append(TailCoverage(run, moment, str(origin), len(covered), len(rare_terms)))
    return facts


def _reasons(run: str, rows: Sequence[_Row]) -> list[ReasonCount]:
    counted = Counter((row.outcome, str(row.values["source"]), str(row.origin), row.reason) for row in rows)
    return [
        ReasonCount(run, "score", outcome, source, origin, reason, count)
        for (outcome, source, origin, reason), count in sorted(counted.items())
    ]
