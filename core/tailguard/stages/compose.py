"""Stage 3, compose: anchor, earlier human records and this run's records into one exact, reproducible training set.

The composition holds what was asked for; whether that is within the ceiling is a criterion, and the training job that
asks for clearance gets the answer. Planning works on columns of figures; texts are read once, when the file is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tailguard.composing.ceiling import TAKEN, WHOLE, Candidates, Mass, fill, mass, share_parts
from tailguard.composing.ranking import id_columns, keys
from tailguard.domain.bounds import Bounds, Group, Leak, bounds
from tailguard.domain.facts import Composition, CompositionPart, EarlierHumanKept, Fact, RatioMeasured
from tailguard.domain.gates import Mode
from tailguard.domain.requests import Recipe
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement, Waiver
from tailguard.domain.tags import WHOLE_SHARE, Origin
from tailguard.errors import TailguardError
from tailguard.store.files import Store
from tailguard.store.snapshots import (
    COLUMNS,
    FORMAT,
    MEMBERS,
    Part,
    Snapshot,
    lines,
    read_snapshot,
    rows_of,
    training_file,
)

UPPER_BOUND = "upper bound"


@dataclass(frozen=True)
class Ceiling:
    """What a lineage allows: the largest synthetic share (0 to 1), of what it is held against, and quotas of slices."""

    share: float
    enforced_on: str
    quotas: Mapping[str, float]


@dataclass(frozen=True)
class Trust:
    """How far tags can be wrong: per batch what its estimate leaves open, and the detector's error rate."""

    leaks: Mapping[str, Leak]
    error_rate: float


def compose(
    scored: str,
    *,
    run: str,
    lineage: str,
    store: Store,
    anchor: str | None,
    previous: str | None,
    recipe: Recipe,
    ceiling: Ceiling,
    max_human_loss: float,
    trust: Trust,
    mode: str,
    policy: str,
    seed: int,
    version: str,
) -> Outcome:
    """Put the set together, write its members, its training file and its manifest. `previous` is the parent's snapshot."""
    human = human_parts(store, anchor, previous, recipe)
    own = _own_parts(store, scored, mass_of(store, human), recipe, ceiling)
    parts = [part for part in (*human, own.human, own.synthetic) if len(part)]
    written = _write(store, parts)
    manifest = {
        "format": FORMAT,
        "lineage": lineage,
        "policy": policy,
        "seed": seed,
        "version": version,
        "anchor": anchor if recipe.anchor else None,
        "recipe": asdict(recipe),
        "parts": [
            {"role": part.role, "kind": part.kind, "digest": part.digest, "records": len(part)} for part in parts
        ],
        "members": written.members,
        "content": written.training,
    }
    snapshot = store.put_json("snapshots", manifest)
    ratios = {unit: written.counted.bounds(unit, trust) for unit in ("records", "tokens")}
    earlier = _earlier_human(store, previous, parts)
    facts = [
        *_facts(run, lineage, snapshot, manifest, written.counted, ceiling, recipe),
        *_ratio_facts(run, snapshot, ratios, ceiling),
    ]
    if previous:
        facts.append(_kept_fact(run, previous, earlier, max_human_loss))
    return Outcome(
        result={"snapshot": snapshot},
        criteria=_criteria(store, written.counted, ratios, ceiling, earlier, max_human_loss, anchor, mode),
        inputs=_inputs(scored, anchor, previous),
        outputs=(
            Named("snapshots", "", snapshot),
            Named("members", "", written.members),
            Named("training", "", written.training),
        ),
        facts=tuple(facts),
        records_in=own.read,
        records_out=written.counted.mass.records,
    )


@dataclass(frozen=True)
class _Written:
    """A set in the store: digests of its members and its training file, and the sums over its records."""

    members: str
    training: str
    counted: _Counted


def _write(store: Store, parts: Sequence[Part]) -> _Written:
    """Write the members and the training file in one pass over the records, and count them on the way."""
    counted = _Counted()
    with store.file_writer("training", ".jsonl") as file, store.table_writer("members", MEMBERS) as members:
        for number, part in enumerate(parts):
            for batch, rows in _with_rows(store, part):
                file.write(lines(batch, part.role))
                counted.add(part.role, batch)
                table = {"part": np.full(len(rows), number, np.int32), "row": rows, "id": batch["id"]}
                members.write(pa.table(table, schema=MEMBERS))
    return _Written(members.digest, file.digest, counted)


def _inputs(scored: str, anchor: str | None, previous: str | None) -> tuple[Named, ...]:
    digests = (("scored", "", scored), ("anchors", "", anchor), ("snapshots", "previous", previous))
    return tuple(Named(kind, name, digest) for kind, name, digest in digests if digest)


def _kept_fact(run: str, previous: str, earlier: _EarlierHuman, max_human_loss: float) -> EarlierHumanKept:
    return EarlierHumanKept(
        run=run, previous=previous, before=earlier.before, kept=earlier.kept, allowed_loss=max_human_loss
    )


def _ratio_facts(run: str, snapshot: str, ratios: Mapping[str, Bounds], ceiling: Ceiling) -> list[Fact]:
    return [
        RatioMeasured(
            run=run,
            snapshot=snapshot,
            unit=unit,
            ratio=ratio.ratio,
            low=ratio.low,
            high=ratio.high,
            ceiling=ceiling.share,
            enforced_on=ceiling.enforced_on,
        )
        for unit, ratio in ratios.items()
    ]


def rebuild(store: Store, digest: str) -> Snapshot:
    """Make the training file of a snapshot again from its manifest, into the store; the snapshot tells its digest.

    Raises TailguardError when it does not come to the bytes that the manifest names.
    """
    snapshot = read_snapshot(store, digest)
    with store.file_writer("training", ".jsonl") as file:
        for chunk in training_file(store, snapshot):
            file.write(chunk)
    if file.digest != snapshot.content:
        raise TailguardError(
            f"Snapshot {digest[:12]} rebuilds to other bytes than its manifest names. The store was changed."
        )
    return snapshot


def human_parts(store: Store, anchor: str | None, previous: str | None, recipe: Recipe) -> list[Part]:
    """What a composition holds besides its run's own records: the whole anchor, and earlier human records."""
    parts: list[Part] = []
    if anchor and recipe.anchor:
        parts.append(Part("anchor", "anchors", anchor, np.arange(store.rows("anchors", anchor), dtype=np.int64)))
    if previous and recipe.earlier_human:
        snapshot = read_snapshot(store, previous)
        grown = (
            parts and snapshot.manifest["anchor"] != anchor
        )  # what has come into the anchor since is not counted twice
        for part in snapshot.parts:
            if part.role == "human":
                without = _without(store, part, "source", set(recipe.without))
                parts.append(_without(store, without, "id", _ids(store, parts[0])) if grown else without)
    return parts


def _without(store: Store, part: Part, column: str, values: Set[str]) -> Part:
    """A part without the records that have one of some values in a column."""
    if not values:
        return part
    column_values = [value for batch in rows_of(store, part, [column]) for value in batch[column].to_pylist()]
    stays = np.array([value not in values for value in column_values], dtype=bool)
    return Part(part.role, part.kind, part.digest, part.rows[stays])


def mass_of(store: Store, parts: Sequence[Part]) -> Mass:
    """The mass of some parts; reads their shares and tokens only."""
    total = Mass(0, 0)
    for part in parts:
        for batch in rows_of(store, part, ["share", "tokens"]):
            total += mass(share_parts(batch["share"].to_numpy()), batch["tokens"].to_numpy())
    return total


@dataclass(frozen=True)
class _OwnParts:
    """What a run's own records give to its set, and how many of them were read."""

    human: Part
    synthetic: Part
    read: int


def _own_parts(store: Store, scored: str, base: Mass, recipe: Recipe, ceiling: Ceiling) -> _OwnParts:
    """This run's human records, and the synthetic ones that fit under the ceiling (or under the share that was asked for)."""
    table = store.table("scored", scored, ["id", "origin", "source", "outcome", "share", "tokens", "priority", "slice"])
    share, tokens = share_parts(table["share"].to_numpy()), table["tokens"].to_numpy()
    outcome, origin = np.array(table["outcome"]), np.array(table["origin"])
    usable = np.isin(outcome, ["kept", "flagged"]) & ~np.isin(np.array(table["source"]), list(recipe.without))
    human = usable & (share == 0)
    pool = np.flatnonzero(usable & (share > 0) & (origin != str(Origin.HUMAN)))
    base = base + mass(share[human], tokens[human])
    ids = id_columns(np.array(table["id"].to_pylist(), dtype="S32")[pool])
    names, slices = np.unique(np.array(table["slice"], dtype=str)[pool], return_inverse=True)
    candidates = Candidates(share[pool], tokens[pool], keys(table["priority"].to_numpy()[pool], ids), ids, slices)
    asked = recipe.synthetic_share
    quotas = {at: ceiling.quotas[name] for at, name in enumerate(names) if name in ceiling.quotas}
    taken = fill(candidates, base, ceiling=ceiling.share if asked is None else asked, quotas=quotas) == TAKEN
    return _OwnParts(
        human=Part("human", "scored", scored, np.flatnonzero(human)),
        synthetic=Part("synthetic", "scored", scored, pool[taken]),
        read=len(table),
    )


def _with_rows(store: Store, part: Part) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    """The records of a part, some at a time, with their rows in the part's table."""
    done = 0
    for batch in rows_of(store, part, COLUMNS):
        yield batch, part.rows[done : done + len(batch)]
        done += len(batch)


class _Counted:
    """Sums over the records of a set, taken while they are written."""

    def __init__(self) -> None:
        self._sums = [0, 0, 0, 0]
        self.parts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self.unknown = 0
        self._groups: dict[tuple[str, str, str, bool], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])

    def add(self, role: str, batch: pa.RecordBatch) -> None:
        """More records of one role."""
        shares, tokens = share_parts(batch["share"].to_numpy()), batch["tokens"].to_numpy()
        # A mixed record whose share is only the half that stands for "nobody knows".
        guess = (np.array(batch["origin"]) == str(Origin.MIXED)) & (shares == int(WHOLE_SHARE[Origin.MIXED] * WHOLE))
        sizes = {
            "records": np.ones(len(batch), np.int64),
            "tokens": tokens,
            "parts": shares,
            "token_parts": shares * tokens,
        }
        keys = ["origin", "evidence", "source", "batch", "guess"]
        table = pa.table({**{key: batch[key] for key in keys[:-1]}, "guess": guess, **sizes})
        for row in table.group_by(keys).aggregate([(name, "sum") for name in sizes]).to_pylist():
            sums = [int(row[f"{name}_sum"]) for name in sizes]
            records, size, of_records, of_tokens = sums
            for position, value in enumerate(sums):
                self._sums[position] += value
            of_part = self.parts[role, row["origin"], row["source"]]
            of_part[0] += records
            of_part[1] += size
            self.unknown += records if row["origin"] == Origin.UNKNOWN else 0
            evidence = "anchor" if role == "anchor" else row["evidence"]
            group = self._groups[row["batch"], row["origin"], evidence, row["guess"]]
            for position, amount in enumerate((records, of_records / WHOLE, size, of_tokens / WHOLE)):
                group[position] += amount

    @property
    def mass(self) -> Mass:
        """The mass of the set."""
        return Mass(*self._sums)

    def bounds(self, unit: str, trust: Trust) -> Bounds:
        """The ratio in one unit, with its bounds."""
        position = 0 if unit == "records" else 2
        groups = [
            Group(batch, origin, evidence, guess, sums[position], sums[position + 1])
            for (batch, origin, evidence, guess), sums in self._groups.items()
        ]
        return bounds(groups, trust.leaks, error_rate=trust.error_rate)

    def of_role(self, role: str) -> int:
        """How many records have a role."""
        return sum(records for (part_role, _, _), (records, _) in self.parts.items() if part_role == role)


@dataclass(frozen=True)
class _EarlierHuman:
    """Human records of the previous set, and how many of them are in this one."""

    before: int
    kept: int

    @property
    def lost(self) -> float:
        """The share (0 to 1) that this set leaves out."""
        return 1 - self.kept / self.before if self.before else 0.0


def _earlier_human(store: Store, previous: str | None, parts: Sequence[Part]) -> _EarlierHuman:
    """Human records of the previous set in this one, whether they come as a part of it or have moved into the anchor."""
    if previous is None:
        return _EarlierHuman(0, 0)
    earlier = [part for part in read_snapshot(store, previous).parts if part.role in ("human", "anchor")]
    now = {(part.kind, part.digest): part.rows for part in parts}
    anchor = next((part for part in parts if part.role == "anchor"), None)
    kept = 0
    for part in earlier:
        here = np.isin(part.rows, now.get((part.kind, part.digest), np.zeros(0, np.int64)))
        kept += int(here.sum())
        if anchor and not here.all():  # records keep their ids when they come into the anchor, or it grows
            gone = Part(part.role, part.kind, part.digest, part.rows[~here])
            kept += len(_ids(store, gone) & _ids(store, anchor))
    return _EarlierHuman(sum(map(len, earlier)), kept)


def _ids(store: Store, part: Part) -> set[str]:
    return {identity for batch in rows_of(store, part, ["id"]) for identity in batch["id"].to_pylist()}


def _criteria(
    store: Store,
    counted: _Counted,
    ratios: Mapping[str, Bounds],
    ceiling: Ceiling,
    earlier: _EarlierHuman,
    max_human_loss: float,
    anchor: str | None,
    mode: str,
) -> tuple[Criterion, ...]:
    waived = Waiver.OBSERVE if mode == Mode.OBSERVE else None
    missing = store.rows("anchors", anchor) - counted.of_role("anchor") if anchor else None
    upper = max(ratio.high for ratio in ratios.values())
    by_upper = ceiling.enforced_on == UPPER_BOUND
    observed = ", ".join(f"{ratio.ratio:.1%} of {unit}" for unit, ratio in ratios.items())
    return (
        Criterion(Requirement.SET_NOT_EMPTY, "at least 1", f"{counted.mass.records}", counted.mass.records > 0),
        Criterion(
            Requirement.ANCHOR_WHOLE,
            "0 anchor records missing",
            "no anchor is frozen" if missing is None else f"{missing} missing",
            missing == 0,
            waived,
        ),
        Criterion(Requirement.NO_UNKNOWN_ORIGIN, "0", f"{counted.unknown}", counted.unknown == 0, waived),
        Criterion(
            Requirement.RATIO_WITHIN_CEILING,
            f"at most {ceiling.share:.1%} synthetic" + (", upper bound included" if by_upper else ""),
            f"{observed}; upper bound {upper:.1%}",
            counted.mass.within(ceiling.share) and (not by_upper or upper <= ceiling.share),
            waived,
        ),
        Criterion(
            Requirement.HUMAN_TEXT_ACCUMULATES,
            f"at most {max_human_loss:.0%} of the previous set's human records excluded",
            f"{earlier.lost:.1%} of {earlier.before:,} excluded" if earlier.before else "first set",
            earlier.lost <= max_human_loss,
            Waiver.FINDING,
        ),
    )


def _facts(
    run: str,
    lineage: str,
    snapshot: str,
    manifest: dict[str, Any],
    counted: _Counted,
    ceiling: Ceiling,
    recipe: Recipe,
) -> list[Fact]:
    total = counted.mass
    return [
        Composition(
            run=run,
            lineage=lineage,
            snapshot=snapshot,
            content=manifest["content"],
            anchor=manifest["anchor"],
            records=total.records,
            tokens=total.tokens,
            anchor_records=counted.of_role("anchor"),
            synthetic_records=total.synthetic_records / WHOLE,
            synthetic_tokens=total.synthetic_tokens / WHOLE,
            ratio_records=total.ratio_records,
            ratio_tokens=total.ratio_tokens,
            ceiling=ceiling.share,
            requested=recipe.synthetic_share,
        ),
        *(
            CompositionPart(
                run=run, snapshot=snapshot, role=role, origin=origin, source=source, records=records, tokens=size
            )
            for (role, origin, source), (records, size) in sorted(counted.parts.items())
        ),
    ]
