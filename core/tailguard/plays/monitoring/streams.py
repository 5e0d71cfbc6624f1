"""Monitoring between generations, and for teams that only call APIs: streams of production texts, week by week."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tailguard.detection.own_outputs.segments import MOST_TEXTS, keep_segment
from tailguard.diversity import monitoring
from tailguard.diversity.monitoring import MEASURES, Reference
from tailguard.domain.facts import Fact, OutputsLogged, StreamFrozen, StreamWeek
from tailguard.domain.roles import Right
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.ports import RawRecord, Reject
from tailguard.runlog.queries import frozen_stream, recorded
from tailguard.workspace import Workspace, decision

TIMES = ("time", "timestamp", "created_at", "created")


@dataclass(frozen=True)
class Frozen:
    """A stream's new reference, and how many records of the file could not be read."""

    stream: str
    texts: int
    blocks: int
    block_words: int
    rejected: int


@dataclass(frozen=True)
class Added:
    """What a batch of production texts came to: weeks that were measured, texts, and the measures that are in alarm."""

    stream: str
    texts: int
    weeks: int
    too_short: int
    rejected: int
    alarms: tuple[str, ...]

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [
            f"{self.stream}: {self.texts:,} texts of {counted(self.weeks, 'week')} measured, and known as our own."
        ]
        if self.too_short:
            lines.append(
                f"{counted(self.too_short, 'week')} had less than one block of words; their texts were only fingerprinted."
            )
        if self.rejected:
            lines.append(f"{self.rejected:,} records could not be read.")
        return "\n".join(lines)


@decision(Right.SET_UP)
def freeze(workspace: Workspace, stream: str, rows: Iterable[RawRecord | Reject], *, seed: int) -> Frozen:
    """Freeze what later weeks of a stream are held against: texts from when all was well. A new reference starts anew.

    The texts are fingerprinted as our own. Raises InputError where there is too little text.
    """
    texts, rejected = _read(rows)
    plain = [text for text, _ in texts]
    words = workspace.policy().monitoring.block_words
    try:
        reference, blocks = monitoring.freeze_reference(plain, block_words=words, seed=seed)
    except ValueError as error:
        raise InputError(f"The reference of {stream} is too small: {error}.") from error
    digest = workspace.store.put_json(
        "streams",
        {
            "format": "tailguard-stream/1",
            "block_words": reference.block_words,
            "rare": sorted(reference.rare.elements()),
            "rare_cap": reference.rare_cap,
            "means": reference.means,
            "errors": reference.errors,
        },
    )
    workspace.desk.record(
        StreamFrozen(stream, digest, len(plain), blocks, words), *_fingerprints(workspace, stream, plain)
    )
    return Frozen(stream, len(plain), blocks, words, rejected)


def add(
    workspace: Workspace, stream: str, rows: Iterable[RawRecord | Reject], *, seed: int, generation: str | None = None
) -> Added:
    """Measure production texts by week and continue the stream's e-processes. A record says when it was written in `time`
    (ISO 8601 or seconds since 1970); without that it was written now. They are fingerprinted as our own: of `generation`, else
    of the stream.

    Raises InputError for a stream without a reference.
    """
    with workspace.log.reading() as connection:
        frozen = frozen_stream(connection, stream)
        known = [one.fact for one in recorded(connection, StreamWeek, stream=stream)]
    if frozen is None:
        raise InputError(
            f"The stream {stream!r} has no reference. Freeze one with `tailguard monitor freeze {stream} FILE`."
        )
    reference = _reference(workspace, frozen.fact.reference)
    texts, rejected = _read(rows)
    now = workspace.clock.now()
    weeks: dict[datetime, list[str]] = defaultdict(list)
    for text, when in texts:
        weeks[_monday(when or now)].append(text)
    history = {
        name: [
            value
            for one in known
            if one.reference == frozen.fact.reference and one.measure == name
            for value in workspace.store.json("figures", one.figures)["values"]
        ]
        for name in MEASURES
    }
    facts: list[Fact] = []
    short = 0
    for week in sorted(weeks):
        measured = _week(workspace, stream, frozen.fact.reference, reference, week, weeks[week], history, seed)
        short += not measured
        facts += measured
    workspace.desk.record(*facts, *_fingerprints(workspace, generation or stream, [text for text, _ in texts]))
    newest = {one.measure: one for one in facts if isinstance(one, StreamWeek)}
    return Added(
        stream,
        len(texts),
        len(weeks) - short,
        short,
        rejected,
        tuple(name for name, one in newest.items() if one.alarm),
    )


def _week(
    workspace: Workspace,
    stream: str,
    digest: str,
    reference: Reference,
    week: datetime,
    texts: list[str],
    history: dict[str, list[float]],
    seed: int,
) -> list[StreamWeek]:
    rules = workspace.policy().monitoring
    found = monitoring.blocks(texts, block_words=reference.block_words, seed=seed)
    if not found:
        return []
    facts = []
    for name, values in monitoring.measure(found, rare=reference.rare, rare_cap=reference.rare_cap).items():
        history[name] += values.tolist()
        mean, error = reference.means[name], reference.errors[name]
        evidence = monitoring.e_process(np.array(history[name]), mean=mean, error=error, margin=rules.margin)
        threshold = len(MEASURES) / rules.alpha
        facts.append(
            StreamWeek(
                stream,
                digest,
                week,
                len(texts),
                len(found),
                name,
                float(values.mean()),
                mean,
                rules.margin,
                float(evidence[-1]),
                threshold,
                bool(evidence.max() >= threshold),
                workspace.store.put_json("figures", {"values": values.tolist()}),
            )
        )
    return facts


def _reference(workspace: Workspace, digest: str) -> Reference:
    content = workspace.store.json("streams", digest)
    return Reference(
        content["block_words"], Counter(content["rare"]), content["rare_cap"], content["means"], content["errors"]
    )


def _fingerprints(workspace: Workspace, stream: str, texts: list[str]) -> list[OutputsLogged]:
    return [
        OutputsLogged(stream, "production", len(some), keep_segment(workspace.store, some))
        for some in (texts[at : at + MOST_TEXTS] for at in range(0, len(texts), MOST_TEXTS))
    ]


def _read(rows: Iterable[RawRecord | Reject]) -> tuple[list[tuple[str, datetime | None]], int]:
    texts: list[tuple[str, datetime | None]] = []
    rejected = 0
    for row in rows:
        if isinstance(row, Reject):
            rejected += 1
        elif row.text.strip():
            texts.append((row.text, _time(row)))
    if not texts:
        raise InputError("There is no text in it.")
    return texts, rejected


def _time(row: RawRecord) -> datetime | None:
    """When a record says that it was written, in UTC. Raises InputError for what is no time."""
    meta = json.loads(row.meta) if row.meta else {}
    name = next((one for one in TIMES if isinstance(meta, dict) and meta.get(one) is not None), None)
    if name is None:
        return None
    value = meta[name]
    try:
        when = (
            datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(str(value))
        )
        return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"Line {row.line}: `{name}` is {value!r}, expected ISO 8601 or seconds since 1970.") from error


def _monday(when: datetime) -> datetime:
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())
