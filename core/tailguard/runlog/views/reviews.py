"""What people decided and said of held records."""

from __future__ import annotations

from tailguard.domain.facts import ReviewDecision, ReviewOpinion
from tailguard.domain.tags import Origin
from tailguard.runlog.view import LogView, Recorded


def review_decisions(view: LogView) -> dict[str, Recorded[ReviewDecision]]:
    """The decision in force on each record that a person decided; one that was taken back is none."""
    latest = latest_decisions(view)
    return {record: row for record, row in latest.items() if row.fact.origin != Origin.UNKNOWN}


def latest_decisions(view: LogView) -> dict[str, Recorded[ReviewDecision]]:
    """The last decision on each record, also one that took the decision before it back (its origin is `unknown`)."""
    return {row.fact.record: row for row in view.recorded(ReviewDecision)}


def open_opinions(view: LogView) -> dict[str, list[Recorded[ReviewOpinion]]]:
    """The opinions on each record since its last decision, oldest first."""
    settled = {decision.fact.record: decision.recorded for decision in view.recorded(ReviewDecision)}
    opinions: dict[str, list[Recorded[ReviewOpinion]]] = {}
    for opinion in view.recorded(ReviewOpinion):
        if opinion.fact.record not in settled or opinion.recorded > settled[opinion.fact.record]:
            opinions.setdefault(opinion.fact.record, []).append(opinion)
    return opinions
