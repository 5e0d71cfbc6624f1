"""What every step on a generation in production asks first."""

from __future__ import annotations

from tailguard.domain.runs import lineage_of
from tailguard.errors import InputError
from tailguard.runlog.view import LogView
from tailguard.runlog.views.runs import runs_of


def require_known(view: LogView, generation: str) -> None:
    """Raises InputError for a generation that no run has begun."""
    lineage = lineage_of(generation)
    if not any(row.fact.run == generation for row in runs_of(view, lineage)):
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
