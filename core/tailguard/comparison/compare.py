"""A first verdict on two models with nothing set up: their answers to the same prompts, compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from tailguard.adapters.readers.answers import answers_of, read_answers
from tailguard.diversity.comparison import DEFAULT_LIMITS
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.rarity import rare_terms
from tailguard.diversity.report import Report, full_report

Answers = str | PathLike[str] | Iterable[Mapping[str, Any]]


def compare(
    parent: Answers,
    candidate: Answers,
    *,
    suite: str | PathLike[str] | None = None,
    margin: float | None = None,
    seed: int = 0,
) -> Report:
    """Has the candidate lost diversity against its parent? Same input, same report.

    Args:
        parent: What the older model answered: a file (JSONL or Parquet) or rows. A row has `prompt_id`, `prompt`, `output`,
            and optionally `slice`, `tail`, `score` and `decoding`; four rows a prompt or more are wanted.
        candidate: What the newer model answered to the same prompts.
        suite: A suite file that gives slices, tail prompts and checkers.
        margin: The loss (0 to 1) up to which every primary measure passes. Default: a margin for each measure.
        seed: Chooses the resamples.

    Returns:
        The verdict (PASS, BLOCK, INCONCLUSIVE or NOT COMPARABLE), its reason, every measure with its interval, and what was
        lost and gained.

    Raises:
        InputError: Something cannot be read; the message names file and line.

    Example:
        >>> sights = ["a heron and a lantern", "a fox by the quay", "an owl over the mill", "an otter with a kite"]
        >>> parent = [
        ...     {"prompt_id": day, "prompt": f"Describe day {day}.", "output": f"On day {day} we saw {sight}."}
        ...     for day in range(30)
        ...     for sight in sights
        ... ]
        >>> candidate = [{**row, "output": "That day we saw a fox by the quay."} for row in parent]
        >>> tailguard.compare(parent, candidate).verdict.value
        'BLOCK'
    """
    items = Path(suite) if suite is not None else None
    theirs, ours = _read(parent, "parent", items), _read(candidate, "candidate", items)
    # Where no prompt is marked as a tail prompt, all are asked for rare words.
    tail = ours.tail | theirs.tail or frozenset(ours.answers) | frozenset(theirs.answers)
    ours, theirs = replace(ours, tail=tail), replace(theirs, tail=tail)
    rarity = rare_terms([answer for side in (ours, theirs) for ranked in side.tokens.values() for answer in ranked])
    limits = DEFAULT_LIMITS
    if margin is not None:
        limits = replace(limits, margins=dict.fromkeys(limits.margins, margin))
    return full_report(
        ours,
        theirs,
        names=(_name(candidate, "candidate"), _name(parent, "parent")),
        rare_terms=rarity.terms,
        rarity=rarity.by,
        limits=limits,
        seed=seed,
    )


def _read(answers: Answers, name: str, suite: Path | None) -> Outputs:
    if isinstance(answers, str | PathLike):
        return read_answers(Path(answers), suite=suite)
    return answers_of(dict(enumerate(answers, start=1)), where=f"the {name}'s rows", suite=suite)


def _name(answers: Answers, otherwise: str) -> str:
    return Path(answers).stem if isinstance(answers, str | PathLike) else otherwise
