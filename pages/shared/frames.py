"""Typed answers of the core as data frames, for tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def as_frame(kind: type[DataclassInstance], values: Sequence[DataclassInstance]) -> pd.DataFrame:
    """Values of one kind as rows, a column for each field, also where there are no rows.

    A column of numbers that may be missing stays one of numbers where all of them are.
    """
    frame = pd.DataFrame([vars(value) for value in values], columns=[field.name for field in fields(kind)])
    numbers = [field.name for field in fields(kind) if str(field.type) == "float | None"]
    return frame.astype(dict.fromkeys(numbers, float))
