"""The evidence pack: one ZIP from which an auditor reads, without a network, what was demanded, done, decided and measured."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from typing import Any

from tailguard import __version__
from tailguard.domain.facts import (
    CompositionPart,
    EvidencePacked,
    HandOff,
    MeetingEnded,
    OwnOutputFound,
    PlayAttested,
    ReportKept,
)
from tailguard.domain.markdown import plain
from tailguard.errors import InputError
from tailguard.plays import attest
from tailguard.plays.deviations import deviations, repetitions
from tailguard.plays.loops import actions
from tailguard.plays.loops.diagram import as_text
from tailguard.plays.provenance.exchange import disarmed
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import Standing, standing_of, status_of
from tailguard.reports import gate
from tailguard.reports.minutes import minutes
from tailguard.reports.pack.bom import bill
from tailguard.reports.pack.cards import Subject, dataset_card, eu_summary, model_card
from tailguard.reports.pack.controls import Control, controls
from tailguard.reports.pack.pictures import Picture, pictures
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import composition_of, contracts, generation_of, recorded
from tailguard.store.writing import digest_of
from tailguard.verification.verify import verify
from tailguard.workspace import POLICY_FILE, Workspace

FORMAT = "tailguard-pack/1"
_REPORTS = 12


@dataclass(frozen=True)
class Pack:
    """A pack: its bytes, the digest of its manifest, and the names of its files."""

    content: bytes
    manifest: str
    files: tuple[str, ...]


def make(workspace: Workspace, generation: str) -> Pack:
    """Make the pack of a generation and of the defence around it; that it was made is recorded.

    Raises InputError for a generation that was never trained.
    """
    policy, _ = workspace.policy_in_force()
    actions.in_force(workspace)
    now = workspace.clock.now()
    with workspace.log.reading() as connection:
        subject = _subject(connection, generation)
        standing = standing_of(connection, now)
        told = status_of(standing)
        table = controls(connection)
        drawn = pictures(standing.scene.lineages, incidents(connection))
        files: dict[str, bytes] = {
            "policy.toml": (workspace.root / POLICY_FILE).read_bytes(),
            "status.json": _json(asdict(told)),
            "overrides.csv": _csv([asdict(one) for one in told.overrides]),
            "plays.csv": _csv([asdict(one) for one in told.plays]),
            "attestations.csv": _csv(
                [
                    {"when": one.recorded, "by": one.actor, **asdict(one.fact)}
                    for one in recorded(connection, PlayAttested)
                ]
            ),
            "findings.csv": _csv([asdict(one) for one in told.findings]),
            "loops.csv": _csv([_loop_row(one) for one in standing.loops.loops]),
            "loops.svg": as_text(standing.loops.flows, standing.loops.closing, "svg").encode(),
            "incidents.json": _json([asdict(one) for one in incidents(connection)]),
            "controls.csv": _csv([asdict(one) for one in table]),
            "model-card.md": model_card(subject, policy).encode(),
            "dataset-card.md": dataset_card(subject, policy).encode(),
            "eu-training-content-summary.md": eu_summary(subject, policy).encode(),
            "ml-bom.cdx.json": bill(subject, made=now),
            "deviations.json": _json([asdict(one) for one in deviations(connection, generation)]),
            "repetitions.json": _json([asdict(one) for one in repetitions(connection, generation)]),
        }
        kept = recorded(connection, ReportKept)
        meetings = [one.fact.meeting for one in recorded(connection, MeetingEnded)]
        handed = [one.fact.digest for one in recorded(connection, HandOff, run=generation)]
    for report in [one.fact for one in kept if one.fact.run == generation] + [one.fact for one in kept][-_REPORTS:]:
        name = f"gates/{report.run.replace('/', '-')}-against-{report.reference_kind}.html"
        files[name] = gate.report_page(workspace, report.run, report.reference_kind)
    for meeting in meetings:
        files[f"minutes/{meeting}.html"] = minutes(workspace, meeting, form="html")
    for digest in handed[-1:]:
        files["run-record.json"] = workspace.store.bytes("handoffs", digest, ".json")
    runbook = attest.runbook_text(workspace)
    files["runbook.md"], files["runbook.html"] = runbook.encode(), attest.as_page(runbook, "Runbook").encode()
    files["calendar.ics"] = attest.calendar(standing.due, policy.team)
    files["log-verification.json"] = _json(asdict(verify(workspace)))
    files |= {f"charts/{one.name}": one.svg for one in drawn}
    files["index.html"] = _index(generation, standing, table, drawn, sorted(files), workspace.actor).encode()
    listed = {
        "format": FORMAT,
        "generation": generation,
        "made": now.isoformat(timespec="seconds") + "Z",
        "by": workspace.actor,
        "tailguard": __version__,
        "files": {name: digest_of(content) for name, content in sorted(files.items())},
    }
    files["manifest.json"] = _json(listed)
    sums = "".join(f"{digest_of(content)}  {name}\n" for name, content in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    workspace.desk.record(EvidencePacked(digest_of(files["manifest.json"]), len(files)))
    return Pack(_zipped(files, now), digest_of(files["manifest.json"]), tuple(sorted(files)))


def _subject(connection: Connection, generation: str) -> Subject:
    made, composed = generation_of(connection, generation), composition_of(connection, generation)
    if made is None or composed is None:
        raise InputError(
            f"{generation} was never trained; there is nothing to pack. `tailguard status` lists generations."
        )
    parts = [one.fact for one in recorded(connection, CompositionPart, run=generation)]
    standing = standing_of(connection, composed.recorded)
    found = next(one for line in standing.scene.lineages for one in line.generations if one.run == generation)
    sources = {part.source for part in parts}
    agreed = {name: one for name, one in contracts(connection).items() if name in sources}
    writers = sorted(
        {one.fact.generation for one in recorded(connection, OwnOutputFound) if one.fact.source in sources}
    )
    return Subject(found, made.fact, composed.fact, parts, agreed, writers)


def _loop_row(loop: Any) -> dict[str, Any]:
    return {
        "loop": loop.words,
        "guarded": loop.guarded,
        "declared": loop.declared,
        "closed_by": loop.closing.text,
        "checkpoints": "; ".join(one.text for one in loop.checkpoints),
        "came_back": loop.came_back,
        "exception": loop.exception,
    }


def _index(
    generation: str,
    standing: Standing,
    table: Sequence[Control],
    drawn: Sequence[Picture],
    files: Sequence[str],
    by: str,
) -> str:
    moment = standing.scene.moment
    lines = [
        f"# Evidence pack: {plain(generation)}",
        "",
        f"As of {moment:%Y-%m-%d %H:%M} UTC, made by {plain(by)}. Every figure comes from rows of the run log; "
        f"`log-verification.json` says "
        "whether its chains are whole, `SHA256SUMS` holds the digests of these files.",
        "",
        "## Demand, control, evidence, date",
        "",
        "| demand | control | evidence | newest |",
        "|---|---|---|---|",
        *(
            f"| {one.demand} | {one.control} | {one.rows:,} {one.evidence} | "
            f"{f'{one.when:%Y-%m-%d}, row {plain(one.newest)}' if one.when else 'none yet'} |"
            for one in table
        ),
        "",
        "## Plays",
        "",
        *(f"- {plain(one.sentence)} Owner {plain(one.owner)}. {plain(one.contradiction)}" for one in standing.plays),
        "",
        "## Findings",
        "",
        *(f"- {one.severity}: {plain(one.what)} (since {one.since:%Y-%m-%d})" for one in standing.findings),
        "",
    ]
    page = attest.as_page("\n".join(lines), f"Evidence pack, {generation}")
    images = "".join(
        f'<figure><img src="charts/{escape(one.name)}" alt="{escape(one.title)}"></figure>\n' for one in drawn
    )
    loops = '<h2>Flows and loops</h2><img src="loops.svg" alt="Where data flows, and where it comes back">\n'
    links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>\n' for name in files)
    return page.replace("</body>", f"<h2>Charts</h2>\n{images}{loops}<h2>Files</h2>\n<ul>\n{links}</ul>\n</body>")


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    if not rows:
        return b""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([disarmed("" if value is None else _plain(value)) for value in row.values()])
    return sink.getvalue().encode("utf-8-sig")


def _zipped(files: dict[str, bytes], made: datetime) -> bytes:
    """Same files and time, same bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (made.year, made.month, made.day, made.hour, made.minute, made.second))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return sink.getvalue()
