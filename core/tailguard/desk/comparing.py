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
    """Has the candidate lost diversity against its parent? Each side is a file (JSONL or Parquet) or rows.

    A row has `prompt_id`, `prompt`, `output`, and optionally `slice`, `tail`, `score` and `decoding`; a suite file gives
    slices, tail prompts and checkers. `margin` (0 to 1) replaces the margins of all primary measures. Same input, same report.
    Raises InputError for what cannot be read, naming file and line.
    """
    items = Path(suite) if suite is not None else None
    theirs, ours = _read(parent, "parent", items), _read(candidate, "candidate", items)
    # Where no prompt is marked as a tail prompt, all are asked for rare words.
    tail = ours.tail | theirs.tail or frozenset(ours.answers) | frozenset(theirs.answers)
    ours, theirs = replace(ours, tail=tail), replace(theirs, tail=tail)
    rarity = rare_terms([told for side in (ours, theirs) for ranked in side.tokens.values() for told in ranked])
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
