"""Records that wait for a person, and the decisions on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from tailguard.domain.facts import Artifact, ReviewDecision
from tailguard.domain.records import RECORD
from tailguard.domain.tags import Evidence, Origin, Tag
from tailguard.errors import InputError
from tailguard.runlog.queries import recorded, review_decisions
from tailguard.workspace import Workspace


@dataclass(frozen=True)
class Waiting:
    """A held record: since when, in which run, and why."""

    id: str
    text: str
    source: str
    batch: str
    reason: str
    run: str
    since: datetime


def waiting(workspace: Workspace) -> list[Waiting]:
    """Held records that nobody has decided yet, oldest first."""
    with workspace.log.reading() as connection:
        held = recorded(connection, Artifact, stage="intake", direction="out", kind="quarantine")
        decided = review_decisions(connection)
    found: dict[str, Waiting] = {}
    for one in held:
        for row in workspace.store.table("quarantine", one.fact.digest).to_pylist():
            if row["id"] not in decided:
                found.setdefault(
                    row["id"],
                    Waiting(
                        row["id"], row["text"], row["source"], row["batch"], row["reason"], one.fact.run, one.recorded
                    ),
                )
    return list(found.values())


def decide(workspace: Workspace, ids: Sequence[str], *, origin: Origin, reason: str) -> int:
    """Decide the origin of held records, named by id or its beginning. Returns how many were decided.

    Raises InputError for an id that does not wait, for `unknown` as a decision, and for a person who may not review.
    """
    policy = workspace.policy()
    if workspace.actor not in (*policy.roles.reviewer, policy.quality_owner):
        raise InputError(
            f"{workspace.actor} may not decide held records. Add the name to roles.reviewer in policy.toml."
        )
    if origin is Origin.UNKNOWN:
        raise InputError("Unknown is what the record is now. Decide human, ai or mixed, or leave it waiting.")
    if not reason.strip():
        raise InputError("A decision needs a reason.")
    queue = waiting(workspace)
    chosen: dict[str, Waiting] = {}
    for wanted in ids:
        hits = [one for one in queue if one.id.startswith(wanted)]
        if len(hits) != 1:
            raise InputError(
                f"{len(hits)} waiting records start with {wanted!r}; name exactly one. See `tailguard quarantine list`."
            )
        chosen[hits[0].id] = hits[0]
    workspace.desk.record(
        *(
            ReviewDecision(one.id, one.batch, one.source, str(origin), reason.strip(), one.since)
            for one in chosen.values()
        )
    )
    return len(chosen)


def released(workspace: Workspace, lineage: str) -> pa.Table:
    """Held records of a lineage that a person has decided and that no run has taken up yet, with their new tags."""
    with workspace.log.reading() as connection:
        artifacts = recorded(connection, Artifact, stage="intake")
        decided = review_decisions(connection)
    ours = [one.fact for one in artifacts if one.fact.run.rpartition("/")[0] == lineage]
    taken: set[str] = set()
    for fact in ours:
        if fact.direction == "in" and fact.name == "released from quarantine":
            taken |= set(workspace.store.table("records", fact.digest)["id"].to_pylist())
    rows: dict[str, dict[str, object]] = {}
    for fact in ours:
        if fact.direction == "out" and fact.kind == "quarantine":
            for row in workspace.store.table("quarantine", fact.digest).to_pylist():
                if row["id"] in decided and row["id"] not in taken:
                    decision = decided[row["id"]]
                    why = f"{decision.actor}: {decision.fact.reason}"
                    tag = Tag(row["id"], Origin(decision.fact.origin), Evidence.REVIEW, why, False)
                    rows[row["id"]] = row | {
                        "origin": str(tag.origin),
                        "evidence": str(tag.evidence),
                        "reason": tag.reason,
                        "held": False,
                        "tag_digest": tag.digest,
                    }
    return pa.Table.from_pylist(list(rows.values()), schema=RECORD)
