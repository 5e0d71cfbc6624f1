"""Fingerprints of every text that our own generations wrote, so that it is recognised when it comes back as data.

First form: exact matches of the normal form. A fingerprint is the first 64 bits of the record's identity.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.store.files import Store

KIND = "fingerprints"


def keep_fingerprints(store: Store, ids: Iterable[str]) -> str:
    """Store the sorted, distinct fingerprints of record ids; returns their digest."""
    prints = np.unique(np.array([int(identity[:16], 16) for identity in ids], dtype=np.uint64))
    sink = io.BytesIO()
    np.save(sink, prints, allow_pickle=False)
    return store.put_bytes(KIND, sink.getvalue(), ".npy")


@dataclass(frozen=True)
class OwnOutputs:
    """All fingerprints of a workspace, sorted, with the generation that wrote each."""

    prints: NDArray[np.uint64]
    writers: NDArray[np.int64]
    generations: tuple[str, ...]

    def writer_of(self, ids: Sequence[str]) -> list[str | None]:
        """For each record id, the generation of ours that wrote this text, or None."""
        if not len(self.prints):
            return [None] * len(ids)
        wanted = np.array([int(identity[:16], 16) for identity in ids], dtype=np.uint64)
        place = np.minimum(np.searchsorted(self.prints, wanted), len(self.prints) - 1)
        found = self.prints[place] == wanted
        return [self.generations[self.writers[at]] if hit else None for at, hit in zip(place, found, strict=True)]


def own_outputs(store: Store, logged: Sequence[tuple[str, str]]) -> OwnOutputs:
    """Read the fingerprints of (generation, digest) pairs; a text that several wrote is the first one's."""
    arrays = [np.load(io.BytesIO(store.bytes(KIND, digest, ".npy")), allow_pickle=False) for _, digest in logged]
    prints = np.concatenate([np.empty(0, dtype=np.uint64), *arrays])
    writers = np.concatenate(
        [np.empty(0, dtype=np.int64), *(np.full(len(array), number) for number, array in enumerate(arrays))]
    ).astype(np.int64)
    order = np.lexsort((writers, prints))
    return OwnOutputs(prints[order], writers[order], tuple(generation for generation, _ in logged))
