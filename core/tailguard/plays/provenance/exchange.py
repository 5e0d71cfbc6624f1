"""Held records for reviewers who work elsewhere, and their answers back: spreadsheet (CSV), Argilla, Label Studio.

An answer that cannot be used is named with its place and reason, and the others are taken.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailguard.domain.tags import Origin
from tailguard.errors import InputError, NotAllowed
from tailguard.plays.provenance.quarantine import CODES, Waiting, decide, waiting
from tailguard.store.writing import write_atomically
from tailguard.workspace import Workspace

FORMATS = ("csv", "argilla", "label-studio")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("id", "source", "waiting since", "why it is held", "text", "decision", "code", "note")
_LONGEST_FILE = 512 * 1024 * 1024


@dataclass(frozen=True)
class Answered:
    """One answer as a file gives it; `place` says where it stands."""

    place: str
    record: str
    origin: str
    code: str
    note: str
    seconds: float


@dataclass(frozen=True)
class Refused:
    """An answer that could not be used, and why."""

    place: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """How many answers were taken, how many records they settled, and what could not be used."""

    answers: int
    settled: int
    refused: tuple[Refused, ...]


def export_queue(workspace: Workspace, *, form: str, out: Path, limit: int | None = None) -> int:
    """Write the actor's queue to a file; returns the number of records. Raises InputError for a format."""
    queue = waiting(workspace, reviewer=workspace.actor)[:limit]
    writers = {"csv": _csv, "argilla": _argilla, "label-studio": _label_studio}
    if form not in writers:
        raise InputError(f"--format is {', '.join(FORMATS)}, found {form!r}.")
    write_atomically(out, writers[form](queue))
    return len(queue)


def import_answers(workspace: Workspace, file: Path) -> Imported:
    """Take the answers of a file, in any of the formats, as those of the actor.

    Raises InputError for a file that cannot be read at all, and for a person who may not review.
    """
    answers = settled = 0
    refused: list[Refused] = []
    for answer in read_answers(file):
        if isinstance(answer, Refused):
            refused.append(answer)
            continue
        try:
            settled += decide(
                workspace,
                [answer.record],
                origin=Origin(answer.origin),
                code=answer.code,
                note=answer.note,
                seconds=answer.seconds,
            )
            answers += 1
        except NotAllowed:
            raise
        except InputError as error:
            refused.append(Refused(answer.place, str(error)))
    return Imported(answers, settled, tuple(refused))


def read_answers(file: Path) -> Iterator[Answered | Refused]:
    """The answers of a file; rows without one are skipped. Raises InputError when it is none of the formats."""
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise InputError(f"{file} is longer than {_LONGEST_FILE // 2**20} MiB. Split it.")
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    text = content.decode("utf-8-sig", "replace")
    if text.lstrip()[:1] in ("[", "{"):
        yield from _from_json(file, text)
    else:
        yield from _from_csv(file, text)


def disarmed(cell: str) -> str:
    """A cell that a spreadsheet shows and does not compute (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _csv(queue: Sequence[Waiting]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(_COLUMNS)
    for record in queue:
        cells = (record.id, record.source, f"{record.since:%Y-%m-%d}", record.reason, record.text, "", "", "")
        writer.writerow([disarmed(cell) for cell in cells])
    return sink.getvalue().encode("utf-8-sig")


def _argilla(queue: Sequence[Waiting]) -> bytes:
    """Records as `argilla.Dataset.records.to_json` writes and `from_json` reads them; the question is `origin`."""
    records = [
        {
            "id": record.id,
            "fields": {"text": record.text},
            "metadata": {"source": record.source, "reason": record.reason, "run": record.run},
            "suggestions": {},
            "responses": {},
        }
        for record in queue
    ]
    return json.dumps(records, ensure_ascii=True, indent=1).encode()


def _label_studio(queue: Sequence[Waiting]) -> bytes:
    """Tasks with the suspicious spans as predictions; the choice is `origin`."""
    tasks = [
        {
            "data": {"text": record.text, "record": record.id, "source": record.source, "reason": record.reason},
            "predictions": [
                {
                    "result": [
                        {
                            "from_name": "spans",
                            "to_name": "text",
                            "type": "labels",
                            "value": {
                                "start": start,
                                "end": stop,
                                "text": record.text[start:stop],
                                "labels": ["suspicious"],
                            },
                        }
                        for start, stop in record.spans
                    ]
                }
            ],
        }
        for record in queue
    ]
    return json.dumps(tasks, ensure_ascii=True, indent=1).encode()


def _from_csv(file: Path, text: str) -> Iterator[Answered | Refused]:
    csv.field_size_limit(_LONGEST_FILE)
    reader = csv.reader(io.StringIO(text.replace("\x00", "\ufffd"), newline=""))
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
    except csv.Error as error:
        raise InputError(f"{file} line 1 is not a CSV header ({error}). Export the queue again.") from error
    if "id" not in header or "decision" not in header:
        raise InputError(f"{file} line 1 has no columns `id` and `decision`. Export the queue again and fill those in.")
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Refused(f"line {reader.line_num}", f"not CSV ({error})")
            continue
        if row is None:
            return
        cells = dict(zip(header, row, strict=False))
        if cells.get("decision", "").strip():
            yield _checked(
                f"line {reader.line_num}",
                cells.get("id", ""),
                cells["decision"],
                cells.get("code", ""),
                cells.get("note", ""),
                0.0,
            )


def _from_json(file: Path, text: str) -> Iterator[Answered | Refused]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON ({error}). Export the answers again.") from error
    rows = content if isinstance(content, list) else [content]
    for number, row in enumerate(rows, start=1):
        place = f"record {number}"
        if not isinstance(row, dict):
            yield Refused(place, f"is {type(row).__name__}, expected an object")
            continue
        read = _label_studio_answer if isinstance(row.get("data"), dict) else _argilla_answer
        try:
            answer = read(place, row)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            answer = Refused(place, f"is not what Argilla or Label Studio exports ({type(error).__name__}: {error})")
        if answer:
            yield answer


def _label_studio_answer(place: str, task: dict[str, Any]) -> Answered | Refused | None:
    annotations = [annotation for annotation in task.get("annotations") or [] if not annotation.get("was_cancelled")]
    if not annotations:
        return None
    newest = annotations[-1]
    values = {entry["from_name"]: entry["value"] for entry in newest["result"]}
    if "origin" not in values:
        return Refused(place, "has an annotation without the choice `origin`")
    code = values.get("code", {}).get("choices", ["style"])[0]
    note = " ".join(map(str, values.get("note", {}).get("text", [])))
    seconds = float(newest.get("lead_time") or 0.0)
    return _checked(place, task["data"]["record"], values["origin"]["choices"][0], code, note, seconds)


def _argilla_answer(place: str, record: dict[str, Any]) -> Answered | Refused | None:
    responses = record.get("responses") or {}
    given = [
        response for response in responses.get("origin") or [] if response.get("status", "submitted") == "submitted"
    ]
    if not given:
        return None
    code, note = (
        next((str(response["value"]) for response in responses.get(name) or []), "") for name in ("code", "note")
    )
    return _checked(place, record["id"], given[-1]["value"], code or "style", note, 0.0)


def _checked(place: str, record: Any, origin: Any, code: Any, note: Any, seconds: float) -> Answered | Refused:
    wanted = str(origin).strip().lower().removeprefix("'")
    wanted = "unknown" if wanted in ("cannot tell", "can't tell") else wanted
    if wanted not in set(Origin):
        return Refused(place, f"decision is {str(origin)[:40]!r}, expected human, ai, mixed or cannot tell")
    identity = str(record).strip().removeprefix("'")
    if not identity:
        return Refused(place, "has no record id")
    reason = str(code).strip().lower() or "style"
    if reason not in CODES:
        return Refused(place, f"code is {reason[:40]!r}, expected {', '.join(CODES)}")
    return Answered(place, identity, wanted, reason, str(note)[:2000], max(0.0, seconds))
