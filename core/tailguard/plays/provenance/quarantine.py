"""Records that wait for a person: the queue, what reviewers think, what is decided, and taking it back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from tailguard.detection.own_outputs.clusters import clusters
from tailguard.domain.facts import Artifact, ReviewDecision, ReviewOpinion
from tailguard.domain.records import RECORD, tag_columns
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.domain.tags import WHOLE_SHARE, Evidence, Origin, Spans, Tag, spans_of
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.backlog import HeldSince, undecided
from tailguard.runlog.views.reviews import latest_decisions, open_opinions, review_decisions
from tailguard.workspace import Workspace

CODES = {
    "known source": "I know where it comes from",
    "checked": "I checked it against its source",
    "style": "it reads like it",
    "marks": "it bears marks of a tool or template",
    "other": "see the note",
}
"""Reason codes of a decision and what they mean."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A held record: since when, in which run, why, and what is known of it.

    `cluster` names the group of near-duplicates that it belongs to (the id of its first record), `settles` how many records
    one decision on that group settles. `opinions` counts the reviewers who have answered, `cannot_tell` those who could not.
    """

    id: str
    text: str
    source: str
    batch: str
    reason: str
    evidence: str
    declared: str
    declared_by: str
    spans: Spans
    score: float | None
    meta: str
    run: str
    since: datetime
    cluster: str
    settles: int
    opinions: int
    cannot_tell: int


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers who did not see each other's answer agree: Cohen's kappa (-1 to 1) over `pairs` records."""

    kappa: float | None
    pairs: int


def waiting(workspace: Workspace, *, reviewer: str | None = None) -> list[Waiting]:
    """Held records that are not decided, the one whose decision is worth most first.

    Worth is the number of records that it settles, then age. Those that somebody could not tell come last, and with
    `reviewer` those that this person has answered already are left out.
    """
    if not workspace.log.exists():
        return []
    with workspace.log.reading() as view:
        artifacts = view.recorded(Artifact, stage="intake", direction="out", kind="quarantine")
        opinions = open_opinions(view)
        held = undecided(view)
    runs = {first.run for first in held.values()}
    # Files of runs that were decided whole are not read, and neither is the same file for another run.
    files = {row.fact.digest: row for row in reversed(artifacts) if row.fact.run in runs}
    rows: dict[str, dict[str, object]] = {}
    for artifact in sorted(files.values(), key=lambda artifact: artifact.recorded):
        for row in workspace.store.table("quarantine", artifact.fact.digest).to_pylist():
            if row["id"] in held:
                rows.setdefault(row["id"], row)
    ids = list(rows)
    groups = clusters([str(row["text"]) for row in rows.values()])
    sizes = Counter(groups)
    queue = [
        _waiting(row, held[identity], ids[group], sizes[group], opinions.get(identity, []))
        for (identity, row), group in zip(rows.items(), groups, strict=True)
        if reviewer is None or all(opinion.actor != reviewer for opinion in opinions.get(identity, []))
    ]
    return sorted(
        queue, key=lambda record: (record.cannot_tell, -record.settles, record.since, record.cluster, record.id)
    )


def _waiting(
    row: Mapping[str, object],
    held: HeldSince,
    cluster: str,
    settles: int,
    opinions: Sequence[Recorded[ReviewOpinion]],
) -> Waiting:
    score = row["score"]
    return Waiting(
        id=str(row["id"]),
        text=str(row["text"]),
        source=str(row["source"]),
        batch=str(row["batch"]),
        reason=str(row["reason"]),
        evidence=str(row["evidence"]),
        declared=str(row["declared"]),
        declared_by=str(row["declared_by"]),
        spans=spans_of(str(row["spans"])),
        score=float(score) if isinstance(score, float) else None,
        meta=str(row["meta"]),
        run=held.run,
        since=held.since,
        cluster=cluster,
        settles=settles,
        opinions=len(opinions),
        cannot_tell=sum(opinion.fact.origin == Origin.UNKNOWN for opinion in opinions),
    )


def decide(
    workspace: Workspace, ids: Sequence[str], *, origin: Origin, code: str, note: str = "", seconds: float = 0.0
) -> int:
    """One reviewer's answer on held records, named by id or its beginning. Returns how many it settled.

    `unknown` means that this person cannot tell: the record goes on waiting. Where the policy asks for two reviewers, a
    record is settled when two agree; after two who differ, the quality owner's answer settles it.
    Raises InputError for an id that does not wait, an unknown code, for a person who may not review, and for one who has
    answered already.
    """
    workspace.require(Right.REVIEW)
    if code not in CODES:
        raise InputError(f"A decision needs a reason code: {', '.join(CODES)}. Found {code!r}.")
    if code == "other" and not note.strip():
        raise InputError("The reason code `other` needs a note.")
    queue = {record.id: record for record in waiting(workspace)}
    settled_before = _decided(workspace)
    chosen = {record.id: record for record in (_named(queue, settled_before, wanted) for wanted in ids)}
    settled = 0
    with workspace.deciding(Right.REVIEW) as tx:
        decided, opinions = review_decisions(tx.view), open_opinions(tx.view)
        for record in chosen.values():
            if record.id in decided:
                raise _answered(decided[record.id])
            earlier = opinions.get(record.id, [])
            _refuse_same_answer(earlier, workspace.actor, origin)
            tx.record(
                ReviewOpinion(
                    record=record.id,
                    batch=record.batch,
                    source=record.source,
                    origin=str(origin),
                    code=code,
                    note=note.strip(),
                    held_since=record.since,
                    seconds=seconds,
                )
            )
            others = [opinion for opinion in earlier if opinion.actor != workspace.actor]
            is_owner = workspace.actor == tx.policy.quality_owner
            if _settles(origin, others, tx.policy.review.reviewers, is_owner):
                why = f"{code}: {note.strip()}" if note.strip() else code
                tx.record(
                    ReviewDecision(
                        record=record.id,
                        batch=record.batch,
                        source=record.source,
                        origin=str(origin),
                        reason=why,
                        held_since=record.since,
                    )
                )
                settled += 1
    return settled


def _refuse_same_answer(opinions: Sequence[Recorded[ReviewOpinion]], actor: str, origin: Origin) -> None:
    for opinion in opinions:
        if opinion.actor == actor and opinion.fact.origin == origin:
            raise InputError(
                f"{opinion.fact.record[:12]} was answered {origin} {by(opinion.actor, opinion.recorded)}; another reviewer has "
                "to agree."
            )


def take_back(workspace: Workspace, ids: Sequence[str]) -> int:
    """Take decisions back that no run has taken up yet; the records wait again. Returns how many.

    Raises InputError for a record that is not decided or that a run has used, and for a person who may not review.
    """
    with workspace.deciding(Right.REVIEW) as tx:
        newest = latest_decisions(tx.view)
        used = _taken_up(workspace, tx.view)
        for identity in ids:
            last = newest.get(identity)
            if last is None:
                raise InputError(f"{identity[:12]} is not decided, so there is nothing to take back.")
            if last.fact.origin == Origin.UNKNOWN:
                raise InputError(f"{identity[:12]} was taken back {by(last.actor, last.recorded)}; it waits again.")
            if identity in used:
                raise InputError(
                    f"{identity[:12]} was taken up by a run already. Its tag stands; open an incident instead."
                )
            old = last.fact
            tx.record(
                ReviewDecision(
                    record=identity,
                    batch=old.batch,
                    source=old.source,
                    origin=str(Origin.UNKNOWN),
                    reason="taken back",
                    held_since=old.held_since,
                )
            )
    return len(ids)


def agreement(view: LogView) -> Agreement:
    """Cohen's kappa over the first two answers of different reviewers on each record (J. Cohen 1960)."""
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for row in view.recorded(ReviewOpinion):
        answers[row.fact.record].setdefault(row.actor, row.fact.origin)
    pairs = [tuple(list(origins.values())[:2]) for origins in answers.values() if len(origins) > 1]
    if not pairs:
        return Agreement(None, 0)
    agreed = sum(first == second for first, second in pairs) / len(pairs)
    firsts, seconds = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    chance = sum(firsts[origin] * seconds[origin] for origin in firsts) / len(pairs) ** 2
    return Agreement(1.0 if chance == 1 else (agreed - chance) / (1 - chance), len(pairs))


def released(workspace: Workspace, lineage: str) -> pa.Table:
    """Held records of a lineage that a person has decided and that no run has taken up yet, with their new tags."""
    with workspace.log.reading() as view:
        artifacts = view.recorded(Artifact, stage="intake", direction="out", kind="quarantine")
        decided = review_decisions(view)
        used = _taken_up(workspace, view)
    rows: dict[str, dict[str, object]] = {}
    for artifact in artifacts:
        if lineage_of(artifact.fact.run) != lineage:
            continue
        for row in workspace.store.table("quarantine", artifact.fact.digest).to_pylist():
            if row["id"] in decided and row["id"] not in used:
                rows[row["id"]] = row | tag_columns(_reviewed(row, decided[row["id"]]))
    return pa.Table.from_pylist(list(rows.values()), schema=RECORD)


def _reviewed(row: Mapping[str, object], decision: Recorded[ReviewDecision]) -> Tag:
    origin = Origin(decision.fact.origin)
    spans = spans_of(str(row["spans"]))
    share = WHOLE_SHARE[origin]
    if origin is Origin.MIXED and spans:
        share = round(sum(stop - start for start, stop in spans) / len(str(row["text"])), 4)
    else:
        spans = ()
    reason = f"decided by {decision.actor}: {decision.fact.reason}"
    return Tag(str(row["id"]), origin, Evidence.REVIEW, reason, decision.actor, share=share, spans=spans)


def _taken_up(workspace: Workspace, view: LogView) -> set[str]:
    used: set[str] = set()
    for artifact in view.recorded(Artifact, stage="intake", direction="in", name="released from quarantine"):
        used |= set(workspace.store.table("records", artifact.fact.digest)["id"].to_pylist())
    return used


def _settles(origin: Origin, others: Sequence[Recorded[ReviewOpinion]], reviewers: int, is_owner: bool) -> bool:
    if origin is Origin.UNKNOWN:
        return False
    origins = [opinion.fact.origin for opinion in others if opinion.fact.origin != Origin.UNKNOWN]
    return reviewers == 1 or str(origin) in origins or (is_owner and len(set(origins)) > 1)


def _decided(workspace: Workspace) -> dict[str, Recorded[ReviewDecision]]:
    if not workspace.log.exists():
        return {}
    with workspace.log.reading() as view:
        return review_decisions(view)


def _answered(decided: Recorded[ReviewDecision]) -> InputError:
    fact = decided.fact
    return InputError(f"{fact.record[:12]} was answered {fact.origin} {by(decided.actor, decided.recorded)}.")


def _named(queue: Mapping[str, Waiting], decided: Mapping[str, Recorded[ReviewDecision]], wanted: str) -> Waiting:
    if wanted in queue:
        return queue[wanted]
    hits = [record for identity, record in queue.items() if identity.startswith(wanted)]
    before = [decision for identity, decision in decided.items() if identity.startswith(wanted)]
    if not hits and len(before) == 1:
        raise _answered(before[0])
    if len(hits) != 1:
        raise InputError(
            f"{len(hits)} waiting records start with {wanted!r}; name exactly one. See `tailguard quarantine list`."
        )
    return hits[0]
