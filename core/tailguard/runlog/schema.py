"""The tables of the run log, the same on DuckDB and PostgreSQL.

`entry` is the chain itself: who recorded what kind of fact when, with the hashes. Each kind of fact has a table of its
own, made from `domain.facts`, whose rows bear the id of their entry.
"""

from __future__ import annotations

import re
import types
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from tailguard.domain.facts import FACTS, Fact

HEAD = "1001"
FIRST = "1001"
"""The first version that is kept readable; trial versions before it had smaller numbers."""

"""The schema version that this release writes (the newest migration)."""

COMMIT = "commit"
"""The kind of the entry that ends a transaction; it has no table."""

metadata = MetaData()

ENTRY = Table(
    "entry",
    metadata,
    Column("id", Text(), nullable=False),
    Column("chain", Text(), nullable=False),
    Column("seq", BigInteger(), nullable=False),
    Column("kind", Text(), nullable=False),
    Column("recorded", DateTime(), nullable=False),
    Column("actor", Text(), nullable=False),
    Column("clock", Text(), nullable=False),
    Column("prev_hash", Text(), nullable=False),
    Column("row_hash", Text(), nullable=False),
)
"""Every row of the log in its chain: id `chain#seq`, kind (the fact's table), time (UTC), who, whose clock, hashes."""


def table_name(fact: type[Fact]) -> str:
    """`StageResult` is kept in `stage_result`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", fact.__name__).lower()


def _column_type(python_type: Any) -> tuple[TypeEngine[Any], bool]:
    nullable = get_origin(python_type) in (Union, types.UnionType)
    if nullable:
        (python_type,) = (part for part in get_args(python_type) if part is not type(None))
    if isinstance(python_type, type) and issubclass(python_type, StrEnum):
        python_type = str
    kinds: dict[Any, TypeEngine[Any]] = {
        str: Text(),
        int: BigInteger(),
        float: Double(),
        bool: Boolean(),
        datetime: DateTime(),
    }
    return kinds[python_type], nullable


def _table(fact: type[Fact]) -> Table:
    hints = get_type_hints(fact)
    own = []
    for field in fields(fact):
        kind, nullable = _column_type(hints[field.name])
        own.append(Column(field.name, kind, nullable=nullable))
    return Table(table_name(fact), metadata, Column("id", Text(), nullable=False), *own)


TABLES: dict[type[Fact], Table] = {fact: _table(fact) for fact in FACTS}


FIELDS: dict[type[Fact], tuple[str, ...]] = {fact: tuple(field.name for field in fields(fact)) for fact in FACTS}
"""The names of each fact's fields, in the order of its table's columns."""


def _enums(fact: type[Fact]) -> tuple[tuple[str, type[StrEnum]], ...]:
    hints = get_type_hints(fact).items()
    return tuple((name, hint) for name, hint in hints if isinstance(hint, type) and issubclass(hint, StrEnum))


ENUMS: dict[type[Fact], tuple[tuple[str, type[StrEnum]], ...]] = {fact: _enums(fact) for fact in FACTS}
"""The fields of each fact that hold one of a fixed set of values."""
