"""Run logs that pages are looked at on, each a finished workspace that is made once in a test run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tailguard import pipeline
from tailguard.desk import clearance, overrides
from tailguard.domain.facts import Composition
from tailguard.domain.recipe import Recipe
from tailguard.domain.tags import Origin
from tests.builders import Team, facts, found_team, written_by
from tests.templates import done_once

OBSERVED = '[lineages.wild]\nmode = "observe"\nceiling = 1.0\ntrainer = "ngram"\n\n[lineages.main]'


def season(root: Path) -> None:
    """Two lineages, one enforced and one observed, in which a little of everything has happened that pages tell of."""
    _season(found_team(root, changes=[("[lineages.main]", OBSERVED)]))


@done_once
def _season(team: Team) -> None:
    first = team.run([team.batch("founding", team.take(400))])
    ours = written_by(team, first, 900, logged=True)
    wild = team.run([team.batch("wild", team.take(150))], lineage="wild")
    team.run(
        [
            team.batch("fresh", team.take(120)),
            team.batch("ours", ours[:150], "robot", Origin.AI),
            team.batch("found", team.take(12), "shared-drive", Origin.UNKNOWN),
            team.batch("vendor", [*team.take(40), *ours[150:230]], "vendor"),
        ]
    )
    eaten = written_by(team, wild, 400, logged=True)
    team.run(
        [team.batch("eaten", eaten, "wild outputs", Origin.AI)],
        lineage="wild",
        recipe=Recipe(synthetic_share=1.0, anchor=False, earlier_human=False),
    )
    run = pipeline.start(
        team.workspace,
        "main",
        [team.batch("too much", ours, "robot", Origin.AI)],
        recipe=Recipe(synthetic_share=0.6),
        seed=0,
    )
    pipeline.advance(team.workspace, run, until="compose")
    engineer = team.workspace.as_actor("lin")
    snapshot = facts(team, Composition, run=run)[0].snapshot
    clearance.check(engineer, lineage="main", snapshot=snapshot)
    expires = team.clock.now() + timedelta(days=20)
    name = overrides.request(engineer, gate="ratio", run=run, reason="needed for the launch", expires=expires)
    overrides.decide(team.workspace, name, decision="approved", note="once")
    team.workspace.log.publish()
