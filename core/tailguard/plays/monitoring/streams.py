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
from tailguard.domain.measures import Measure
from tailguard.domain.roles import Right
from tailguard.domain.wording import counted
from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import RawRecord, Reject
from tailguard.runlog.views.alarms import frozen_stream
from tailguard.workspace import Workspace

TIMES = ("time", "timestamp", "created_at", "created")


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A stream's new reference, and how many records of the file could not be read."""

    stream: str
    texts: int
    blocks: int
    block_words: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Added:
    """What a batch of production texts came to: weeks that were measured, texts, and the measures that are in alarm."""

    stream: str
    texts: int
    weeks: int
    too_short: int
    rejected: int
    alarms: tuple[Measure, ...]

    @property
    def alarmed(self) -> str:
        """The measures that are in alarm, in words."""
        return ", ".join(measure.label for measure in self.alarms)

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


def freeze(workspace: Workspace, stream: str, rows: Iterable[RawRecord | Reject], *, seed: int) -> Frozen:
    """Freeze what later weeks of a stream are held against: texts from when all was well. A new reference starts anew.

    The texts are fingerprinted as our own. Raises InputError where there is too little text.
    """
    words = workspace.require(Right.SET_UP).monitoring.block_words
    texts, rejected = _read(rows)
    plain = [text for text, _ in texts]
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
    fingerprints = _fingerprints(workspace, stream, plain)
    with workspace.deciding(Right.SET_UP) as tx:
        tx.record(
            StreamFrozen(stream=stream, reference=digest, texts=len(plain), blocks=blocks, block_words=words),
            *fingerprints,
        )
    return Frozen(stream=stream, texts=len(plain), blocks=blocks, block_words=words, rejected=rejected)


def add(
    workspace: Workspace, stream: str, rows: Iterable[RawRecord | Reject], *, seed: int, generation: str | None = None
) -> Added:
    """Measure production texts by week and continue the stream's e-processes. A record says when it was written in `time`
    (ISO 8601 or seconds since 1970); without that it was written now. They are fingerprinted as our own: of `generation`, else
    of the stream.

    Raises InputError for a stream without a reference.
    """
    policy = workspace.require(Right.MEASURE)
    with workspace.log.reading() as view:
        frozen = frozen_stream(view, stream)
        known = [row.fact for row in view.recorded(StreamWeek, stream=stream)]
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
            for week in known
            if week.reference == frozen.fact.reference and week.measure == name
            for value in workspace.store.json("figures", week.figures)["values"]
        ]
        for name in MEASURES
    }
    facts: list[Fact] = []
    short = 0
    for week in sorted(weeks):
        measured = _week(workspace, stream, frozen.fact.reference, reference, week, weeks[week], history, policy, seed)
        short += not measured
        facts += measured
    fingerprints = _fingerprints(workspace, generation or stream, [text for text, _ in texts])
    with workspace.deciding(Right.MEASURE) as tx:
        tx.record(*facts, *fingerprints)
    newest = {fact.measure: fact for fact in facts if isinstance(fact, StreamWeek)}
    return Added(
        stream=stream,
        texts=len(texts),
        weeks=len(weeks) - short,
        too_short=short,
        rejected=rejected,
        alarms=tuple(name for name, week in newest.items() if week.alarm),
    )


def _week(
    workspace: Workspace,
    stream: str,
    digest: str,
    reference: Reference,
    week: datetime,
    texts: list[str],
    history: dict[Measure, list[float]],
    policy: Policy,
    seed: int,
) -> list[StreamWeek]:
    blocks = monitoring.blocks(texts, block_words=reference.block_words, seed=seed)
    if not blocks:
        return []
    facts = []
    for name, values in monitoring.measure(blocks, rare=reference.rare, rare_cap=reference.rare_cap).items():
        history[name] += values.tolist()
        mean, error, margin = reference.means[name], reference.errors[name], policy.gate.margins[name]
        evidence = monitoring.e_process(np.array(history[name]), mean=mean, error=error, margin=margin)
        threshold = len(MEASURES) / policy.monitoring.alpha
        facts.append(
            StreamWeek(
                stream=stream,
                reference=digest,
                week=week,
                texts=len(texts),
                blocks=len(blocks),
                measure=name,
                value=float(values.mean()),
                reference_value=mean,
                margin=margin,
                e_value=float(evidence[-1]),
                threshold=threshold,
                alarm=bool(evidence.max() >= threshold),
                figures=workspace.store.put_json("figures", {"values": values.tolist()}),
            )
        )
    return facts


def _reference(workspace: Workspace, digest: str) -> Reference:
    content = workspace.store.json("streams", digest)
    means, errors = ({Measure(name): value for name, value in content[part].items()} for part in ("means", "errors"))
    return Reference(content["block_words"], Counter(content["rare"]), content["rare_cap"], means, errors)


def _fingerprints(workspace: Workspace, stream: str, texts: list[str]) -> list[OutputsLogged]:
    return [
        OutputsLogged(
            run=stream, purpose="production", texts=len(chunk), fingerprints=keep_segment(workspace.store, chunk)
        )
        for chunk in (texts[at : at + MOST_TEXTS] for at in range(0, len(texts), MOST_TEXTS))
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
    name = next((key for key in TIMES if isinstance(meta, dict) and meta.get(key) is not None), None)
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
