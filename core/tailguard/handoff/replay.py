"""Repeats a run from the folder of its record, in a clean folder, each stage at its own time of then."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tailguard.adapters.readers.source import content_digest
from tailguard.domain import stages as workflow
from tailguard.domain.facts import Reproduced
from tailguard.domain.requests import BatchRequest, Recipe
from tailguard.domain.roles import Right
from tailguard.errors import Blocked, Held, InputError, TailguardError
from tailguard.handoff.bundle import FORMAT, write_record
from tailguard.handoff.comparison import Repeated, comparable_facts, compared
from tailguard.pipeline import runner
from tailguard.plays.loops.actions import copy_settings
from tailguard.policy.model import Policy
from tailguard.runlog.copying import Row, insert
from tailguard.runlog.schema import HEAD, TABLES
from tailguard.store.files import folder_digest
from tailguard.store.writing import copy
from tailguard.workspace import Workspace


def reproduce(workspace: Workspace, run: str) -> Repeated:
    """Repeat a run of this workspace from its record alone, in a clean folder, and record who did and what differed."""
    workspace.require(Right.REPRODUCE)
    with TemporaryDirectory(prefix="tailguard-") as folder:
        record = write_record(workspace, run, Path(folder) / "record")
        repeated = replay(Path(record.folder), Path(folder) / "clean")
    differences = "\n".join(repeated.differences)
    with workspace.deciding(Right.REPRODUCE) as tx:
        tx.record(
            Reproduced(
                run=run,
                record=record.digest,
                identical=repeated.identical,
                compared=repeated.compared,
                differences=differences,
            )
        )
    return repeated


def replay(record: Path, clean: Path) -> Repeated:
    """Repeat a run from a record's folder in a clean one. Raises InputError where the record is not one, or was changed."""
    content = _content(record)
    digest = folder_digest(record)
    if clean.exists() and any(clean.iterdir()):
        raise InputError(f"{clean} is not empty. Name another folder with --dir.")
    copy(record / "store", clean / "store")
    copy_settings(record, clean)
    requests = [_request(record, clean, number, batch) for number, batch in enumerate(content["inputs"])]
    clock = _ThenClock(datetime.fromisoformat(content["started"]))
    workspace = _Replay(clean, content["author"], clock, isolated=True)
    rows = [_revived(line) for line in (record / "log.jsonl").read_text().split("\n") if line]
    _stages(workspace, content, requests, rows)
    with workspace.log.reading() as view:
        facts = comparable_facts(view, content["run"])
    return compared(content, facts, digest)


def _request(record: Path, clean: Path, number: int, batch: dict[str, Any]) -> BatchRequest:
    """A batch as the run was asked to take it, its file put to where the run found it."""
    kept = record / "inputs" / batch["kept"]
    outside = Path(batch["file"]).is_absolute()
    target = clean / "inputs" / f"{number}" / kept.name if outside else clean / batch["file"]
    copy(kept, target)
    return BatchRequest(str(target), batch["source"], batch["declared"])


class _Replay(Workspace):
    """Where a run is repeated: whoever did so then had the right to, by a name or a group."""

    def allows(self, right: Right, policy: Policy) -> bool:  # noqa: ARG002  as the workspace's
        return True


@dataclass
class _ThenClock:
    """Stands where a stage stood when the run was made, and moves on by a microsecond each time it is read."""

    moment: datetime
    name: str = "replay"

    def now(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment


def _stages(workspace: Workspace, content: dict[str, Any], requests: list[BatchRequest], rows: list[Row]) -> None:
    """Each stage sees the rows that stood in the log when it began."""
    waiting = rows
    clock = workspace.clock

    def up_to(moment: datetime) -> None:
        nonlocal waiting
        with workspace.log.writing() as view:
            insert(view, [row for row in waiting if row.recorded <= moment])
        waiting = [row for row in waiting if row.recorded > moment]
        clock.moment = moment  # type: ignore[attr-defined]

    up_to(datetime.fromisoformat(content["started"]))
    recipe = Recipe(**{**content["recipe"], "without": tuple(content["recipe"].get("without", ()))})
    run = runner.start(workspace, content["lineage"], requests, recipe=recipe, seed=content["seed"])
    if run != content["run"]:
        raise TailguardError(f"The replay of {content['run']} came out as {run}; its record is incomplete.")
    for stage in workflow.ORDER:
        if stage in content["stages"]:
            up_to(datetime.fromisoformat(content["stages"][stage]))
            with suppress(Blocked, Held):  # what stopped the run then stops it now; its facts are compared
                runner.advance(workspace, run, until=stage)


def _content(record: Path) -> dict[str, Any]:
    """What record.json says, after its format, its schema and its inputs were checked."""
    try:
        content: dict[str, Any] = json.loads((record / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{record} is not a record: {error}. `tailguard record RUN --out FOLDER` writes one."
        ) from error
    if content.get("format") != FORMAT:
        raise InputError(f"{record}/record.json has format {content.get('format')!r}, expected {FORMAT!r}.")
    if content["schema"] != HEAD:
        raise InputError(
            f"{record} was written with log schema {content['schema']}, this Tailguard has {HEAD}. Use that version."
        )
    for batch in content["inputs"]:
        kept = record / "inputs" / batch["kept"]
        if not kept.exists() or content_digest(str(kept)) != batch["digest"]:
            raise InputError(f"{kept} is missing or was changed. Get the record again from whoever wrote it.")
    return content


def _revived(line: str) -> Row:
    """A row as it was written: times are times again."""
    content = json.loads(line)
    entry = {**content["entry"], "recorded": datetime.fromisoformat(content["entry"]["recorded"])}
    fact = content["fact"]
    if fact is not None:
        table = next(table for table in TABLES.values() if table.name == entry["kind"])
        times = [column.name for column in table.columns if column.type.python_type is datetime]
        fact = {key: datetime.fromisoformat(value) if key in times and value else value for key, value in fact.items()}
    return Row(entry, fact)
