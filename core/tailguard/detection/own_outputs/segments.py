"""What is remembered of a batch of outputs: one stored folder of arrays, named by its digest and never changed.

`prints` are the first 64 bits of the texts' identities, in the order of the texts; `grams` are sorted, `owners` say which
text (from 0) each stands in; `whole` which texts are remembered by all of their grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailguard.domain.records import record_id
from tailguard.store.files import Store

KIND = "fingerprints"
ARRAYS = ("prints", "grams", "owners", "whole")
MOST_TEXTS = 50_000
"""Texts in one segment: bounds the memory in which it is made."""


def keep_segment(store: Store, texts: Sequence[str]) -> str:
    """Remember texts, MOST_TEXTS or not many more; returns the digest of the segment."""
    from tailguard.detection.own_outputs.grams import remembered
    from tailguard.detection.texts import pack

    packed = pack(texts)
    grams, owners, complete = remembered(packed.data, packed.offsets)
    order = np.lexsort((owners, grams))
    grams, owners = grams[order], owners[order]
    first = np.append(True, (grams[1:] != grams[:-1]) | (owners[1:] != owners[:-1]))[: len(grams)]
    folder = store.scratch()
    for name, array in (
        ("prints", prints_of([record_id(text) for text in texts])),
        ("grams", grams[first]),
        ("owners", owners[first]),
        ("whole", complete),
    ):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return store.put_folder(KIND, folder)


def all_grams(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Every gram of some texts, sorted, each once."""
    from tailguard.detection.own_outputs.grams import every
    from tailguard.detection.texts import pack

    packed = pack(texts)
    return np.unique(every(packed.data, packed.offsets))


def prints_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """The first 64 bits of record ids."""
    return np.array([int(identity[:16], 16) for identity in ids], dtype=np.uint64)


def opened(folder: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a segment or an index, mapped and not read."""
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
