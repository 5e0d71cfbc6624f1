"""In which order synthetic records are taken: the best by the team's weights, or drawn by how human they look.

`best` orders by the weighted mean of the three scores. `detector-weighted` draws without replacement, each record with a
weight that falls with the detector's log-odds of its being model-made: resampling against collapse as proposed by
G. Drayson, E. Yilmaz and V. Lampos, "Machine-generated text detection prevents language model collapse" (2025); the draw is
that of P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir" (2006), with randomness from a record's
identity and the seed, so that it does not depend on the order in which records come.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.policy.model import Compose

_DIGITS = 24
_MIX = np.uint64(0x9E3779B97F4A7C15)
_OTHER = np.uint64(0xBF58476D1CE4E5B9)

Floats = NDArray[np.float64]


def priority(
    quality: Floats,
    diversity: Floats,
    reliability: Floats,
    score: Floats,
    ids: NDArray[np.uint64],
    *,
    policy: Compose,
    seed: int,
) -> Floats:
    """Priority (0 to 1) of each record, higher is sooner. `score` is the detector's (NaN where it gave none)."""
    if policy.strategy == "best":
        weights = policy.weights
        total = weights.quality + weights.diversity + weights.reliability
        return np.asarray(
            (weights.quality * quality + weights.diversity * diversity + weights.reliability * reliability) / total
        )
    human = 1 / (1 + np.exp(np.clip(np.nan_to_num(score, nan=0.0), -30, 30)))
    return np.asarray(_uniform(ids, seed) ** (1 / np.maximum(human, 1e-6)))


def _uniform(ids: NDArray[np.uint64], seed: int) -> Floats:
    """A number in (0, 1) a record, from its identity and the seed (the finalizer of SplitMix64, G. Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        value = ids[:, 0] ^ ((ids[:, 1] + np.uint64(seed % 2**63)) * _MIX)
        value = (value ^ (value >> np.uint64(30))) * _OTHER
        value = (value ^ (value >> np.uint64(27))) * _MIX
    return np.asarray((((value ^ (value >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53)


def keys(priorities: Floats, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Unsigned 64-bit keys that sort by priority, highest first, then by identity: 24 bits of one, 40 of the other."""
    steps = (1 << _DIGITS) - 1
    position = (steps - np.round(np.clip(priorities, 0, 1) * steps)).astype(np.uint64)
    return np.asarray((position << np.uint64(64 - _DIGITS)) | (ids[:, 0] >> np.uint64(_DIGITS)))


def id_columns(ids: NDArray[np.bytes_] | list[str]) -> NDArray[np.uint64]:
    """Record ids (32 hex digits) as two columns of 64 bits that sort as the ids do."""
    if not len(ids):
        return np.zeros((0, 2), np.uint64)
    raw = bytes.fromhex("".join(ids)) if isinstance(ids, list) else bytes.fromhex(b"".join(ids.tolist()).decode())
    return np.frombuffer(raw, dtype=">u8").reshape(-1, 2).astype(np.uint64)
