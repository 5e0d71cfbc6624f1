"""The pass over the texts: of every record the figures that its scores are made of, a few hundred bytes and a signature each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tailguard.composing.ceiling import Mass, mass, share_parts
from tailguard.composing.ranking import id_columns
from tailguard.diversity.metrics import words
from tailguard.diversity.topics import Topics
from tailguard.domain.stages import Named
from tailguard.domain.tags import Origin
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.quality.contamination import Contamination
from tailguard.quality.duplicates import BINS, signatures
from tailguard.quality.rules import RULES, failing
from tailguard.store.files import Store
from tailguard.store.snapshots import Part, rows_of

if TYPE_CHECKING:
    from tailguard.stages.score import Filter

ALL = "all"
ANCHOR, EARLIER_SET = "anchor", "earlier set"
"""Where a record can be already."""
MOST_SLICES = 256


@dataclass(frozen=True)
class Base:
    """Human text that the composition holds besides a run's own records: its parts, its mass, and the anchor's topics.

    `anchor` is the digest of the anchor, also where a recipe leaves it out: records are held against it all the same.
    """

    parts: tuple[Part, ...]
    mass: Mass
    anchor: str | None
    topics: NDArray[np.float32]
    inputs: tuple[Named, ...] = ()


@dataclass
class Read:
    """What was read, as columns in the records' order; texts are not among them.

    `failed` has a column for each quality rule; `cells` are the numbers of the rare cells that a record covers, those of
    record i standing in `cells[cell_starts[i]:cell_starts[i + 1]]`; `crowd` says how many texts of anchor and run stand in
    each cell. `standing` signatures of anchor and earlier human text come first in `signatures`.
    """

    ids: NDArray[np.uint64]
    origin: NDArray[Any]
    source: NDArray[Any]
    evidence: NDArray[Any]
    slice: NDArray[Any]
    share: NDArray[np.int64]
    tokens: NDArray[np.int64]
    score: NDArray[np.float64]
    failed: NDArray[np.bool_]
    contaminated: dict[int, str]
    cells: NDArray[np.int64]
    cell_starts: NDArray[np.int64]
    crowd: NDArray[np.int32]
    terms: tuple[str, ...]
    topics: int
    signatures: NDArray[np.uint16]
    standing: int
    standing_ids: NDArray[np.uint64]
    standing_names: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    def identity(self, at: int) -> str:
        """A record's id in hex."""
        return f"{int(self.ids[at, 0]):016x}{int(self.ids[at, 1]):016x}"

    def cells_of(self, at: int) -> NDArray[np.int64]:
        """The rare cells that a record covers."""
        return self.cells[self.cell_starts[at] : self.cell_starts[at + 1]]

    def mass(self, chosen: NDArray[np.bool_]) -> Mass:
        """The mass of some of the records."""
        return mass(self.share[chosen], self.tokens[chosen])


class _Cells:
    """Numbers the cells (slice x rare term x topic) and counts the texts in each; sums, so the order does not matter."""

    def __init__(self, terms: Sequence[str], topics: Topics) -> None:
        self.terms = {term: at for at, term in enumerate(terms)}
        self.topics = topics
        self._of_slice = len(self.terms) * len(topics)
        self.slices: dict[str, int] = {}
        self.crowd = np.zeros(0, np.int32)

    def number(self, name: str) -> int:
        """The number of a slice; a new one gets room for its cells."""
        if name not in self.slices:
            if len(self.slices) == MOST_SLICES:
                raise InputError(
                    f"The records name more than {MOST_SLICES} slices, {name!r} among them. columns.slice in policy.toml "
                    "has to name a field with few values, such as a language or a domain."
                )
            self.slices[name] = len(self.slices)
            self.crowd = np.concatenate([self.crowd, np.zeros(self._of_slice, np.int32)])
        return self.slices[name]

    def of(self, texts: Sequence[Sequence[str]], slices: Sequence[str]) -> list[list[int]]:
        """The cells that each text covers, counted into the crowd."""
        cell_lists = []
        for text, topic, name in zip(texts, self.topics.of(texts).tolist(), slices, strict=True):
            first = self.number(name) * self._of_slice
            places = sorted({self.terms[word] for word in text if word in self.terms})
            cell_lists.append([first + position * len(self.topics) + topic for position in places])
        np.add.at(self.crowd, np.array([cell for cells in cell_lists for cell in cells], dtype=np.int64), 1)
        return cell_lists


_EMPTY: dict[str, NDArray[Any]] = {
    "ids": np.zeros((0, 2), np.uint64),
    "failed": np.zeros((0, len(RULES)), np.bool_),
    "signatures": np.zeros((0, BINS), np.uint16),
    **{name: np.zeros(0, np.int64) for name in ("share", "tokens")},
    **{name: np.zeros(0, object) for name in ("origin", "source", "evidence", "slice")},
    "score": np.zeros(0),
}
"""The columns of no records."""


def read(records: str, *, store: Store, base: Base, rules: Filter, progress: Callable[[int], None]) -> Read:
    """One pass over the anchor, the earlier human records and the run's own."""
    cells = _Cells(sorted(rules.rare_terms), Topics(base.topics))
    contamination = Contamination(rules.prompts, length=rules.quality.contamination_words)
    standing, standing_ids, standing_names = _stand(store, base, cells, rules.slice_field)
    columns: dict[str, list[NDArray[Any]]] = {name: [empty] for name, empty in _EMPTY.items()}
    cell_lists: list[list[int]] = []
    contaminated: dict[int, str] = {}
    count = 0
    for batch in store.batches("records", records):
        _refuse_held(batch)
        texts = batch["text"].to_pylist()
        slices = slices_of(batch["meta"].to_pylist(), rules.slice_field)
        cell_lists += cells.of([words(text) for text in texts], slices)
        for position, prompt in enumerate(contamination.found(texts)):
            if prompt is not None:
                contaminated[count + position] = prompt
        columns["ids"].append(id_columns(batch["id"].to_pylist()))
        columns["slice"].append(np.array(slices, dtype=object))
        columns["share"].append(share_parts(batch["share"].to_numpy(zero_copy_only=False)))
        columns["tokens"].append(batch["tokens"].to_numpy(zero_copy_only=False))
        columns["score"].append(batch["score"].cast(pa.float64()).to_numpy(zero_copy_only=False))
        columns["failed"].append(failing(texts, rules.quality))
        columns["signatures"].append(signatures(texts))
        for name in ("origin", "source", "evidence"):
            columns[name].append(np.array(batch[name].to_pylist(), dtype=object))
        count += len(batch)
        progress(count)
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    own = joined.pop("signatures")
    return Read(
        **joined,
        contaminated=contaminated,
        cells=np.array([cell for record_cells in cell_lists for cell in record_cells], dtype=np.int64),
        cell_starts=np.cumsum([0, *map(len, cell_lists)]),
        crowd=cells.crowd,
        terms=tuple(cells.terms),
        topics=len(cells.topics),
        signatures=np.concatenate([standing, own]),
        standing=len(standing),
        standing_ids=standing_ids,
        standing_names=standing_names,
    )


def _stand(
    store: Store, base: Base, cells: _Cells, slice_field: str
) -> tuple[NDArray[np.uint16], NDArray[np.uint64], NDArray[Any]]:
    """Signatures, ids and owners (ANCHOR or EARLIER_SET) of what is there already; the anchor's cells are counted."""
    parts = [part for part in base.parts if part.role != "anchor"]
    signature_parts, ids, names = (
        [np.zeros((0, BINS), np.uint16)],
        [np.zeros((0, 2), np.uint64)],
        [np.zeros(0, dtype=object)],
    )
    if base.anchor:
        for batch in store.batches("anchors", base.anchor):
            texts = batch["text"].to_pylist()
            cells.of([words(text) for text in texts], slices_of(batch["meta"].to_pylist(), slice_field))
            signature_parts.append(signatures(texts))
            ids.append(id_columns(batch["id"].to_pylist()))
            names.append(np.full(len(texts), ANCHOR, dtype=object))
    for part in parts:
        for batch in rows_of(store, part, ["id", "text"]):
            signature_parts.append(signatures(batch["text"].to_pylist()))
            ids.append(id_columns(batch["id"].to_pylist()))
            names.append(np.full(len(batch), EARLIER_SET, dtype=object))
    return np.concatenate(signature_parts), np.concatenate(ids), np.concatenate(names)


def slices_of(metadata: Sequence[str | None], field: str) -> list[str]:
    """The slice that each record's metadata (JSON) names, or ALL."""
    slices = []
    for text in metadata:
        value = json.loads(text).get(field) if text and field in text else None
        slices.append(str(value)[:80] if value is not None and not isinstance(value, dict | list) else ALL)
    return slices


def anchor_words(store: Store, anchor: str) -> list[list[str]]:
    """The words of each text of an anchor, for its topics."""
    return [words(text) for batch in store.batches("anchors", anchor, ["text"]) for text in batch["text"].to_pylist()]


def kept_topics(store: Store, anchor: str | None, folder: Path) -> NDArray[np.float32]:
    """The topics of an anchor, found once and kept in `folder`: derived, so deleting them costs only the time."""
    from tailguard.diversity.topics import find_topics

    if anchor is None:
        return np.zeros((1, 1), np.float32)
    path = folder / f"{anchor}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        making = folder / f".{anchor}.new.npy"
        np.save(making, find_topics(anchor_words(store, anchor)), allow_pickle=False)
        making.replace(path)
    return np.asarray(np.load(path, allow_pickle=False))


def _refuse_held(batch: pa.RecordBatch) -> None:
    columns = batch.select(["id", "origin", "held", "tag_digest"]).to_pydict()
    wrong = [
        identity
        for identity, origin, held, digest in zip(*columns.values(), strict=True)
        if held or origin == Origin.UNKNOWN or not digest
    ]
    if wrong:
        raise InputError(
            f"{counted(len(wrong), 'record is', 'records are')} untagged or held and cannot be scored: {', '.join(wrong[:5])}. "
            "Decide them with `tailguard quarantine decide`."
        )
