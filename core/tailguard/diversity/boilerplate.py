"""Openings and closings that many answers of one model share: excluded before anything is counted, and reported.

A fixed greeting or disclaimer is style. It makes every answer more alike and longer without a loss of anything; so it is taken
off ahead of the measures, on either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.outputs import Encoded

Ints = NDArray[np.int64]

_SEED_WORDS = 6
_FEWEST = 0.2
"""Share of answers that begin with the same six words."""
_AGREE = 0.8
"""Share of them that has to agree on a word for it to belong to the opening."""
_LONGEST = 60
_OF_MEDIAN = 0.5
"""An opening is at most this share of the median answer that has it: what is longer is the answer itself."""
_ROUNDS = 4


class End(StrEnum):
    """Where boilerplate stands."""

    OPENING = "open"
    CLOSING = "close"


@dataclass(frozen=True)
class Boilerplate:
    """Words that a share (0 to 1) of a generation's answers opens or closes with."""

    end: End
    words: tuple[str, ...]
    share: float


@dataclass(frozen=True, eq=False)
class Body:
    """Answers without their boilerplate: `skipped` words were taken off in front of each."""

    encoded: Encoded
    skipped: Ints
    boilerplate: tuple[Boilerplate, ...]


def body(answers: Encoded) -> Body:
    """Set openings and closings aside, up to four of either."""
    begins, ends = answers.offsets[:-1].copy(), answers.offsets[1:].copy()
    removed = []
    for end in End:
        for _ in range(_ROUNDS):
            shared = _shared_run(answers.units, begins, ends, end)
            if shared is None:
                break
            members, length = shared
            member = int(np.flatnonzero(members)[0])
            first = begins[member] if end is End.OPENING else ends[member] - length
            text = tuple(answers.vocabulary[unit] for unit in answers.units[first : first + length].tolist())
            removed.append(Boilerplate(end, text, float(members.mean())))
            if end is End.OPENING:
                begins = begins + length * members
            else:
                ends = ends - length * members
    return Body(answers.between(begins, ends), begins - answers.offsets[:-1], tuple(removed))


def _shared_run(units: Ints, begins: Ints, ends: Ints, end: End) -> tuple[NDArray[np.bool_], int] | None:
    """Which answers share the commonest opening (or closing), and its length in words; None where there is none."""
    lengths = ends - begins
    long_enough = np.flatnonzero(lengths >= _SEED_WORDS)
    if len(long_enough) < _FEWEST * len(lengths) or not len(lengths):
        return None

    def position(step: int) -> Ints:
        return begins + step if end is End.OPENING else ends - 1 - step

    seeds = np.stack([units[position(step)[long_enough]] for step in range(_SEED_WORDS)], axis=1)
    _, run_of, counts = np.unique(seeds, axis=0, return_inverse=True, return_counts=True)
    if counts.max() < _FEWEST * len(lengths):
        return None
    members = np.zeros(len(lengths), dtype=np.bool_)
    members[long_enough[run_of.ravel() == counts.argmax()]] = True
    for length in range(_SEED_WORDS, _LONGEST + 1):
        there = np.flatnonzero(members & (lengths > length))
        numbers, counts = np.unique(units[position(length)[there]], return_counts=True)
        if counts.max(initial=0) < _AGREE * members.sum():
            whole = length > _OF_MEDIAN * float(np.median(lengths[members]))
            return None if whole else (members, length)
        members[:] = False
        members[there[units[position(length)[there]] == numbers[counts.argmax()]]] = True
    return None
