"""Where did this record come from? What the ledgers, the log and the snapshots know of one record, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute

from tailguard.detection.own_outputs.index import Match, own_outputs
from tailguard.domain import merkle
from tailguard.domain.facts import AnchorFrozen, Artifact, Composition, Generation, LedgerKept, ReviewOpinion
from tailguard.domain.own_output import match_label
from tailguard.domain.records import record_id
from tailguard.domain.tags import digest_of_row
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.runlog.view import Recorded
from tailguard.runlog.views.references import frozen_anchor
from tailguard.runlog.views.sources import logged_outputs
from tailguard.store.files import Store
from tailguard.store.snapshots import members_of
from tailguard.workspace import Workspace

FEWEST_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class TagEntry:
    """A tag as a ledger holds it. `proven` says that it leads to the ledger's Merkle root in the run log."""

    run: str
    source: str
    batch: str
    origin: str
    evidence: str
    reason: str
    by: str
    held: bool
    share: float
    spans: str
    recorded: datetime
    ledger: str
    proven: bool


@dataclass(frozen=True)
class Answer:
    """What a reviewer said of the record."""

    by: str
    recorded: datetime
    origin: str
    code: str
    note: str


@dataclass(frozen=True)
class Use:
    """A training set that holds the record, in which role, and the generation that was trained on it, if one was."""

    run: str
    snapshot: str
    role: str
    generation: str | None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All that is known of one record. Tags are in the order in which they were given: the last one is in force."""

    record: str
    text: str | None
    declared: str | None
    declared_by: str | None
    meta: str | None
    score: float | None
    anchor: str | None
    tags: tuple[TagEntry, ...]
    answers: tuple[Answer, ...]
    uses: tuple[Use, ...]
    own_output: Match | None

    @property
    def known(self) -> bool:
        """Whether the record was ever taken in."""
        return bool(self.tags) or self.anchor is not None

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        if not self.known:
            ours = (
                f" It is a text of ours: {match_label(self.own_output.kind)} of {self.own_output.generation}."
                if self.own_output
                else ""
            )
            return f"{self.record[:12]} was never taken in.{ours}"
        if not self.tags:
            return f"{self.record[:12]} is human: it is in the frozen anchor {self.anchor}."
        tag = self.tags[-1]
        state = "held as unknown" if tag.held else f"tagged {tag.origin}"
        used = f"used in {counted(len(self.uses), 'training set')}" if self.uses else "used in no training set"
        return f"{self.record[:12]} came from {tag.source} in {tag.run}, is {state} on {tag.evidence} ({tag.reason}); {used}."


def trace(workspace: Workspace, what: str) -> Trace:
    """Trace a record by its id, by the beginning of it (8 hex digits or more), or by its text.

    Raises InputError where the beginning of an id fits several records.
    """
    return trace_all(workspace, [what])[0]


def trace_all(workspace: Workspace, wanted: Sequence[str]) -> list[Trace]:
    """Trace several records in one pass over the ledgers."""
    logged = _read_log(workspace)
    store = workspace.store
    ledgers = [_Ledger(kept, store.table("ledger", kept.fact.ledger)) for kept in logged.ledgers]
    anchored = _anchored_texts(store, logged.anchor)
    known = [*(ledger.tags["id"].to_pylist() for ledger in ledgers), list(anchored)]
    ids = [_identity(what, known) for what in wanted]
    rows = _records_of(store, logged.tables, ids)
    uses = _uses_of(store, logged, set(ids))
    anchor_digest = logged.anchor.fact.anchor if logged.anchor else None
    own = own_outputs(store, logged.own_outputs, workspace.root / "cache" / "own-outputs", anchor=anchor_digest)
    traces = []
    for what, identity in zip(wanted, ids, strict=True):
        row = rows.get(identity, {})
        given = what if record_id(what) == identity else None
        text = row.get("text") or anchored.get(identity) or given
        traces.append(
            Trace(
                record=identity,
                text=str(text) if text else None,
                declared=_text(row.get("declared")),
                declared_by=_text(row.get("declared_by")),
                meta=_text(row.get("meta")),
                score=float(str(row["score"])) if row.get("score") is not None else None,
                anchor=logged.anchor.fact.name if logged.anchor and identity in anchored else None,
                tags=_tags_of(ledgers, identity),
                answers=_answers_on(logged.opinions, identity),
                uses=tuple(uses[identity]),
                own_output=own.match([str(text)], [identity])[0] if text else None,
            )
        )
    return traces


@dataclass(frozen=True, kw_only=True)
class _Logged:
    """What the run log knows that a trace is made of."""

    ledgers: list[Recorded[LedgerKept]]
    tables: list[Recorded[Artifact]]
    opinions: list[Recorded[ReviewOpinion]]
    compositions: list[Recorded[Composition]]
    trained: dict[str, str]
    """The generation that was trained on a snapshot."""
    anchor: Recorded[AnchorFrozen] | None
    own_outputs: list[tuple[str, str]]


def _read_log(workspace: Workspace) -> _Logged:
    with workspace.log.reading() as view:
        return _Logged(
            ledgers=view.recorded(LedgerKept),
            tables=view.recorded(Artifact, stage="intake", direction="out", kind=("records", "quarantine")),
            opinions=view.recorded(ReviewOpinion),
            compositions=view.recorded(Composition),
            trained={made.fact.snapshot: made.fact.run for made in view.recorded(Generation)},
            anchor=frozen_anchor(view),
            own_outputs=logged_outputs(view),
        )


@dataclass(frozen=True)
class _Ledger:
    """A ledger's tags, and the row of the log that has their Merkle root."""

    kept: Recorded[LedgerKept]
    tags: pa.Table

    def entry(self, identity: str) -> TagEntry | None:
        """The tag that a record has here, proven against the root; None where it has none."""
        position = self.tags["id"].index(identity).as_py()
        if position < 0:
            return None
        (tag,) = self.tags.slice(position, 1).to_pylist()
        leaves = self.tags["tag_digest"].to_pylist()
        proven = digest_of_row(tag) == leaves[position] and merkle.proves(
            leaves[position], merkle.proof(leaves, position), self.kept.fact.root
        )
        return _entry(self.kept, tag, proven)


def _tags_of(ledgers: Sequence[_Ledger], identity: str) -> tuple[TagEntry, ...]:
    """A record's tags in the order in which they were given."""
    entries = (ledger.entry(identity) for ledger in ledgers)
    return tuple(entry for entry in entries if entry is not None)


def _anchored_texts(store: Store, anchor: Recorded[AnchorFrozen] | None) -> dict[str, str]:
    """The texts of the frozen anchor by record id; none without an anchor."""
    if anchor is None:
        return {}
    table = store.table("anchors", anchor.fact.anchor)
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


def _records_of(store: Store, tables: Sequence[Recorded[Artifact]], ids: Sequence[str]) -> dict[str, dict[str, object]]:
    """The newest row of each record that intake has kept, by id."""
    rows: dict[str, dict[str, object]] = {}
    for table in tables:
        for batch in store.batches(table.fact.kind, table.fact.digest):
            for row in batch.filter(pa.compute.is_in(batch["id"], pa.array(ids))).to_pylist():
                rows[row["id"]] = row
    return rows


def _uses_of(store: Store, logged: _Logged, ids: set[str]) -> dict[str, list[Use]]:
    """The training sets that hold each of the records, oldest first."""
    uses: dict[str, list[Use]] = {identity: [] for identity in ids}
    for composition in logged.compositions:
        fact = composition.fact
        for role, members in members_of(store, fact.snapshot):
            for identity in ids.intersection(members):
                uses[identity].append(Use(fact.run, fact.snapshot, role, logged.trained.get(fact.snapshot)))
    return uses


def _answers_on(opinions: Sequence[Recorded[ReviewOpinion]], identity: str) -> tuple[Answer, ...]:
    return tuple(
        Answer(opinion.actor, opinion.recorded, opinion.fact.origin, opinion.fact.code, opinion.fact.note)
        for opinion in opinions
        if opinion.fact.record == identity
    )


def _identity(what: str, known: Sequence[Sequence[str]]) -> str:
    beginning = what.strip().lower()
    if not (FEWEST_DIGITS <= len(beginning) <= 32 and all(digit in "0123456789abcdef" for digit in beginning)):
        return record_id(what)
    hits = {identity for ids in known for identity in ids if identity.startswith(beginning)}
    if len(hits) > 1:
        raise InputError(f"{len(hits)} records start with {beginning}. Give more of the id.")
    return hits.pop() if hits else beginning


def _entry(kept: Recorded[LedgerKept], entry: dict[str, object], proven: bool) -> TagEntry:
    fact = kept.fact
    return TagEntry(
        run=fact.run,
        source=fact.source,
        batch=fact.batch,
        origin=str(entry["origin"]),
        evidence=str(entry["evidence"]),
        reason=str(entry["reason"]),
        by=str(entry["by"]),
        held=bool(entry["held"]),
        share=float(str(entry["share"])),
        spans=str(entry["spans"]),
        recorded=kept.recorded,
        ledger=fact.ledger,
        proven=proven,
    )


def _text(value: object) -> str | None:
    return str(value) if value else None
