"""Between which bounds a ratio lies, as tags may be wrong.

What is certain counts as it stands: the anchor, our own logged output, a declaration of model-made text, a person's decision.
Of records that pass as human on their source's word, as many may be model-made as the share estimated for their batch leaves
room for. A verdict of the detector may be wrong at its error rate. A mixed record whose parts nobody found counts as nothing
in the lower bound and as a whole in the upper one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tailguard.domain.tags import Evidence, Origin


@dataclass(frozen=True)
class Leak:
    """Share (0 to 1) of a batch's human-tagged records that may be model-made after all."""

    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Records of one batch, origin and evidence: their size in one unit, and how much of it counts as synthetic."""

    batch: str
    origin: str
    evidence: str
    whole_guess: bool
    size: float
    synthetic: float


@dataclass(frozen=True)
class Bounds:
    """A ratio (0 to 1) and the bounds that its tags leave open."""

    ratio: float
    low: float
    high: float


def leak(*, records: int, human: int, low: float, high: float) -> Leak:
    """What a batch's estimated share of model-made text leaves for its human-tagged records, the others being known.

    `records` were estimated, `human` of them are tagged human; `low` and `high` bound the estimated share.
    """
    if not human:
        return Leak(0.0, 0.0)
    known = records - human
    return Leak(*(min(1.0, max(0.0, (share * records - known) / human)) for share in (low, high)))


def bounds(groups: Iterable[Group], leaks: Mapping[str, Leak], *, error_rate: float) -> Bounds:
    """The ratio of a set and its bounds, in the unit in which the groups are sized."""
    size = ratio = low = high = 0.0
    for group in groups:
        size += group.size
        ratio += group.synthetic
        minimum, maximum = _range(group, leaks.get(group.batch, Leak(0.0, 0.0)), error_rate)
        low += minimum
        high += maximum
    if not size:
        return Bounds(0.0, 0.0, 0.0)
    return Bounds(ratio / size, min(low, ratio) / size, max(high, ratio) / size)


def _range(group: Group, leak: Leak, error_rate: float) -> tuple[float, float]:
    by_detector = group.evidence == Evidence.DETECTOR
    if group.origin == Origin.HUMAN and group.evidence in (Evidence.DECLARATION, Evidence.DETECTOR):
        return leak.low * group.size, leak.high * group.size
    if group.origin == Origin.MIXED and group.whole_guess:
        return 0.0, group.size
    if by_detector:
        return group.synthetic * (1 - error_rate), min(group.size, group.synthetic * (1 + error_rate))
    return group.synthetic, group.synthetic
