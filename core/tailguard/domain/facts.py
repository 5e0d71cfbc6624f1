"""The facts that the run log remembers, one frozen class a fact. The tables are made from these classes.

A fact is written once and never changed. What is true now (an override is open, a generation is shipped) is a view over
facts. Shares are 0 to 1, times are UTC without a zone, digests are lower-case hex, runs are named `lineage/number`, and
the generation that a run makes bears the run's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.alarms import AlarmKind
from tailguard.domain.damage import Damage
from tailguard.domain.defects import Defect
from tailguard.domain.gates import Gate, Mode
from tailguard.domain.incidents import Gap
from tailguard.domain.measures import Measure
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.domain.references import ReferenceKind
from tailguard.domain.roles import Right
from tailguard.domain.shipping import Action
from tailguard.domain.stages import Requirement, Stage
from tailguard.domain.verdict import Verdict


@dataclass(frozen=True)
class Fact:
    """What every fact is. Who, when, and the place in the hash chain are added by the recorder."""


@dataclass(frozen=True, kw_only=True)
class PolicyInForce(Fact):
    """A policy that runs were made under, whole, so that what it allowed can be read later."""

    digest: str
    team: str
    text: str


@dataclass(frozen=True, kw_only=True)
class RunStarted(Fact):
    """A pass through the stages began. `parent` is the generation whose human records its training set keeps: the newest one that
    was shipped and is neither frozen nor rolled back, None where there is none. What its gate compares it with are its
    references (`ReferenceKind`), which are chosen when the gate runs."""

    run: str
    lineage: str
    number: int
    parent: str | None
    mode: Mode
    policy: str
    request: str
    seed: int
    tool_version: str


@dataclass(frozen=True, kw_only=True)
class StageStarted(Fact):
    """A stage began work; with StageResult it tells how far a run has come."""

    run: str
    stage: Stage


@dataclass(frozen=True, kw_only=True)
class StageResult(Fact):
    """A stage ended. `passed` says that each exit criterion held or was waived; `output` is the digest of its result."""

    run: str
    stage: Stage
    started: datetime
    passed: bool
    records_in: int
    records_out: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Artifact(Fact):
    """An input or output of a stage, by the digest of its content."""

    run: str
    stage: Stage
    direction: str
    kind: str
    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class ExitCriterion(Fact):
    """What a stage had to meet before the next one could start, what was seen, and who waived it if it was waived."""

    run: str
    stage: Stage
    name: Requirement
    required: str
    observed: str
    met: bool
    waived_by: str | None


@dataclass(frozen=True, kw_only=True)
class BatchTaken(Fact):
    """A batch came in from one source. `estimate` is the share that looks model-made (PACC), with its 90 % interval."""

    run: str
    batch: str
    source: str
    declared: str
    file: str
    read: int
    rejected: int
    duplicates: int
    confident: int
    held: int
    estimate: float | None
    estimate_low: float | None
    estimate_high: float | None
    conflict: str | None


@dataclass(frozen=True, kw_only=True)
class ProvenanceCount(Fact):
    """How many records of a batch got one origin for one kind of evidence."""

    run: str
    batch: str
    source: str
    declared: str
    origin: str
    evidence: str
    records: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class ReasonCount(Fact):
    """How many records a stage dropped, held, flagged or rejected for one reason."""

    run: str
    stage: Stage
    outcome: RecordOutcome
    source: str
    origin: str
    reason: Reason
    records: int


@dataclass(frozen=True, kw_only=True)
class ReviewDecision(Fact):
    """A person decided the origin of a record that was held."""

    record: str
    batch: str
    source: str
    origin: str
    reason: str
    held_since: datetime


@dataclass(frozen=True, kw_only=True)
class DetectorCalibrated(Fact):
    """A detector was fitted and calibrated; rates are measured on texts it was not fitted on."""

    detector: str
    name: str
    anchor: str
    outputs_of: str
    human_texts: int
    ai_texts: int
    auroc: float
    true_positive_rate: float
    false_positive_rate: float
    error_rate: float


@dataclass(frozen=True, kw_only=True)
class AnchorFrozen(Fact):
    """The human anchor set was frozen."""

    anchor: str
    name: str
    records: int
    tokens: int
    rare_terms: int


@dataclass(frozen=True, kw_only=True)
class SuiteFrozen(Fact):
    """The evaluation suite was frozen."""

    suite: str
    name: str
    prompts: int
    tail_prompts: int
    samples_per_prompt: int
    rare_terms: int


@dataclass(frozen=True, kw_only=True)
class TailCoverage(Fact):
    """Rare cells that a run's records of one origin cover, before or after the filter."""

    run: str
    moment: str
    origin: str
    covered: int
    cells: int


@dataclass(frozen=True, kw_only=True)
class Composition(Fact):
    """A training set was put together. Shares are of model-made text, against the ceiling in force at that time."""

    run: str
    lineage: str
    snapshot: str
    content: str
    anchor: str | None
    records: int
    tokens: int
    anchor_records: int
    synthetic_records: float
    synthetic_tokens: float
    ratio_records: float
    ratio_tokens: float
    ceiling: float
    requested: float | None


@dataclass(frozen=True, kw_only=True)
class CompositionPart(Fact):
    """One source and origin in a training set."""

    run: str
    snapshot: str
    role: str
    origin: str
    source: str
    records: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class FlaggedRecord(Fact):
    """A record that would have pushed the ratio past its ceiling, in order, with the ratio it would have made."""

    run: str
    position: int
    record: str
    source: str
    running_ratio: float
    ceiling: float


@dataclass(frozen=True, kw_only=True)
class Clearance(Fact):
    """The answer to a training job that asked whether it may use a snapshot."""

    run: str
    lineage: str
    snapshot: str
    allowed: bool
    enforced: bool
    exit_code: int
    reason: str
    override: str | None


@dataclass(frozen=True, kw_only=True)
class Generation(Fact):
    """A model was trained."""

    run: str
    lineage: str
    number: int
    parent: str | None
    snapshot: str
    weights: str
    trainer: str


@dataclass(frozen=True, kw_only=True)
class Evaluation(Fact):
    """A generation answered the frozen suite."""

    run: str
    suite: str
    outputs: str
    decoding: str
    prompts: int
    samples_per_prompt: int
    mean_words: float
    empty_share: float


@dataclass(frozen=True, kw_only=True)
class Measurement(Fact):
    """One measure of one generation on its own, at a budget that stays the same: of words, of pairs, or of prompts."""

    run: str
    measure: Measure
    value: float
    budget: int


@dataclass(frozen=True, kw_only=True)
class ComparedMeasure(Fact):
    """One gating measure against one reference: delta, interval and margin are shares of the reference's value, or points where the
    measure is in points. `slice` is empty where it is over all prompts; the interval is of the `confidence` given (0 to 1)."""

    run: str
    reference_kind: ReferenceKind
    reference: str
    measure: Measure
    slice: str
    reference_value: float
    candidate_value: float
    delta: float
    low: float
    high: float
    margin: float
    verdict: Verdict
    detectable_loss: float
    prompts: int
    prompts_to_settle: int | None
    confidence: float

    @property
    def label(self) -> str:
        """What people call it."""
        return self.measure.within(self.slice)


@dataclass(frozen=True, kw_only=True)
class GuardCheck(Fact):
    """A condition without which two generations cannot be compared."""

    run: str
    reference_kind: ReferenceKind
    name: str
    required: str
    observed: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class FloorCheck(Fact):
    """An absolute condition on the answers of a generation that nothing was compared with, such as a first one."""

    run: str
    name: str
    required: str
    observed: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class UnusableAnswers(Fact):
    """Answers of a candidate with one defect, beside those of a reference: shares (0 to 1) of all answers."""

    run: str
    reference_kind: ReferenceKind
    reference: str
    defect: Defect
    reference_share: float
    candidate_share: float


@dataclass(frozen=True, kw_only=True)
class UnusableExample(Fact):
    """An unusable answer of a candidate, for people to read; its prompt and its beginning."""

    run: str
    defect: Defect
    prompt: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class GateDecision(Fact):
    """What a gate said. `enforced` is False in observe mode: then it was logged, and nothing was stopped."""

    run: str
    lineage: str
    gate: Gate
    verdict: Verdict
    enforced: bool
    reason: str
    override: str | None


@dataclass(frozen=True, kw_only=True)
class GateSignedOff(Fact):
    """The quality owner approved a generation for shipping, or declined it. `decision` is the row of the verdict that it is
    about: a new verdict needs a new sign-off. `seconds` is the time to decide, from the verdict on."""

    run: str
    lineage: str
    decision: str
    approved: bool
    note: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CanaryResult(Fact):
    """A self-test of the gate: damage planted at some strength (0 to 1) must be blocked, a harmless change must not.

    `loss` is how far the measure that the damage aims at fell.
    """

    run: str
    kind: Damage
    strength: float
    loss: float
    verdict: Verdict
    as_expected: bool


@dataclass(frozen=True, kw_only=True)
class OverrideRequested(Fact):
    """Somebody asked for an exception to one gate, for one run, until a date, for a reason."""

    override: str
    gate: Gate
    lineage: str
    run: str
    reason: str
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class OverrideDecided(Fact):
    """Somebody approved, refused or closed an override."""

    override: str
    decision: str
    note: str


@dataclass(frozen=True, kw_only=True)
class OverrideUsed(Fact):
    """An override let something through."""

    override: str
    run: str
    gate: Gate
    effect: str


@dataclass(frozen=True, kw_only=True)
class ShippingEvent(Fact):
    """What happened to a generation: shipped, refused, frozen, unfrozen, rolled back, or restored (put back in production)."""

    run: str
    lineage: str
    action: Action
    reason: str
    override: str | None


@dataclass(frozen=True, kw_only=True)
class HandOff(Fact):
    """The record of a run was written."""

    run: str
    file: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class OutputsLogged(Fact):
    """Texts that a generation of ours wrote were fingerprinted, so that they are recognised when they come back."""

    run: str
    purpose: str
    texts: int
    fingerprints: str


@dataclass(frozen=True, kw_only=True)
class LedgerKept(Fact):
    """The tags of a batch were written to a ledger; `root` is their Merkle root, over tag digests in ledger order."""

    run: str
    batch: str
    source: str
    ledger: str
    root: str
    tags: int


@dataclass(frozen=True, kw_only=True)
class ShareEstimated(Fact):
    """Estimated share of model-made text in a pool (0 to 1), by one method, with its 90 % interval.

    `pool` is `batch`, or `unknown` for the records that were held or without an origin.
    """

    run: str
    batch: str
    source: str
    pool: str
    method: str
    share: float
    low: float
    high: float
    records: int


@dataclass(frozen=True, kw_only=True)
class OwnOutputFound(Fact):
    """Text of one of our generations was found in a batch: an observed edge from that generation to this source.

    `kind` is a `domain.own_output.MatchKind`; `example` is the id of the first such record.
    """

    run: str
    batch: str
    source: str
    generation: str
    kind: str
    records: int
    example: str


@dataclass(frozen=True, kw_only=True)
class DriftChecked(Fact):
    """How far the scores of a batch's undisputed human records are from those that the detector was calibrated on.

    `distance` is the Kolmogorov-Smirnov distance (0 to 1), `allowed` what chance and a tolerance allow at this size.
    """

    run: str
    batch: str
    source: str
    detector: str
    records: int
    distance: float
    allowed: float
    drifted: bool


@dataclass(frozen=True, kw_only=True)
class SourceContract(Fact):
    """What is agreed about a source: who owns it, under which licence, what it declares, since when."""

    source: str
    owner: str
    licence: str
    declared: str
    since: datetime
    note: str


@dataclass(frozen=True, kw_only=True)
class SourceSignedOff(Fact):
    """The quality owner signed a source's contract, or took the signature back. `contract` is the row that was signed."""

    source: str
    contract: str
    signed: bool
    note: str


@dataclass(frozen=True, kw_only=True)
class ReviewOpinion(Fact):
    """What one reviewer thinks of a held record. The opinions that settle it are followed by a ReviewDecision."""

    record: str
    batch: str
    source: str
    origin: str
    code: str
    note: str
    held_since: datetime
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RuleFailed(Fact):
    """How many scored records of a source and origin failed a quality rule. A record that fails several is in several."""

    run: str
    source: str
    origin: str
    family: str
    rule: str
    records: int


@dataclass(frozen=True, kw_only=True)
class SliceCoverage(Fact):
    """Rare cells (rare term x topic) of a slice that a run's records of one origin cover, before and after the filter.

    `likely_loss` is how many would be lost if as many records had been dropped at random; `narrowed` says that the filter
    lost more than that and more than the policy lets pass.
    """

    run: str
    slice: str
    origin: str
    before: int
    after: int
    records_before: int
    records_after: int
    likely_loss: float
    narrowed: bool


@dataclass(frozen=True, kw_only=True)
class RatioMeasured(Fact):
    """The synthetic ratio of a training set in one unit (records or tokens), with the bounds that its tags leave open."""

    run: str
    snapshot: str
    unit: str
    ratio: float
    low: float
    high: float
    ceiling: float
    enforced_on: str


@dataclass(frozen=True, kw_only=True)
class EarlierHumanKept(Fact):
    """How much of the human text of the previous generation's training set stands in this one too."""

    run: str
    previous: str
    before: int
    kept: int
    allowed_loss: float


@dataclass(frozen=True, kw_only=True)
class AnchorChanged(Fact):
    """Records were added to the anchor set or retired from it; `anchor` is its digest since, `previous` the one before."""

    anchor: str
    previous: str
    action: str
    records: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class AnchorSlice(Fact):
    """How many records and tokens of a slice an anchor set holds."""

    anchor: str
    slice: str
    records: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class AnchorVerified(Fact):
    """The anchor set was read and held against its digest, record by record."""

    anchor: str
    records: int
    intact: bool


@dataclass(frozen=True, kw_only=True)
class ClearanceSigned(Fact):
    """A statement that a training set was cleared was signed; `statement` is the digest of what the signature is over."""

    run: str
    snapshot: str
    content: str
    statement: str
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class MixingAudited(Fact):
    """A data lead reviewed a run's training set and signed, or refused to: the second role beside the engineer who ran it."""

    run: str
    snapshot: str
    signed: bool
    note: str


@dataclass(frozen=True, kw_only=True)
class OverrideRenewal(Fact):
    """A requested override is to take the place of one that ends; approving it closes the other."""

    override: str
    renews: str


@dataclass(frozen=True, kw_only=True)
class MeetingStarted(Fact):
    """A monthly review of overrides began, with its agenda: override ids in order, separated by spaces."""

    meeting: str
    agenda: str


@dataclass(frozen=True, kw_only=True)
class MeetingAttended(Fact):
    """Somebody is at a meeting (or turned out not to be)."""

    meeting: str
    person: str
    present: bool


@dataclass(frozen=True, kw_only=True)
class MeetingDecided(Fact):
    """What a meeting decided on one item of its agenda, and why: approved, refused, kept, renewed or closed."""

    meeting: str
    override: str
    decision: str
    note: str


@dataclass(frozen=True, kw_only=True)
class MeetingEnded(Fact):
    """A meeting ended; its minutes are kept under their digest. `open_items` were not decided."""

    meeting: str
    minutes: str
    decided: int
    open_items: int


@dataclass(frozen=True, kw_only=True)
class CeilingCalibrated(Fact):
    """An experiment on the team's own data recommended a ceiling: the largest share at which the measure stays within the
    margin of its loss; `experiment` is the digest of all its figures."""

    lineage: str
    experiment: str
    measure: str
    generations: int
    repeats: int
    margin: float
    recommended: float
    smallest_cell: int
    closed_form: float
    ceiling: float


@dataclass(frozen=True, kw_only=True)
class CeilingPoint(Fact):
    """What an experiment measured at one share of synthetic text after some generations: mean over repeats, 90 % interval."""

    experiment: str
    lineage: str
    share: float
    generation: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class SecondaryMeasure(Fact):
    """A measure that does not gate, against one reference; `better` is +1 where more is more diverse, -1 where less is.
    `p_holm` is the one-sided p-value of "nothing was lost", corrected over the comparison's secondary measures."""

    run: str
    reference_kind: ReferenceKind
    reference: str
    measure: str
    better: int
    reference_value: float
    candidate_value: float
    delta: float
    low: float
    high: float
    p_holm: float
    lost: bool


@dataclass(frozen=True, kw_only=True)
class SliceMeasure(Fact):
    """One measure within one slice of the suite, against one reference; a slice that gates has a `ComparedMeasure` besides."""

    run: str
    reference_kind: ReferenceKind
    reference: str
    slice: str
    tail: bool
    prompts: int
    measure: Measure
    delta: float
    low: float
    high: float
    p_holm: float
    lost: bool


@dataclass(frozen=True, kw_only=True)
class CaseShift(Fact):
    """Something that the first of its references (its parent, else the one in production) does and the candidate does not
    (lost), or the reverse (gained): a rare term, a checked item, a topic or a prompt, with an answer of either side."""

    run: str
    direction: str
    kind: str
    what: str
    had: int
    has: int
    prompt: str
    example: str
    counterpart: str


@dataclass(frozen=True, kw_only=True)
class ReportKept(Fact):
    """A whole comparison was kept under its digest: what `tailguard compare` would have shown."""

    run: str
    reference_kind: ReferenceKind
    reference: str
    report: str


@dataclass(frozen=True, kw_only=True)
class Deployed(Fact):
    """A generation was deployed, or that was tried: weights verified by their digest, then the team's own command.

    `action` is ship or rollback; `replaced` is what was in production before. `exit_code` is that of the command, None without one.
    """

    run: str
    lineage: str
    action: str
    replaced: str | None
    weights: str
    exit_code: int | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StreamFrozen(Fact):
    """A stream's reference was frozen: what its later weeks are held against, measured in blocks of so many words."""

    stream: str
    reference: str
    texts: int
    blocks: int
    block_words: int


@dataclass(frozen=True, kw_only=True)
class StreamWeek(Fact):
    """One measure of the texts of one week, block by block: mean over its blocks, against the frozen reference.

    `e_value` is the e-process after this week (evidence against "not below the reference by more than the margin"; it is
    never reset); `alarm` says that it is past `threshold`; `figures` is the digest of the blocks' values.
    """

    stream: str
    reference: str
    week: datetime
    texts: int
    blocks: int
    measure: Measure
    value: float
    reference_value: float
    margin: float
    e_value: float
    threshold: float
    alarm: bool
    figures: str


@dataclass(frozen=True, kw_only=True)
class AlertRaised(Fact):
    """Something fell past a threshold. The same subject is not raised again while it stands."""

    alert: str
    kind: AlarmKind
    subject: str
    what: str
    source: str


@dataclass(frozen=True, kw_only=True)
class AlertSent(Fact):
    """An alert was handed to a channel (its kind, never its address), or that failed."""

    alert: str
    channel: str
    delivered: bool
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class TokensUsed(Fact):
    """What an endpoint said that answers have cost: tokens of prompts and of answers."""

    run: str
    purpose: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, kw_only=True)
class FlowsDeclared(Fact):
    """The flows.yaml that was found beside the policy, whole, so that what it declared can be read later."""

    digest: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LineageImported(Fact):
    """A lineage file of another system was imported; a newer import from the same file takes its place."""

    file: str
    digest: str
    form: str
    datasets: int
    jobs: int
    edges: int


@dataclass(frozen=True, kw_only=True)
class ImportedNode(Fact):
    """A dataset or job of an imported lineage file."""

    digest: str
    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class ImportedEdge(Fact):
    """Data flows from one node of an imported lineage file to another."""

    digest: str
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class CheckpointConfirmed(Fact):
    """Somebody confirmed that a checkpoint outside of Tailguard works, and what shows it."""

    checkpoint: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class LoopsReviewed(Fact):
    """A person reviewed every loop; `loops` has a line each (state, then path), to tell later what has changed since."""

    loops: str
    unguarded: int
    note: str


@dataclass(frozen=True, kw_only=True)
class AlertAcknowledged(Fact):
    """An alert was acknowledged by whoever recorded this; `note` is the plan."""

    alert: str
    note: str


@dataclass(frozen=True, kw_only=True)
class FindingAssigned(Fact):
    """A finding (`Finding.key`: its kind and subject) was assigned to whoever recorded this. `what` were its words then,
    `note` is the plan."""

    finding: str
    what: str
    note: str


@dataclass(frozen=True, kw_only=True)
class PlayAttested(Fact):
    """The quality owner says whether a play is really running in a month (YYYY-MM); `evidence` is what the log said then."""

    play: str
    month: str
    running: bool
    evidence: str
    note: str


@dataclass(frozen=True, kw_only=True)
class PlayHandedOver(Fact):
    """A play got another owner."""

    play: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class RunbookRevised(Fact):
    """The maintainer acknowledged a revision of the runbook, by the digest of its text."""

    digest: str
    note: str


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(Fact):
    """A collapse response began, rehearsed (`drill`) or real (`incident`); `trigger` is an alert's name or `schedule`."""

    incident: str
    kind: str
    lineage: str
    generation: str
    trigger: str
    what: str


@dataclass(frozen=True, kw_only=True)
class IncidentStep(Fact):
    """A step of a response was done: seconds since it could have begun, seconds that the machine took, and what shows it."""

    incident: str
    step: str
    seconds: float
    machine_seconds: float
    evidence: str


@dataclass(frozen=True, kw_only=True)
class IncidentGap(Fact):
    """Something that would have been missing in an emergency, found by a drill or an incident."""

    incident: str
    gap: Gap
    what: str


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(Fact):
    """A response ended: its root cause, the play that was changed, and how."""

    incident: str
    cause: str
    play: str
    change: str


@dataclass(frozen=True, kw_only=True)
class ContaminationAudited(Fact):
    """What a response found in a recent training set, by source and origin: records, how many of them are in doubt, and why."""

    incident: str
    run: str
    source: str
    origin: str
    records: int
    doubtful: int
    why: str
    report: str


@dataclass(frozen=True, kw_only=True)
class DeviationNoted(Fact):
    """Somebody told how a run departed from the runbook by hand, and why."""

    run: str
    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Reproduced(Fact):
    """Somebody replayed a run from its record alone: how many digests and measures were compared, and which differ."""

    run: str
    record: str
    identical: bool
    compared: int
    differences: str


@dataclass(frozen=True, kw_only=True)
class EvidencePacked(Fact):
    """An evidence pack was made: the digest of its manifest, and how many files it holds."""

    manifest: str
    files: int


@dataclass(frozen=True, kw_only=True)
class RecordsHeld(Fact):
    """Which records of a batch a run held: their ids, separated by spaces."""

    run: str
    batch: str
    source: str
    records: str


@dataclass(frozen=True, kw_only=True)
class AttemptRefused(Fact):
    """Somebody tried what their role does not allow: what, and why it was refused."""

    right: Right
    why: str


@dataclass(frozen=True, kw_only=True)
class ChainSealed(Fact):
    """A run's chain ended: its length and last hash, so that rows taken from its end are missed."""

    sealed: str
    length: int
    head: str


FACTS: tuple[type[Fact], ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, Fact) and value is not Fact
)
