"""Sources of data: their contracts and records, what their tags leave open, and what has flowed from where to where."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import text

from tailguard.domain.bounds import Leak, leak
from tailguard.domain.facts import (
    BatchTaken,
    DetectorCalibrated,
    OutputsLogged,
    OwnOutputFound,
    ProvenanceCount,
    ShareEstimated,
    SourceContract,
    SourceSignedOff,
)
from tailguard.domain.sources import Contract, SourceRecord
from tailguard.domain.tags import Origin
from tailguard.runlog.view import LogView, fact_of
from tailguard.runlog.views.reviews import review_decisions


def contracts(view: LogView) -> dict[str, Contract]:
    """The newest contract of each source, with the signature in force."""
    signed = {row.fact.contract: row for row in view.recorded(SourceSignedOff)}
    by_source: dict[str, Contract] = {}
    for row in view.recorded(SourceContract):
        fact, signature = row.fact, signed.get(row.id)
        valid = signature if signature and signature.fact.signed else None
        by_source[fact.source] = Contract(
            source=fact.source,
            owner=fact.owner,
            licence=fact.licence,
            declared=fact.declared,
            since=fact.since,
            note=fact.note,
            row=row.id,
            signed_by=valid.actor if valid else None,
            signed=valid.recorded if valid else None,
        )
    return by_source


def source_records(view: LogView) -> dict[str, SourceRecord]:
    """What each source has shown over all of its batches."""
    signed = {name for name, contract in contracts(view).items() if contract.signed_by}
    batches: dict[str, list[BatchTaken]] = {}
    for taken in view.recorded(BatchTaken):
        batches.setdefault(taken.fact.source, []).append(taken.fact)
    agreed: dict[str, list[bool]] = {}
    declared = {
        (batch.source, batch.batch): batch.declared for source_batches in batches.values() for batch in source_batches
    }
    for decision in review_decisions(view).values():
        word = declared.get((decision.fact.source, decision.fact.batch), str(Origin.UNKNOWN))
        if word != Origin.UNKNOWN:
            agreed.setdefault(decision.fact.source, []).append(decision.fact.origin == word)
    result = {}
    for source, source_batches in batches.items():
        read = sum(batch.read for batch in source_batches)
        opinions = agreed.get(source, [])
        result[source] = SourceRecord(
            demoted=sum(batch.held for batch in source_batches if batch.declared != Origin.UNKNOWN) / max(read, 1),
            duplicates=sum(batch.duplicates for batch in source_batches) / max(read, 1),
            agreement=sum(opinions) / len(opinions) if opinions else 1.0,
            signed=source in signed,
        )
    return result


def leaks(view: LogView) -> dict[str, Leak]:
    """For each batch with an estimated share of model-made text, what that leaves open for its human-tagged records.

    Only estimates of a detector that was calibrated on the team's own texts count: another's are too far off to doubt by.
    """
    calibrated = min((row.recorded for row in view.recorded(DetectorCalibrated)), default=None)
    human: dict[tuple[str, str], int] = {}
    for counted in view.recorded(ProvenanceCount, origin=str(Origin.HUMAN)):
        taken = (counted.fact.run, counted.fact.batch)  # another run may have read the same batch
        human[taken] = human.get(taken, 0) + counted.fact.records
    return {
        estimate.fact.batch: leak(
            records=estimate.fact.records,
            human=human.get((estimate.fact.run, estimate.fact.batch), 0),
            low=estimate.fact.low,
            high=estimate.fact.high,
        )
        for estimate in view.recorded(ShareEstimated, pool="batch", method="PACC")
        if calibrated is not None and estimate.recorded > calibrated
    }


def logged_outputs(view: LogView) -> list[tuple[str, str]]:
    """Generation and fingerprint digest of every logged set of our own texts."""
    return [(row.fact.run, row.fact.fingerprints) for row in view.recorded(OutputsLogged)]


@dataclass(frozen=True)
class Passed:
    """Source and run pairs are many, what flows where is not: sources that fed lineages, lineages that were trained, and lineages
    whose text came back in a source."""

    fed: tuple[tuple[str, str], ...]
    trained: tuple[str, ...]
    came_back: tuple[tuple[str, str, datetime], ...]


def passed(view: LogView, minimum: int) -> Passed:
    """What the log has seen flow, each edge once; text that came back from `least` records in one batch on. Edges of our own text
    bear the time at which they were first seen, with any number of records."""
    lineage = "regexp_replace({0}, '/[^/]*$', '')"
    fed = view.connection.execute(
        text(f"SELECT DISTINCT source, {lineage.format('run')} FROM batch_taken ORDER BY 1, 2")  # noqa: S608  names of our own columns
    ).all()
    trained = view.connection.execute(text("SELECT DISTINCT lineage FROM generation ORDER BY 1")).all()
    back = view.connection.execute(
        text(
            f"WITH e AS MATERIALIZED (SELECT id, recorded FROM entry WHERE kind = 'own_output_found') "  # noqa: S608  names of our own columns
            f"SELECT {lineage.format('o.generation')}, o.source, min(e.recorded), max(o.records) FROM own_output_found o "
            "JOIN e ON e.id = o.id GROUP BY 1, 2 HAVING max(o.records) >= :least ORDER BY 1, 2"
        ),
        {"least": minimum},
    ).all()
    return Passed(
        tuple((row[0], row[1]) for row in fed),
        tuple(row[0] for row in trained),
        tuple((row[0], row[1], row[2]) for row in back),
    )


@dataclass(frozen=True, kw_only=True)
class Return:
    """Our own text in a batch that did not declare it: the newest time in a source, and how many batches had it so far."""

    id: str
    recorded: datetime
    fact: OwnOutputFound
    times: int


def undeclared_returns(view: LogView, minimum: int) -> list[Return]:
    """Our own text that came back undeclared, `least` records in a batch or more: one row a source, writer's lineage and kind."""
    columns = ", ".join(f"o.{field.name}" for field in fields(OwnOutputFound))
    rows = view.connection.execute(
        text(
            "WITH e AS MATERIALIZED (SELECT id, recorded, chain, seq FROM entry WHERE kind = 'own_output_found') "  # noqa: S608  names of our own columns
            f"SELECT * FROM (SELECT e.id, e.recorded, {columns}, count(*) OVER w AS times, row_number() OVER "
            "(PARTITION BY o.source, o.kind, regexp_replace(o.generation, '/[^/]*$', '') "
            "ORDER BY e.recorded DESC, e.chain, e.seq DESC) AS place "
            "FROM own_output_found o JOIN e ON e.id = o.id WHERE o.records >= :least AND NOT EXISTS (SELECT 1 FROM batch_taken b "
            "WHERE b.run = o.run AND b.batch = o.batch AND b.declared = 'ai') "
            "WINDOW w AS (PARTITION BY o.source, o.kind, regexp_replace(o.generation, '/[^/]*$', ''))) AS t "
            "WHERE place = 1 ORDER BY recorded"
        ),
        {"least": minimum},
    ).all()
    return [
        Return(id=row[0], recorded=row[1], fact=fact_of(OwnOutputFound, row[2:-2]), times=int(row[-2])) for row in rows
    ]
