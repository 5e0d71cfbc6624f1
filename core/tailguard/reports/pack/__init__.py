"""The evidence pack: one ZIP from which an auditor reads, without a network, what was demanded, done, decided and measured."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
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
from tailguard.domain.roles import Right
from tailguard.domain.runs import file_name_of
from tailguard.errors import InputError
from tailguard.plays import attest
from tailguard.plays.deviations import deviations, repetitions
from tailguard.plays.loops import actions
from tailguard.plays.loops.diagram import as_text
from tailguard.plays.provenance.exchange import disarmed
from tailguard.plays.response.drills import incidents
from tailguard.plays.status import TeamState, status_of, team_state
from tailguard.policy.model import Policy
from tailguard.reports import gate
from tailguard.reports.minutes import minutes
from tailguard.reports.pack.bom import bill
from tailguard.reports.pack.cards import Subject, dataset_card, eu_summary, model_card
from tailguard.reports.pack.controls import Control, controls
from tailguard.reports.pack.pictures import Picture, pictures
from tailguard.runlog.view import LogView
from tailguard.runlog.views.runs import composition_of, generation_of
from tailguard.runlog.views.sources import contracts
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
    policy = workspace.require(Right.PACK)
    actions.record_edits(workspace)
    now = workspace.clock.now()
    with workspace.log.reading() as view:
        subject = _subject(view, generation)
        state = team_state(view, now)
        table = controls(view)
        drawn = pictures(state.context.lineages, incidents(view))
        documents = _documents(view, generation)
        files = {
            **_state_files(view, state, table),
            **_generation_files(view, subject, policy, made=now),
        }
    files |= _document_files(workspace, documents)
    files |= _process_files(workspace, state, policy)
    files |= {f"charts/{picture.name}": picture.svg for picture in drawn}
    files["log-verification.json"] = _json(asdict(verify(workspace)))
    files["index.html"] = _index(generation, state, table, drawn, sorted(files), workspace.actor).encode()
    files["manifest.json"] = _manifest(files, generation, made=now, by=workspace.actor)
    files["SHA256SUMS"] = _checksums(files)
    digest = digest_of(files["manifest.json"])
    with workspace.deciding(Right.PACK) as tx:
        tx.record(EvidencePacked(manifest=digest, files=len(files)))
    return Pack(_zipped(files, now), digest, tuple(sorted(files)))


def _state_files(view: LogView, state: TeamState, table: Sequence[Control]) -> dict[str, bytes]:
    """The state of the whole defence: plays, findings, overrides, loops, incidents and controls."""
    status = status_of(state)
    attestations = view.recorded(PlayAttested)
    return {
        "status.json": _json(asdict(status)),
        "overrides.csv": _csv([asdict(override) for override in status.overrides]),
        "plays.csv": _csv([asdict(play) for play in status.plays]),
        "attestations.csv": _csv([{"when": row.recorded, "by": row.actor, **asdict(row.fact)} for row in attestations]),
        "findings.csv": _csv([asdict(finding) for finding in status.findings]),
        "loops.csv": _csv([_loop_row(loop) for loop in state.loops.loops]),
        "loops.svg": as_text(state.loops.flows, state.loops.closing, "svg").encode(),
        "incidents.json": _json([asdict(incident) for incident in incidents(view)]),
        "controls.csv": _csv([asdict(control) for control in table]),
    }


def _generation_files(view: LogView, subject: Subject, policy: Policy, *, made: datetime) -> dict[str, bytes]:
    """The cards of the generation and its training set, its bill of materials, and how its run was repeated."""
    generation = subject.status.run
    return {
        "model-card.md": model_card(subject, policy).encode(),
        "dataset-card.md": dataset_card(subject, policy).encode(),
        "eu-training-content-summary.md": eu_summary(subject, policy).encode(),
        "ml-bom.cdx.json": bill(subject, made=made),
        "deviations.json": _json([asdict(deviation) for deviation in deviations(view, generation)]),
        "repetitions.json": _json([asdict(repetition) for repetition in repetitions(view, generation)]),
    }


@dataclass(frozen=True)
class _Documents:
    """What a pack holds as documents: gate reports, minutes of meetings by name, and the run record's digest, if there is one."""

    reports: Sequence[ReportKept]
    meetings: Sequence[str]
    run_record: str | None


def _documents(view: LogView, generation: str) -> _Documents:
    """All gate reports of the generation and the newest of the others, every meeting, the newest hand-off."""
    kept = [row.fact for row in view.recorded(ReportKept)]
    handed_off = [row.fact.digest for row in view.recorded(HandOff, run=generation)]
    return _Documents(
        reports=[report for report in kept if report.run == generation] + kept[-_REPORTS:],
        meetings=[row.fact.meeting for row in view.recorded(MeetingEnded)],
        run_record=handed_off[-1] if handed_off else None,
    )


def _document_files(workspace: Workspace, documents: _Documents) -> dict[str, bytes]:
    files = {}
    for report in documents.reports:
        name = f"gates/{file_name_of(report.run)}-against-{report.reference_kind}.html"
        files[name] = gate.report_page(workspace, report.run, report.reference_kind)
    for meeting in documents.meetings:
        files[f"minutes/{meeting}.html"] = minutes(workspace, meeting, form="html")
    if documents.run_record:
        files["run-record.json"] = workspace.store.bytes("handoffs", documents.run_record, ".json")
    return files


def _process_files(workspace: Workspace, state: TeamState, policy: Policy) -> dict[str, bytes]:
    """The process that the team has agreed on: policy, runbook and calendar."""
    runbook = attest.runbook_text(workspace)
    return {
        "policy.toml": (workspace.root / POLICY_FILE).read_bytes(),
        "runbook.md": runbook.encode(),
        "runbook.html": attest.as_page(runbook, "Runbook").encode(),
        "calendar.ics": attest.calendar(state.due, policy.team),
    }


def _manifest(files: Mapping[str, bytes], generation: str, *, made: datetime, by: str) -> bytes:
    """The digests of the files, and when, by whom and by which release the pack was made."""
    return _json(
        {
            "format": FORMAT,
            "generation": generation,
            "made": made.isoformat(timespec="seconds") + "Z",
            "by": by,
            "tailguard": __version__,
            "files": {name: digest_of(content) for name, content in sorted(files.items())},
        }
    )


def _checksums(files: Mapping[str, bytes]) -> bytes:
    """As `sha256sum --check` reads them."""
    return "".join(f"{digest_of(content)}  {name}\n" for name, content in sorted(files.items())).encode()


def _subject(view: LogView, generation: str) -> Subject:
    made, composed = generation_of(view, generation), composition_of(view, generation)
    if made is None or composed is None:
        raise InputError(
            f"{generation} was never trained; there is nothing to pack. `tailguard status` lists generations."
        )
    parts = [row.fact for row in view.recorded(CompositionPart, run=generation)]
    state = team_state(view, composed.recorded)
    generation_status = next(
        status for line in state.context.lineages for status in line.generations if status.run == generation
    )
    sources = {part.source for part in parts}
    agreed = {name: contract for name, contract in contracts(view).items() if name in sources}
    writers = sorted({row.fact.generation for row in view.recorded(OwnOutputFound) if row.fact.source in sources})
    return Subject(
        status=generation_status,
        made=made.fact,
        composed=composed.fact,
        parts=parts,
        contracts=agreed,
        synthetic_writers=writers,
    )


def _loop_row(loop: Any) -> dict[str, Any]:
    return {
        "loop": loop.words,
        "guarded": loop.guarded,
        "declared": loop.declared,
        "closed_by": loop.closing.text,
        "checkpoints": "; ".join(checkpoint.text for checkpoint in loop.checkpoints),
        "came_back": loop.came_back,
        "exception": loop.exception,
    }


def _index(
    generation: str,
    state: TeamState,
    table: Sequence[Control],
    drawn: Sequence[Picture],
    files: Sequence[str],
    by: str,
) -> str:
    moment = state.context.moment
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
            f"| {control.demand} | {control.control} | {control.rows:,} {control.evidence} | "
            f"{f'{control.when:%Y-%m-%d}, row {plain(control.newest)}' if control.when else 'none yet'} |"
            for control in table
        ),
        "",
        "## Plays",
        "",
        *(f"- {plain(play.sentence)} Owner {plain(play.owner)}. {plain(play.contradiction)}" for play in state.plays),
        "",
        "## Findings",
        "",
        *(
            f"- {finding.severity}: {plain(finding.what)} (since {finding.since:%Y-%m-%d})"
            for finding in state.findings
        ),
        "",
    ]
    page = attest.as_page("\n".join(lines), f"Evidence pack, {generation}")
    images = "".join(
        f'<figure><img src="charts/{escape(picture.name)}" alt="{escape(picture.title)}"></figure>\n'
        for picture in drawn
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
