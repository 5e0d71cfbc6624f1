"""Rows of one log put into another as they are, with their times, actors and hashes: a sandbox for a drill, a past to replay in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tailguard.runlog.recorder import BY_NAME, insert_rows
from tailguard.runlog.schema import ENTRY, TABLES
from tailguard.runlog.view import LogView


@dataclass(frozen=True)
class Row:
    """An entry of a chain, and its fact's values (none for a commit). Times are UTC."""

    entry: dict[str, Any]
    fact: dict[str, Any] | None

    @property
    def chain(self) -> str:
        """The chain that it stands in: a run's name, or `decisions`."""
        return str(self.entry["chain"])

    @property
    def kind(self) -> str:
        """The table of its fact, or `commit`."""
        return str(self.entry["kind"])

    @property
    def recorded(self) -> datetime:
        """When it was recorded."""
        moment: datetime = self.entry["recorded"]
        return moment


def rows(view: LogView, *, wanted: Callable[[Row], bool] = lambda _: True) -> Iterator[Row]:
    """Rows in the order in which they were recorded."""
    facts: dict[str, dict[str, Any]] = {}
    for table in TABLES.values():
        for fact in view.connection.execute(select(table)).mappings():
            facts[f"{table.name} {fact['id']}"] = dict(fact)
    order = (ENTRY.c.recorded, ENTRY.c.chain, ENTRY.c.seq)
    for entry in view.connection.execute(select(ENTRY).order_by(*order)).mappings():
        row = Row(dict(entry), facts.get(f"{entry['kind']} {entry['id']}"))
        if wanted(row):
            yield row


def insert(view: LogView, incoming: Iterable[Row]) -> int:
    """Insert rows as they are; returns how many. The caller commits."""
    entries: list[dict[str, Any]] = []
    facts: dict[str, list[dict[str, Any]]] = {}
    for row in incoming:
        entries.append(row.entry)
        if row.fact is not None:
            facts.setdefault(row.kind, []).append(row.fact)
    if entries:
        insert_rows(view, ENTRY, entries)
    for kind, fact_rows in facts.items():
        insert_rows(view, TABLES[BY_NAME[kind]], fact_rows)
    return len(entries)
