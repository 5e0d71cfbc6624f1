"""Where did this record come from? What the ledgers, the log and the snapshots know of one record, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute

from tailguard.detection.own_outputs.index import Match, own_outputs
from tailguard.domain import merkle
from tailguard.domain.facts import Artifact, Composition, Generation, LedgerKept, ReviewOpinion
from tailguard.domain.records import record_id
from tailguard.domain.tags import digest_of_row
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.runlog.queries import Recorded, frozen_anchor, logged_outputs, recorded
from tailguard.store.snapshots import members_of
from tailguard.workspace import Workspace

FEWEST_DIGITS = 8


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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
                f" It is a text of ours: {self.own_output.kind} of {self.own_output.generation}."
                if self.own_output
                else ""
            )
            return f"{self.record[:12]} was never taken in.{ours}"
        if not self.tags:
            return f"{self.record[:12]} is human: it stands in the frozen anchor {self.anchor}."
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
    with workspace.log.reading() as connection:
        ledgers = recorded(connection, LedgerKept)
        tables = recorded(connection, Artifact, stage="intake", direction="out", kind=("records", "quarantine"))
        opinions = recorded(connection, ReviewOpinion)
        compositions = recorded(connection, Composition)
        trained = {one.fact.snapshot: one.fact.run for one in recorded(connection, Generation)}
        anchor = frozen_anchor(connection)
        logged = logged_outputs(connection)
    store = workspace.store
    in_ledger = [store.table("ledger", one.fact.ledger) for one in ledgers]
    in_anchor = (
        store.table("anchors", anchor.fact.anchor).select(["id", "text"]).to_pydict()
        if anchor
        else {"id": [], "text": []}
    )
    ids = [_identity(what, [*(table["id"].to_pylist() for table in in_ledger), in_anchor["id"]]) for what in wanted]
    rows: dict[str, dict[str, object]] = {}
    for one in tables:
        for batch in store.batches(one.fact.kind, one.fact.digest):
            for row in batch.filter(pa.compute.is_in(batch["id"], pa.array(ids))).to_pylist():
                rows[row["id"]] = row
    wanted_ids = set(ids)
    members = [
        (one.fact, role, wanted_ids.intersection(inside))
        for one in compositions
        for role, inside in members_of(store, one.fact.snapshot)
    ]
    own = own_outputs(
        store, logged, workspace.root / "cache" / "own-outputs", anchor=anchor.fact.anchor if anchor else None
    )
    anchored = dict(zip(in_anchor["id"], in_anchor["text"], strict=True))
    answer = []
    for what, identity in zip(wanted, ids, strict=True):
        row = rows.get(identity, {})
        given = what if record_id(what) == identity else None
        text = row.get("text") or anchored.get(identity) or given
        tags = []
        for kept, table in zip(ledgers, in_ledger, strict=True):
            place = table["id"].index(identity).as_py()
            if place >= 0:
                (entry,) = table.slice(place, 1).to_pylist()
                leaves = table["tag_digest"].to_pylist()
                proven = digest_of_row(entry) == leaves[place] and merkle.proves(
                    leaves[place], merkle.proof(leaves, place), kept.fact.root
                )
                tags.append(_entry(kept, entry, proven))
        answer.append(
            Trace(
                record=identity,
                text=str(text) if text else None,
                declared=_text(row.get("declared")),
                declared_by=_text(row.get("declared_by")),
                meta=_text(row.get("meta")),
                score=float(str(row["score"])) if row.get("score") is not None else None,
                anchor=anchor.fact.name if anchor and identity in anchored else None,
                tags=tuple(tags),
                answers=tuple(
                    Answer(one.actor, one.recorded, one.fact.origin, one.fact.code, one.fact.note)
                    for one in opinions
                    if one.fact.record == identity
                ),
                uses=tuple(
                    Use(fact.run, fact.snapshot, role, trained.get(fact.snapshot))
                    for fact, role, inside in members
                    if identity in inside
                ),
                own_output=own.match([str(text)], [identity])[0] if text else None,
            )
        )
    return answer


def _identity(what: str, known: Sequence[Sequence[str]]) -> str:
    beginning = what.strip().lower()
    if not (FEWEST_DIGITS <= len(beginning) <= 32 and all(one in "0123456789abcdef" for one in beginning)):
        return record_id(what)
    hits = {identity for ids in known for identity in ids if identity.startswith(beginning)}
    if len(hits) > 1:
        raise InputError(f"{len(hits)} records start with {beginning}. Give more of the id.")
    return hits.pop() if hits else beginning


def _entry(one: Recorded[LedgerKept], entry: dict[str, object], proven: bool) -> TagEntry:
    fact = one.fact
    return TagEntry(
        fact.run,
        fact.source,
        fact.batch,
        str(entry["origin"]),
        str(entry["evidence"]),
        str(entry["reason"]),
        str(entry["by"]),
        bool(entry["held"]),
        float(str(entry["share"])),
        str(entry["spans"]),
        one.recorded,
        fact.ledger,
        proven,
    )


def _text(value: object) -> str | None:
    return str(value) if value else None
