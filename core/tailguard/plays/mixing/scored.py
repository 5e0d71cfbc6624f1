"""The records behind a figure: what was scored, kept, dropped or flagged in a run, with scores and their explanation."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute

from tailguard.domain.facts import Artifact
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.wording import counted
from tailguard.runlog.view import latest
from tailguard.workspace import Workspace

_COLUMNS = (
    "id", "text", "source", "origin", "slice", "quality", "diversity", "reliability", "priority", "outcome",
    "outcome_reason", "position", "running_ratio", "explanation",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ScoredRecord:
    """A record with its three scores (0 to 1), what became of it, and why, in words."""

    id: str
    text: str
    source: str
    origin: str
    slice: str
    quality: float
    diversity: float
    reliability: float
    priority: float
    outcome: RecordOutcome
    reason: str
    position: int
    running_ratio: float
    why: str


def scored(
    workspace: Workspace, run: str, *, outcome: RecordOutcome, reason: Reason | None, limit: int
) -> list[ScoredRecord]:
    """Up to `limit` records of a run with that outcome, and that reason where it is named.

    Flagged ones come in their order, the others by identity. Empty where the run has not been scored.
    """
    with workspace.log.reading() as view:
        kept = latest(view.recorded(Artifact, run=run, stage="score", direction="out", kind="scored"))
    if kept is None:
        return []
    parts = []
    for batch in workspace.store.batches("scored", kept.fact.digest, _COLUMNS):
        chosen = pa.compute.equal(batch["outcome"], str(outcome))
        if reason is not None:
            chosen = pa.compute.and_(chosen, pa.compute.equal(batch["outcome_reason"], str(reason)))
        parts.append(pa.Table.from_batches([batch.filter(chosen)]))
    if not parts:
        return []
    table = pa.concat_tables(parts)
    order = [("position", "ascending"), ("id", "ascending")]
    rows = table.take(pa.compute.select_k_unstable(table, k=min(limit, len(table)), sort_keys=order)).to_pylist()
    return [
        ScoredRecord(
            **{name: row[name] for name in _COLUMNS if name not in ("outcome", "outcome_reason", "explanation")},
            outcome=RecordOutcome(row["outcome"]),
            reason=Reason(row["outcome_reason"]).label,
            why=in_words(row["explanation"]),
        )
        for row in rows
    ]


def in_words(explanation: str) -> str:
    """What a record's scores are made of, in a sentence or three."""
    details = json.loads(explanation)
    fails = details["quality"]["fails"]
    terms = details["diversity"]["rare terms"]
    of = details["reliability"]
    parts = [f"fails {len(fails)} of the quality rules: {', '.join(fails)}" if fails else "meets every quality rule"]
    if terms:
        shown = ", ".join(terms[:5]) + (" and others" if len(terms) > 5 else "")
        parts.append(
            f"holds rare terms {shown}; {counted(details['diversity']['texts in the emptiest cell'], 'text')} in the emptiest cell"
        )
    else:
        parts.append("holds no rare term")
    parts.append(
        f"tag rests on {of['evidence']} ({of['of the evidence']:.2f} x {of['of the source']:.2f} for its source)"
    )
    if "shares words with prompt" in details:
        parts.append(f"shares a long run of words with prompt {details['shares words with prompt']}")
    return "; ".join(parts)
