"""A figure that was measured, and the table of figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """What was measured, its value, and the goal where there is one."""

    name: str
    value: str
    goal: str = ""


Work = Callable[[], list[Figure]]


def figure_table(figures: Iterable[Figure]) -> Table:
    """A row a figure; the title names the machine."""
    table = Table("figure", "measured", "goal", title=f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for figure in figures:
        table.add_row(figure.name, figure.value, figure.goal)
    return table
