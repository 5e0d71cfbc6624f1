"""Model card and dataset card with Hugging Face front matter, and the draft of the EU's summary of training content.

Formats: Hugging Face Hub model and dataset card metadata; "Template for the Public Summary of Training Content for
general-purpose AI models" of the European Commission (24 July 2025), whose synthetic section (2.5) is filled here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tailguard.domain import changes
from tailguard.domain.facts import Composition, CompositionPart, Generation
from tailguard.domain.markdown import plain
from tailguard.domain.references import reference_name
from tailguard.domain.sources import Contract
from tailguard.plays.lineages import GenerationStatus, MeasureStatus
from tailguard.policy.model import Policy

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The generation that a pack is about, its training set and what is known of its sources."""

    status: GenerationStatus
    made: Generation
    composed: Composition
    parts: Sequence[CompositionPart]
    contracts: dict[str, Contract]
    synthetic_writers: Sequence[str]

    @property
    def licences(self) -> list[str]:
        """Licences of the sources, as their contracts name them."""
        return sorted(
            {
                contract.licence
                for name, contract in self.contracts.items()
                if name in {part.source for part in self.parts}
            }
        )


def model_card(subject: Subject, policy: Policy) -> str:
    """A model card: what it was trained on, how it was evaluated, what its gate said."""
    status = subject.status
    front: dict[str, Any] = {
        "license": "other",
        "license_name": ", ".join(subject.licences) or "not stated",
        "tags": ["tailguard", "text-generation"],
        "datasets": [status.snapshot or ""],
        "model-index": [
            {
                "name": status.run,
                "results": [
                    {
                        "task": {"type": "text-generation"},
                        "dataset": {"type": "tailguard-suite", "name": "frozen suite"},
                        "metrics": [
                            {
                                "type": str(measure.measure),
                                "name": f"{measure.label} against "
                                f"{reference_name(measure.reference_kind, measure.reference)}",
                                "value": round(measure.delta, 6),
                            }
                            for measure in status.measures
                        ],
                    }
                ],
            }
        ],
    }
    lines = [
        f"# {plain(status.run)}",
        "",
        f"Generation {status.number} of the lineage {plain(subject.made.lineage)} of {plain(policy.team)}, after "
        f"{plain(status.parent or 'no other')}. Trainer: {plain(subject.made.trainer)}. Weights `{subject.made.weights}`.",
        "",
        "## Training data",
        "",
        _parts(subject),
        "",
        f"Synthetic ratio {subject.composed.ratio_records:.1%} of records and {subject.composed.ratio_tokens:.1%} of tokens; the "
        f"ceiling was {subject.composed.ceiling:.0%}. Snapshot `{subject.composed.snapshot}`.",
        "",
        "## Evaluation",
        "",
        f"Verdict of its gate: {status.verdict or 'none'}. {plain(status.reason or '')}",
        "",
        "| measure | reference | change | interval | margin | verdict |",
        "|---|---|---|---|---|---|",
        *(_measure_row(measure) for measure in status.measures),
        "",
        "The gate measures loss of diversity and of rare cases. It does not judge facts, safety or bias.",
        "",
    ]
    return _with_front(front, lines)


def _measure_row(measure: MeasureStatus) -> str:
    return (
        f"| {plain(measure.label)} | {plain(measure.reference)} ({measure.reference_kind}) | "
        f"{changes.signed(measure.measure, measure.delta)} | "
        f"{changes.interval(measure.measure, measure.low, measure.high)} ({measure.confidence:.0%}) | "
        f"{changes.size(measure.measure, measure.margin)} | {measure.verdict} |"
    )


def dataset_card(subject: Subject, policy: Policy) -> str:
    """A dataset card of the training set."""
    made = subject.composed
    front = {
        "license": "other",
        "license_name": ", ".join(subject.licences) or "not stated",
        "pretty_name": f"Training set of {made.run}",
        "size_categories": [next((name for limit, name in _SIZES if made.records < limit), "n>10M")],
        "source_datasets": sorted({part.source for part in subject.parts}),
        "tags": ["tailguard", "synthetic" if made.synthetic_records else "human-written"],
        "task_categories": ["text-generation"],
    }
    lines = [
        f"# Training set of {plain(made.run)}",
        "",
        f"{made.records:,} records, {made.tokens:,} tokens, composed by {plain(policy.team)}; snapshot "
        f"`{made.snapshot}`, training file "
        f"`{made.content}`.",
        "",
        "## Provenance",
        "",
        _parts(subject),
        "",
        "Each record carries a tag: origin, evidence, who or what decided it. Unknown counts as synthetic.",
        "",
        "## Sources",
        "",
        "| source | owner | licence | declares | signed by |",
        "|---|---|---|---|---|",
        *(
            f"| {plain(name)} | {plain(contract.owner)} | {plain(contract.licence)} | {contract.declared} | "
            f"{plain(contract.signed_by or 'nobody')} |"
            for name, contract in sorted(subject.contracts.items())
        ),
        "",
    ]
    return _with_front(front, lines)


def eu_summary(subject: Subject, policy: Policy) -> str:
    """A draft after the Commission's template: what the log knows is filled in, the rest is left to a person, and says so."""
    made = subject.composed
    ask = "_to be filled in by a person_"
    synthetic = [part for part in subject.parts if part.origin in ("ai", "mixed")]
    writers = ", ".join(plain(writer) for writer in subject.synthetic_writers) or "not recorded"
    lines = [
        f"# Public summary of training content: {plain(made.run)} (draft)",
        "",
        "After the template of the European Commission, 24 July 2025. Filled from the run log where it knows; a person "
        "completes and signs.",
        "",
        "## 1. General information",
        "",
        f"- 1.1 Provider: {plain(policy.team)}; contact: {ask}",
        f"- 1.2 Model: {plain(made.run)}, depends on: {plain(subject.made.parent or 'no earlier generation')}; placed "
        f"on the market: {ask}",
        f"- 1.3 Modality: text. Size: {made.tokens:,} tokens in {made.records:,} records. Languages, latest date of "
        f"acquisition: {ask}",
        "",
        "## 2. List of data sources",
        "",
        f"- 2.1 Publicly available datasets: {ask}",
        f"- 2.2 Private datasets obtained from third parties: {ask}",
        f"- 2.3 Data crawled and scraped from online sources: {ask}",
        f"- 2.4 User data: {ask}",
        "",
        "Sources as the log has them, to be sorted into 2.1 to 2.4:",
        "",
        _parts(subject),
        "",
        "### 2.5 Synthetic data",
        "",
        f"- Was synthetic AI-generated data used to train the model? {'Yes' if synthetic else 'No'}.",
        "- Modality: text.",
        f"- Records: {made.synthetic_records:,.0f} of {made.records:,} ({made.ratio_records:.1%}); tokens: "
        f"{made.synthetic_tokens:,.0f} of "
        f"{made.tokens:,} ({made.ratio_tokens:.1%}). Mixed records count by their share, records of unknown origin as synthetic.",
        f"- Models that wrote it, as far as their text was recognised as our own: {writers}.",
        f"- Sources: {', '.join(sorted({plain(part.source) for part in synthetic})) or 'none'}.",
        f"- Limit in force: {made.ceiling:.0%}; text was filtered by published quality rules and kept where it covered rare cases.",
        "",
        f"- 2.6 Other sources: {ask}",
        "",
        "## 3. Data processing aspects",
        "",
        f"- 3.1 Reservation of rights (text and data mining): {ask}",
        f"- 3.2 Removal of illegal content: {ask}",
        "- 3.3 Other: every record carries an origin with its evidence; near-duplicates and evaluation items are removed.",
        "",
    ]
    return "\n".join(lines)


def _parts(subject: Subject) -> str:
    rows = [
        f"| {plain(part.source)} | {part.role} | {part.origin} | {part.records:,} | {part.tokens:,} |"
        for part in subject.parts
    ]
    return "\n".join(["| source | role | origin | records | tokens |", "|---|---|---|---|---|", *rows])


def _with_front(front: dict[str, Any], lines: list[str]) -> str:
    return "\n".join(["---", yaml.safe_dump(front, sort_keys=True, allow_unicode=True).rstrip(), "---", "", *lines])
