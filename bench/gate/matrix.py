"""The verdict for every ordered pair of real models: rows are references, columns candidates."""

from __future__ import annotations

from itertools import product, repeat
from pathlib import Path

import pandas as pd
from rich.table import Table

from bench.gate.answers import answers_of, compared
from bench.gate.workers import workers
from tailguard.domain.verdict import Verdict

_MARKS = {Verdict.PASS: "P", Verdict.BLOCK: "B", Verdict.INCONCLUSIVE: "?", Verdict.NOT_COMPARABLE: "N"}


def matrix(data: Path, *, processes: int) -> Table:
    """Every ordered pair of the models in DATA/generations, 805 prompts x 1; the caption counts verdicts."""
    models = list(map(str, pd.read_csv(data / "generations" / "index.csv").model))
    pairs = [(reference, candidate) for reference, candidate in product(models, models) if reference != candidate]
    with workers(processes) as pool:
        verdicts = dict(zip(pairs, pool.map(_verdict, pairs, repeat(data)), strict=True))
    table = Table("reference", *map(str, range(len(models))), title="P pass, B block, ? inconclusive, N not comparable")
    for at, reference in enumerate(models):
        cells = [verdicts.get((reference, candidate)) for candidate in models]
        table.add_row(f"{at} {reference}", *(_MARKS[verdict] if verdict else "·" for verdict in cells))
    counts = [(verdict, list(verdicts.values()).count(verdict)) for verdict in Verdict]
    table.caption = ", ".join(f"{count} {verdict}" for verdict, count in counts)
    return table


def _verdict(pair: tuple[str, str], data: Path) -> Verdict:
    return compared(*(answers_of(data, model) for model in pair)).verdict
