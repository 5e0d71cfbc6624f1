"""One sorted index over all segments of a workspace, on disk, made again when a segment has come since.

It is derived, never the only copy: deleting it costs the time to merge. It is merged one range of hashes at a time and
read through memory maps, so memory does not grow with the number of outputs.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.detection.own_outputs import segments
from tailguard.domain.own_output import MatchKind
from tailguard.store.files import Store
from tailguard.store.writing import canonical_json, digest_of, write_atomically

FORMAT = "tailguard-own-outputs/1"
_RANGES = 64
_KINDS = {1: MatchKind.EXACT_COPY, 2: MatchKind.NEAR_DUPLICATE, 3: MatchKind.PASSAGE}


@dataclass(frozen=True)
class Match:
    """A text that is, or holds, something that a generation of ours wrote.

    `share` (0 to 1) is that of its words that match; `spans` are (start, stop) in characters.
    """

    kind: MatchKind
    generation: str
    share: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class OwnOutputs:
    """All outputs that a workspace has logged. `match` answers for texts; it never changes anything."""

    _arrays: dict[str, NDArray[Any]]
    _generations: tuple[str, ...]
    _starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self._arrays["prints"]) if self._arrays else 0

    def match(self, texts: Sequence[str], ids: Sequence[str]) -> list[Match | None]:
        """For each text with its record id, what of ours it is or holds."""
        if not len(self) or not texts:
            return [None] * len(texts)
        from tailguard.detection.own_outputs import grams
        from tailguard.detection.texts import pack

        arrays = self._arrays
        wanted = segments.prints_of(ids)
        positions = np.minimum(np.searchsorted(arrays["prints"], wanted), len(arrays["prints"]) - 1)
        exact = arrays["prints"][positions] == wanted
        packed = pack(texts)
        kinds, owners, shares, spans = grams.look_up(
            packed.data, packed.offsets, arrays["grams"], arrays["owners"], arrays["prefix"], arrays["whole"]
        )
        answers: list[Match | None] = [None] * len(texts)
        for at in map(int, np.flatnonzero(exact | (kinds > 0))):
            if exact[at]:
                owner = int(arrays["print_owners"][positions[at]])
                answers[at] = Match(_KINDS[grams.EXACT], self._writer(owner), 1.0, ((0, len(texts[at])),))
            else:
                passages = tuple(
                    (packed.characters(at, int(start)), packed.characters(at, int(stop)))
                    for start, stop in spans[at]
                    if start >= 0
                )
                answers[at] = Match(
                    _KINDS[int(kinds[at])], self._writer(int(owners[at])), round(float(shares[at]), 4), passages
                )
        return answers

    def _writer(self, owner: int) -> str:
        return self._generations[int(np.searchsorted(self._starts, owner, side="right")) - 1]


def own_outputs(store: Store, logged: Sequence[tuple[str, str]], folder: Path, *, anchor: str | None) -> OwnOutputs:
    """The index over the segments of (generation, digest) pairs, in their order; kept in `folder`.

    Word sequences that stand in the frozen anchor set are left out: a model repeats the phrases it was taught, and a
    person who writes them again copies nobody. Where several generations wrote the same text, the first is named. Raises
    InputError for a segment that is missing and TailguardError for one that was changed.
    """
    if not logged:
        return OwnOutputs({}, (), np.zeros(0, dtype=np.int64))
    name = digest_of(canonical_json([FORMAT, anchor, *logged]))[:32]
    if not (folder / name).is_dir():
        human = _anchor_grams(store, anchor, folder) if anchor else segments.all_grams([])
        _merge(store, logged, folder, name, human)
    arrays = segments.opened(folder / name)
    manifest = json.loads((folder / name / "manifest.json").read_text())
    return OwnOutputs(arrays, tuple(manifest["generations"]), np.array(manifest["starts"], dtype=np.int64))


def _anchor_grams(store: Store, anchor: str, folder: Path) -> NDArray[np.uint64]:
    """Every gram of the anchor; kept beside the index, as each run makes that one again while the anchor stays."""
    store.path("anchors", anchor, ".parquet")  # a record of the run takes the anchor along
    kept = folder / f".anchor-{digest_of(canonical_json([FORMAT, anchor]))[:32]}.npy"
    if not kept.exists():
        content = io.BytesIO()
        np.save(content, segments.all_grams(store.table("anchors", anchor)["text"].to_pylist()), allow_pickle=False)
        write_atomically(kept, content.getvalue())
    return np.asarray(np.load(kept, allow_pickle=False), dtype=np.uint64)


def _merge(store: Store, logged: Sequence[tuple[str, str]], folder: Path, name: str, human: NDArray[np.uint64]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{name}.{os.getpid()}.new"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    parts = [segments.opened(store.folder(segments.KIND, digest)) for _, digest in logged]
    starts = np.cumsum([0, *(len(part["prints"]) for part in parts)])[:-1]
    grams = [(part["grams"], part["owners"], start) for part, start in zip(parts, starts, strict=True)]
    _merge_sorted(making, "grams", "owners", grams, without=human)
    prints = []
    for part, start in zip(parts, starts, strict=True):
        order = np.argsort(part["prints"], kind="stable")
        prints.append((part["prints"][order], order.astype(np.uint32), start))
    _merge_sorted(making, "prints", "print_owners", prints, without=np.zeros(0, dtype=np.uint64))
    np.save(making / "whole.npy", np.concatenate([part["whole"] for part in parts]))
    merged = np.load(making / "grams.npy", mmap_mode="r")
    bits = max(8, len(merged).bit_length() - 3)
    edges = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
    np.save(making / "prefix.npy", np.append(np.searchsorted(merged, edges), len(merged)).astype(np.int64))
    manifest = {"format": FORMAT, "generations": [generation for generation, _ in logged], "starts": starts.tolist()}
    (making / "manifest.json").write_bytes(canonical_json(manifest))
    earlier = [path for path in folder.iterdir() if not path.name.startswith(".")]
    try:
        making.rename(folder / name)
    except OSError:  # another process made the same one meanwhile
        shutil.rmtree(making, ignore_errors=True)
        return
    for path in earlier:
        shutil.rmtree(path, ignore_errors=True)


def _merge_sorted(
    folder: Path, keys: str, owners: str, parts: Sequence[tuple[Any, Any, int]], *, without: NDArray[np.uint64]
) -> None:
    """Merge sorted (keys, owners, first owner) triples into two files, one range of keys at a time, `without` some keys."""
    from numpy.lib import format as npy

    from tailguard.detection.own_outputs.grams import COMMON

    total = 0
    edges = np.arange(1, _RANGES, dtype=np.uint64) << np.uint64(58)  # 64 of them
    cuts = [_cut(part_keys, edges) for part_keys, _, _ in parts]
    without_cuts = _cut(without, edges)
    with (folder / f"{keys}.raw").open("wb") as key_file, (folder / f"{owners}.raw").open("wb") as owner_file:
        for number in range(_RANGES):
            inside = [slice(cut[number], cut[number + 1]) for cut in cuts]
            some_keys = np.concatenate([part[0][rows] for part, rows in zip(parts, inside, strict=True)])
            some_owners = np.concatenate(
                [
                    part_owners[rows].astype(np.uint32) + np.uint32(first)
                    for (_, part_owners, first), rows in zip(parts, inside, strict=True)
                ]
            )
            # Each part is sorted by key and owner, and a later part has larger owners, so a stable sort orders both.
            order = np.argsort(some_keys, kind="stable")
            some_keys, some_owners = some_keys[order], some_owners[order]
            # The first COMMON owners of a key stay: place i goes when place i - COMMON holds the same key.
            stays = np.ones(len(some_keys), dtype=bool)
            stays[COMMON:] = some_keys[COMMON:] != some_keys[:-COMMON]
            stays &= ~_among(some_keys, without[without_cuts[number] : without_cuts[number + 1]])
            key_file.write(some_keys[stays].tobytes())
            owner_file.write(some_owners[stays].tobytes())
            total += int(stays.sum())
    for name, kind in ((keys, "<u8"), (owners, "<u4")):
        raw = folder / f"{name}.raw"
        with raw.open("rb") as source, (folder / f"{name}.npy").open("wb") as target:
            npy.write_array_header_1_0(target, {"descr": kind, "fortran_order": False, "shape": (total,)})
            shutil.copyfileobj(source, target, 1 << 24)
        raw.unlink()


def _cut(keys: NDArray[np.uint64], edges: NDArray[np.uint64]) -> list[int]:
    """Where each range of some sorted keys begins, and where the last one ends."""
    return [0, *np.searchsorted(keys, edges).tolist(), len(keys)]


def _among(keys: NDArray[np.uint64], sorted_keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which keys are among `sorted_keys`."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=bool)
    positions = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[positions] == keys)
