"""The monthly pack: overview, trends, gates, overrides and plays of one month, as one page that needs nothing else, and as PDF.

The same log and month give the same bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TypeVar

from tailguard.domain.facts import (
    CanaryResult,
    Fact,
    GateDecision,
    IncidentClosed,
    MeetingEnded,
    OverrideDecided,
    OverrideRequested,
    OverrideUsed,
    RunStarted,
)
from tailguard.domain.gates import Gate
from tailguard.domain.intervals import wilson
from tailguard.domain.markdown import visible
from tailguard.domain.verdict import Verdict
from tailguard.domain.wording import counted, duration
from tailguard.errors import InputError
from tailguard.plays.finding import Severity
from tailguard.plays.monitoring.gates import SHOWN_DAMAGE, sign_offs
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import TeamState, status_of, team_state
from tailguard.reports.pack.pictures import Picture, pictures
from tailguard.runlog.view import LogView, Recorded
from tailguard.workspace import Workspace

T = TypeVar("T", bound=Fact)
FORMS = ("html", "pdf")
_MONTH = re.compile(r"^\d{4}-(0[1-9]|1[0-2])$")
_MOST_LINEAGES, _MOST_ROWS = 6, 40


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the pack: its finding in a sentence, rows under headings, and how they are made."""

    title: str
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    formula: str


@dataclass(frozen=True, kw_only=True)
class Monthly:
    """The whole pack as values."""

    title: str
    line: str
    sections: tuple[Section, ...]
    pictures: tuple[Picture, ...]


def report(workspace: Workspace, month: str, *, form: str) -> bytes:
    """The pack of a month (YYYY-MM). Raises InputError for another form or month, and for one that has not begun."""
    if form not in FORMS:
        raise InputError(f"--format is {' or '.join(FORMS)}, found {form!r}.")
    if not _MONTH.match(month):
        raise InputError(f"--month is a year and a month such as 2026-10, found {month!r}.")
    with workspace.log.reading() as view:
        report = _gathered(view, workspace.clock.now(), month)
    return (_html if form == "html" else _pdf)(report)


def newest_month(workspace: Workspace) -> str:
    """The month of the newest run. Raises InputError where there is none yet."""
    with workspace.log.reading() as view:
        last = view.newest(RunStarted)
    if last is None:
        raise InputError("No run is in the log yet, so there is no month to tell of. Run `tailguard run` first.")
    return f"{last.recorded:%Y-%m}"


def _gathered(view: LogView, now: datetime, month: str) -> Monthly:
    state = team_state(view, now)
    begin = datetime(int(month[:4]), int(month[5:]), 1)
    end = (begin + timedelta(days=32)).replace(day=1)
    began = view.recorded(RunStarted, since=begin)
    runs = [run for run in began if run.recorded < end]
    if not runs and begin > state.context.moment:
        raise InputError(f"{month} has not begun for this log, which ends at {state.context.moment:%Y-%m-%d}.")
    sections = (
        _overview(state, len(runs), month),
        _gates(view, begin, end),
        *_sign_offs(view, state, begin, end),
        _self_tests(view, begin, end),
        _overrides(view, state, begin, end),
        _plays(state),
        _responses(view, begin, end),
    )
    moment = f"{state.context.moment:%d %b %Y %H:%M} UTC ({state.clock} clock)"
    line = f"State as of {moment}, from {view.size():,} rows of the run log."
    drawn = pictures(state.context.lineages[:_MOST_LINEAGES], incidents(view))
    team = state.context.policy.team if state.context.policy else "the team"
    return Monthly(title=f"{team}: {begin:%B %Y}", line=line, sections=sections, pictures=tuple(drawn))


def _overview(state: TeamState, runs: int, month: str) -> Section:
    rows = []
    for line in state.context.lineages:
        last = line.generations[-1] if line.generations else None
        ratio = (
            f"{max(last.ratio_records, last.ratio_tokens or 0.0):.1%}"
            if last and last.ratio_records is not None
            else "–"
        )
        covered = (
            f"{last.coverage.share:.1%} ({last.coverage.low:.1%} to {last.coverage.high:.1%})"
            if last and last.coverage
            else "–"
        )
        rows.append(
            (line.name, line.mode, line.sentence, ratio, f"{line.ceiling:.0%}", covered, line.shipped or "none")
        )
    high = [finding for finding in state.findings if finding.severity is Severity.HIGH]
    sentence = (
        f"{counted(runs, 'run was', 'runs were')} started in {month}; "
        f"{counted(len(state.findings), 'open finding', 'open findings')}, {len(high)} of them high."
    )
    sentence += f" First: {state.findings[0].what}." if state.findings else ""
    return Section(
        title="Overview",
        sentence=sentence,
        columns=(
            "lineage",
            "mode",
            "may the newest ship?",
            "ratio",
            "ceiling",
            "coverage (90 % interval)",
            "in production",
        ),
        rows=tuple(rows),
        formula="Ratio: the larger of the synthetic shares in records and in tokens. Coverage: distinct records with a sure tag.",
    )


def _gates(view: LogView, begin: datetime, end: datetime) -> Section:
    decisions = _within(view.recorded(GateDecision, since=begin, gate=Gate.DIVERSITY), end)
    blocked = sum(decision.fact.verdict == Verdict.BLOCK for decision in decisions)
    rate = wilson(blocked, len(decisions))
    sentence = f"{blocked} of {len(decisions)} candidates were blocked"
    sentence += f" ({rate.share:.0%}; 90 % interval {rate.low:.0%} to {rate.high:.0%})." if rate else "."
    rows = [
        (
            decision.fact.run,
            decision.fact.verdict,
            decision.fact.reason,
            decision.fact.override or "",
            f"{decision.recorded:%d %b}",
            decision.id,
        )
        for decision in reversed(decisions)
    ]
    return Section(
        title="Gates",
        sentence=sentence,
        columns=("run", "verdict", "why", "override", "when", "row"),
        rows=tuple(rows),
        formula="Decisions of the diversity gate in this month.",
    )


def _sign_offs(view: LogView, state: TeamState, begin: datetime, end: datetime) -> list[Section]:
    """What the quality owner answered to verdicts, where anything was asked."""
    given = sign_offs(view, None, begin, end)
    pending = [verdict for lineage in state.context.lineages for verdict in lineage.pending_sign_offs]
    if given.median_seconds is None and not pending:
        return []
    sentence = f"{counted(len(given.answers), 'verdict was', 'verdicts were')} signed off or declined, {given.declined} declined"
    sentence += (
        f"; median time to decide {duration(given.median_seconds)}." if given.median_seconds is not None else "."
    )
    sentence += f" {counted(len(pending), 'verdict waits', 'verdicts wait')} now." if pending else ""
    rows = [
        (
            answer.fact.run,
            "approved" if answer.fact.approved else "declined",
            answer.fact.note,
            answer.actor,
            f"{answer.recorded:%d %b}",
            duration(answer.fact.seconds),
            answer.id,
        )
        for answer in reversed(given.answers)
    ]
    return [
        Section(
            title="Sign-offs",
            sentence=sentence,
            columns=("run", "answer", "note", "by", "when", "time to decide", "row"),
            rows=tuple(rows),
            formula="Answers of the quality owner to verdicts in this month; time to decide runs from the verdict.",
        )
    ]


def _self_tests(view: LogView, begin: datetime, end: datetime) -> Section:
    tests = _within(view.recorded(CanaryResult, since=begin), end)
    planted = [test for test in tests if not test.fact.kind.harmless]
    caught = [test.fact for test in planted if test.fact.verdict == Verdict.BLOCK]
    losses = [fact.loss for fact in caught if fact.kind is SHOWN_DAMAGE]
    wrong = [test for test in tests if not test.fact.as_expected]
    sentence = f"Planted damage was blocked {len(caught)} of {counted(len(planted), 'time')}"
    sentence += f"; the smallest loss of rare words that was: {min(losses):.1%}." if losses else "."
    sentence += f" {counted(len(wrong), 'self-test')} did not come out as they should."
    rows = [
        (test.fact.run, test.fact.kind.label, f"{test.fact.loss:.1%}", test.fact.verdict, test.id)
        for test in reversed(wrong)
    ]
    return Section(
        title="Self-tests of the gate",
        sentence=sentence,
        columns=("run", "kind", "loss", "verdict", "row"),
        rows=tuple(rows),
        formula="Only self-tests that failed are listed.",
    )


def _overrides(view: LogView, state: TeamState, begin: datetime, end: datetime) -> Section:
    asked = _within(view.recorded(OverrideRequested, since=begin), end)
    used = _within(view.recorded(OverrideUsed, since=begin), end)
    decided = _within(view.recorded(OverrideDecided, since=begin), end)
    met = _within(view.recorded(MeetingEnded, since=begin), end)
    touched = {row.fact.override for group in (asked, used, decided) for row in group}
    shown = [
        override
        for override in status_of(state).overrides
        if override.state in ("open", "requested") or override.id in touched
    ]
    sentence = (
        f"{len(asked)} asked for, {counted(len(decided), 'decision')}, {counted(len(used), 'use')}, "
        f"{counted(len(met), 'meeting')} held."
    )
    open_ones = sum(override.state == "open" for override in shown)
    rows = [
        (
            override.id,
            override.state,
            f"{override.gate} gate of {override.run}",
            override.reason,
            override.requested_by,
            override.decided_by or "",
            f"{override.expires:%d %b %Y}",
            str(override.uses),
        )
        for override in shown
    ]
    columns = ("override", "state", "for", "reason", "asked by", "decided by", "ends", "uses")
    return Section(
        title="Overrides",
        sentence=f"{sentence} {open_ones} open now.",
        columns=columns,
        rows=tuple(rows),
        formula="Open, waiting, or touched in this month.",
    )


def _plays(state: TeamState) -> Section:
    statuses = state.plays
    running = sum(status.state == "running" for status in statuses)
    rows = [
        (
            status.play.title,
            status.state,
            f"{status.since:%d %b %Y}",
            status.owner,
            f"{status.due:%d %b %Y}",
            _attested(status.attested, status.attested_by),
            status.contradiction,
        )
        for status in statuses
    ]
    columns = ("play", "state", "since", "owner", "next by", "attested", "contradiction")
    return Section(
        title="Plays",
        sentence=f"{running} of {len(statuses)} plays run.",
        columns=columns,
        rows=tuple(rows),
        formula="State: evidence in the log against the cadence of the policy.",
    )


def _attested(running: bool | None, by: str) -> str:
    return "nobody yet" if running is None else f"{'running' if running else 'not running'}, {by}"


def _responses(view: LogView, begin: datetime, end: datetime) -> Section:
    responses = _within(view.recorded(IncidentClosed, since=begin), end)
    rows = [
        (closed.fact.incident, closed.fact.cause, closed.fact.change, closed.fact.play, closed.id)
        for closed in responses
    ]
    return Section(
        title="Drills and incidents",
        sentence=f"{len(responses)} closed in this month.",
        columns=("response", "root cause", "what changed", "play", "row"),
        rows=tuple(rows),
        formula="",
    )


def _within(rows: Sequence[Recorded[T]], end: datetime) -> list[Recorded[T]]:
    return [row for row in rows if row.recorded < end]


_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2.5rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
section { overflow-x: auto } td:nth-child(2) { white-space: nowrap }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8886; overflow-wrap: break-word }
td:first-child { white-space: nowrap } figure { margin: 1rem 0 } img { max-width: 100%; background: #fff; border-radius: 4px }
small { opacity: .75 }
@media print { section { break-inside: avoid } }
"""


def _html(report: Monthly) -> bytes:
    title = escape(visible(report.title))
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>',
        f"<body><main><h1>{title}</h1>\n<p>{escape(report.line)}</p>",
    ]
    for position, section in enumerate(report.sections):
        parts.append(f"<section><h2>{escape(section.title)}</h2><p>{escape(visible(section.sentence))}</p>")
        if section.rows:
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.columns)
            body = "\n".join(
                "<tr>" + "".join(f"<td>{escape(visible(cell))}</td>" for cell in row) + "</tr>"
                for row in section.rows[:_MOST_ROWS]
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>")
        parts.append(f"<small>{escape(_footnote(section))}</small></section>")
        if not position:
            parts += ["<section><h2>Trends</h2>", *(_figure(picture) for picture in report.pictures), "</section>"]
    return ("\n".join(parts) + "\n</main></body></html>\n").encode()


def _row(cells: tuple[str, ...]) -> str:
    return "<tr>" + "".join(f"<td>{escape(visible(cell))}</td>" for cell in cells) + "</tr>"


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.svg).decode()
    return f'<figure><img alt="{escape(visible(picture.title), quote=True)}" src="data:image/svg+xml;base64,{data}"></figure>'


def _footnote(section: Section) -> str:
    left = len(section.rows) - _MOST_ROWS
    return section.formula + (f" {left:,} more rows are in the log." if left > 0 else "")


_TYPST = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set page(paper: "a4", flipped: true, margin: 1.6cm, numbering: "1 / 1")
#set text(size: 9pt, lang: "en")
#set par(justify: false)
#text(size: 16pt, weight: "bold", data.title)

#data.line
#let part(section) = [
  #v(0.8em)
  #block(sticky: true, text(size: 12pt, weight: "bold", section.title))

  #section.sentence
  #if section.rows.len() > 0 {
    table(
      columns: section.columns.len(),
      stroke: (x, y) => (bottom: 0.4pt + rgb("#b5bac0")),
      inset: (x: 4pt, y: 4pt),
      table.header(..section.columns.map(name => text(weight: "bold", name))),
      ..section.rows.flatten().map(cell => text(cell)),
    )
  }
  #text(size: 8pt, fill: rgb("#5a6068"), section.formula)
]
#part(data.sections.at(0))
#v(0.8em)
#text(size: 12pt, weight: "bold", "Trends")
#grid(columns: 2, gutter: 1em, ..data.pictures.map(picture => image(bytes(picture), format: "svg")))
#for section in data.sections.slice(1) { part(section) }
"""


def _pdf(report: Monthly) -> bytes:
    """Typeset by Typst; what is told goes in as data, so nothing in it is markup."""
    import typst

    content = {
        "title": visible(report.title),
        "line": report.line,
        "sections": [
            asdict(section)
            | {
                "sentence": visible(section.sentence),
                "formula": _footnote(section),
                "rows": [[visible(cell) for cell in row] for row in section.rows[:_MOST_ROWS]],
            }
            for section in report.sections
        ],
        "pictures": [picture.svg.decode() for picture in report.pictures],
    }
    made = typst.compile(
        _TYPST.encode(), format="pdf", sys_inputs={"data": json.dumps(content)}, ignore_system_fonts=True
    )
    return bytes(made)
