"""What the answers of any generation have to meet, whatever came before it: a first one has nothing else to be held against.

The floors are far below what a working model does: of 39 published models the worst left 10.4 % of its answers unusable.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.sides import Side
from tailguard.diversity.usable import DEFECTS
from tailguard.domain.defects import Defect
from tailguard.domain.intervals import wilson
from tailguard.domain.verdict import Guard


def floors(
    side: Side, suite: Collection[str], *, least_answered: float, least_usable: float, slices: Sequence[str] = ()
) -> tuple[Guard, ...]:
    """The absolute conditions on one generation's answers, each with what was required and observed.

    Shares of prompts with an answer are counted over the suite's own prompts, so they have no interval. For the share of usable
    answers, and of answers in their prompt's language, the one-sided 95 % lower bound counts: E. B. Wilson's (JASA 22, 1927),
    with a prompt as the unit. A prompt's samples are alike, and a share of them varies less than a yes or no, so it is
    conservative; with fewer than 11 prompts no share can meet it.

    Args:
        side: The answers with their defects, judged beside no other side.
        suite: The ids of all prompts of the suite.
        least_answered: The least share (0 to 1) of prompts, and of tail prompts, that have an answer which says something.
        least_usable: The least share (0 to 1) of answers that are usable, and of answers in their prompt's language.
        slices: The slices that gate.

    Returns:
        Prompts answered; tail prompts answered, where the suite marks any; usable answers; answers in their prompt's language; and
        usable answers of each slice that gates, which has too few prompts for a bound.
    """
    outputs, prompt_of = side.judged.outputs, side.judged.outputs.prompt_of
    said = side.defects != DEFECTS.index(Defect.EMPTY)
    answered = {outputs.ids[prompt] for prompt in np.unique(prompt_of[said]).tolist()} & set(suite)
    tail = outputs.tail & set(suite)
    checks = [_counted("prompts answered", len(answered), len(suite), least_answered)]
    if tail:
        checks.append(_counted("tail prompts answered", len(answered & tail), len(tail), least_answered))
    foreign = np.bincount(prompt_of, side.defects == DEFECTS.index(Defect.LANGUAGE), minlength=side.prompts)
    samples = np.maximum(1, np.bincount(prompt_of, minlength=side.prompts))
    return (
        *checks,
        _bounded("usable answers", side.usable, len(suite), least_usable),
        _bounded("answers in their prompt's language", 1 - foreign / samples, side.prompts, least_usable),
        *(_in_slice(side, name, least_usable) for name in slices),
    )


def _in_slice(side: Side, name: str, least: float) -> Guard:
    inside = side.judged.outputs.slice_of == name
    share = float(side.usable[inside].mean()) if inside.any() else 0.0
    observed = f"{share:.0%} of {inside.sum():,} prompts" if inside.any() else f"no prompt in {name}"
    return Guard(f"usable answers in {name}", f"at least {least:.0%}", observed, share >= least)


def _counted(name: str, count: int, total: int, least: float) -> Guard:
    share = count / total if total else 0.0
    return Guard(name, f"at least {least:.0%}", f"{count:,} of {total:,}", share >= least)


def _bounded(name: str, shares: NDArray[np.float64], prompts: int, least: float) -> Guard:
    """The mean of the shares over so many prompts (those without a share have none), held against the floor by its lower bound."""
    total = math.fsum(shares.tolist())
    interval = wilson(math.floor(total + 1e-9), prompts)
    low = interval.low if interval else 0.0
    observed = f"{total / max(1, prompts):.0%} (at least {low:.0%} with 95% certainty)"
    return Guard(name, f"at least {least:.0%} with 95% certainty", observed, low >= least)
