"""The one door to the run log: every page reads here, from the published copy, and answers are kept until it changes."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx

from pages.shared import entrance
from tailguard import log
from tailguard.detection.rates import shipped_rates
from tailguard.domain.facts import (
    AlertRaised,
    AlertSent,
    AlertTaken,
    Artifact,
    BatchTaken,
    CanaryResult,
    CaseShift,
    CeilingCalibrated,
    CeilingPoint,
    ComparedMeasure,
    Composition,
    CompositionPart,
    ContaminationAudited,
    Deployed,
    DetectorCalibrated,
    DriftChecked,
    ExitCriterion,
    Fact,
    FlaggedRecord,
    GateDecision,
    GuardCheck,
    IncidentGap,
    IncidentStep,
    LineageImported,
    Measurement,
    MeetingEnded,
    MixingAudited,
    OverrideRequested,
    OverrideUsed,
    OwnOutputFound,
    PlayAttested,
    PolicyInForce,
    ProvenanceCount,
    RatioMeasured,
    ReasonCount,
    ReportKept,
    ReviewDecision,
    ReviewOpinion,
    RuleFailed,
    RunStarted,
    SecondaryMeasure,
    ShareEstimated,
    ShippingEvent,
    SliceCoverage,
    SliceMeasure,
    StageResult,
    StreamWeek,
    SuiteFrozen,
    TailCoverage,
)
from tailguard.domain.intervals import Interval, wilson
from tailguard.domain.sources import Contract
from tailguard.errors import TailguardError
from tailguard.overrides import meeting
from tailguard.plays import attest, audit
from tailguard.plays import deviations as handoff
from tailguard.plays import status as standing
from tailguard.plays.audit import PlayStanding
from tailguard.plays.lineages import GenerationStatus, LineageStatus, shipping_of
from tailguard.plays.lineages import generation as generation_of
from tailguard.plays.loops.standing import LoopStanding
from tailguard.plays.mixing import difference as training_sets
from tailguard.plays.mixing import scored as composed
from tailguard.plays.provenance import quarantine, tracing
from tailguard.plays.response.drills import Incident, incidents
from tailguard.policy.model import Policy
from tailguard.reports.minutes import minutes as minutes_of
from tailguard.response import contamination
from tailguard.runlog import queries
from tailguard.runlog.anchor import AnchorStanding, anchor_standing
from tailguard.runlog.backlog import Backlog, HeldTotal, backlog
from tailguard.runlog.backlog import waiting_now as records_waiting
from tailguard.runlog.connection import RunLog
from tailguard.runlog.history import History, history
from tailguard.runlog.queries import Alarm, AlarmKind
from tailguard.store import progress
from tailguard.workspace import POLICY_FILE, Workspace, default_actor, find_workspace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "Alarm",
    "AlarmKind",
    "AlertRaised",
    "AlertSent",
    "AlertTaken",
    "Artifact",
    "BatchTaken",
    "CanaryResult",
    "CaseShift",
    "CeilingCalibrated",
    "CeilingPoint",
    "ComparedMeasure",
    "Composition",
    "CompositionPart",
    "ContaminationAudited",
    "Deployed",
    "DetectorCalibrated",
    "DriftChecked",
    "ExitCriterion",
    "FlaggedRecord",
    "GateDecision",
    "GuardCheck",
    "IncidentGap",
    "IncidentStep",
    "LineageImported",
    "Measurement",
    "MeetingEnded",
    "MixingAudited",
    "OverrideRequested",
    "OverrideUsed",
    "OwnOutputFound",
    "PlayAttested",
    "ProvenanceCount",
    "RatioMeasured",
    "ReasonCount",
    "ReportKept",
    "ReviewDecision",
    "ReviewOpinion",
    "RuleFailed",
    "RunStarted",
    "SecondaryMeasure",
    "ShareEstimated",
    "ShippingEvent",
    "SliceCoverage",
    "SliceMeasure",
    "StageResult",
    "StreamWeek",
    "SuiteFrozen",
    "TailCoverage",
]  # fmt: skip


class _Pace:
    """Which state of the log this server shows. A busy log is read anew at most every few seconds, whoever looks.

    A large one is read ahead, in a thread of its own: nobody who clicks waits for what others have written.
    """

    def __init__(self) -> None:
        self.shown: tuple[int, ...] = ()
        self.ahead: threading.Thread | None = None
        self.taken = float("-inf")
        self.cost_seconds = 0.0
        self.settled = float("-inf")
        self.kept = 0

    def show(self, now: tuple[int, ...]) -> None:
        """From now on this state is what pages show, and what was kept of the one before is let go."""
        self.shown, self.taken, self.ahead = now, time.monotonic(), None
        for forget in _FORGET:
            forget()

    def wanted(self) -> bool:
        """Whether somebody waits for the newest state: it is the first, or was decided here, or is read in no time."""
        return self.taken == float("-inf") or (self.cost_seconds < _AT_ONCE_SECONDS and self.due())

    def due(self) -> bool:
        """Whether a newer state may be read, so that reading takes at most a quarter of the time."""
        pause = min(LONGEST_SECONDS, _TIMES_ITS_COST * self.cost_seconds)
        return self.ahead is None and time.monotonic() - self.taken >= pause


LONGEST_SECONDS = 4.0
"""After so long at the latest a page shows what others have decided."""
_TIMES_ITS_COST = 4
_AT_ONCE_SECONDS = 0.2
"""A log that is read as fast as this is read by whoever looks first."""


_FORGET: list[Callable[[], None]] = []
"""What lets go of answers that were kept for a state of the log."""
Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


def _of_one_state(most: int) -> Callable[[Callable[Asked, Answer]], Callable[Asked, Answer]]:
    """Keeps the newest answers of a function until the log shows another state; every session is given the same ones."""

    def kept(work: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
        def in_state(state: tuple[Any, ...], *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            del state  # what answers are kept by
            return work(*args, **kwargs)

        in_state.__qualname__ = work.__qualname__  # Streamlit tells functions apart by it
        cached = st.cache_resource(show_spinner=False, max_entries=most)(in_state)
        _FORGET.append(cached.clear)

        @wraps(work)
        def asked(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            return cached(_key(), *args, **kwargs)

        return asked

    return kept


@st.cache_resource(show_spinner=False)
def _opened(root: str) -> tuple[Workspace, _Pace]:
    return Workspace(Path(root), default_actor()), _Pace()


def _root() -> str:
    if named := os.environ.get("TAILGUARD_WORKSPACE"):
        return named
    try:
        return str(find_workspace(Path.cwd()))
    except TailguardError:  # nothing was set up here yet: the page says what to run
        return str(Path.cwd())


def local() -> Workspace:
    """The workspace that the dashboard was opened on, before anybody is known to be at work."""
    return _opened(_root())[0]


def workspace() -> Workspace:
    """The workspace, with whoever is at work in it."""
    return entrance.person(local())


def missing() -> str | None:
    """What of the workspace does not lie beside its run log, and what that means for who looks; None where all is there."""
    here, told = local(), []
    if not here.store.root.is_dir():
        told.append(f"There is no store at {here.store.root}: records, training sets and reports cannot be shown.")
    if not (here.root / POLICY_FILE).is_file():
        told.append(f"There is no {POLICY_FILE} in {here.root}: nobody has a role here, so nothing can be decided.")
    return " ".join(told) or None


def lacking(kind: str, digest: str) -> str | None:
    """Why a content that was kept as JSON cannot be taken away from here; None where it is in the store."""
    try:
        local().store.found(kind, digest, ".json")
    except TailguardError as error:
        return str(error)
    return None


def as_frame(kind: type[DataclassInstance], found: Sequence[DataclassInstance]) -> pd.DataFrame:
    """Values of one kind as rows, a column a field, also where there is none."""
    return pd.DataFrame([vars(one) for one in found], columns=[field.name for field in fields(kind)])


@_of_one_state(8)
def problem() -> str | None:
    """Why a log that is there cannot be read, or None."""
    try:
        if has_log():
            with _log().glancing():
                return None
    except TailguardError as error:
        return str(error)
    return None


def has_log() -> bool:
    """Whether there is a run log, readable or not."""
    return _log().exists()


def version() -> tuple[int, ...]:
    """Changes when there is something new to show."""
    space, pace = _opened(_root())
    try:
        now = space.log.version()
    except TailguardError:
        return ()
    if now != pace.shown and pace.wanted():
        pace.show(now)
    elif now != pace.shown and pace.due():
        pace.ahead = threading.Thread(target=_look_ahead, args=(pace, now), daemon=True)
        add_script_run_ctx(pace.ahead)
        pace.ahead.start()
    return pace.shown


def _look_ahead(pace: _Pace, now: tuple[int, ...]) -> None:
    """Read a new state of the log, and only then show it."""
    try:
        _watched((_root(), _hour(), *now))
    finally:  # what cannot be read is shown as well: the page says why
        if pace.ahead is threading.current_thread():
            pace.show(now)


_SETTLE_SECONDS = 20.0


def settle() -> None:
    """Take what is kept in memory out of the search for garbage, which Streamlit makes after every run of a page."""
    pace = _opened(_root())[1]
    if pace.kept and time.monotonic() - pace.settled > _SETTLE_SECONDS:
        pace.settled, pace.kept = time.monotonic(), 0
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def look_again() -> None:
    """What was just decided here shows at once."""
    _opened(_root())[1].taken = float("-inf")


def _key() -> tuple[Any, ...]:
    return (_root(), *version())


def _log() -> RunLog:
    return local().log


@_of_one_state(200)
def _frame(kind: str, lineage: str | None, since: datetime | None, equal: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    with _log().glancing() as connection:
        return log.rows(connection, _KINDS[kind], dict(equal), lineage=lineage, since=since)


_KINDS = log.kinds()


def facts(kind: type[Fact], **equal: Any) -> pd.DataFrame:
    """All facts of a kind whose columns equal the given values, oldest first, with time, actor and row id."""
    return _frame(kind.__name__, None, None, tuple(sorted(equal.items()))).copy(deep=False)


def facts_of_lineage(kind: type[Fact], lineage: str, since: datetime | None = None) -> pd.DataFrame:
    """Facts of a lineage's runs, with the run's number; `since` cuts off older ones."""
    return _frame(kind.__name__, lineage, since, ()).copy(deep=False)


@dataclass(frozen=True)
class Watched:
    """How everything stands: the status, every play with its strip of the last twelve months, and every loop."""

    status: standing.Status
    plays: tuple[PlayStanding, ...]
    strips: dict[str, list[tuple[datetime, str]]]
    loops: LoopStanding
    incidents: list[Incident]


@st.cache_resource(show_spinner=False, max_entries=2)
def _watched(key: tuple[Any, ...]) -> Watched:
    begun_at = time.monotonic()
    with _log().glancing() as connection:
        found = standing.standing_of(connection, datetime.now(UTC).replace(tzinfo=None))
        moment = found.scene.moment
        begun = audit.begun(connection, moment)
        strips = {one.play.name: audit.strip(one, begun=begun, moment=moment) for one in found.plays}
        watched = Watched(standing.status_of(found), found.plays, strips, found.loops, incidents(connection))
    _opened(str(key[0]))[1].cost_seconds = time.monotonic() - begun_at
    return watched


def watched() -> Watched:
    """How everything stands, with plays and loops. What falls due by the clock alone shows within an hour."""
    return _watched((_root(), _hour(), *version()))


def _hour() -> int:
    return int(time.time() // 3600)


def status() -> standing.Status:
    """How everything stands."""
    return watched().status


def profile() -> str:
    """The profile of the policy in force: full, small or api-only."""
    policy = policy_now()
    return policy.profile if policy else "full"


@_of_one_state(4)
def policy_now() -> Policy | None:
    """The newest policy that the log has seen."""
    with _log().glancing() as connection:
        return queries.policy_in_force(connection)


def lineages() -> list[str]:
    """Lineages that have at least one run."""
    return [lineage.name for lineage in status().lineages if lineage.generations]


def lineage(name: str) -> LineageStatus:
    """How one lineage stands."""
    return next(one for one in status().lineages if one.name == name)


@_of_one_state(64)
def _history(name: str, since: datetime | None) -> tuple[History, pd.DataFrame]:
    with _log().glancing() as connection:
        found, ships = history(connection, name, since), queries.fleet_of(connection, name)
    rows = []
    for one in found.points:
        coverage = wilson(one.confident, one.distinct) if one.confident is not None and one.distinct else None
        rows.append(
            {
                **vars(one),
                "shipping": shipping_of(ships, one.run, one.verdict),
                "coverage": coverage.share if coverage else None,
                "coverage_low": coverage.low if coverage else None,
                "coverage_high": coverage.high if coverage else None,
            }
        )
    columns = ["run", "number", "parent", "started", "records", "ratio_records", "ratio_tokens", "ceiling", "coverage",
               "coverage_low", "coverage_high", "verdict", "shipping", "overrides", "reason"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    for column in ("ratio_records", "ratio_tokens", "ceiling", "coverage", "coverage_low", "coverage_high"):
        frame[column] = frame[column].astype(float)
    return found, frame


def counted(name: str, since: datetime | None = None) -> History:
    """How many runs a lineage has in a period, and how many did not pass."""
    return _history(name, since)[0]


def generations(name: str, since: datetime | None = None) -> pd.DataFrame:
    """A row a generation of one lineage for charts; of a long history those that show its course (see `runlog.history`)."""
    return _history(name, since)[1].copy(deep=False)


def drawn(frame: pd.DataFrame, name: str, since: datetime | None = None) -> pd.DataFrame:
    """The rows of a frame (with a column `run`) whose runs are drawn."""
    points = counted(name, since).points
    return frame if len(points) == counted(name, since).runs else frame[frame["run"].isin({one.run for one in points})]


def measured(name: str, measure: str, since: datetime | None = None) -> pd.DataFrame:
    """One primary measure of a lineage's drawn generations."""
    found = facts_of_lineage(Measurement, name, since)
    return drawn(found[found["measure"] == measure], name, since)


@st.cache_resource(show_spinner=False, max_entries=160)
def _drawn_once(key: tuple[Any, ...], _make: Callable[[], go.Figure]) -> go.Figure:
    _opened(str(key[0]))[1].kept += 1
    return _make()


_FORGET.append(_drawn_once.clear)


def drawn_once(state: str, make: Callable[[], go.Figure]) -> go.Figure:
    """A chart, drawn once for each state of the log, of the page and of who looks."""
    return _drawn_once((*_key(), workspace().actor, state), make)


@_of_one_state(64)
def generation(run: str) -> GenerationStatus | None:
    """How one generation stands, however old."""
    with _log().glancing() as connection:
        return generation_of(connection, run)


def side_by_side(run: str, other: str) -> pd.DataFrame:
    """What two runs were made of and came to: a row a fact, a column a run."""
    first, second = _told(run), _told(other)
    whats = list(dict.fromkeys([*first, *second]))
    columns = {name: [told.get(what, "–") for what in whats] for name, told in ((run, first), (other, second))}
    return pd.DataFrame({"what": whats, **columns})


def _told(run: str) -> dict[str, str]:
    """A run in words."""
    one, begun = generation(run), facts(RunStarted, run=run).iloc[-1]
    if one is None:
        raise TailguardError(f"There is no run {run}.")
    measured = facts(Measurement, run=run)

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}"

    return {
        "begun": f"{one.started:%d %b %Y}",
        "parent": one.parent or "none",
        "mode": begun["mode"],
        "verdict": one.verdict or "none yet",
        "reason": one.reason or "–",
        "shipping": one.shipping,
        "records": f"{one.records:,}" if one.records is not None else "–",
        "synthetic ratio, records": percent(one.ratio_records),
        "synthetic ratio, tokens": percent(one.ratio_tokens),
        "ceiling": percent(one.ceiling),
        "coverage": percent(one.coverage.share if one.coverage else None),
        **{str(row["measure"]): f"{row['value']:,.4g}" for _, row in measured.iterrows()},
        "overrides used": ", ".join(one.overrides_used) or "none",
        "policy": begun["policy"][:16],
        "seed": str(begun["seed"]),
        "Tailguard": begun["tool_version"],
        "training set": (one.snapshot or "–")[:16],
        "answers": (one.outputs or "–")[:16],
    }


def policy_text(run: str) -> str:
    """The policy that a run was made under."""
    started = facts(RunStarted, run=run)
    policies = facts(PolicyInForce)
    found = policies[policies["digest"].isin(started["policy"])]
    return str(found["text"].iloc[-1]) if len(found) else ""


@_of_one_state(32)
def run_facts(run: str) -> list[dict[str, Any]]:
    """Every fact of a run's chain in order, for the evidence pack."""
    with _log().glancing() as connection:
        return [
            {
                "fact_kind": kind,
                "row": one.id,
                "recorded": one.recorded.isoformat(),
                "actor": one.actor,
                **asdict(one.fact),
            }
            for kind, one in queries.facts_of_run(connection, run)
        ]


def interval(hits: int, trials: int) -> Interval | None:
    """A share with its 90 % interval, or None of nothing."""
    return wilson(hits, trials)


def share(hits: int, trials: int) -> str:
    """A share with its 90 % interval, as a card shows it."""
    found = wilson(hits, trials)
    return f"{found.share:.1%}" if found else "–"


@_of_one_state(8)
def _queue(reviewer: str) -> list[quarantine.Waiting]:
    return quarantine.waiting(local(), reviewer=reviewer)


def queue() -> list[quarantine.Waiting]:
    """Held records that the person at work has not answered, the one whose decision settles most first."""
    return _queue(workspace().actor)


@_of_one_state(8)
def waiting_over_time() -> pd.DataFrame:
    """Waiting records over time by band of age."""
    moment = status().as_of
    with _log().glancing() as connection:
        return as_frame(Backlog, backlog(connection, moment))


def waiting_now() -> tuple[int, datetime | None]:
    """How many held records nobody has decided, and since when the oldest waits."""
    found = _waiting()
    return (found.records, found.since) if found else (0, None)


@_of_one_state(4)
def _waiting() -> HeldTotal | None:
    with _log().glancing() as connection:
        return records_waiting(connection)


@_of_one_state(4)
def agreement() -> quarantine.Agreement:
    """How far reviewers agree who did not see each other's answer."""
    with _log().glancing() as connection:
        return quarantine.agreement(connection)


@_of_one_state(4)
def contracts() -> dict[str, Contract]:
    """The contract in force of each source."""
    with _log().glancing() as connection:
        return queries.contracts(connection)


def trace(what: str) -> tracing.Trace:
    """All that is known of one record."""
    return tracing.trace(local(), what)


def built_in_rates() -> pd.DataFrame:
    """The built-in detector's rates as its training script measured them, one row a set of texts."""
    return pd.DataFrame([{"texts": name, **values} for name, values in shipped_rates().items()])


def min_coverage() -> float:
    """The policy's target for provenance coverage."""
    policy = policy_now()
    return policy.intake.min_coverage if policy else 0.9


def ratios(name: str, since: datetime | None = None) -> pd.DataFrame:
    """The ratio of each of a lineage's training sets in records and tokens, with bounds; older sets have none."""
    sets = facts_of_lineage(Composition, name, since)
    measured = facts_of_lineage(RatioMeasured, name, since).drop_duplicates(["run", "unit"], keep="last")
    both = [sets.assign(unit=unit, ratio=sets[f"ratio_{unit}"]) for unit in ("records", "tokens")]
    wanted = pd.concat(both)[["run", "unit", "ratio", "ceiling", "row"]]
    found = wanted.merge(
        measured[["run", "unit", "low", "high", "enforced_on", "row"]],
        on=["run", "unit"],
        how="left",
        suffixes=("_set", ""),
    )
    found["enforced_on"] = found["enforced_on"].fillna("ratio")
    found["row"] = found["row"].fillna(found["row_set"])
    return found[["run", "unit", "ratio", "low", "high", "ceiling", "enforced_on", "row"]]


def head_room(set_: Any, unit: str) -> float:
    """Wholly synthetic records or tokens that would still fit: human x ceiling / (1 - ceiling) - synthetic."""
    whole, used, ceiling = set_[unit], set_[f"synthetic_{unit}"], set_["ceiling"]
    return (whole - used) * ceiling / (1 - ceiling) - used if ceiling < 1 else float("inf")


@_of_one_state(4)
def anchor() -> AnchorStanding | None:
    """The anchor set as it stands."""
    policy, moment = policy_now(), status().as_of
    with _log().glancing() as connection:
        return anchor_standing(connection, policy.anchor, moment) if policy else None


@_of_one_state(32)
def scored(run: str, outcome: str, reason: str | None, most: int) -> pd.DataFrame:
    """Records of a run with an outcome and a reason, their scores and explanations."""
    return as_frame(composed.ScoredRecord, composed.scored(local(), run, outcome=outcome, reason=reason, most=most))


@_of_one_state(8)
def difference(first: str, second: str) -> training_sets.Difference:
    """What the training sets of two runs do not share."""
    return training_sets.difference(local(), first, second)


@_of_one_state(12)
def report(run: str, reference_kind: str) -> bytes:
    """The whole comparison of a run with one reference as a page to keep."""
    from tailguard.reports import gate

    return gate.report_page(local(), run, reference_kind)


def teeth(lineage: str, since: datetime | None = None) -> pd.DataFrame:
    """The smallest planted loss that each run's gate blocked (none where it blocked none), and the margin it stood under."""
    canaries = facts_of_lineage(CanaryResult, lineage, since)
    planted = canaries[canaries["kind"] == "planted"]
    blocked = planted[planted["verdict"] == "BLOCK"].groupby("run", sort=False)["loss"].min()
    compared = facts_of_lineage(ComparedMeasure, lineage, since)
    compared = compared[compared["measure"] == "tail recall"]
    margins = compared.drop_duplicates("run", keep="last").set_index("run")["margin"]
    runs = list(dict.fromkeys(planted["run"]))
    frame = pd.DataFrame(
        {"run": runs, "loss": [blocked.get(run) for run in runs], "margin": [margins.get(run) for run in runs]}
    )
    return frame.assign(margin=frame["margin"].ffill().bfill())


def prove_teeth(run: str) -> str:
    """Run a gate's self-test once more, as the person at work; says what it showed."""
    from tailguard.reports import gate

    results = gate.prove_teeth(workspace(), run, seed=int(datetime.now(UTC).timestamp()))
    good = sum(one.as_it_should for one in results)
    return f"{good} of {len(results)} self-tests of {run} were as they should be."


@_of_one_state(4)
def alarms() -> list[Alarm]:
    """What stands in alarm: the query that alerts are raised from."""
    with _log().glancing() as connection:
        return queries.alarms(connection)


@_of_one_state(32)
def deviations(run: str) -> list[handoff.Deviation]:
    """How a run departed from the plan, and why."""
    with _log().glancing() as connection:
        return handoff.deviations(connection, run)


@_of_one_state(32)
def repetitions(run: str) -> list[handoff.Repetition]:
    """Who repeated a run; its author does not count."""
    with _log().glancing() as connection:
        return handoff.repetitions(connection, run)


@_of_one_state(8)
def to_look_at(incident: str) -> tuple[contamination.Example, ...]:
    """Records that an incident's audit found worth looking at."""
    with _log().glancing() as connection:
        rows = [one.fact for one in queries.recorded(connection, ContaminationAudited, incident=incident)]
    return contamination.kept(local(), rows)


def evidence_pack(generation: str) -> bytes:
    """The evidence pack of a generation; that it was made is recorded."""
    from tailguard.reports import pack

    return pack.make(workspace(), generation).content


def calendar() -> bytes:
    """What is due, as an iCalendar file."""
    return attest.calendar(status().due, status().team)


def runbook() -> str:
    """The runbook of the policy and the flows as their files say now, as Markdown."""
    return attest.runbook_text(local())


@_of_one_state(8)
def monthly_pack(month: str, form: str) -> bytes:
    """The monthly pack as HTML or PDF."""
    from tailguard.reports import monthly

    return monthly.report(local(), month, form=form)


def at_work() -> list[progress.Progress]:
    """Runs that are at work now: their stage, rate and time left."""
    return progress.at_work(local().log.folder)


def meeting_going_on() -> meeting.Meeting | None:
    """The meeting that is going on; read from the log itself, so that what others decide shows at once."""
    return meeting.going_on(local())


@_of_one_state(12)
def minutes(name: str, form: str) -> bytes:
    """The minutes of a meeting in one form."""
    return minutes_of(local(), name, form=form)
