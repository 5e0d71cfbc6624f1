"""A first verdict on two models with nothing set up: their answers to the same prompts, compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from tailguard.adapters.readers.answers import answers_of, read_answers
from tailguard.diversity.decision import Limits
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.rarity import rare_terms
from tailguard.diversity.report import Report, full_report
from tailguard.diversity.usable import judge
from tailguard.domain.measures import Measure

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
        margin: The loss (0 to 1) up to which every gating measure passes. Default: a margin for each measure, as the gate of a
            run has.
        seed: Draws the groups of prompts for the measures that do not gate.

    Returns:
        The verdict (PASS, BLOCK, INCONCLUSIVE or NOT COMPARABLE), its reason, every measure with its interval, and what was
        lost and gained.

    Raises:
        InputError: Something cannot be read; the message names file and line.

    Example:
        >>> animals, things = "heron fox owl otter hare crane".split(), "lantern kite violin map loaf bell".split()
        >>> parent = [
        ...     {"prompt_id": day, "prompt": f"What came on day {day}?", "output": f"A {animals[day % 6]} with a {thing}."}
        ...     for day in range(30)
        ...     for thing in things[:4]
        ... ]
        >>> candidate = [{**row, "output": "A fox with a kite."} for row in parent]
        >>> tailguard.compare(parent, candidate).verdict.value
        'BLOCK'
    """
    items = Path(suite) if suite is not None else None
    theirs, ours = _read(parent, "parent", items), _read(candidate, "candidate", items)
    rarity = rare_terms([answer for side in (ours, theirs) for samples in side.split.values() for answer in samples])
    return full_report(
        judge(ours),
        judge(theirs),
        names=(_name(candidate, "candidate"), _name(parent, "parent")),
        rare_terms=rarity.terms,
        rarity=rarity.by,
        limits=Limits() if margin is None else Limits(dict.fromkeys(Measure, margin)),
        seed=seed,
    )


def _read(answers: Answers, name: str, suite: Path | None) -> Outputs:
    if isinstance(answers, str | PathLike):
        return read_answers(Path(answers), suite=suite)
    return answers_of(dict(enumerate(answers, start=1)), where=f"the {name}'s rows", suite=suite)


def _name(answers: Answers, otherwise: str) -> str:
    return Path(answers).stem if isinstance(answers, str | PathLike) else otherwise
