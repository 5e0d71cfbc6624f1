"""Stage 3, compose: anchor, earlier human records and this run's records into one exact, reproducible training set.

The composition holds what was asked for; whether that is within the ceiling is a criterion, and the training job that
asks for clearance gets the answer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tailguard.domain.facts import Composition, CompositionPart, Fact
from tailguard.domain.recipe import Ratio, Recipe
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.tags import Origin
from tailguard.errors import TailguardError
from tailguard.store.files import Store, digest_of

FORMAT = "tailguard-snapshot/1"
_TAG = ("origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest")
_COLUMNS = ["id", "text", "source", "batch", "declared", "tokens", *_TAG]


@dataclass(frozen=True)
class Part:
    """Records of one role from one stored table: `kind` and `digest` name the table, `ids` the records."""

    role: str
    kind: str
    digest: str
    ids: tuple[str, ...]


def compose(
    scored: str,
    *,
    run: str,
    lineage: str,
    store: Store,
    anchor: str | None,
    previous: str | None,
    recipe: Recipe,
    ceiling: float,
    mode: str,
    policy: str,
    seed: int,
    version: str,
) -> Outcome:
    """Put the set together, write its manifest and its training file. `previous` is the parent's snapshot."""
    table = store.table("scored", scored)
    parts = _human_parts(store, table, scored, anchor, previous, recipe)
    human = sum(len(part.ids) for part in parts)
    parts.append(Part("synthetic", "scored", scored, _synthetic(table, human, recipe)))
    parts = [part for part in parts if part.ids]
    content = _content(store, parts)
    manifest = {
        "format": FORMAT,
        "lineage": lineage,
        "policy": policy,
        "seed": seed,
        "version": version,
        "anchor": anchor if recipe.anchor else None,
        "parts": [vars(part) for part in parts],
        "content": store.put_bytes("training", content, ".jsonl"),
    }
    snapshot = store.put_json("snapshots", manifest)
    rows = [json.loads(line) for line in content.splitlines()]
    facts, ratio = _facts(run, lineage, snapshot, manifest, rows, ceiling, recipe)
    unknown = sum(row["origin"] == Origin.UNKNOWN for row in rows)
    missing = _missing_from_anchor(store, anchor, rows)
    waived = "observe mode" if mode == "observe" else None
    return Outcome(
        result={"snapshot": snapshot},
        criteria=(
            Criterion("the set holds records", "at least 1", f"{len(rows)}", bool(rows)),
            Criterion(
                "whole anchor is in, byte for byte", "0 anchor records missing", missing, missing == "0 missing", waived
            ),
            Criterion("no record of unknown origin", "0", f"{unknown}", unknown == 0, waived),
            Criterion(
                "ratio within the ceiling",
                f"at most {ceiling:.1%} synthetic",
                f"{ratio.records:.1%} of records, {ratio.tokens:.1%} of tokens",
                ratio.highest <= ceiling,
                waived,
            ),
        ),
        inputs=tuple(
            Named(kind, name, digest)
            for kind, name, digest in (
                ("scored", "", scored),
                ("anchors", "", anchor),
                ("snapshots", "previous", previous),
            )
            if digest
        ),
        outputs=(Named("snapshots", "", snapshot), Named("training", "", str(manifest["content"]))),
        facts=tuple(facts),
        records_in=len(table),
        records_out=len(rows),
    )


def rebuild(store: Store, snapshot: str) -> bytes:
    """The training file of a snapshot, made again from its manifest. Raises TailguardError when it is not the same."""
    manifest = store.json("snapshots", snapshot)
    content = _content(store, [Part(**{**part, "ids": tuple(part["ids"])}) for part in manifest["parts"]])
    if digest_of(content) != manifest["content"]:
        raise TailguardError(
            f"Snapshot {snapshot[:12]} rebuilds to other bytes than its manifest names. The store was changed."
        )
    return content


def human_base(store: Store, anchor: str | None, previous: str | None, recipe: Recipe) -> tuple[int, int]:
    """Records and tokens of human text that a composition would hold besides the run's own records."""
    parts = _human_parts(store, None, "", anchor, previous, recipe)
    records = tokens = 0
    for part in parts:
        for row in _rows(store, part):
            records += 1
            tokens += row["tokens"]
    return records, tokens


def _human_parts(
    store: Store, table: pa.Table | None, scored: str, anchor: str | None, previous: str | None, recipe: Recipe
) -> list[Part]:
    parts: list[Part] = []
    if anchor and recipe.anchor:
        ids = store.table("anchors", anchor)["id"].to_pylist()
        parts.append(Part("anchor", "anchors", anchor, tuple(ids)))
    if previous and recipe.earlier_human:
        earlier = store.json("snapshots", previous)["parts"]
        parts += [Part(**{**part, "ids": tuple(part["ids"])}) for part in earlier if part["role"] == "human"]
    taken = {identity for part in parts for identity in part.ids}
    if table is not None:
        fresh = [
            row["id"]
            for row in table.select(["id", "origin", "outcome"]).to_pylist()
            if row["origin"] == Origin.HUMAN and row["outcome"] == "kept" and row["id"] not in taken
        ]
        parts.append(Part("human", "scored", scored, tuple(sorted(fresh))))
    return parts


def _synthetic(table: pa.Table, human: int, recipe: Recipe) -> tuple[str, ...]:
    """Kept synthetic records; with a requested share, the flagged ones in their order until the share is reached."""
    rows = [
        row
        for row in table.select(["id", "origin", "outcome", "position", "diversity", "quality"]).to_pylist()
        if row["origin"] != Origin.HUMAN and row["outcome"] in ("kept", "flagged")
    ]
    if recipe.synthetic_share is None:
        return tuple(sorted(row["id"] for row in rows if row["outcome"] == "kept"))
    rows.sort(key=lambda row: (row["position"], -row["diversity"], -row["quality"], row["id"]))
    share = recipe.synthetic_share
    wanted = len(rows) if share >= 1 else round(human * share / (1 - share))
    return tuple(sorted(row["id"] for row in rows[:wanted]))


def _rows(store: Store, part: Part) -> Iterator[dict[str, Any]]:
    wanted = set(part.ids)
    table = store.table(part.kind, part.digest)
    for row in table.select(_COLUMNS).to_pylist():
        if row["id"] in wanted:
            yield row


def _content(store: Store, parts: Sequence[Part]) -> bytes:
    """The training file: one JSON object a record with its tag inside, ordered by id."""
    rows = [{"role": part.role, **row} for part in parts for row in _rows(store, part)]
    rows.sort(key=lambda row: (row["id"], row["role"]))
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")) for row in rows]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _missing_from_anchor(store: Store, anchor: str | None, rows: Sequence[dict[str, Any]]) -> str:
    if anchor is None:
        return "no anchor is frozen"
    present = {row["id"]: row["text"] for row in rows if row["role"] == "anchor"}
    frozen = store.table("anchors", anchor).select(["id", "text"]).to_pylist()
    return f"{sum(present.get(row['id']) != row['text'] for row in frozen)} missing"


def _facts(
    run: str,
    lineage: str,
    snapshot: str,
    manifest: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    ceiling: float,
    recipe: Recipe,
) -> tuple[list[Fact], Ratio]:
    weights = [float(row["share"]) for row in rows]
    tokens = sum(row["tokens"] for row in rows)
    synthetic_records = sum(weights)
    synthetic_tokens = sum(weight * row["tokens"] for weight, row in zip(weights, rows, strict=True))
    ratio = Ratio(synthetic_records / len(rows) if rows else 0.0, synthetic_tokens / tokens if tokens else 0.0)
    counted: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        part = counted[(row["role"], row["origin"], row["source"])]
        part[0] += 1
        part[1] += row["tokens"]
    facts: list[Fact] = [
        Composition(
            run=run,
            lineage=lineage,
            snapshot=snapshot,
            content=manifest["content"],
            anchor=manifest["anchor"],
            records=len(rows),
            tokens=tokens,
            anchor_records=sum(row["role"] == "anchor" for row in rows),
            synthetic_records=synthetic_records,
            synthetic_tokens=synthetic_tokens,
            ratio_records=ratio.records,
            ratio_tokens=ratio.tokens,
            ceiling=ceiling,
            requested=recipe.synthetic_share,
        )
    ]
    facts += [
        CompositionPart(run, snapshot, role, origin, source, records, size)
        for (role, origin, source), (records, size) in sorted(counted.items())
    ]
    return facts, ratio
