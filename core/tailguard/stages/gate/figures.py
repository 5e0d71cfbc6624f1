"""What a gate records of a generation by itself: each measure at a budget that stays the same, for lines over generations."""

from __future__ import annotations

import numpy as np

from tailguard.diversity.rarefaction import Units, by_prompts, by_words
from tailguard.diversity.sides import Side, chosen
from tailguard.diversity.usable import Judged, alone
from tailguard.domain.facts import Measurement
from tailguard.domain.measures import Measure
from tailguard.domain.suite import Suite

_MOST_UNITS = 20_000
_PROMPTS_SHARE = 8


def measurements(run: str, judged: Judged, suite: Suite) -> list[Measurement]:
    """Usable answers, rare words as a share of the suite's, words and word pairs, the mean score of checked items.

    `budget` is in words (or pairs) for what is counted word for word, else in prompts.
    """
    side = Side(judged, alone(judged), suite.rare_terms)
    outputs = judged.outputs
    tail = np.array([prompt in outputs.tail for prompt in outputs.ids], dtype=np.bool_)
    rare = chosen(side.rare, tail)
    facts = [Measurement(run=run, measure=Measure.USABLE, value=float(side.usable.mean()), budget=side.prompts)]
    if 0 < tail.sum() < side.prompts:
        facts.append(
            Measurement(
                run=run, measure=Measure.USABLE_TAIL, value=float(side.usable[tail].mean()), budget=int(tail.sum())
            )
        )
    for measure, units, scale in (
        (Measure.RARE_DENSITY, rare, max(1, len(suite.rare_terms))),
        (Measure.TYPE_DENSITY, side.words, 1),
        (Measure.PAIR_DENSITY, side.pairs, 1),
    ):
        budget = min(_MOST_UNITS, len(units.units))
        facts.append(Measurement(run=run, measure=measure, value=_value(units, budget) / scale, budget=budget))
    for measure, units, scale in (
        (Measure.RARE_COVERAGE, rare, max(1, len(suite.rare_terms))),
        (Measure.TYPE_COVERAGE, side.words, 1),
    ):
        budget = max(1, (len(units.starts) - 1) // _PROMPTS_SHARE)
        facts.append(
            Measurement(run=run, measure=measure, value=by_prompts(units, budget=budget).value / scale, budget=budget)
        )
    for measure, items in ((Measure.ACCURACY, tail == 0), (Measure.TAIL_ACCURACY, tail)):
        scores = [
            score
            for prompt, asked in zip(outputs.ids, items, strict=True)
            if asked
            for score in outputs.scores.get(prompt, ())
        ]
        if scores:
            facts.append(Measurement(run=run, measure=measure, value=sum(scores) / len(scores), budget=len(scores)))
    return facts


def _value(units: Units, budget: int) -> float:
    return by_words(units, budget=budget).value if budget else 0.0
