"""Generations in production: the state of each, which one is deployed, which was best."""

from __future__ import annotations

from tailguard.domain.facts import Measurement, ShippingEvent
from tailguard.domain.shipping import Event, Fleet, fleet
from tailguard.runlog.view import LogView


def fleet_of(view: LogView, lineage: str) -> Fleet:
    """The state of a lineage's generations, and which one is in production."""
    return view.answer("fleets", lambda: _fleets(view)).get(lineage) or fleet([])


def _fleets(view: LogView) -> dict[str, Fleet]:
    events: dict[str, list[Event]] = {}
    for row in view.recorded(ShippingEvent):
        events.setdefault(row.fact.lineage, []).append(Event(row.fact.run, row.fact.action))
    return {lineage: fleet(shipping) for lineage, shipping in events.items()}


def shipped_generations(view: LogView, lineage: str) -> list[str]:
    """Generations of a lineage that were put to work and are neither frozen nor rolled back; the one at work is the last."""
    return list(fleet_of(view, lineage).good)


def best_generation(view: LogView, lineage: str, measure: str) -> str | None:
    """The shipped generation with the highest value of a measure; the earliest among equals."""
    shipped = shipped_generations(view, lineage)
    values = {row.fact.run: row.fact.value for row in view.recorded(Measurement, measure=measure, run=tuple(shipped))}
    return max((run for run in shipped if run in values), key=lambda run: values[run], default=None)
