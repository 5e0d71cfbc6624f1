"""What a team would miss in an emergency, as things stand when a response begins."""

from __future__ import annotations

import os

from tailguard.domain.facts import IncidentGap
from tailguard.domain.incidents import Gap
from tailguard.domain.runs import lineage_of
from tailguard.errors import TailguardError
from tailguard.plays.finding import FindingKind
from tailguard.plays.monitoring import alerts
from tailguard.plays.status import team_state
from tailguard.runlog.views.alarms import frozen_stream
from tailguard.runlog.views.releases import release_history_of
from tailguard.runlog.views.runs import generation_of
from tailguard.workspace import Workspace


def gaps(workspace: Workspace, incident: str, lineage: str) -> list[IncidentGap]:
    """What is missing: a good generation, production under watch, a channel for alerts, a fresh anchor, tags."""
    with workspace.log.reading() as view:
        state = team_state(view, workspace.clock.now())
        releases = release_history_of(view, lineage)
        watched = frozen_stream(view, lineage)
        earlier = [generation for generation in releases.good if generation != releases.deployed]
        weights = [
            (generation, made.fact.weights) for generation in earlier if (made := generation_of(view, generation))
        ]
    missing = [
        (Gap.NO_GOOD_GENERATION, f"{lineage} has no earlier generation to roll back to") if not earlier else None,
        (Gap.PRODUCTION_NOT_WATCHED, f"no production text of {lineage} is monitored") if watched is None else None,
        (Gap.ALERTS_REACH_NOBODY, f"{alerts.CHANNELS} names no channel")
        if not os.environ.get(alerts.CHANNELS)
        else None,
    ]
    for generation, digest in weights[-1:]:
        try:
            workspace.store.folder("weights", digest)
        except TailguardError as error:
            missing.append((Gap.NO_GOOD_GENERATION, f"the weights of {generation} cannot be trusted: {error}"))
    for finding in state.findings:
        if finding.kind in (FindingKind.ANCHOR_STALE, FindingKind.ANCHOR_THIN):
            missing.append((Gap.ANCHOR_STALE, finding.what))
        if finding.kind is FindingKind.COVERAGE_LOW and lineage_of(finding.subject[0]) == lineage:
            missing.append((Gap.TAGS_MISSING, finding.what))
    return [IncidentGap(incident=incident, gap=kind, what=what) for kind, what in filter(None, missing)]
