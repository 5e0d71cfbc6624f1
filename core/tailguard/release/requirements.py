"""What every step on a generation in production asks first."""

from __future__ import annotations

from tailguard.errors import InputError
from tailguard.runlog.view import LogView
from tailguard.runlog.views.runs import runs_of

SHORTEST_REASON = 10
"""Letters. A reason is for the person who finds the generation frozen or gone."""


def require_known(view: LogView, generation: str) -> None:
    """Raises InputError for a generation that no run has begun."""
    lineage = generation.rpartition("/")[0]
    if not any(row.fact.run == generation for row in runs_of(view, lineage)):
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")


def require_reason(reason: str) -> None:
    """Raises InputError for a reason that explains nothing."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise InputError(f"A reason of at least {SHORTEST_REASON} letters is needed, found {reason.strip()!r}.")
