"""The human anchor set: frozen once, verified by digest, changed only within the year's bounds, never replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import AnchorChanged, AnchorFrozen, AnchorSlice, AnchorVerified, Fact
from tailguard.domain.own_output import match_label
from tailguard.domain.records import RECORD, record_id, tag_columns, token_count
from tailguard.domain.roles import Right
from tailguard.domain.tags import Evidence, Origin, Tag, digest_of_row
from tailguard.errors import InputError, TailguardError
from tailguard.plays.monitoring.suite import rare_terms
from tailguard.policy.model import Anchor
from tailguard.ports import Columns, Reader, Reject
from tailguard.quality.contamination import Contamination
from tailguard.runlog.view import LogView, Recorded
from tailguard.runlog.views.references import (
    AnchorState,
    anchor_state,
    frozen_anchor,
    frozen_suite,
    left_this_year,
)
from tailguard.runlog.views.sources import logged_outputs
from tailguard.stages.score.reading import slices_of
from tailguard.store.suites import read_suite
from tailguard.workspace import Workspace


def freeze(workspace: Workspace, file: Path, *, name: str, reader: Reader, columns: Columns) -> str:
    """Freeze a file of verified human records as the anchor set; returns its digest.

    Raises InputError when an anchor is frozen already (it is never replaced wholesale), or when the file has a broken
    record: an anchor is verified as a whole.
    """
    policy = workspace.require(Right.SET_UP)
    with workspace.log.reading() as view:
        _refuse_second(view)
    rows = _read(workspace, file, name=name, reader=reader, columns=columns)
    if not rows:
        raise InputError(f"{file} holds no records. An anchor needs some.")
    digest, facts = _keep(workspace, list(rows.values()), name, policy.columns.slice)
    with workspace.deciding(Right.SET_UP) as tx:
        _refuse_second(tx.view)
        tx.record(*facts)
    return digest


def _refuse_second(view: LogView) -> None:
    frozen = frozen_anchor(view)
    if frozen:
        raise InputError(
            f"The anchor {frozen.fact.name!r} was frozen on {frozen.recorded:%Y-%m-%d} and is never replaced "
            "wholesale. `tailguard anchor add` and `tailguard anchor retire` change a part of it."
        )


def add(workspace: Workspace, file: Path, *, reason: str, reader: Reader, columns: Columns) -> int:
    """Add verified human records, as quality owner; returns how many were new.

    Raises InputError past the year's bound, for a record that shares a long run of words with the suite or that a
    generation of ours wrote, for a broken record, without a reason, and for anybody but the quality owner.
    """
    policy = workspace.require(Right.ANCHOR)
    justification = explanation(reason, "A change of the anchor needs a reason")
    frozen, rows = _frozen_rows(workspace)
    given = _read(workspace, file, name=frozen.fact.name, reader=reader, columns=columns)
    new = [row for identity, row in given.items() if identity not in rows]
    if not new:
        raise InputError(f"{file} holds no record that the anchor lacks.")
    _refuse_unfit(workspace, frozen, new, file, length=policy.quality.contamination_words)
    return _change(workspace, frozen, [*rows.values(), *new], "added", len(new), justification)


def retire(workspace: Workspace, ids: Sequence[str], *, reason: str) -> int:
    """Take records out (a licence ended, a person asked for it), as quality owner; returns how many.

    Raises InputError past the year's bound, for an id that the anchor does not hold or that fits several, without a reason.
    """
    workspace.require(Right.ANCHOR)
    justification = explanation(reason, "A change of the anchor needs a reason")
    frozen, rows = _frozen_rows(workspace)
    gone = set()
    for wanted in ids:
        hits = [identity for identity in rows if identity.startswith(wanted)]
        if len(hits) != 1:
            raise InputError(f"{len(hits)} anchor records start with {wanted!r}; name exactly one.")
        gone.add(hits[0])
    left = [row for identity, row in rows.items() if identity not in gone]
    return _change(workspace, frozen, left, "retired", len(gone), justification)


def verify(workspace: Workspace) -> int:
    """Read the whole anchor, hold it against its digest and each text against its id; returns its number of records.

    What was found is recorded. Raises TailguardError when something was changed.
    """
    workspace.require(Right.VERIFY)
    frozen = _frozen(workspace)
    intact, trouble, count = True, "", 0
    try:
        for batch in workspace.store.batches("anchors", frozen.fact.anchor):
            for row in batch.to_pylist():
                count += 1
                if record_id(row["text"]) != row["id"] or digest_of_row(row) != row["tag_digest"]:
                    raise TailguardError(f"anchor record {row['id'][:12]} is not what its id says")
    except TailguardError as error:
        intact, trouble = False, str(error)
    with workspace.deciding(Right.VERIFY) as tx:
        tx.record(AnchorVerified(anchor=frozen.fact.anchor, records=count, intact=intact))
    if not intact:
        raise TailguardError(f"The anchor was changed: {trouble} Restore it from a backup.")
    return count


def show(workspace: Workspace) -> AnchorState:
    """The anchor as it stands. Raises InputError when none is frozen."""
    with workspace.log.reading() as view:
        policy = view.policy()
        limits = policy.anchor if policy else Anchor()
        state = anchor_state(view, limits, workspace.clock.now())
    if state is None:
        raise InputError("No anchor is frozen yet. Freeze one with `tailguard anchor freeze FILE`.")
    return state


def _change(
    workspace: Workspace,
    frozen: Recorded[AnchorFrozen],
    rows: list[dict[str, object]],
    action: str,
    count: int,
    reason: str,
) -> int:
    policy = workspace.require(Right.ANCHOR)
    digest, facts = _keep(workspace, rows, frozen.fact.name, policy.columns.slice)
    with workspace.deciding(Right.ANCHOR) as tx:
        now = frozen_anchor(tx.view)
        if now is None or now.id != frozen.id:
            raise InputError("Somebody else has changed the anchor meanwhile. Look again and repeat.")
        versions, changes = tx.view.recorded(AnchorFrozen), tx.view.recorded(AnchorChanged)
        left = left_this_year(versions, changes, action, tx.policy.anchor, workspace.clock.now())
        if count > left:
            raise InputError(
                f"{count:,} records would be {action}; the policy leaves {left:,} within a year "
                f"(anchor.max_{action}_per_year). An anchor is never replaced wholesale."
            )
        tx.record(
            *facts,
            AnchorChanged(anchor=digest, previous=frozen.fact.anchor, action=action, records=count, reason=reason),
        )
    return count


def _frozen(workspace: Workspace) -> Recorded[AnchorFrozen]:
    with workspace.log.reading() as view:
        anchor = frozen_anchor(view)
    if anchor is None:
        raise InputError("No anchor is frozen yet. Freeze one with `tailguard anchor freeze FILE`.")
    return anchor


def _frozen_rows(workspace: Workspace) -> tuple[Recorded[AnchorFrozen], dict[str, dict[str, object]]]:
    anchor = _frozen(workspace)
    return anchor, {row["id"]: row for row in workspace.store.table("anchors", anchor.fact.anchor).to_pylist()}


def _read(
    workspace: Workspace, file: Path, *, name: str, reader: Reader, columns: Columns
) -> dict[str, dict[str, object]]:
    records: dict[str, dict[str, object]] = {}
    for row in reader(str(file), columns):
        if isinstance(row, Reject):
            raise InputError(
                f"{file} line {row.line}: {row.reason}. An anchor is taken whole; fix the line or take it out."
            )
        if row.declared not in (None, str(Origin.HUMAN)):
            raise InputError(f"{file} line {row.line} is declared {row.declared}; an anchor holds human records only.")
        identity = record_id(row.text)
        tag = Tag(identity, Origin.HUMAN, Evidence.REVIEW, f"anchor {name}", workspace.actor, share=0.0)
        records.setdefault(
            identity,
            {
                "id": identity,
                "text": row.text,
                "source": f"anchor {name}",
                "batch": "",
                "declared": str(Origin.HUMAN),
                "declared_by": "anchor",
                "score": None,
                "tokens": token_count(row.text),
                "meta": row.meta,
                **tag_columns(tag),
            },
        )
    return records


def _keep(workspace: Workspace, rows: list[dict[str, object]], name: str, slice_field: str) -> tuple[str, list[Fact]]:
    """Keep a version of the anchor; returns its digest and what the log is to know of it."""
    rows = sorted(rows, key=lambda row: str(row["id"]))
    digest = workspace.store.put_table("anchors", pa.Table.from_pylist(rows, schema=RECORD))
    tokens = [int(str(row["tokens"])) for row in rows]
    rare = len(rare_terms([str(row["text"]) for row in rows]))
    records: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    slices = slices_of([str(row["meta"] or "") for row in rows], slice_field)
    for name_of_slice, size in zip(slices, tokens, strict=True):
        records[name_of_slice] += 1
        sizes[name_of_slice] += size
    facts: list[Fact] = [AnchorFrozen(anchor=digest, name=name, records=len(rows), tokens=sum(tokens), rare_terms=rare)]
    facts += [
        AnchorSlice(anchor=digest, slice=name_of_slice, records=records[name_of_slice], tokens=sizes[name_of_slice])
        for name_of_slice in sorted(records)
    ]
    return digest, facts


def _refuse_unfit(
    workspace: Workspace,
    frozen: Recorded[AnchorFrozen],
    rows: Sequence[dict[str, object]],
    file: Path,
    *,
    length: int,
) -> None:
    from tailguard.detection.own_outputs.index import own_outputs

    with workspace.log.reading() as view:
        suite, logged = frozen_suite(view), logged_outputs(view)
    texts, ids = [str(row["text"]) for row in rows], [str(row["id"]) for row in rows]
    if suite:
        prompts = {item.id: item.prompt for item in read_suite(workspace.store, suite.fact.suite).prompts}
        for identity, prompt in zip(ids, Contamination(prompts, length=length).found(texts), strict=True):
            if prompt is not None:
                raise InputError(
                    f"{file}: record {identity[:12]} shares a long run of words with prompt {prompt!r} of the evaluation "
                    "suite. Take it out."
                )
    own = own_outputs(workspace.store, logged, workspace.root / "cache" / "own-outputs", anchor=frozen.fact.anchor)
    for identity, match in zip(ids, own.match(texts, ids), strict=True):
        if match is not None:
            raise InputError(
                f"{file}: record {identity[:12]} is our own output ({match_label(match.kind)} of {match.generation}). "
                "An anchor holds human records only."
            )
