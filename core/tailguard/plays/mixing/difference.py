"""What two training sets do not share: records, tokens, and where they come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tailguard.domain.facts import Composition
from tailguard.errors import InputError
from tailguard.store.snapshots import Part, read_snapshot, rows_of
from tailguard.workspace import Workspace


@dataclass(frozen=True)
class Side:
    """What one training set holds that the other lacks: records, tokens, and records by role and source."""

    snapshot: str
    run: str
    records: int
    tokens: int
    by_part: dict[str, int]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """Two training sets: what both hold, and what only one of them does."""

    shared: int
    first: Side
    second: Side

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [f"{self.shared:,} records are in both."]
        for side in (self.first, self.second):
            lines.append(
                f"Only in {side.run} ({side.snapshot[:12]}): {side.records:,} records, {side.tokens:,} tokens."
            )
            lines += [f"  {count:>9,}  {name}" for name, count in sorted(side.by_part.items())]
        return "\n".join(lines)


_SHOWN = 20


def difference(workspace: Workspace, first: str, second: str) -> Difference:
    """What two snapshots (digests, their beginnings, or names of runs) do not share.

    Raises InputError for one that the log does not know, or whose beginning fits several.
    """
    made = [_composition(workspace, wanted) for wanted in (first, second)]
    ids = [_ids(workspace, composition.snapshot) for composition in made]
    return Difference(
        len(ids[0].keys() & ids[1].keys()),
        _side(made[0], ids[0], ids[1]),
        _side(made[1], ids[1], ids[0]),
    )


def _composition(workspace: Workspace, wanted: str) -> Composition:
    with workspace.log.reading() as view:
        compositions = [row.fact for row in view.recorded(Composition)]
    hits = {
        composition.snapshot: composition
        for composition in compositions
        if composition.run == wanted or composition.snapshot.startswith(wanted)
    }
    if len(hits) != 1:
        raise InputError(f"{len(hits)} training sets are called {wanted!r}; name one by its digest or its run.")
    return hits.popitem()[1]


def _ids(workspace: Workspace, snapshot: str) -> dict[str, tuple[str, int]]:
    records = {}
    for part in read_snapshot(workspace.store, snapshot).parts:
        records.update(_of_part(workspace, part))
    return records


def _of_part(workspace: Workspace, part: Part) -> dict[str, tuple[str, int]]:
    return {
        identity: (f"{part.role}, {source}", tokens)
        for batch in rows_of(workspace.store, part, ["id", "source", "tokens"])
        for identity, source, tokens in zip(*batch.to_pydict().values(), strict=True)
    }


def _side(made: Composition, own: dict[str, tuple[str, int]], other: dict[str, tuple[str, int]]) -> Side:
    unshared = {identity: own[identity] for identity in own.keys() - other.keys()}
    by_part = Counter(name for name, _ in unshared.values())
    tokens = sum(size for _, size in unshared.values())
    return Side(made.snapshot, made.run, len(unshared), tokens, dict(by_part), tuple(sorted(unshared)[:_SHOWN]))
