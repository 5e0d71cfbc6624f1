"""Has the candidate lost diversity against a reference? Paired, one-sided non-inferiority tests on whole answers.

Both answered the same prompts. What is unusable is counted first (`usable`) and gives no words; what is left is measured in two
currencies, equal words and equal prompts (`rarefaction`), so that neither a longer answer passes for a richer one nor an answer
that is left out takes its reference with it. A prompt's samples stay together. Nothing is drawn at random: same answers, same
comparison. Sources: S. Wellek, "Testing statistical hypotheses of equivalence and noninferiority" (2010); R. L. Berger (1982) for
the intersection-union test.
"""

from __future__ import annotations

import numpy as np

from tailguard.diversity.decision import Limits
from tailguard.diversity.estimates import accuracy, coverage, density, in_place, usable, within_prompt
from tailguard.diversity.guards import guards, notes, same_prompts
from tailguard.diversity.sides import Side, chosen
from tailguard.diversity.slices import gating, slices
from tailguard.diversity.usable import DEFECTS, Judged, alone, beside, on_shared_prompts, without_order
from tailguard.domain.measures import Measure
from tailguard.domain.verdict import Comparison, Example, MeasureComparison, Unusable

_EXAMPLES = 3
_EXCERPT = 300


def compare(candidate: Judged, reference: Judged, *, rare_terms: frozenset[str], limits: Limits) -> Comparison:
    """Compare two sets of outputs on every gating measure, and slice by slice.

    `rare_terms` are words in normal form that are rare in the anchor. Same arguments, same answer. The comparison never
    raises on unlike outputs: it says NOT COMPARABLE, and which guard failed.
    """
    shared = frozenset(candidate.outputs.answers) & frozenset(reference.outputs.answers)
    left_out = len(frozenset(candidate.outputs.answers) | frozenset(reference.outputs.answers)) - len(shared)
    conditions = same_prompts(candidate.outputs, reference.outputs, limits)
    if not shared:
        return Comparison(0, 0, 0.0, tuple(conditions), ())
    candidate, reference = on_shared_prompts(candidate, reference)
    ours = Side(candidate, beside(candidate, reference), rare_terms)
    theirs = Side(reference, alone(reference, candidate), rare_terms)
    samples = max(1, len(theirs.defects) // len(shared))
    return Comparison(
        len(shared),
        samples,
        candidate.outputs.mean_words / max(reference.outputs.mean_words, 1e-9),
        (*conditions, *guards(ours, theirs, limits)),
        (*_measures(ours, theirs, limits, samples), *gating(ours, theirs, limits)),
        unusable=_unusable(ours, theirs),
        slices=slices(ours, theirs, limits),
        notes=notes(ours, theirs, left_out, samples, without_order(candidate, reference)),
    )


def _measures(ours: Side, theirs: Side, limits: Limits, samples: int) -> list[MeasureComparison]:
    outputs = ours.judged.outputs, theirs.judged.outputs
    ids = outputs[0].ids
    marked = outputs[0].tail | outputs[1].tail
    checked = frozenset(outputs[0].scores) & frozenset(outputs[1].scores)
    every, tail = np.ones(len(ids), dtype=np.bool_), np.array([prompt in marked for prompt in ids])
    measures = [usable(Measure.USABLE, ours, theirs, every, limits)]
    if 0 < tail.sum() < len(ids):
        measures.append(usable(Measure.USABLE_TAIL, ours, theirs, tail, limits))
    for measure, items in ((Measure.ACCURACY, checked - marked), (Measure.TAIL_ACCURACY, checked & marked)):
        if items:
            measures.append(accuracy(measure, ours, theirs, sorted(items), limits))
    if marked - checked or not marked:
        asked = np.array([prompt in marked - checked for prompt in ids]) if marked else every
        rare = chosen(ours.rare, asked), chosen(theirs.rare, asked)
        measures.append(density(Measure.RARE_DENSITY, *rare, limits))
        measures.append(coverage(Measure.RARE_COVERAGE, *rare, limits))
        placed = in_place(ours, theirs, asked, limits)
        measures += [placed] if placed else []
    measures.append(density(Measure.TYPE_DENSITY, ours.words, theirs.words, limits))
    measures.append(coverage(Measure.TYPE_COVERAGE, ours.words, theirs.words, limits))
    measures.append(density(Measure.PAIR_DENSITY, ours.pairs, theirs.pairs, limits))
    if samples > 1:
        measures.append(within_prompt(ours, theirs, limits))
    return measures


def _unusable(ours: Side, theirs: Side) -> tuple[Unusable, ...]:
    """The defects that the candidate's answers have, the commonest first, then those that only the reference's have."""
    found = []
    outputs = ours.judged.outputs
    for code, defect in enumerate(DEFECTS):
        mine, other = (side.defects == code for side in (ours, theirs))
        if mine.any() or other.any():
            at = np.flatnonzero(mine)[:_EXAMPLES].tolist()
            asked = [outputs.prompts.get(outputs.ids[int(outputs.prompt_of[answer])], "") for answer in at]
            examples = tuple(
                Example(prompt[:_EXCERPT], outputs.texts[answer][:_EXCERPT])
                for prompt, answer in zip(asked, at, strict=True)
            )
            found.append(Unusable(defect, float(other.mean()), float(mine.mean()), examples))
    return tuple(sorted(found, key=lambda unusable: -unusable.candidate_share))
