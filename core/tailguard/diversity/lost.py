"""What the reference does and the candidate no longer does: rare terms, checked items, topics and prompts, side by side.

The same the other way round is what was gained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from tailguard.diversity.outputs import Outputs
from tailguard.diversity.topics import Vectors, centres, unit_vectors
from tailguard.diversity.usable import Judged
from tailguard.threads import one_thread

TERM, ITEM, TOPIC, PROMPT = "rare term", "item", "topic", "prompt"
SHOWN = 15
_FEWEST_OCCURRENCES = 2
_FEWEST_SAMPLES = 4
_TOPIC_ALPHA = 0.001
_TOPIC_WORDS = 5
_CLUSTERED = 2_000
_EXCERPT = 600


@dataclass(frozen=True)
class Shift:
    """One thing that one side has and the other lacks. `had` and `has` count it on either side, in answers (for a prompt: in
    different answers); `example` is an answer of the side that has it, `counterpart` one of the other."""

    kind: str
    what: str
    had: int
    has: int
    prompt_id: str
    prompt: str
    example: str
    counterpart: str


def lost_and_gained(
    candidate: Judged, reference: Judged, *, rare_terms: frozenset[str]
) -> tuple[tuple[Shift, ...], tuple[Shift, ...]]:
    """What the reference has and the candidate does not, and the reverse; at most 15 of each kind, the largest first.

    rare term: in at least two answers, and in none of the other side's. item: a checked prompt that it mostly gets right and
    the other mostly wrong. topic: one of up to 16 topics (k-means over 2,000 of both sides' answers) that it treats significantly
    more often (binomial, p < .001). prompt: one whose answers here differ from each other and there are alike.
    """
    points = np.concatenate([unit_vectors(candidate.vectors), unit_vectors(reference.vectors)])
    said = points[points.any(axis=1)]
    topics = centres(said[:: max(1, len(said) // _CLUSTERED)])
    ours, theirs = _answers(candidate, topics), _answers(reference, topics)
    common = Counter(word for tokens in (*ours.words, *theirs.words) for word in set(tokens))

    def shifts(having: _Answers, lacking: _Answers) -> tuple[Shift, ...]:
        shared = having.outputs.ids
        return (
            *_terms(having, lacking, rare_terms),
            *_items(having.outputs, lacking.outputs, shared),
            *_topics(having, lacking, len(topics), common),
            *_prompts(having.outputs, lacking.outputs, shared),
        )

    return shifts(theirs, ours), shifts(ours, theirs)


@dataclass(frozen=True)
class _Answers:
    """One side's answers in order, each with its prompt; their words, and the number of each one's topic."""

    outputs: Outputs
    answers: list[tuple[str, str]]
    words: list[list[str]]
    topics: NDArray[np.int64]


def _answers(judged: Judged, topics: Vectors) -> _Answers:
    outputs = judged.outputs
    answers = [(prompt, text) for prompt in outputs.ids for text in outputs.answers[prompt]]
    words = [tokens for samples in outputs.split.values() for tokens in samples]
    if topics.shape[0] == 1:
        return _Answers(outputs, answers, words, np.zeros(len(words), dtype=np.int64))
    with one_thread():
        nearness = judged.vectors @ topics.T
    return _Answers(outputs, answers, words, nearness.argmax(axis=1))


def _shift(
    kind: str, what: str, had: int, has: int, prompt: str, having: Outputs, example: str, counterpart: str
) -> Shift:
    return Shift(
        kind,
        what,
        had,
        has,
        prompt,
        having.prompts.get(prompt, "")[:_EXCERPT],
        example[:_EXCERPT],
        counterpart[:_EXCERPT],
    )


def _largest(shifts: Iterable[Shift]) -> list[Shift]:
    return sorted(shifts, key=lambda shift: (shift.has - shift.had, shift.what, shift.prompt_id))[:SHOWN]


def _terms(having: _Answers, lacking: _Answers, rare: frozenset[str]) -> list[Shift]:
    counts: Counter[str] = Counter()
    example: dict[str, tuple[str, str]] = {}
    for (prompt, text), tokens in zip(having.answers, having.words, strict=True):
        for term in rare.intersection(tokens):
            counts[term] += 1
            example.setdefault(term, (prompt, text))
    present = {word for tokens in lacking.words for word in tokens}
    gone = [term for term, count in counts.items() if count >= _FEWEST_OCCURRENCES and term not in present]
    shifts = []
    for term in gone:
        prompt, text = example[term]
        counterpart = lacking.outputs.answers[prompt][0]
        shifts.append(_shift(TERM, term, counts[term], 0, prompt, having.outputs, _around(text, term), counterpart))
    return _largest(shifts)


def _around(text: str, term: str) -> str:
    """The part of a text in which a term stands, where the text is long."""
    at = text.casefold().find(term)
    begin = max(0, at - _EXCERPT // 2)
    return ("…" if begin else "") + text[begin : begin + _EXCERPT]


def _items(having: Outputs, lacking: Outputs, shared: Sequence[str]) -> list[Shift]:
    shifts = []
    for prompt in shared:
        ours, theirs = having.scores.get(prompt), lacking.scores.get(prompt)
        if ours and theirs and np.mean(ours) > 0.5 >= np.mean(theirs):
            best, worst = int(np.argmax(ours)), int(np.argmin(theirs))
            what = having.slices.get(prompt, prompt)
            had, has = (sum(score > 0.5 for score in side) for side in (ours, theirs))
            answers = having.answers[prompt][best], lacking.answers[prompt][worst]
            shifts.append(_shift(ITEM, what, had, has, prompt, having, *answers))
    return _largest(shifts)


def _topics(having: _Answers, lacking: _Answers, topics: int, common: Counter[str]) -> list[Shift]:
    """`common` says in how many answers of both sides each word stands."""
    shifts = []
    for topic in range(topics):
        had, has = int((having.topics == topic).sum()), int((lacking.topics == topic).sum())
        if has >= had or binom.cdf(has, had + has, 0.5) >= _TOPIC_ALPHA:
            continue
        members = np.flatnonzero(having.topics == topic).tolist()
        inside = Counter(word for at in members for word in set(having.words[at]) if len(word) > 3)
        marked = sorted(inside, key=lambda word: (-(inside[word] ** 2) / common[word], word))[:_TOPIC_WORDS]
        prompt, text = having.answers[members[0]]
        counterpart = lacking.outputs.answers[prompt][0]
        shifts.append(_shift(TOPIC, ", ".join(marked), had, has, prompt, having.outputs, text, counterpart))
    return _largest(shifts)


def _prompts(having: Outputs, lacking: Outputs, shared: Sequence[str]) -> list[Shift]:
    """Prompts whose samples became alike: at most half as many different answers."""
    shifts = []
    for prompt in shared:
        ours, theirs = having.answers[prompt], lacking.answers[prompt]
        if len(ours) < _FEWEST_SAMPLES or len(theirs) < _FEWEST_SAMPLES:
            continue
        had, has = len(set(ours)), len(set(theirs))
        if 2 * has <= had:
            shifts.append(
                _shift(PROMPT, f"{had} different answers became {has}", had, has, prompt, having, ours[0], theirs[0])
            )
    return _largest(shifts)
