"""The minutes of a meeting as a page that needs nothing else, as PDF, and as CSV; the same minutes give the same bytes."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import Any

from tailguard.domain.facts import MeetingEnded
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.plays.provenance.exchange import disarmed
from tailguard.runlog.view import latest
from tailguard.workspace import Workspace

FORMS = ("html", "pdf", "csv")


def minutes(workspace: Workspace, meeting: str, *, form: str) -> bytes:
    """The minutes of a meeting that has ended. Raises InputError for an unknown one, or an unknown form."""
    if form not in FORMS:
        raise InputError(f"--format is {', '.join(FORMS)}, found {form!r}.")
    with workspace.log.reading() as view:
        ended = latest(view.recorded(MeetingEnded, meeting=meeting))
        known = [row.fact.meeting for row in view.recorded(MeetingEnded)]
    if ended is None:
        raise InputError(f"No meeting {meeting!r} has ended. Known: {', '.join(known) or 'none yet'}.")
    value = workspace.store.json("minutes", ended.fact.minutes)
    return {"html": _html, "pdf": _pdf, "csv": _csv}[form](value)


def _headline(value: dict[str, Any]) -> str:
    decided = sum(item["decided_by"] is not None for item in value["items"])
    return f"{decided} of {len(value['items'])} overrides decided; present: {', '.join(value['present']) or 'nobody'}"


def _uses(item: dict[str, Any]) -> str:
    ratios = [use["ratio"] for use in item["uses"] if use["ratio"] is not None]
    summary = f"used {counted(len(item['uses']), 'time')}" if item["uses"] else "never used"
    return summary + (f", at {max(ratios):.1%} synthetic against {item['uses'][0]['ceiling']:.0%}" if ratios else "")


_COLUMNS = ("Override", "For", "Reason", "Asked by", "Ends", "Uses", "Decision", "Note", "By")


def _rows(value: dict[str, Any]) -> list[list[str]]:
    return [
        [
            item["override"],
            f"{item['gate']} gate of {item['run']}",
            item["reason"],
            item["requested_by"],
            item["expires"][:10],
            _uses(item) + (f"; matches nothing: {item['orphan']}" if item["orphan"] else ""),
            item["decision"] or "not decided",
            item["note"] or "",
            item["decided_by"] or "",
        ]
        for item in value["items"]
    ]


_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2.5rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2024 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid #d5d9de }
th { font-weight: 600; color: #5a6068 }
td { overflow-wrap: break-word }
td:first-child, td:nth-child(5) { white-space: nowrap }
@media (prefers-color-scheme: dark) {
  body { color: #e8eaed; background: #15181c }
  th { color: #a6adb6 }
  th, td { border-color: #343a41 }
}
"""


def _html(value: dict[str, Any]) -> bytes:
    head = "".join(f"<th>{escape(name)}</th>" for name in _COLUMNS)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in _rows(value))
    title = escape(f"Minutes of {value['meeting']}, {value['team']}")
    when = f"{value['started'].replace('T', ' ')} to {value['ended'].replace('T', ' ')} UTC"
    line = escape(f"{when}, called by {value['called_by']}. {_headline(value)}.")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n<p>{line}</p>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>\n</html>\n"
    ).encode()


def _csv(value: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in _rows(value):
        writer.writerow([disarmed(cell) for cell in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


_TYPST = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set page(paper: "a4", flipped: true, margin: 1.6cm, numbering: "1 / 1")
#set text(size: 9pt, lang: "en")
#set par(justify: false)
#text(size: 16pt, weight: "bold", data.title)

#data.line
#v(0.6em)
#table(
  columns: (auto, auto, 2fr, auto, auto, 1.2fr, auto, 2fr, auto),
  stroke: (x, y) => (bottom: 0.4pt + rgb("#b5bac0")),
  inset: (x: 4pt, y: 5pt),
  table.header(..data.columns.map(name => text(weight: "bold", name))),
  ..data.rows.flatten().map(cell => text(cell)),
)
"""


def _pdf(value: dict[str, Any]) -> bytes:
    """Typeset by Typst; the minutes go in as data, so nothing in them is markup."""
    import typst

    content = {
        "title": f"Minutes of {value['meeting']}, {value['team']}",
        "line": (
            f"{value['started'].replace('T', ' ')} to {value['ended'].replace('T', ' ')} UTC, called by "
            f"{value['called_by']}. {_headline(value)}."
        ),
        "columns": list(_COLUMNS),
        "rows": _rows(value),
    }
    made = typst.compile(
        _TYPST.encode(), format="pdf", sys_inputs={"data": json.dumps(content)}, ignore_system_fonts=True
    )
    return bytes(made)
