"""What a run is asked for: the batches that come in, and the recipe of the training set."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.domain.tags import Origin


@dataclass(frozen=True)
class BatchRequest:
    """A file, folder or address that arrives from one source. `declared` is the origin that it states, or `unknown`."""

    file: str
    source: str
    declared: str = Origin.UNKNOWN


@dataclass(frozen=True)
class Recipe:
    """A request. The policy's ceiling is checked against what comes of it, never silently put into it.

    `synthetic_share` (0 to 1) is the share of synthetic records to aim at; None takes what fits under the ceiling.
    `anchor` and `earlier_human` say whether the frozen anchor and the previous set's human records are included, `without`
    names sources whose records are excluded, `from_anchor` that nothing new has to come in: a training set that is made
    again from what is known to be human.
    """

    synthetic_share: float | None = None
    anchor: bool = True
    earlier_human: bool = True
    without: tuple[str, ...] = ()
    from_anchor: bool = False


PLAIN = Recipe()
"""What fits under the ceiling, with anchor and earlier human text."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """All that a person asks of a run."""

    batches: tuple[BatchRequest, ...]
    recipe: Recipe
