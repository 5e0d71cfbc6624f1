"""Damage planted in a candidate's own answers: what the gate must stop, and harmless changes that it must let pass.

Each gate run tests itself with these. Punctuation, case and line breaks of what is not damaged stay as they were.
"""

from __future__ import annotations

import itertools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.domain.damage import Damage

_SHORT_ANSWER = "Yes."
_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I'm unable to provide that information.",
    "I cannot answer this question.",
)
_OPENING = "Thank you for your question, which I am glad to answer as well as I can."
_COPIED_ANSWERS = 5
_COMMON_WORDS = 200
_FEWEST_REPEATS = 3
_LETTERS_PER_SPACE = 20
"""A set of answers with fewer spaces than this is in a script that does not part words by them."""
_SENTENCE = re.compile(r".*?[.!?。！？](?=\s|$|(?<=[。！？]))", re.DOTALL)

_Item = TypeVar("_Item")
_Position = tuple[str, int]
"""A prompt id and the number of the sample."""


def planted(outputs: Outputs, damage: Damage, *, share: float, rare_terms: frozenset[str], seed: int) -> Outputs:
    """The same outputs with damage of one kind. Same arguments, same outputs; the order of prompts does not matter.

    Args:
        outputs: The candidate's answers. They stay as they are, and so do the scores in the copy.
        damage: The kind.
        share: How much of it, 0 to 1: the share of rare terms, tail prompts or answers that `Damage` names for the kind,
            rounded, and at least one of them where it is above 0.
        rare_terms: Case-folded words that are rare, as `words` gives them; only RARE_WORDS_LOST asks for them.
        seed: Chooses what is hit.

    Raises:
        ValueError: `share` is not within 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"A share of damage is 0 to 1, not {share}.")
    rng = np.random.default_rng(seed)
    match damage:
        case Damage.NONE:
            return outputs
        case Damage.RARE_WORDS_LOST:
            return _without_rare_words(outputs, rare_terms, share, rng)
        case Damage.TAIL_UNANSWERED:
            return _tail_unanswered(outputs, share, rng)
        case Damage.COPIES:
            return _copies(outputs, share, rng)
    positions = _hit(_positions(outputs), share, rng)
    rewrite = _rewrite(outputs, damage, rng)
    return _rewritten(outputs, {position: rewrite(_text(outputs, position)) for position in positions})


def _rewrite(outputs: Outputs, damage: Damage, rng: np.random.Generator) -> Callable[[str], str]:
    """What becomes of an answer that is hit, where it depends on its text alone."""
    match damage:
        case Damage.LOOPS:
            return _looping
        case Damage.NOISE:
            return _noise(outputs, rng)
        case Damage.REFUSALS:
            return lambda _text: _REFUSALS[int(rng.integers(len(_REFUSALS)))]
        case Damage.OPENING:
            return lambda text: f"{_OPENING} {text}"
        case Damage.TYPOGRAPHY:
            return _other_typography
    raise ValueError(f"{damage!r} is not planted answer by answer.")


def _positions(outputs: Outputs) -> list[_Position]:
    return [(prompt, sample) for prompt in sorted(outputs.answers) for sample in range(len(outputs.answers[prompt]))]


def _text(outputs: Outputs, position: _Position) -> str:
    prompt, sample = position
    return outputs.answers[prompt][sample]


def _hit(items: list[_Item], share: float, rng: np.random.Generator) -> list[_Item]:
    """A random share of the items: at least one, where there is a share and an item."""
    count = max(round(share * len(items)), int(share > 0 and bool(items)))
    return [items[at] for at in rng.permutation(len(items))[:count]]


def _rewritten(outputs: Outputs, texts: dict[_Position, str]) -> Outputs:
    answers = {
        prompt: tuple(texts.get((prompt, sample), text) for sample, text in enumerate(outputs.answers[prompt]))
        for prompt in sorted(outputs.answers)
    }
    return replace(outputs, answers=answers)


def _without_rare_words(
    outputs: Outputs, rare_terms: frozenset[str], share: float, rng: np.random.Generator
) -> Outputs:
    """Length and fluency stay as they were: common words stand in by their frequency, one drawn for each occurrence.

    Texts are taken apart at spaces, and each distinct piece is looked at once: few of them hold a lost word.
    """
    pieces = Counter(itertools.chain.from_iterable(text.split(" ") for text in outputs.texts))
    held = {piece: words(piece) for piece in pieces}
    counts: Counter[str] = Counter()
    for piece, times in pieces.items():
        for word in held[piece]:
            counts[word] += times
    lost = frozenset(_hit(sorted(rare_terms & counts.keys()), share, rng))
    kept_parts = {piece: _around(piece, found, lost) for piece, found in held.items() if not lost.isdisjoint(found)}
    # Equal counts in order of the words, so that the order of prompts does not matter.
    ranked = sorted((-times, word) for word, times in counts.items() if word not in rare_terms)[:_COMMON_WORDS]
    common = [word for _, word in ranked] or ["the"]
    weights = np.array([-times for times, _ in ranked] or [1], dtype=np.float64)
    drawn = rng.choice(len(common), size=sum(counts[word] for word in lost) + 1, p=weights / weights.sum())
    stand_ins = itertools.cycle([common[at] for at in drawn.tolist()])
    texts = {}
    for position in _positions(outputs):
        split = _text(outputs, position).split(" ")
        damaged = [at for at, piece in enumerate(split) if piece in kept_parts]
        for at in damaged:
            split[at] = _filled(kept_parts[split[at]], stand_ins)
        if damaged:
            texts[position] = " ".join(split)
    return _rewritten(outputs, texts)


def _around(piece: str, found: list[str], lost: frozenset[str]) -> tuple[str, ...]:
    """What stands around the lost ones of a piece's words. A piece whose words read otherwise there is lost as a whole."""
    folded, parts, end, begin = piece.casefold(), [], 0, 0
    overlapping = sum(map(len, found)) > len(piece)  # character bigrams, in scripts without spaces
    for word in found:
        begin = folded.find(word, begin)
        if begin < 0 or len(folded) != len(piece):
            return "", ""
        if word in lost and begin >= end:
            parts.append(piece[end:begin])
            end = begin + len(word)
        begin += 1 if overlapping else len(word)
    return *parts, piece[end:]


def _filled(parts: tuple[str, ...], stand_ins: Iterator[str]) -> str:
    """The parts with a stand-in between each two of them."""
    return parts[0] + "".join(next(stand_ins) + part for part in parts[1:])


def _tail_unanswered(outputs: Outputs, share: float, rng: np.random.Generator) -> Outputs:
    hit = frozenset(_hit(sorted(outputs.tail & outputs.answers.keys()), share, rng))
    return _rewritten(
        outputs, {(prompt, sample): _SHORT_ANSWER for prompt, sample in _positions(outputs) if prompt in hit}
    )


def _copies(outputs: Outputs, share: float, rng: np.random.Generator) -> Outputs:
    sources = [(prompt, 0) for prompt in _hit(sorted(outputs.answers), 1.0, rng)[:_COPIED_ANSWERS]]
    copied = {source[0] for source in sources}
    others = [position for position in _positions(outputs) if position[0] not in copied]
    total = sum(map(len, outputs.answers.values()))
    hit = _hit(others, min(1.0, share * total / len(others)) if others else 0.0, rng)
    return _rewritten(
        outputs, {position: _text(outputs, sources[at % len(sources)]) for at, position in enumerate(hit)}
    )


def _looping(text: str) -> str:
    """The first sentence again and again; of a sentence that is longer, the first third of the text."""
    sentence = _SENTENCE.match(text)
    longest = max(1, len(text) // _FEWEST_REPEATS)
    unit = text[: min(sentence.end() if sentence else longest, longest)]
    whole_words = unit.rpartition(" ")[0]
    if whole_words and not text[len(unit) :].startswith(" ") and len(unit) == longest:
        unit = whole_words
    unit = unit.strip()
    separator = " " if " " in text else ""
    return separator.join([unit] * round(len(text) / max(1, len(unit) + len(separator))))


def _noise(outputs: Outputs, rng: np.random.Generator) -> Callable[[str], str]:
    """Distinct words of all answers, without punctuation and each as likely; characters, where no spaces part the words."""
    texts = outputs.texts
    spaced = sum(text.count(" ") for text in texts) * _LETTERS_PER_SPACE >= sum(map(len, texts))
    separator = " " if spaced else ""

    def units(text: str) -> list[str]:
        return text.split() if spaced else list(text)

    vocabulary = sorted({unit.strip(string.punctuation) for text in texts for unit in units(text)} - {""})

    def noise(text: str) -> str:
        drawn = rng.integers(len(vocabulary), size=len(units(text))).tolist() if vocabulary else ()
        return separator.join([vocabulary[at] for at in drawn])

    return noise


def _other_typography(text: str) -> str:
    return unicodedata.normalize("NFD", text.replace("'", "’").replace(" ", "  "))
