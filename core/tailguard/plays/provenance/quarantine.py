"""Records that wait for a person: the queue, what reviewers think, what is decided, and taking it back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from tailguard.detection.own_outputs.clusters import clusters
from tailguard.domain.facts import Artifact, Fact, ReviewDecision, ReviewOpinion
from tailguard.domain.records import RECORD, tag_columns
from tailguard.domain.roles import Right
from tailguard.domain.tags import WHOLE_SHARE, Evidence, Origin, Spans, Tag, spans_of
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.runlog.backlog import Undecided, undecided
from tailguard.runlog.queries import Recorded, latest_decisions, open_opinions, recorded, review_decisions
from tailguard.workspace import Workspace, decision

CODES = {
    "known source": "I know where it comes from",
    "checked": "I checked it against its source",
    "style": "it reads like it",
    "marks": "it bears marks of a tool or template",
    "other": "see the note",
}
"""Reason codes of a decision and what they mean."""


@dataclass(frozen=True)
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
    with workspace.log.reading() as connection:
        held = recorded(connection, Artifact, stage="intake", direction="out", kind="quarantine")
        decided = review_decisions(connection)
        opinions = open_opinions(connection)
        left = undecided(connection)
    found: dict[str, tuple[dict[str, object], Recorded[Artifact]]] = {}
    # Files of runs that were decided whole are not read again, and neither is the same file for another run.
    first = {row.fact.digest: row for row in reversed(held) if row.fact.run in left.runs}
    for one in sorted(first.values(), key=lambda one: one.recorded):
        for row in workspace.store.table("quarantine", one.fact.digest).to_pylist():
            if row["id"] not in decided:
                found.setdefault(row["id"], (row, one))
    ids = list(found)
    groups = clusters([str(found[identity][0]["text"]) for identity in ids])
    sizes = Counter(groups)
    queue = [
        _waiting(
            row,
            *_first_held(left, str(row["id"]), one),
            ids[group],
            sizes[group],
            opinions.get(str(row["id"]), []),
        )
        for (row, one), group in zip(found.values(), groups, strict=True)
        if reviewer is None or all(opinion.actor != reviewer for opinion in opinions.get(str(row["id"]), []))
    ]
    return sorted(queue, key=lambda one: (one.cannot_tell, -one.settles, one.since, one.cluster, one.id))


def _first_held(left: Undecided, record: str, file: Recorded[Artifact]) -> tuple[str, datetime]:
    """The run that held a record first, and when: the first that named it, or an earlier one that has it in its file unnamed."""
    read = (file.fact.run, file.recorded)
    named = left.records.get(record, read)
    return min(named, read, key=lambda one: one[1]) if file.fact.run in left.unnamed else named


def _waiting(
    row: Mapping[str, object],
    run: str,
    since: datetime,
    cluster: str,
    settles: int,
    told: Sequence[Recorded[ReviewOpinion]],
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
        run=run,
        since=since,
        cluster=cluster,
        settles=settles,
        opinions=len(told),
        cannot_tell=sum(opinion.fact.origin == Origin.UNKNOWN for opinion in told),
    )


@decision(Right.REVIEW)
def decide(
    workspace: Workspace, ids: Sequence[str], *, origin: Origin, code: str, note: str = "", seconds: float = 0.0
) -> int:
    """One reviewer's answer on held records, named by id or its beginning. Returns how many it settled.

    `unknown` means that this person cannot tell: the record goes on waiting. Where the policy asks for two reviewers, a
    record is settled when two agree; after two who differ, the quality owner's answer settles it.
    Raises InputError for an id that does not wait, an unknown code, for a person who may not review, and for one who has
    answered already.
    """
    policy = workspace.policy()
    if code not in CODES:
        raise InputError(f"A decision needs a reason code: {', '.join(CODES)}. Found {code!r}.")
    if code == "other" and not note.strip():
        raise InputError("The reason code `other` needs a note.")
    queue = {one.id: one for one in waiting(workspace)}
    settled_before = _decided(workspace)
    chosen = {record.id: record for record in (_named(queue, settled_before, wanted) for wanted in ids)}
    settled: list[str] = []

    def look(connection: Any) -> list[Fact]:
        settled.clear()
        decided, opinions = review_decisions(connection), open_opinions(connection)
        facts: list[Fact] = []
        for one in chosen.values():
            if one.id in decided:
                raise _answered(decided[one.id])
            told = opinions.get(one.id, [])
            for earlier in told:
                if earlier.actor == workspace.actor and earlier.fact.origin == origin:
                    raise InputError(
                        f"{one.id[:12]} was answered {origin} {by(earlier.actor, earlier.recorded)}; another reviewer has "
                        "to agree."
                    )
            facts.append(
                ReviewOpinion(one.id, one.batch, one.source, str(origin), code, note.strip(), one.since, seconds)
            )
            others = [earlier for earlier in told if earlier.actor != workspace.actor]
            if _settles(origin, others, policy.review.reviewers, workspace.actor == policy.quality_owner):
                why = f"{code}: {note.strip()}" if note.strip() else code
                facts.append(ReviewDecision(one.id, one.batch, one.source, str(origin), why, one.since))
                settled.append(one.id)
        return facts

    workspace.desk.decide(look)
    return len(settled)


@decision(Right.REVIEW)
def take_back(workspace: Workspace, ids: Sequence[str]) -> int:
    """Take decisions back that no run has taken up yet; the records wait again. Returns how many.

    Raises InputError for a record that is not decided or that a run has used, and for a person who may not review.
    """

    def look(connection: Any) -> list[Fact]:
        newest = latest_decisions(connection)
        used = _taken_up(workspace, connection)
        facts: list[Fact] = []
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
            facts.append(
                ReviewDecision(identity, old.batch, old.source, str(Origin.UNKNOWN), "taken back", old.held_since)
            )
        return facts

    workspace.desk.decide(look)
    return len(ids)


def agreement(connection: Any) -> Agreement:
    """Cohen's kappa over the first two answers of different reviewers on each record (J. Cohen 1960)."""
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for one in recorded(connection, ReviewOpinion):
        answers[one.fact.record].setdefault(one.actor, one.fact.origin)
    pairs = [tuple(list(told.values())[:2]) for told in answers.values() if len(told) > 1]
    if not pairs:
        return Agreement(None, 0)
    agreed = sum(first == second for first, second in pairs) / len(pairs)
    firsts, seconds = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    chance = sum(firsts[origin] * seconds[origin] for origin in firsts) / len(pairs) ** 2
    return Agreement(1.0 if chance == 1 else (agreed - chance) / (1 - chance), len(pairs))


def released(workspace: Workspace, lineage: str) -> pa.Table:
    """Held records of a lineage that a person has decided and that no run has taken up yet, with their new tags."""
    with workspace.log.reading() as connection:
        artifacts = recorded(connection, Artifact, stage="intake", direction="out", kind="quarantine")
        decided = review_decisions(connection)
        used = _taken_up(workspace, connection)
    rows: dict[str, dict[str, object]] = {}
    for one in artifacts:
        if one.fact.run.rpartition("/")[0] != lineage:
            continue
        for row in workspace.store.table("quarantine", one.fact.digest).to_pylist():
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
    return Tag(str(row["id"]), origin, Evidence.REVIEW, reason, decision.actor, held=False, share=share, spans=spans)


def _taken_up(workspace: Workspace, connection: Any) -> set[str]:
    used: set[str] = set()
    for one in recorded(connection, Artifact, stage="intake", direction="in", name="released from quarantine"):
        used |= set(workspace.store.table("records", one.fact.digest)["id"].to_pylist())
    return used


def _settles(origin: Origin, others: Sequence[Recorded[ReviewOpinion]], reviewers: int, is_owner: bool) -> bool:
    if origin is Origin.UNKNOWN:
        return False
    told = [one.fact.origin for one in others if one.fact.origin != Origin.UNKNOWN]
    return reviewers == 1 or str(origin) in told or (is_owner and len(set(told)) > 1)


def _decided(workspace: Workspace) -> dict[str, Recorded[ReviewDecision]]:
    if not workspace.log.exists():
        return {}
    with workspace.log.reading() as connection:
        return review_decisions(connection)


def _answered(decided: Recorded[ReviewDecision]) -> InputError:
    fact = decided.fact
    return InputError(f"{fact.record[:12]} was answered {fact.origin} {by(decided.actor, decided.recorded)}.")


def _named(queue: Mapping[str, Waiting], decided: Mapping[str, Recorded[ReviewDecision]], wanted: str) -> Waiting:
    if wanted in queue:
        return queue[wanted]
    hits = [one for identity, one in queue.items() if identity.startswith(wanted)]
    before = [one for identity, one in decided.items() if identity.startswith(wanted)]
    if not hits and len(before) == 1:
        raise _answered(before[0])
    if len(hits) != 1:
        raise InputError(
            f"{len(hits)} waiting records start with {wanted!r}; name exactly one. See `tailguard quarantine list`."
        )
    return hits[0]
