"""The one door to the run log: every page reads here, from the published copy, and answers are kept until it changes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from tailguard.desk import (
    auditing,
    composed,
    contamination,
    meeting,
    pack,
    playbook,
    quarantine,
    reports,
    sources,
    tracing,
)
from tailguard.desk.minutes import minutes as minutes_of
from tailguard.detection.scoring import shipped_detector
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
    LineageImported,
    Measurement,
    MeetingEnded,
    MixingAudited,
    OverrideRequested,
    OverrideUsed,
    OwnOutputFound,
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
from tailguard.plays import audit, handoff
from tailguard.plays import status as standing
from tailguard.plays.audit import PlayStanding
from tailguard.plays.drill import Incident, incidents
from tailguard.plays.lineages import LineageStatus
from tailguard.plays.loops.standing import LoopStanding
from tailguard.runlog import queries
from tailguard.runlog.anchor import AnchorStanding, anchor_standing
from tailguard.runlog.backlog import backlog
from tailguard.runlog.connection import RunLog
from tailguard.workspace import Workspace, default_actor, find_workspace

__all__ = [
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
    "LineageImported",
    "Measurement",
    "MeetingEnded",
    "MixingAudited",
    "OverrideRequested",
    "OverrideUsed",
    "OwnOutputFound",
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


def workspace() -> Workspace:
    """The workspace that the dashboard was opened on."""
    named = os.environ.get("TAILGUARD_WORKSPACE")
    return Workspace(Path(named) if named else find_workspace(Path.cwd()), default_actor())


def problem() -> str | None:
    """Why the log cannot be read, or None."""
    try:
        log = workspace().log
        if not log.exists():
            return "There is no run log yet."
        with log.glancing():
            return None
    except TailguardError as error:
        return str(error)


def version() -> tuple[int, ...]:
    """Changes when there is something new to show."""
    try:
        return workspace().log.version()
    except TailguardError:
        return ()


def _key() -> tuple[Any, ...]:
    return (str(workspace().root), *version())


def _log() -> RunLog:
    return workspace().log


@st.cache_data(show_spinner=False, max_entries=400)
def _frame(key: tuple[Any, ...], kind: str, equal: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    with _log().glancing() as connection:
        rows = queries.recorded(connection, _KINDS[kind], **dict(equal))
    columns = [*_KINDS[kind].__dataclass_fields__, "recorded", "actor", "row"]
    return pd.DataFrame(
        [{**asdict(one.fact), "recorded": one.recorded, "actor": one.actor, "row": one.id} for one in rows],
        columns=columns,
    )


_KINDS: dict[str, type[Fact]] = {kind.__name__: kind for kind in queries.FACTS}


def facts(kind: type[Fact], **equal: Any) -> pd.DataFrame:
    """All facts of a kind whose columns equal the given values, oldest first, with time, actor and row id."""
    return _frame(_key(), kind.__name__, tuple(sorted(equal.items())))


def facts_of_lineage(kind: type[Fact], lineage: str, since: datetime | None = None) -> pd.DataFrame:
    """Facts of a lineage's runs, with the run's number; `since` cuts off older ones."""
    found = facts(kind).copy()
    found["lineage"] = [run.rpartition("/")[0] for run in found["run"]]
    found["number"] = [int(run.rpartition("/")[2]) for run in found["run"]]
    found = found[found["lineage"] == lineage]
    return found[found["recorded"] >= since] if since else found


@dataclass(frozen=True)
class Watched:
    """How everything stands: the status, every play with its strip of the last twelve months, and every loop."""

    status: standing.Status
    plays: tuple[PlayStanding, ...]
    strips: dict[str, list[tuple[datetime, str]]]
    loops: LoopStanding
    incidents: list[Incident]


@st.cache_data(show_spinner=False, max_entries=8)
def _watched(key: tuple[Any, ...]) -> Watched:
    with _log().glancing() as connection:
        found = standing.standing_of(connection, datetime.now(UTC).replace(tzinfo=None))
        moment = found.scene.moment
        begun = audit.begun(connection, moment)
        strips = {one.play.name: audit.strip(one, begun=begun, moment=moment) for one in found.plays}
        return Watched(standing.status_of(found), found.plays, strips, found.loops, incidents(connection))


def watched() -> Watched:
    """How everything stands, with plays and loops."""
    return _watched(_key())


def status() -> standing.Status:
    """How everything stands."""
    return watched().status


def profile() -> str:
    """The profile of the policy in force: full, small or api-only."""
    return _profile(_key())


@st.cache_data(show_spinner=False, max_entries=8)
def _profile(key: tuple[Any, ...]) -> str:
    with _log().glancing() as connection:
        policy = queries.policy_in_force(connection)
    return policy.profile if policy else "full"


def lineages() -> list[str]:
    """Lineages that have at least one run."""
    return [lineage.name for lineage in status().lineages if lineage.generations]


def lineage(name: str) -> LineageStatus:
    """How one lineage stands."""
    return next(one for one in status().lineages if one.name == name)


def generations(name: str, since: datetime | None = None) -> pd.DataFrame:
    """A row a generation of one lineage: numbers for charts, without the measures."""
    rows = [
        {key: value for key, value in vars(one).items() if key not in ("measures", "coverage", "overrides_used")}
        | {
            "coverage": one.coverage.share if one.coverage else None,
            "coverage_low": one.coverage.low if one.coverage else None,
            "coverage_high": one.coverage.high if one.coverage else None,
            "overrides": ", ".join(dict.fromkeys(one.overrides_used)),
        }
        for one in lineage(name).generations
        if since is None or one.started >= since
    ]
    return pd.DataFrame(rows)


def policy_text(run: str) -> str:
    """The policy that a run was made under."""
    started = facts(RunStarted, run=run)
    policies = facts(PolicyInForce)
    found = policies[policies["digest"].isin(started["policy"])]
    return str(found["text"].iloc[-1]) if len(found) else ""


@st.cache_data(show_spinner=False, max_entries=32)
def _run_facts(key: tuple[Any, ...], run: str) -> list[dict[str, Any]]:
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


def run_facts(run: str) -> list[dict[str, Any]]:
    """Every fact of a run's chain in order, for the evidence pack."""
    return _run_facts(_key(), run)


def interval(hits: int, trials: int) -> Interval | None:
    """A share with its 90 % interval, or None of nothing."""
    return wilson(hits, trials)


def share(hits: int, trials: int) -> str:
    """A share with its 90 % interval, as a card shows it."""
    found = wilson(hits, trials)
    return f"{found.share:.1%}" if found else "–"


@st.cache_data(show_spinner=False, max_entries=8)
def _queue(key: tuple[Any, ...], reviewer: str) -> list[quarantine.Waiting]:
    return quarantine.waiting(workspace(), reviewer=reviewer)


def queue() -> list[quarantine.Waiting]:
    """Held records that the person at work has not answered, the one whose decision settles most first."""
    return _queue(_key(), workspace().actor)


@st.cache_data(show_spinner=False, max_entries=8)
def _backlog(key: tuple[Any, ...]) -> pd.DataFrame:
    with _log().glancing() as connection:
        points = backlog(connection, status().as_of)
    return pd.DataFrame([vars(one) for one in points], columns=["moment", "band", "records"])


def waiting_over_time() -> pd.DataFrame:
    """Waiting records over time by band of age."""
    return _backlog(_key())


def agreement() -> quarantine.Agreement:
    """How far reviewers agree who did not see each other's answer."""
    with _log().glancing() as connection:
        return quarantine.agreement(connection)


def contracts() -> dict[str, Contract]:
    """The contract in force of each source."""
    return sources.standing(workspace())


def trace(what: str) -> tracing.Trace:
    """All that is known of one record."""
    return tracing.trace(workspace(), what)


def built_in_rates() -> pd.DataFrame:
    """The built-in detector's rates as its training script measured them, one row a set of texts."""
    rates = shipped_detector().rates
    return pd.DataFrame([{"texts": name, **values} for name, values in rates.items()])


def min_coverage() -> float:
    """The policy's target for provenance coverage."""
    with _log().glancing() as connection:
        policy = queries.policy_in_force(connection)
    return policy.intake.min_coverage if policy else 0.9


def ratios(name: str, since: datetime | None = None) -> pd.DataFrame:
    """The ratio of each of a lineage's training sets in records and tokens, with bounds; older sets have none."""
    sets = facts_of_lineage(Composition, name, since)
    measured = facts(RatioMeasured).drop_duplicates(["run", "unit"], keep="last").set_index(["run", "unit"])
    rows = []
    for one in sets.to_dict("records"):
        for unit in ("records", "tokens"):
            bounds = measured.loc[(one["run"], unit)] if (one["run"], unit) in measured.index else None
            rows.append(
                {
                    "run": one["run"],
                    "unit": unit,
                    "ratio": one[f"ratio_{unit}"],
                    "low": bounds["low"] if bounds is not None else None,
                    "high": bounds["high"] if bounds is not None else None,
                    "ceiling": one["ceiling"],
                    "enforced_on": bounds["enforced_on"] if bounds is not None else "ratio",
                    "row": bounds["row"] if bounds is not None else one["row"],
                }
            )
    return pd.DataFrame(rows, columns=["run", "unit", "ratio", "low", "high", "ceiling", "enforced_on", "row"])


def head_room(set_: Any, unit: str) -> float:
    """Wholly synthetic records or tokens that would still fit: human x ceiling / (1 - ceiling) - synthetic."""
    whole, used, ceiling = set_[unit], set_[f"synthetic_{unit}"], set_["ceiling"]
    return (whole - used) * ceiling / (1 - ceiling) - used if ceiling < 1 else float("inf")


def anchor() -> AnchorStanding | None:
    """The anchor set as it stands."""
    with _log().glancing() as connection:
        policy = queries.policy_in_force(connection)
        return anchor_standing(connection, policy.anchor, status().as_of) if policy else None


@st.cache_data(show_spinner=False, max_entries=32)
def _scored(key: tuple[Any, ...], run: str, outcome: str, reason: str | None, most: int) -> pd.DataFrame:
    found = composed.scored(workspace(), run, outcome=outcome, reason=reason, most=most)
    return pd.DataFrame([vars(one) for one in found])


def scored(run: str, outcome: str, reason: str | None, most: int) -> pd.DataFrame:
    """Records of a run with an outcome and a reason, their scores and explanations."""
    return _scored(_key(), run, outcome, reason, most)


@st.cache_data(show_spinner=False, max_entries=8)
def _difference(key: tuple[Any, ...], first: str, second: str) -> auditing.Difference:
    return auditing.difference(workspace(), first, second)


def difference(first: str, second: str) -> auditing.Difference:
    """What the training sets of two runs do not share."""
    return _difference(_key(), first, second)


@st.cache_data(show_spinner=False, max_entries=12)
def report(key: str, run: str, reference_kind: str) -> bytes:
    """The whole comparison of a run with one reference as a page to keep."""
    return reports.report_page(workspace(), run, reference_kind)


def teeth(lineage: str, since: datetime | None = None) -> pd.DataFrame:
    """The smallest planted loss that each run's gate blocked (none where it blocked none), and the margin it stood under."""
    canaries = facts_of_lineage(CanaryResult, lineage, since)
    planted = canaries[canaries["kind"] == "planted"]
    blocked = planted[planted["verdict"] == "BLOCK"].groupby("run", sort=False)["loss"].min()
    compared = facts(ComparedMeasure, measure="tail recall")
    margins = compared.drop_duplicates("run", keep="last").set_index("run")["margin"]
    runs = list(dict.fromkeys(planted["run"]))
    frame = pd.DataFrame(
        {"run": runs, "loss": [blocked.get(run) for run in runs], "margin": [margins.get(run) for run in runs]}
    )
    return frame.assign(margin=frame["margin"].ffill().bfill())


def prove_teeth(run: str) -> str:
    """Run a gate's self-test once more, as the person at work; says what it showed."""
    results = reports.prove_teeth(workspace(), run, seed=int(datetime.now(UTC).timestamp()))
    good = sum(one.as_it_should for one in results)
    return f"{good} of {len(results)} self-tests of {run} were as they should be."


def alarms() -> list[queries.Alarm]:
    """What stands in alarm: the query that alerts are raised from."""
    with _log().glancing() as connection:
        return queries.alarms(connection)


def deviations(run: str) -> list[handoff.Deviation]:
    """How a run departed from the plan, and why."""
    with _log().glancing() as connection:
        return handoff.deviations(connection, run)


def repetitions(run: str) -> list[handoff.Repetition]:
    """Who repeated a run; its author does not count."""
    with _log().glancing() as connection:
        return handoff.repetitions(connection, run)


def to_look_at(incident: str) -> tuple[contamination.Example, ...]:
    """Records that an incident's audit found worth looking at."""
    with _log().glancing() as connection:
        rows = [one.fact for one in queries.recorded(connection, ContaminationAudited, incident=incident)]
    return contamination.kept(workspace(), rows)


def evidence_pack(generation: str) -> bytes:
    """The evidence pack of a generation; that it was made is recorded."""
    return pack.make(workspace(), generation).content


def calendar() -> bytes:
    """What is due, as an iCalendar file."""
    return playbook.calendar(status().due, status().team)


def runbook() -> tuple[str, str]:
    """The runbook as Markdown and as a page."""
    text = playbook.runbook_text(workspace())
    return text, playbook.as_page(text, "Runbook")


def meeting_going_on() -> meeting.Meeting | None:
    """The meeting that is going on; read from the log itself, so that what others decide shows at once."""
    return meeting.going_on(workspace())


@st.cache_data(show_spinner=False, max_entries=12)
def minutes(key: str, name: str, form: str) -> bytes:
    """The minutes of a meeting in one form."""
    return minutes_of(workspace(), name, form=form)
