"""What pages ask of the run log and the store: questions of the core, with their answers cached for the state that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from pages.shared import opened
from pages.shared.cache import cached, of_log, prefetched
from pages.shared.frames import as_frame
from tailguard import log
from tailguard.detection.rates import shipped_rates
from tailguard.domain.facts import ContaminationAudited, Fact
from tailguard.domain.reasons import Reason, RecordOutcome
from tailguard.errors import TailguardError
from tailguard.overrides import meeting
from tailguard.plays import audit, lineages, side_by_side
from tailguard.plays import course as courses
from tailguard.plays import deviations as departures
from tailguard.plays import register as registers
from tailguard.plays import status as statuses
from tailguard.plays.audit import PlayState
from tailguard.plays.course import CoursePoint
from tailguard.plays.lineages import LineageStatus
from tailguard.plays.loops.standing import LoopsState
from tailguard.plays.mixing import difference as differences
from tailguard.plays.mixing import scored as scores
from tailguard.plays.mixing import summary as mixing
from tailguard.plays.mixing.scored import ScoredRecord
from tailguard.plays.monitoring import comparisons, gates, production
from tailguard.plays.provenance import breakdown, quarantine, tracing
from tailguard.plays.provenance import queue as queues
from tailguard.plays.provenance import summary as provenance
from tailguard.plays.register import Register
from tailguard.plays.response.drills import Incident, incidents
from tailguard.plays.status import Status
from tailguard.policy.model import Policy
from tailguard.response import contamination
from tailguard.runlog.views import backlog, references, runs, sources
from tailguard.runlog.views.backlog import Backlog
from tailguard.runlog.views.references import AnchorState
from tailguard.store import progress


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How everything stands: the status, every play with its states over the last twelve months, every loop and incident."""

    status: Status
    plays: tuple[PlayState, ...]
    strips: dict[str, list[tuple[datetime, str]]]
    loops: LoopsState
    incidents: list[Incident]


@prefetched
def watched() -> Watched:
    """How everything stands. What falls due by the clock alone shows within an hour."""
    with opened.local().log.read_published() as view:
        state = statuses.team_state(view, datetime.now(UTC).replace(tzinfo=None))
        now = state.context.moment
        begun = audit.begun(view, now)
        return Watched(
            status=statuses.status_of(state),
            plays=state.plays,
            strips={play.play.name: audit.strip(play, begun=begun, moment=now) for play in state.plays},
            loops=state.loops,
            incidents=incidents(view),
        )


def status() -> Status:
    """How everything stands."""
    return watched().status


def register() -> Register:
    """The overrides by what has to be done about them."""
    return registers.register(status().overrides, status().as_of)


def days_since(moment: datetime) -> int:
    """Whole days from a moment to now, by the log's own clock."""
    return (status().as_of - moment).days


# The log itself, and its rows as tables


def has_log() -> bool:
    """Whether there is a run log, readable or not."""
    return opened.local().log.exists()


@cached(8)
def problem() -> str | None:
    """Why a log that is there cannot be read, or None."""
    try:
        if has_log():
            with opened.local().log.read_published():
                return None
    except TailguardError as error:
        return str(error)
    return None


@cached(200)
def _rows(
    kind: type[Fact], lineage: str | None, since: datetime | None, equal: tuple[tuple[str, Any], ...]
) -> pd.DataFrame:
    with opened.local().log.read_published() as view:
        return log.rows(view, kind, dict(equal), lineage=lineage, since=since)


def facts(kind: type[Fact], **equal: Any) -> pd.DataFrame:
    """All facts of a kind whose columns equal the given values, oldest first, with time, actor and row id."""
    return _rows(kind, None, None, tuple(sorted(equal.items()))).copy(deep=False)


def facts_of_lineage(kind: type[Fact], lineage: str, since: datetime | None = None, **equal: Any) -> pd.DataFrame:
    """The same of a lineage's runs, with the run's number, recorded at `since` or later (None: ever)."""
    return _rows(kind, lineage, since, tuple(sorted(equal.items()))).copy(deep=False)


@cached(4)
def policy() -> Policy | None:
    """The newest policy that the log has seen."""
    with opened.local().log.read_published() as view:
        return view.policy()


def profile() -> str:
    """The profile of the policy in force: full, small or api-only."""
    current = policy()
    return current.profile if current else "full"


# Lineages and runs


def lineage_names() -> list[str]:
    """Lineages that have at least one run."""
    return [line.name for line in status().lineages if line.generations]


def lineage(name: str) -> LineageStatus:
    """How one lineage stands."""
    return next(line for line in status().lineages if line.name == name)


course = of_log(courses.course, limit=64)
measured = of_log(courses.measured, limit=64)
generation = of_log(lineages.generation, limit=64)
compared_runs = of_log(side_by_side.side_by_side, limit=8)
deviations = of_log(departures.deviations, limit=32)
repetitions = of_log(departures.repetitions, limit=32)
stage_outcomes = of_log(runs.stage_outcomes, limit=32)
policy_text = of_log(runs.policy_text, limit=32)
facts_as_json = of_log(runs.facts_as_json, limit=32)


def generations(name: str, since: datetime | None = None) -> pd.DataFrame:
    """A row for each generation of a lineage that charts draw."""
    return as_frame(CoursePoint, course(name, since).points)


def drawn(frame: pd.DataFrame, name: str, since: datetime | None = None) -> pd.DataFrame:
    """The rows of a frame (with a column `run`) whose runs charts draw."""
    runs_of_lineage = course(name, since)
    return frame if runs_of_lineage.complete else frame[frame["run"].isin(runs_of_lineage.drawn)]


def active_runs() -> list[progress.Progress]:
    """Runs in progress: their stage, rate and time left."""
    return progress.in_progress(opened.local().log.folder)


# Provenance and the review queue

provenance_summary = of_log(provenance.summary, limit=16)
coverage_target = of_log(provenance.coverage_target, limit=1)
batch_coverage = of_log(breakdown.batches, limit=16)
coverage_by = of_log(breakdown.coverage_by, limit=16)
estimates = of_log(breakdown.estimates, limit=16)
source_summaries = of_log(breakdown.sources, limit=16)
evidence = of_log(provenance.evidence, limit=16)
contracts = of_log(sources.contracts, limit=4)
agreement = of_log(quarantine.agreement, limit=4)
waiting = of_log(backlog.waiting_now, limit=4)
_backlog = of_log(backlog.backlog, limit=4)
_decided = of_log(queues.decided, limit=4)


@cached(8)
def _queue(reviewer: str) -> list[quarantine.Waiting]:
    return quarantine.waiting(opened.local(), reviewer=reviewer)


def queue() -> list[quarantine.Waiting]:
    """Held records that the person at this page has not answered, the one whose decision settles most first."""
    return _queue(opened.workspace().actor)


def decided() -> queues.Decided:
    """Decisions on held records: all, and those of the last week."""
    return _decided(status().as_of)


def waiting_over_time() -> pd.DataFrame:
    """Waiting records over time by band of age."""
    return as_frame(Backlog, _backlog(status().as_of))


def trace(record: str) -> tracing.Trace:
    """All that is known of one record, by its id, the beginning of it, or its text."""
    return tracing.trace(opened.local(), record)


def built_in_rates() -> pd.DataFrame:
    """The built-in detector's rates as its training script measured them, a row for each set of texts."""
    return pd.DataFrame([{"texts": name, **values} for name, values in shipped_rates().items()])


# Mixing

ratios = of_log(mixing.ratios, limit=16)
blocked_jobs = of_log(mixing.blocked_jobs, limit=16)
overridden_ratios = of_log(mixing.overridden, limit=16)
filter_summary = of_log(mixing.filtered, limit=32)
_mixing_summary = of_log(mixing.summary, limit=16)
_anchor = of_log(references.anchor_state, limit=4)


def mixing_summary(name: str, since: datetime | None) -> mixing.MixingSummary | None:
    """The training sets of a lineage in a period."""
    return _mixing_summary(name, since, status().as_of)


def anchor() -> AnchorState | None:
    """The anchor set as it stands."""
    current = policy()
    return _anchor(current.anchor, status().as_of) if current else None


@cached(32)
def scored(run: str, outcome: RecordOutcome, reason: Reason | None, limit: int) -> pd.DataFrame:
    """Up to `limit` records of a run with an outcome and a reason, their scores and explanations."""
    return as_frame(ScoredRecord, scores.scored(opened.local(), run, outcome=outcome, reason=reason, limit=limit))


@cached(8)
def difference(first: str, second: str) -> differences.Difference:
    """What the training sets of two runs do not share."""
    return differences.difference(opened.local(), first, second)


# Diversity, gates and production

comparison_summary = of_log(comparisons.summary, limit=32)
worst_slice = of_log(comparisons.worst_slice, limit=32)
gate_summary = of_log(gates.summary, limit=16)
sensitivity = of_log(gates.sensitivity, limit=16)
sign_offs = of_log(gates.sign_offs, limit=16)
streams = of_log(production.streams, limit=4)
deliveries = of_log(production.deliveries, limit=4)
open_alerts = of_log(production.open_alerts, limit=4)


# Overrides and incidents

_recent_uses = of_log(registers.recent_uses, limit=4)
in_doubt = of_log(contamination.in_doubt, limit=8)


def recent_uses() -> int:
    """How many times an override was used in the last 30 days."""
    return _recent_uses(status().as_of)


def current_meeting() -> meeting.Meeting | None:
    """The meeting in progress; read from the log itself, so that what others decide shows at once."""
    return meeting.going_on(opened.local())


@cached(8)
def examples_in_doubt(incident: str) -> tuple[contamination.Example, ...]:
    """Records that an incident's audit found worth a review."""
    with opened.local().log.read_published() as view:
        rows = [row.fact for row in view.recorded(ContaminationAudited, incident=incident)]
    return contamination.kept(opened.local(), rows)
