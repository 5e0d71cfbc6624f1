"""Overrides as they stand, and the meetings that review them."""

from __future__ import annotations

from datetime import datetime, timedelta

from tailguard.domain.facts import (
    Composition,
    GateDecision,
    Generation,
    MeetingAttended,
    MeetingDecided,
    MeetingEnded,
    MeetingStarted,
    OverrideDecided,
    OverrideRenewal,
    OverrideRequested,
    OverrideUsed,
    RunStarted,
    ShippingEvent,
)
from tailguard.domain.gates import Gate
from tailguard.domain.overrides import Override
from tailguard.domain.runs import number_of
from tailguard.policy.model import Overrides
from tailguard.runlog.view import LogView, Recorded, latest


def overrides(view: LogView) -> list[Override]:
    """Every override as it stands: request, decision, uses, when a review is due, whether it still matches; oldest first.

    A review is due so many days after the approval, or after the last meeting that kept it, as the policy in force says.
    """
    policy = view.policy()
    review_after = timedelta(days=(policy.overrides if policy else Overrides()).review_days)
    decisions: dict[str, list[Recorded[OverrideDecided]]] = {}
    for decided in view.recorded(OverrideDecided):
        decisions.setdefault(decided.fact.override, []).append(decided)
    uses: dict[str, list[datetime]] = {}
    for used in view.recorded(OverrideUsed):
        uses.setdefault(used.fact.override, []).append(used.recorded)
    kept = {row.fact.override: row.recorded for row in view.recorded(MeetingDecided, decision="kept")}
    renews = {row.fact.override: row.fact.renews for row in view.recorded(OverrideRenewal)}
    orphans = _orphans(view)
    result = []
    for asked in view.recorded(OverrideRequested):
        name = asked.fact.override
        history = decisions.get(name, [])
        last = history[-1] if history else None
        justified = max(
            [moment for moment in (last.recorded if last else None, kept.get(name)) if moment], default=None
        )
        result.append(
            Override(
                id=name,
                gate=asked.fact.gate,
                lineage=asked.fact.lineage,
                run=asked.fact.run,
                reason=asked.fact.reason,
                requested_by=asked.actor,
                requested=asked.recorded,
                expires=asked.fact.expires,
                decision=last.fact.decision if last else None,
                decided_by=last.actor if last else None,
                decided=last.recorded if last else None,
                note=last.fact.note if last else None,
                used=tuple(uses.get(name, ())),
                review_by=justified + review_after if justified else None,
                renews=renews.get(name),
                orphan=orphans.get((asked.fact.gate, asked.fact.run)),
            )
        )
    return result


def _orphans(view: LogView) -> dict[tuple[str, str], str]:
    """Runs for which an override of a gate has nothing to open any more, and why."""
    asked = tuple(sorted({row.fact.run for row in view.recorded(OverrideRequested)}))
    if not asked:
        return {}
    reasons: dict[tuple[str, str], str] = {}
    for made in view.recorded(Composition, run=asked):
        fact = made.fact
        if max(fact.ratio_records, fact.ratio_tokens) <= fact.ceiling:
            reasons["ratio", fact.run] = "its training set is within the ceiling"
    for trained in view.recorded(Generation, run=asked):
        reasons["ratio", trained.fact.run] = "its training is over"
    for decided in view.recorded(GateDecision, gate=Gate.DIVERSITY, run=asked):
        if decided.fact.verdict.ships:
            reasons["diversity", decided.fact.run] = "its gate passed"
    for shipped in view.recorded(ShippingEvent, action="shipped", run=asked):
        reasons["diversity", shipped.fact.run] = reasons["loops", shipped.fact.run] = "it was shipped"
    last = view.recorded(ShippingEvent, newest_by=("lineage",), action="shipped")
    reached = {row.fact.lineage: number_of(row.fact.run) for row in last}
    for started in view.recorded(RunStarted, run=asked):
        if started.fact.number < reached.get(started.fact.lineage, -1):
            reasons.setdefault(("diversity", started.fact.run), "a later generation was shipped")
    return reasons


def open_meeting(view: LogView) -> Recorded[MeetingStarted] | None:
    """The meeting that is going on, if one is."""
    ended = {row.fact.meeting for row in view.recorded(MeetingEnded)}
    return latest([row for row in view.recorded(MeetingStarted) if row.fact.meeting not in ended])


def meeting_decisions(view: LogView, meeting: str) -> dict[str, Recorded[MeetingDecided]]:
    """What a meeting has decided so far, by override."""
    return {row.fact.override: row for row in view.recorded(MeetingDecided, meeting=meeting)}


def attendance(view: LogView, meeting: str) -> list[str]:
    """Who is at a meeting, in the order in which they came."""
    present: dict[str, bool] = {}
    for row in view.recorded(MeetingAttended, meeting=meeting):
        present[row.fact.person] = row.fact.present
    return [person for person, here in present.items() if here]
