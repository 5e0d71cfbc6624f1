"""Processes that compare, each ready before the first case."""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor

from bench.gate.answers import Answers, compared


def workers(count: int) -> ProcessPoolExecutor:
    """So many processes that have compared once; to be used in a `with`."""
    return ProcessPoolExecutor(count, initializer=_warm_up)


def _warm_up() -> None:
    """Loads and compiles what a comparison needs, so that no case is charged for it; silences libraries."""
    warnings.simplefilter("ignore")
    numbers = range(60)
    side = Answers(
        ids=tuple(map(str, numbers)),
        prompts=tuple(f"Tell me of mill {at}." for at in numbers),
        texts=tuple(f"The {at} quiet rivers of the valley run past mill number {at} every day." for at in numbers),
    )
    compared(side, side)
