"""Which demand is met by which control, what shows it, and since when: the table on the first page of a pack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.facts import (
    AnchorFrozen,
    BatchTaken,
    CanaryResult,
    Clearance,
    CompositionPart,
    Fact,
    GateDecision,
    GateSignedOff,
    HandOff,
    IncidentClosed,
    LedgerKept,
    LoopsReviewed,
    MeetingEnded,
    OverrideRequested,
    PlayAttested,
    RatioMeasured,
    Reproduced,
    ReviewDecision,
    RunbookRevised,
    SourceSignedOff,
    StreamWeek,
    SuiteFrozen,
)
from tailguard.runlog.view import LogView


@dataclass(frozen=True, kw_only=True)
class Control:
    """A demand, the control that meets it, the kind of row that shows it, how many there are, and the newest with its date."""

    demand: str
    control: str
    evidence: str
    rows: int
    newest: str
    when: datetime | None


_CONTROLS: tuple[tuple[str, str, str, type[Fact]], ...] = (
    (
        "origin of training data is known",
        "every record is tagged at intake, with evidence",
        "batches taken in",
        BatchTaken,
    ),
    ("provenance cannot be altered", "Merkle root of each ledger of tags in the log", "ledgers kept", LedgerKept),
    ("doubtful data is reviewed by people", "quarantine until a person decides", "decisions", ReviewDecision),
    ("sources are agreed and signed off", "contracts, signed by the quality owner", "signatures", SourceSignedOff),
    (
        "share of synthetic data is limited",
        "ceiling in records and tokens, with bounds",
        "ratios measured",
        RatioMeasured,
    ),
    ("composition of training data is documented", "parts by source and origin of each set", "parts", CompositionPart),
    ("training needs leave", "signed clearance before each training", "clearances asked for", Clearance),
    ("a human baseline is kept", "frozen anchor set, verified by digest", "anchors frozen", AnchorFrozen),
    (
        "models are tested before release",
        "paired non-inferiority gate on frozen prompts",
        "gate decisions",
        GateDecision,
    ),
    (
        "people decide on releases",
        "quality owner's sign-off of a verdict before shipping",
        "sign-offs",
        GateSignedOff,
    ),
    ("tests are fixed and versioned", "frozen suite with rare-case slices", "suites frozen", SuiteFrozen),
    (
        "controls are tested themselves",
        "planted damage of six kinds, harmless changes and A/A in every gate",
        "self-tests",
        CanaryResult,
    ),
    ("models are monitored in use", "weekly diversity against a frozen reference", "weeks measured", StreamWeek),
    ("feedback loops are known and guarded", "graph of flows with checkpoints", "reviews of loops", LoopsReviewed),
    (
        "exceptions are dated, reasoned, approved",
        "overrides with expiry and second person",
        "overrides asked for",
        OverrideRequested,
    ),
    ("exceptions are reviewed", "monthly meeting with minutes", "meetings", MeetingEnded),
    ("defences are checked for decay", "machine evidence and attestation of each play", "attestations", PlayAttested),
    (
        "incidents are rehearsed and handled",
        "one protocol, timed, with root cause and change",
        "responses closed",
        IncidentClosed,
    ),
    ("procedures are documented", "runbook written from policy and code, acknowledged", "revisions", RunbookRevised),
    ("results are traceable", "record of each run, by digest", "hand-offs", HandOff),
    ("results can be reproduced by others", "replay from the record alone", "repetitions", Reproduced),
)


def controls(view: LogView) -> list[Control]:
    """The table, from the log. A control without a row says so."""
    table = []
    for demand, control, evidence, kind in _CONTROLS:
        rows = view.recorded(kind)
        newest = rows[-1] if rows else None
        table.append(
            Control(
                demand=demand,
                control=control,
                evidence=evidence,
                rows=len(rows),
                newest=newest.id if newest else "",
                when=newest.recorded if newest else None,
            )
        )
    return table
