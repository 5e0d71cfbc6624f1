"""Generations of a lineage: the state of each, which one is in production, what a candidate can be compared with, and which
verdicts the quality owner approved."""

from __future__ import annotations

from tailguard.domain.facts import Evaluation, GateDecision, GateSignedOff, Generation, Measurement, ShippingEvent
from tailguard.domain.gates import Gate
from tailguard.domain.permission import SignOff
from tailguard.domain.references import Predecessor, trained_before
from tailguard.domain.shipping import Event, ReleaseHistory, release_history
from tailguard.runlog.view import LogView, Recorded, latest


def release_history_of(view: LogView, lineage: str) -> ReleaseHistory:
    """The state of a lineage's generations, and which one is in production."""
    return view.answer("release histories", lambda: _release_histories(view)).get(lineage) or release_history([])


def _release_histories(view: LogView) -> dict[str, ReleaseHistory]:
    events: dict[str, list[Event]] = {}
    for row in view.recorded(ShippingEvent):
        events.setdefault(row.fact.lineage, []).append(Event(row.fact.run, row.fact.action))
    return {lineage: release_history(shipping) for lineage, shipping in events.items()}


def shipped_generations(view: LogView, lineage: str) -> list[str]:
    """Generations of a lineage that were deployed and are neither frozen nor rolled back; the one in production is the last."""
    return list(release_history_of(view, lineage).good)


def sign_off_of(view: LogView, decision: Recorded[GateDecision]) -> SignOff | None:
    """The quality owner's newest answer to a verdict; None where there is none. Only answers to this very verdict count."""
    row = latest(view.recorded(GateSignedOff, run=decision.fact.run, decision=decision.id))
    if row is None:
        return None
    return SignOff(approved=row.fact.approved, signed_by=row.actor, signed=row.recorded, note=row.fact.note)


def predecessors(
    view: LogView, candidate: str, lineage: str, *, suite: str, decoding: str, measure: str
) -> list[Predecessor]:
    """The generations of a lineage that were trained before a candidate, oldest first, and the one in production; how each stands
    to answers to this suite (its digest) with this decoding. `measure` is the one that the best is told by."""
    ships = release_history_of(view, lineage)
    trained = [row.fact.run for row in view.recorded(Generation, lineage=lineage)]
    before = list(trained_before(candidate, trained))
    if ships.deployed and ships.deployed not in (candidate, *before):
        before.append(ships.deployed)
    runs = tuple(before)
    answers = {row.fact.run: row.fact for row in view.recorded(Evaluation, run=runs)}
    rulings = view.recorded(GateDecision, run=runs, gate=Gate.DIVERSITY)
    verdicts = {row.fact.run: row.fact.verdict for row in rulings}
    values = {row.fact.run: row.fact.value for row in view.recorded(Measurement, measure=measure, run=runs)}
    return [
        Predecessor(
            run=run,
            state=ships.state(run),
            verdict=verdicts.get(run),
            in_production=run == ships.deployed,
            comparable=(answers[run].suite, answers[run].decoding) == (suite, decoding) if run in answers else None,
            richness=values.get(run),
        )
        for run in before
    ]
