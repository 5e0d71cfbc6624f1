"""What fits under a ceiling, exactly: whole records in whole tokens, shares in millionths, nothing rounded in its favour.

A set is within a ceiling c when synthetic <= c * all, in records and in tokens. A record of share s adds s - c times its
size to the one side: its cost. Those that cost nothing are taken first; of the others, in order of priority, as many as the
budget pays for. The cut is found by counting costs per range of priorities (a radix selection), so a million records need
no sorting.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

WHOLE = 1_000_000
"""A share of 1, in parts."""

TAKEN, OVER_CEILING, OVER_QUOTA = 0, 1, 2
"""What became of a candidate."""

Ints = NDArray[np.int64]


def share_parts(shares: NDArray[np.float64]) -> Ints:
    """Shares (0 to 1) in millionths, rounded up."""
    return np.ceil(np.round(np.asarray(shares, dtype=np.float64) * WHOLE, 3)).astype(np.int64)


def ceiling_parts(ceiling: float) -> int:
    """A ceiling (0 to 1) in millionths, rounded down from its decimal notation."""
    return int(Fraction(str(ceiling)) * WHOLE)


@dataclass(frozen=True)
class Mass:
    """How much a set holds: records and tokens, and of each the synthetic part in millionths of a unit."""

    records: int
    tokens: int
    synthetic_records: int = 0
    synthetic_tokens: int = 0

    def __add__(self, other: Mass) -> Mass:
        return Mass(
            self.records + other.records,
            self.tokens + other.tokens,
            self.synthetic_records + other.synthetic_records,
            self.synthetic_tokens + other.synthetic_tokens,
        )

    @property
    def ratio_records(self) -> float:
        """Synthetic share of the records (0 to 1); 0 of nothing."""
        return self.synthetic_records / (self.records * WHOLE) if self.records else 0.0

    @property
    def ratio_tokens(self) -> float:
        """Synthetic share of the tokens (0 to 1); 0 of nothing."""
        return self.synthetic_tokens / (self.tokens * WHOLE) if self.tokens else 0.0

    @property
    def highest(self) -> float:
        """The larger of the two, which is the one that a ceiling is held against."""
        return max(self.ratio_records, self.ratio_tokens)

    def within(self, ceiling: float) -> bool:
        """Whether neither ratio is above the ceiling; exact."""
        return min(self.room(ceiling)) >= 0

    def room(self, ceiling: float) -> tuple[int, int]:
        """What is left under the ceiling for records and for tokens, in millionths; negative above it."""
        parts = ceiling_parts(ceiling)
        return parts * self.records - self.synthetic_records, parts * self.tokens - self.synthetic_tokens


def mass(shares: Ints, tokens: Ints) -> Mass:
    """The mass of some records, from their shares in parts and their tokens."""
    return Mass(len(shares), int(tokens.sum()), int(shares.sum()), int((shares * tokens).sum()))


@dataclass(frozen=True)
class Candidates:
    """Synthetic and mixed records that may be composed, as columns.

    `shares` are in parts, `keys` unsigned 64-bit: the smaller, the sooner taken; equal keys are ordered by `ids`, two
    columns of 64 bits. `slices` numbers each record's slice.
    """

    shares: Ints
    tokens: Ints
    keys: NDArray[np.uint64]
    ids: NDArray[np.uint64]
    slices: Ints

    def __len__(self) -> int:
        return len(self.keys)


def fill(candidates: Candidates, base: Mass, *, ceiling: float, quotas: dict[int, float]) -> NDArray[np.int8]:
    """What becomes of each candidate beside a set of mass `base`: TAKEN, OVER_CEILING or OVER_QUOTA.

    `quotas` gives slices, by number, the largest share (0 to 1) of the budget that they may use. The result never breaks
    the ceiling if `base` does not.
    """
    parts = ceiling_parts(ceiling)
    cost = candidates.shares - parts
    token_cost = cost * candidates.tokens
    free = cost <= 0
    outcome = np.where(free, np.int8(TAKEN), np.int8(OVER_CEILING))
    room, token_room = base.room(ceiling)
    room -= int(cost[free].sum())
    token_room -= int(token_cost[free].sum())
    open_ = ~free
    for number, quota in quotas.items():
        inside = open_ & (candidates.slices == number)
        share = Fraction(str(quota))
        kept = _affordable(
            candidates, inside, cost, token_cost, int(share * max(room, 0)), int(share * max(token_room, 0))
        )
        outcome[inside & ~kept] = OVER_QUOTA
        open_ &= ~inside | kept
    outcome[_affordable(candidates, open_, cost, token_cost, room, token_room)] = TAKEN
    return outcome


def _affordable(
    candidates: Candidates, among: NDArray[np.bool_], cost: Ints, token_cost: Ints, room: int, token_room: int
) -> NDArray[np.bool_]:
    """The longest run of `among`, in their order, that costs at most `room` records and `token_room` tokens."""
    taken = np.zeros(len(candidates), dtype=bool)
    if room < 0 or token_room < 0:
        return taken
    low, width, room, token_room = _boundary(candidates.keys, among, cost, token_cost, room, token_room)
    if width < 0:  # all of them fit
        return among.copy()
    high = low + (1 << width) - 1
    taken |= among & (candidates.keys < np.uint64(low))
    last = np.flatnonzero(among & (candidates.keys >= np.uint64(low)) & (candidates.keys <= np.uint64(high)))
    last = last[np.lexsort((candidates.ids[last, 1], candidates.ids[last, 0], candidates.keys[last]))]
    fits = (np.cumsum(cost[last]) <= room) & (np.cumsum(token_cost[last]) <= token_room)
    taken[last[fits]] = True  # costs are positive, so what fits is a beginning
    return taken


_FEW = 4096


def _boundary(
    keys: NDArray[np.uint64], among: NDArray[np.bool_], cost: Ints, token_cost: Ints, room: int, token_room: int
) -> tuple[int, int, int, int]:
    """The range of keys in which the budget ends: its first key, its width in bits (-1: there is none), and what is left."""
    low, shift = 0, 64
    while shift:
        shift -= 16
        costs, token_costs, counts = _by_range(keys, among, cost, token_cost, np.uint64(low), np.uint64(shift))
        over = (np.cumsum(costs) > room) | (np.cumsum(token_costs) > token_room)
        if not over.any():
            return 0, -1, room, token_room
        position = int(over.argmax())
        room -= int(costs[:position].sum())
        token_room -= int(token_costs[:position].sum())
        low += position << shift
        if counts[position] <= _FEW:
            break
    return low, shift, room, token_room


@njit()
def _by_range(
    keys: NDArray[np.uint64],
    among: NDArray[np.bool_],
    cost: Ints,
    token_cost: Ints,
    low: np.uint64,
    shift: np.uint64,
) -> tuple[Ints, Ints, Ints]:
    """Sums of cost and counts in 65,536 ranges of keys, each 2**shift wide, the first beginning at `low`."""
    costs = np.zeros(1 << 16, np.int64)
    token_costs = np.zeros(1 << 16, np.int64)
    counts = np.zeros(1 << 16, np.int64)
    for at in range(keys.size):
        if among[at] and keys[at] >= low:
            position = (keys[at] - low) >> shift
            if position < np.uint64(1 << 16):
                costs[np.int64(position)] += cost[at]
                token_costs[np.int64(position)] += token_cost[at]
                counts[np.int64(position)] += 1
    return costs, token_costs, counts
