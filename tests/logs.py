"""Run logs that pages are looked at on: finished workspaces, each made once in a test run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.domain.facts import Composition, StageStarted
from tailguard.domain.gates import Gate
from tailguard.domain.requests import Recipe
from tailguard.domain.stages import Stage
from tailguard.domain.tags import Origin
from tailguard.overrides import meeting, requests
from tailguard.pipeline import runner
from tailguard.plays import attest
from tailguard.plays.loops import actions
from tailguard.plays.mixing import clearance
from tailguard.plays.monitoring import alerts, streams
from tailguard.plays.provenance import quarantine
from tailguard.release import freeze
from tailguard.response import protocol
from tailguard.response.drill import start_drill
from tailguard.runlog.recorder import RunRecorder
from tailguard.runlog.views.runs import composition_of
from tailguard.workspace import Workspace
from tests.builders import Team, facts, found_team, over_the_ceiling, written_by
from tests.streams import written
from tests.templates import done_once

TRAINER = "# ngram, or command (see [trainers.command] in the README)"
OBSERVED = '[lineages.wild]\nmode = "observe"\nceiling = 1.0'

MADE: dict[str, Callable[[Path], None]] = {}
"""What makes each log in an empty folder."""
ALONE = {"log_alone": ("policy.toml",), "log_without_policy": ()}
"""What lies beside a run log that was handed on by itself: no store, and not even the policy."""


def a_log(**founding: Any) -> Callable[[Callable[[Team], None]], None]:
    """Marks what a team has done by the time that its log is looked at. `founding` says how the team begins."""

    def registered(work: Callable[[Team], None]) -> None:
        once = done_once(work)
        MADE[work.__name__] = lambda root: once(found_team(root, **founding))

    return registered


class Catalogue(Mapping[str, Path]):
    """The workspaces by name, each made when it is first asked for. Who changes one copies it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> Path:
        root = self._folder / name
        if not root.exists():
            if name in ALONE:
                log_alone(self["looped"], root, *ALONE[name])
            else:
                MADE[name](root)
        return root

    def __iter__(self) -> Iterator[str]:
        return iter((*MADE, *ALONE))

    def __len__(self) -> int:
        return len(MADE) + len(ALONE)


def log_alone(whole: Path, root: Path, *beside: str) -> Path:
    """The run log of a workspace by itself in another folder, published as `tailguard dashboard` does when it begins."""
    root.mkdir(exist_ok=True)
    for name in ("runlog.duckdb", *beside):
        shutil.copyfile(whole / name, root / name)
    Workspace(root, "ada").log.publish()
    return root


@a_log()
def none(team: Team) -> None:
    """A folder with a policy and no log."""
    for path in team.workspace.root.glob("runlog.*"):
        path.unlink()


@a_log()
def empty(team: Team) -> None:
    """A log without a run."""


@a_log()
def one_run(team: Team) -> None:
    team.run([team.batch("a", team.take(200))])


@a_log()
def long(team: Team) -> None:
    """Two generations, each of which left twenty records for a person; two of them say nearly the same."""
    alike = max(team.take(18), key=len)
    for number, copies in enumerate(([], [alike, f"{alike} Indeed"])):
        unknown = [*team.take(20 - len(copies)), *copies]
        team.run([team.batch(f"b{number}", team.take(150)), team.batch(f"u{number}", unknown, "share", Origin.UNKNOWN)])


@a_log()
def blocked(team: Team) -> None:
    over_the_ceiling(team)
    run = "main/1"

    with team.workspace.log.reading() as view:
        found = composition_of(view, run)
    assert found
    clearance.check(team.workspace, lineage="main", snapshot=found.fact.snapshot)


@a_log()
def interrupted(team: Team) -> None:
    run = runner.start(team.workspace, "main", [team.batch("a", team.take(200))], recipe=Recipe(), seed=0)
    runner.advance(team.workspace, run, until="score")


@a_log()
def being_written(team: Team) -> None:
    """A second run is at compose; its transaction announced the stage."""
    team.run([team.batch("a", team.take(200))])
    run = runner.start(team.workspace, "main", [team.batch("b", team.take(100))], recipe=Recipe(), seed=0)
    runner.advance(team.workspace, run, until="intake")

    RunRecorder(team.workspace.log, run, team.workspace.author).record(StageStarted(run=run, stage=Stage.SCORE))
    team.workspace.log.publish()


@a_log()
def in_meeting(team: Team) -> None:
    """Three overrides, two of them open, and a meeting that is going on."""

    run = team.run([team.batch("a", team.take(200))])
    team.clock.moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)  # a page decides by the real time
    for number in range(3):
        name = requests.request(
            team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason=f"needed for the launch <b>{number}</b>",
            expires=team.clock.now() + timedelta(days=20 - number),
        )  # fmt: skip
        if number:
            requests.decide(team.workspace, name, decision="approved", note="once")
    meeting.start(team.workspace)


@a_log()
def watched(team: Team) -> None:
    """Slices in the suite, two generations, the newer one frozen in production, a stream in alarm under a hostile name."""

    for name in ("a", "b"):
        newest = team.run([team.batch(name, team.take(200))])
    freeze.freeze(team.workspace, newest, reason="it repeats itself in production")
    policy = team.workspace.root / "policy.toml"  # with margins that tell a poorer stream, but for the runs above
    policy.write_text(policy.read_text().replace("density = 0.40", "density = 0.05"))
    for file, work in (
        (written(team.workspace.root / "inbox", "reference.jsonl", seed=1, texts=1200), streams.freeze),
        (written(team.workspace.root / "inbox", "week.jsonl", seed=9, worse=True), streams.add),
    ):
        work(team.workspace, "<b>bot</b>", reader_for(file)(file, WHOLE), seed=0)
    alerts.send(team.workspace)


@a_log(observe=True)
def looped(team: Team) -> None:
    """Our own text came back through a source with a hostile name, a drill is half done, an alert waits, plays are attested."""

    (team.workspace.root / "flows.yaml").unlink()
    first = team.run([team.batch("a", team.take(300))])
    ours = written_by(team, first, 60, logged=True)
    run = team.run([team.batch("b", [*team.take(80), *ours], "<b>wiki</b> -x", Origin.AI)])
    actions.declare(team.workspace, "main -> page")
    actions.declare(team.workspace, "page -> main")
    actions.guard(team.workspace, "**editor**", on="page -> main", owner="ada", evidence="confirmed")
    actions.review(team.workspace, note="looked at all of them")
    attest.attest(team.workspace, "drill", running=True, note="we rehearsed on paper <i>only</i>")
    drill = start_drill(team.workspace, "main", seed=0).incident
    protocol.freeze(team.workspace, drill)
    protocol.rollback(team.workspace, drill)
    protocol.open_incident(team.workspace, "main", what="users see <b>the same</b> answers", alert=None, generation=run)
    alerts.send(team.workspace)


@a_log(changes=[(TRAINER, f"\n\n{OBSERVED}\n")])
def season(team: Team) -> None:
    """Two lineages, one enforced and one observed, in which a little of everything has happened that pages tell of."""
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
    run = runner.start(
        team.workspace,
        "main",
        [team.batch("too much", ours, "robot", Origin.AI)],
        recipe=Recipe(synthetic_share=0.6),
        seed=0,
    )
    runner.advance(team.workspace, run, until="compose")
    engineer = team.workspace.as_actor("lin")
    snapshot = facts(team, Composition, run=run)[0].snapshot
    clearance.check(engineer, lineage="main", snapshot=snapshot)
    expires = team.clock.now() + timedelta(days=20)
    name = requests.request(engineer, gate=Gate.RATIO, run=run, reason="needed for the launch", expires=expires)
    requests.decide(team.workspace, name, decision="approved", note="once")
    least_urgent = quarantine.waiting(team.workspace)[-1].id
    quarantine.decide(team.workspace, [least_urgent], origin=Origin.UNKNOWN, code="style")
    team.workspace.log.publish()
