"""What the reference does and the candidate no longer does: rare terms, checked items, topics and prompts, side by side.

The same the other way round is what was gained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.topics import Topics, find_topics

TERM, ITEM, TOPIC, PROMPT = "rare term", "item", "topic", "prompt"
SHOWN = 15
_FEWEST_OCCURRENCES = 2
_FEWEST_SAMPLES = 4
_TOPIC_ALPHA = 0.001
_TOPIC_WORDS = 5
_EXCERPT = 600


@dataclass(frozen=True)
class Shift:
    """One thing that one side has and the other lacks. `had` and `has` count it on either side (answers, or percent for
    prompts: the share of distinct words); `example` is an answer of the side that has it, `counterpart` one of the other."""

    kind: str
    what: str
    had: int
    has: int
    prompt_id: str
    prompt: str
    example: str
    counterpart: str


def shifts(having: Outputs, lacking: Outputs, *, rare_terms: frozenset[str]) -> list[Shift]:
    """What `having` has and `lacking` does not, at most 15 of each kind, the largest first.

    rare term: in at least two answers, and in none of the other side's. item: a checked prompt that it mostly gets right and
    the other mostly wrong. topic: one of up to 16 topics (k-means over both sides' answers) that it treats significantly
    more often (binomial, p < .001). prompt: one whose answers here differ from each other and there are alike.
    """
    shared = sorted(having.answers.keys() & lacking.answers.keys())
    return [
        *_terms(having, lacking, rare_terms, shared),
        *_items(having, lacking, shared),
        *_topics(having, lacking, shared),
        *_prompts(having, lacking, shared),
    ]


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


def _largest(found: Iterable[Shift]) -> list[Shift]:
    return sorted(found, key=lambda one: (one.has - one.had, one.what, one.prompt_id))[:SHOWN]


def _terms(having: Outputs, lacking: Outputs, rare: frozenset[str], shared: list[str]) -> list[Shift]:
    counts: Counter[str] = Counter()
    example: dict[str, tuple[str, str]] = {}
    for prompt in shared:
        for text in having.answers[prompt]:
            for term in set(words(text)) & rare:
                counts[term] += 1
                example.setdefault(term, (prompt, text))
    present = {word for ranked in lacking.tokens.values() for answer in ranked for word in answer}
    gone = [term for term, count in counts.items() if count >= _FEWEST_OCCURRENCES and term not in present]
    return _largest(
        _shift(
            TERM,
            term,
            counts[term],
            0,
            example[term][0],
            having,
            _around(example[term][1], term),
            lacking.answers[example[term][0]][0],
        )
        for term in gone
    )


def _around(text: str, term: str) -> str:
    """The part of a text in which a term stands, where the text is long."""
    at = text.casefold().find(term)
    begin = max(0, at - _EXCERPT // 2)
    return ("…" if begin else "") + text[begin : begin + _EXCERPT]


def _items(having: Outputs, lacking: Outputs, shared: list[str]) -> list[Shift]:
    found = []
    for prompt in shared:
        ours, theirs = having.scores.get(prompt), lacking.scores.get(prompt)
        if ours and theirs and np.mean(ours) > 0.5 >= np.mean(theirs):
            best, worst = int(np.argmax(ours)), int(np.argmin(theirs))
            what = having.slices.get(prompt, prompt)
            had, has = (sum(one > 0.5 for one in side) for side in (ours, theirs))
            answers = having.answers[prompt][best], lacking.answers[prompt][worst]
            found.append(_shift(ITEM, what, had, has, prompt, having, *answers))
    return _largest(found)


def _topics(having: Outputs, lacking: Outputs, shared: list[str]) -> list[Shift]:
    split = [
        [(prompt, text, words(text)) for prompt in shared for text in side.answers[prompt]]
        for side in (having, lacking)
    ]
    both = [told for side in split for _, _, told in side]
    if not any(both):
        return []
    topics = Topics(find_topics(both))
    ours, theirs = (topics.of([told for _, _, told in side]) for side in split)
    everywhere = Counter(word for told in both for word in set(told))
    found = []
    for topic in range(len(topics)):
        had, has = int((ours == topic).sum()), int((theirs == topic).sum())
        if has >= had or binom.cdf(has, had + has, 0.5) >= _TOPIC_ALPHA:
            continue
        members = [split[0][at] for at in np.flatnonzero(ours == topic).tolist()]
        inside = Counter(word for _, _, told in members for word in set(told) if len(word) > 3)
        marked = sorted(inside, key=lambda word: (-(inside[word] ** 2) / everywhere[word], word))[:_TOPIC_WORDS]
        moved = np.flatnonzero((ours == topic) & (theirs != topic)) if len(ours) == len(theirs) else np.zeros(0, int)
        at = int(moved[0]) if len(moved) else int(np.flatnonzero(ours == topic)[0])
        prompt, text, _ = split[0][at]
        found.append(_shift(TOPIC, ", ".join(marked), had, has, prompt, having, text, lacking.answers[prompt][0]))
    return _largest(found)


def _prompts(having: Outputs, lacking: Outputs, shared: list[str]) -> list[Shift]:
    """Prompts whose samples became alike: distinct answers, and where those are all distinct, half of the distinct words."""
    found = []
    for prompt in shared:
        ours, theirs = having.answers[prompt], lacking.answers[prompt]
        if len(ours) < _FEWEST_SAMPLES or len(theirs) < _FEWEST_SAMPLES:
            continue
        had, has = len(set(ours)), len(set(theirs))
        if 2 * has <= had:
            found.append(
                _shift(PROMPT, f"{had} different answers became {has}", had, has, prompt, having, ours[0], theirs[0])
            )
    return _largest(found)
