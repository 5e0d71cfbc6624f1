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
from tailguard.domain.intervals import wilson
from tailguard.domain.markdown import visible
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import Standing, standing_of, status_of
from tailguard.reports.pack.pictures import Picture, pictures
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import Recorded, newest, recorded, rows_in_log
from tailguard.workspace import Workspace

T = TypeVar("T", bound=Fact)
FORMS = ("html", "pdf")
_MONTH = re.compile(r"^\d{4}-(0[1-9]|1[0-2])$")
_MOST_LINEAGES, _MOST_ROWS = 6, 40


@dataclass(frozen=True)
class Section:
    """A part of the pack: its finding in a sentence, rows under headings, and how they are made."""

    title: str
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    formula: str


@dataclass(frozen=True)
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
    with workspace.log.reading() as connection:
        found = _gathered(connection, workspace.clock.now(), month)
    return (_html if form == "html" else _pdf)(found)


def newest_month(workspace: Workspace) -> str:
    """The month of the newest run. Raises InputError where there is none yet."""
    with workspace.log.reading() as connection:
        last = newest(connection, RunStarted)
    if last is None:
        raise InputError("No run is in the log yet, so there is no month to tell of. Run `tailguard run` first.")
    return f"{last.recorded:%Y-%m}"


def _gathered(connection: Connection, now: datetime, month: str) -> Monthly:
    standing = standing_of(connection, now)
    begin = datetime(int(month[:4]), int(month[5:]), 1)
    end = (begin + timedelta(days=32)).replace(day=1)
    began = recorded(connection, RunStarted, since=begin)
    runs = [one for one in began if one.recorded < end]
    if not runs and begin > standing.scene.moment:
        raise InputError(f"{month} has not begun for this log, which ends at {standing.scene.moment:%Y-%m-%d}.")
    sections = (
        _overview(standing, len(runs), month),
        _gates(connection, begin, end),
        _self_tests(connection, begin, end),
        _overrides(connection, standing, begin, end),
        _plays(standing),
        _responses(connection, begin, end),
    )
    moment = f"{standing.scene.moment:%d %b %Y %H:%M} UTC ({standing.clock} clock)"
    told = f"State as of {moment}, from {rows_in_log(connection):,} rows of the run log."
    drawn = pictures(standing.scene.lineages[:_MOST_LINEAGES], incidents(connection))
    team = standing.scene.policy.team if standing.scene.policy else "the team"
    return Monthly(f"{team}: {begin:%B %Y}", told, sections, tuple(drawn))


def _overview(standing: Standing, runs: int, month: str) -> Section:
    rows = []
    for line in standing.scene.lineages:
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
    high = [one for one in standing.findings if one.severity == "high"]
    sentence = (
        f"{counted(runs, 'run was', 'runs were')} started in {month}; "
        f"{counted(len(standing.findings), 'finding stands', 'findings stand')}, {len(high)} of them high."
    )
    sentence += f" First: {standing.findings[0].what}." if standing.findings else ""
    return Section(
        "Overview",
        sentence,
        ("lineage", "mode", "may the newest ship?", "ratio", "ceiling", "coverage (90 % interval)", "at work"),
        tuple(rows),
        "Ratio: the larger of the synthetic shares in records and in tokens. Coverage: distinct records with a confident tag.",
    )


def _gates(connection: Connection, begin: datetime, end: datetime) -> Section:
    found = _within(recorded(connection, GateDecision, since=begin, gate="diversity"), end)
    blocked = sum(one.fact.verdict == "BLOCK" for one in found)
    rate = wilson(blocked, len(found))
    told = f"{blocked} of {len(found)} candidates were blocked"
    told += f" ({rate.share:.0%}; 90 % interval {rate.low:.0%} to {rate.high:.0%})." if rate else "."
    rows = [
        (one.fact.run, one.fact.verdict, one.fact.reason, one.fact.override or "", f"{one.recorded:%d %b}", one.id)
        for one in reversed(found)
    ]
    return Section(
        "Gates",
        told,
        ("run", "verdict", "why", "override", "when", "row"),
        tuple(rows),
        "Decisions of the diversity gate in this month.",
    )


def _self_tests(connection: Connection, begin: datetime, end: datetime) -> Section:
    found = _within(recorded(connection, CanaryResult, since=begin), end)
    planted = [one for one in found if one.fact.kind == "planted"]
    caught = [one.fact.loss for one in planted if one.fact.verdict == "BLOCK"]
    wrong = [one for one in found if not one.fact.as_it_should]
    told = f"{len(caught)} of {len(planted)} planted collapses were blocked"
    told += f", the smallest a loss of {min(caught):.1%}." if caught else "."
    told += f" {counted(len(wrong), 'self-test')} did not come out as they should."
    rows = [(one.fact.run, one.fact.kind, f"{one.fact.loss:.1%}", one.fact.verdict, one.id) for one in reversed(wrong)]
    return Section(
        "Has the gate teeth?",
        told,
        ("run", "kind", "loss", "verdict", "row"),
        tuple(rows),
        "Only self-tests that failed are listed.",
    )


def _overrides(connection: Connection, standing: Standing, begin: datetime, end: datetime) -> Section:
    asked = _within(recorded(connection, OverrideRequested, since=begin), end)
    used = _within(recorded(connection, OverrideUsed, since=begin), end)
    decided = _within(recorded(connection, OverrideDecided, since=begin), end)
    met = _within(recorded(connection, MeetingEnded, since=begin), end)
    touched = {one.fact.override for group in (asked, used, decided) for one in group}
    shown = [one for one in status_of(standing).overrides if one.state in ("open", "requested") or one.id in touched]
    told = (
        f"{len(asked)} asked for, {counted(len(decided), 'decision')}, {counted(len(used), 'use')}, "
        f"{counted(len(met), 'meeting')} held."
    )
    open_ones = sum(one.state == "open" for one in shown)
    rows = [
        (
            one.id,
            one.state,
            f"{one.gate} gate of {one.run}",
            one.reason,
            one.requested_by,
            one.decided_by or "",
            f"{one.expires:%d %b %Y}",
            str(one.uses),
        )
        for one in shown
    ]
    columns = ("override", "state", "for", "reason", "asked by", "decided by", "ends", "uses")
    return Section(
        "Overrides", f"{told} {open_ones} open now.", columns, tuple(rows), "Open, waiting, or touched in this month."
    )


def _plays(standing: Standing) -> Section:
    found = standing.plays
    running = sum(one.state == "running" for one in found)
    rows = [
        (
            one.play.title,
            one.state,
            f"{one.since:%d %b %Y}",
            one.owner,
            f"{one.due:%d %b %Y}",
            _attested(one.attested, one.attested_by),
            one.contradiction,
        )
        for one in found
    ]
    columns = ("play", "state", "since", "owner", "next by", "attested", "contradiction")
    return Section(
        "Plays",
        f"{running} of {len(found)} plays run.",
        columns,
        tuple(rows),
        "State: evidence in the log against the cadence of the policy.",
    )


def _attested(running: bool | None, by: str) -> str:
    return "nobody yet" if running is None else f"{'running' if running else 'not running'}, {by}"


def _responses(connection: Connection, begin: datetime, end: datetime) -> Section:
    found = _within(recorded(connection, IncidentClosed, since=begin), end)
    rows = [(one.fact.incident, one.fact.cause, one.fact.change, one.fact.play, one.id) for one in found]
    return Section(
        "Drills and incidents",
        f"{len(found)} closed in this month.",
        ("response", "root cause", "what changed", "play", "row"),
        tuple(rows),
        "",
    )


def _within(found: Sequence[Recorded[T]], end: datetime) -> list[Recorded[T]]:
    return [one for one in found if one.recorded < end]


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


def _html(found: Monthly) -> bytes:
    title = escape(visible(found.title))
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>',
        f"<body><main><h1>{title}</h1>\n<p>{escape(found.line)}</p>",
    ]
    for place, section in enumerate(found.sections):
        parts.append(f"<section><h2>{escape(section.title)}</h2><p>{escape(visible(section.sentence))}</p>")
        if section.rows:
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.columns)
            body = "\n".join(
                "<tr>" + "".join(f"<td>{escape(visible(cell))}</td>" for cell in row) + "</tr>"
                for row in section.rows[:_MOST_ROWS]
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>")
        parts.append(f"<small>{escape(_footnote(section))}</small></section>")
        if not place:
            parts += ["<section><h2>Trends</h2>", *(_figure(one) for one in found.pictures), "</section>"]
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
#let told = json(bytes(sys.inputs.told))
#set document(title: told.title, date: none)
#set page(paper: "a4", flipped: true, margin: 1.6cm, numbering: "1 / 1")
#set text(size: 9pt, lang: "en")
#set par(justify: false)
#text(size: 16pt, weight: "bold", told.title)

#told.line
#let part(one) = [
  #v(0.8em)
  #block(sticky: true, text(size: 12pt, weight: "bold", one.title))

  #one.sentence
  #if one.rows.len() > 0 {
    table(
      columns: one.columns.len(),
      stroke: (x, y) => (bottom: 0.4pt + rgb("#b5bac0")),
      inset: (x: 4pt, y: 4pt),
      table.header(..one.columns.map(name => text(weight: "bold", name))),
      ..one.rows.flatten().map(cell => text(cell)),
    )
  }
  #text(size: 8pt, fill: rgb("#5a6068"), one.formula)
]
#part(told.sections.at(0))
#v(0.8em)
#text(size: 12pt, weight: "bold", "Trends")
#grid(columns: 2, gutter: 1em, ..told.pictures.map(one => image(bytes(one), format: "svg")))
#for one in told.sections.slice(1) { part(one) }
"""


def _pdf(found: Monthly) -> bytes:
    """Typeset by Typst; what is told goes in as data, so nothing in it is markup."""
    import typst

    told = {
        "title": visible(found.title),
        "line": found.line,
        "sections": [
            asdict(one)
            | {
                "sentence": visible(one.sentence),
                "formula": _footnote(one),
                "rows": [[visible(cell) for cell in row] for row in one.rows[:_MOST_ROWS]],
            }
            for one in found.sections
        ],
        "pictures": [one.svg.decode() for one in found.pictures],
    }
    made = typst.compile(_TYPST.encode(), format="pdf", sys_inputs={"told": json.dumps(told)}, ignore_system_fonts=True)
    return bytes(made)
