"""Which answers are usable, and what is wrong with the others: named absolute defects, each judged on the answer itself.

A defect is counted whatever the answer's words are: a loop, a refusal or a copy of the prompt would otherwise lower or raise
every measure of words by an amount of its own, and several small faults would never be added up.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.boilerplate import Body, body
from tailguard.diversity.grams import copied_share, repeated_share, shared_share
from tailguard.diversity.languages import ENGLISH, UNDECIDED, differ, languages, settled
from tailguard.diversity.learned_order import LEAST_WORDS, LearnedOrder, learned_order
from tailguard.diversity.metrics import after_words
from tailguard.diversity.outputs import Encoded, Outputs
from tailguard.diversity.placing import out_of_place
from tailguard.diversity.rare_words import in_running_text
from tailguard.diversity.refusals import declines, refuses
from tailguard.diversity.swapped import to_other_prompts
from tailguard.diversity.topics import Vectors, summed_vectors, unit_vectors
from tailguard.diversity.word_order import disordered
from tailguard.domain.defects import Defect
from tailguard.domain.suite import SuiteKind
from tailguard.threads import one_thread

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

USABLE = -1
"""The code of an answer without a defect; a defect's code is its place in the enum."""
DEFECTS = tuple(Defect)

_NUMBER = re.compile(r"\d+")
_SIGN = re.compile(r"[^\s!-/:-@\[-`{-~\u2010-\u203e\u3000-\u303f]")
"""Anything but white space and punctuation: a symbol or an emoji is an answer."""
_COPIED, _COPY_GRAM = 0.6, 4
_LONGER_THAN_PROMPT, _AND_WORDS = 1.5, 10
_PROMPT_WORDS = 5
_LOOP, _LOOP_WORDS, _LOOP_GRAM, _LOOP_WINDOW = 0.45, 15, 4, 100
_SHARED, _SHARED_GRAM, _SHARED_WORDS = 0.5, 5, 8
_SAME_ANSWERS, _SAME_SHARE = 5, 0.01
_TOPIC_WORDS, _NEARER = 20, 0.3
_SHORT, _LONG = 0.1, 30


@dataclass(frozen=True, eq=False)
class Judged:
    """One side's answers without their boilerplate, and the defect of each as far as it can be told without the other side.

    `asked` has the prompts.
    """

    outputs: Outputs
    body: Body
    asked: Encoded
    defects: NDArray[np.int8]
    _rare: dict[frozenset[str], Flags] = field(default_factory=dict, repr=False)
    _placed: dict[frozenset[str], tuple[Ints, Flags]] = field(default_factory=dict, repr=False)
    _orders: dict[int, LearnedOrder | None] = field(default_factory=dict, repr=False)

    @cached_property
    def answers(self) -> Encoded:
        """The answers without boilerplate."""
        return self.body.encoded

    @cached_property
    def texts(self) -> list[str]:
        """Each answer in normal form without its opening boilerplate."""
        skipped = self.body.skipped.tolist()
        return [after_words(text, count) for text, count in zip(self.outputs.normal, skipped, strict=True)]

    @cached_property
    def sizes(self) -> Ints:
        """Words and numbers of each answer: "42" is an answer."""
        return self.answers.lengths + np.array([len(_NUMBER.findall(text)) for text in self.texts], dtype=np.int64)

    @cached_property
    def vectors(self) -> Vectors:
        """The sum of the vectors of each answer's words."""
        return summed_vectors(self.answers)

    @cached_property
    def languages(self) -> NDArray[np.int16]:
        """The language of each answer."""
        return _languages(self.answers)

    @cached_property
    def written(self) -> NDArray[np.int16]:
        """The language that each answer's word order is judged in: its own; where that cannot be told its prompt's; else that of
        most answers."""
        likely = settled(self.languages, self.asked_in[self.outputs.prompt_of])
        most = np.bincount(self.languages - UNDECIDED, minlength=1).argmax() + UNDECIDED
        return settled(likely, np.full_like(likely, most))

    @cached_property
    def half_languages(self) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The language of each answer's first and second half: an answer that changes its language shows it in one of them."""
        begins, ends = self.answers.offsets[:-1], self.answers.offsets[1:]
        middles = (begins + ends) // 2
        return _languages(self.answers.between(begins, middles)), _languages(self.answers.between(middles, ends))

    @cached_property
    def asked_in(self) -> NDArray[np.int16]:
        """The language of each prompt."""
        return _languages(self.asked)

    @cached_property
    def english(self) -> bool:
        """Whether most of the answers are in English."""
        return bool(2 * (self.languages == ENGLISH).sum() > len(self.languages))

    def rare_words(self, terms: frozenset[str]) -> Flags:
        """Which of the answers' units are rare words; `terms` are those that are rare in the anchor, in normal form. What is worked
        out here and below is kept, for all comparisons of this side."""
        if terms not in self._rare:
            self._rare[terms] = in_running_text(self.answers, terms, english=self.english)
        return self._rare[terms]

    def placed(self, terms: frozenset[str]) -> tuple[Ints, Flags]:
        """Pairs of an answer's number and a rare word in it, and which of the words are out of place there."""
        if terms not in self._placed:
            self._placed[terms] = out_of_place(self.answers, self.vectors, self.rare_words(terms))
        return self._placed[terms]

    def order(self, language: int) -> LearnedOrder | None:
        """The order of words in the usable answers that are written in a language; None where it cannot be told."""
        if language not in self._orders:
            self._orders[language] = learned_order(self.answers.only(self.examples(language)))
        return self._orders[language]

    def examples(self, language: int) -> Flags:
        """The usable answers that are written in a language."""
        return np.asarray((self.written == language) & (self.defects == USABLE))

    @property
    def asked_in_english(self) -> bool:
        """Whether most of the prompts are in English."""
        return bool(2 * (self.asked_in == ENGLISH).sum() > len(self.asked_in))


def _languages(texts: Encoded) -> NDArray[np.int16]:
    return languages(texts.vocabulary, texts.units, texts.offsets)


def judge(outputs: Outputs) -> Judged:
    """Set boilerplate aside and find the defects that an answer has by itself, or beside the answers of its own side."""
    count = len(outputs.texts)
    aside = body(outputs.encoded.first(count))
    asked, prompts = outputs.encoded.after(count), outputs.prompt_of
    judged = Judged(outputs, aside, asked, np.full(count, USABLE, dtype=np.int8))
    answers, texts, sizes = judged.answers, judged.texts, judged.sizes
    marks = {
        Defect.EMPTY: np.array([not size and not _SIGN.search(text) for size, text in zip(sizes, texts, strict=True)]),
        Defect.REFUSAL: np.array(
            [
                refuses(text, n)
                or (skipped > 0 and declines(whole, n + skipped))  # a refusal that all answers open with
                for text, whole, n, skipped in zip(
                    texts, outputs.normal, answers.lengths.tolist(), aside.skipped.tolist(), strict=True
                )
            ]
        ),
        Defect.LOOP: _loops(answers),
        Defect.WORD_ORDER: _disordered(judged),
        Defect.COPY: _copies(answers, prompts),
    }
    if outputs.kind is SuiteKind.INSTRUCTIONS:
        marks[Defect.PROMPT_COPY] = _prompt_copies(answers, asked, prompts)
        marks[Defect.OFF_TOPIC] = _off_topic(judged)
    for code, defect in reversed(list(enumerate(DEFECTS))):
        if defect in marks:
            judged.defects[marks[defect].astype(bool)] = code
    return judged


def on_shared_prompts(candidate: Judged, reference: Judged) -> tuple[Judged, Judged]:
    """Both sides with the prompts that both answered."""
    shared = frozenset(candidate.outputs.answers) & frozenset(reference.outputs.answers)
    if all(len(side.outputs.answers) == len(shared) for side in (candidate, reference)):
        return candidate, reference
    return judge(candidate.outputs.only(shared)), judge(reference.outputs.only(shared))


def alone(ours: Judged, other: Judged | None = None) -> NDArray[np.int8]:
    """The defects of answers that are held against their own side only: those that they have by themselves, words in another order
    than the rest of their side's (in other languages than English), a language that their prompt does not have, and answers far
    shorter than the other samples of their prompt.

    A reference is judged so: nothing that a candidate answers makes a reference's answer unusable, so that its own losses would
    not show. At most it excuses one: a language in which `other` answered the same prompt.
    """
    order = np.zeros(len(ours.defects), dtype=np.bool_)
    prompts = ours.outputs.prompt_of
    for half in (prompts % 2 == 0, prompts % 2 == 1):
        order |= _out_of_order(ours, half, ours, ~half)
    return _with(
        ours, {Defect.SHORT: _short(ours, ours), Defect.LANGUAGE: _foreign(ours, other), Defect.WORD_ORDER: order}
    )


def beside(ours: Judged, theirs: Judged) -> NDArray[np.int8]:
    """The defects of a candidate's answers beside the reference's to the same prompts (in the same order): those that they have by
    themselves, words in another order than the reference's (in other languages than English), a language that neither the prompt
    nor the reference has, answers far shorter than the reference's, and answers that belong to another prompt by what the
    reference says."""
    every = np.ones(len(ours.defects), dtype=np.bool_)
    marks = {
        Defect.SHORT: _short(ours, theirs),
        Defect.LANGUAGE: _foreign(ours, theirs),
        Defect.WORD_ORDER: _out_of_order(ours, every, theirs),
    }
    if ours.outputs.kind is SuiteKind.INSTRUCTIONS:
        marks[Defect.OFF_TOPIC] = _swapped(ours, theirs)
    return _with(ours, marks)


def _with(side: Judged, marks: dict[Defect, Flags]) -> NDArray[np.int8]:
    """The side's defects with more of them; of several the first in the enum counts."""
    defects = side.defects.copy()
    for defect, mark in marks.items():
        code = DEFECTS.index(defect)
        defects[mark & ((defects == USABLE) | (defects > code))] = code
    return defects


def _short(ours: Judged, theirs: Judged) -> Flags:
    counts = np.bincount(theirs.outputs.prompt_of, minlength=len(theirs.outputs.ids))
    means = np.bincount(theirs.outputs.prompt_of, theirs.sizes, minlength=len(counts)) / np.maximum(counts, 1)
    expected = means[ours.outputs.prompt_of]
    return np.asarray((expected >= _LONG) & (ours.sizes < _SHORT * expected))


def _foreign(ours: Judged, other: Judged | None) -> Flags:
    """Answers that are, as a whole or in a half, in a language in which neither the prompt is nor the other side answered it."""
    prompts = ours.outputs.prompt_of
    spoken: set[tuple[int, int]] = set()
    if other is not None:
        for codes in (other.languages, *other.half_languages):
            spoken.update(zip(other.outputs.prompt_of.tolist(), codes.tolist(), strict=True))
    asked_in = ours.asked_in[prompts]
    foreign = np.zeros(len(prompts), dtype=np.bool_)
    for codes in (ours.languages, *ours.half_languages):
        differs = differ(codes, asked_in)
        for answer in np.flatnonzero(differs).tolist():
            foreign[answer] |= (int(prompts[answer]), int(codes[answer])) not in spoken
    return foreign


def _out_of_order(ours: Judged, judged: Flags, theirs: Judged, among: Flags | None = None) -> Flags:
    """Those of the `judged` answers, in other languages than English, whose words are shuffled or strung together, by the order
    that the words of the other side's usable answers in the same language have; of all these, or of some `among` them.

    Where half of these answers to a prompt are no better, it asked for such words.
    """
    prompts = ours.outputs.prompt_of
    flags = np.zeros(len(prompts), dtype=np.bool_)
    for language in np.unique(ours.written[ours.written != ENGLISH]).tolist():
        alike = theirs.examples(language) if among is None else theirs.examples(language) & among
        if order := theirs.order(language) if among is None else learned_order(theirs.answers.only(alike)):
            found = order.disordered(ours.answers, ours.texts, judged=judged & (ours.written == language))
            flags |= found & ~_asked_for(order, theirs, alike, found_at=prompts[found])[prompts]
    return flags


def _asked_for(order: LearnedOrder, theirs: Judged, examples: Flags, *, found_at: Ints) -> Flags:
    """For each prompt, whether half of the examples for it are disordered, too; asked of the prompts `found_at`."""
    prompts = theirs.outputs.prompt_of
    disordered_too = order.disordered(theirs.answers, theirs.texts, judged=examples & np.isin(prompts, found_at))
    count = len(theirs.outputs.ids)
    of_prompt = np.bincount(prompts, examples, minlength=count)
    return np.asarray((of_prompt > 0) & (2 * np.bincount(prompts, disordered_too, minlength=count) >= of_prompt))


def _swapped(ours: Judged, theirs: Judged) -> Flags:
    """Answers that belong to another prompt, by what the other side's usable answers say."""
    usable = theirs.answers.only(theirs.defects == USABLE)
    return to_other_prompts(ours.answers, usable, ours.asked, ours.outputs.prompt_of, theirs.outputs.prompt_of)


def without_order(ours: Judged, theirs: Judged) -> float:
    """The share (0 to 1) of our answers of 30 words or more whose order nobody can judge, as the other side has too few words in
    their language, or none in a clear order."""
    long = ours.answers.lengths >= LEAST_WORDS
    unjudged = np.zeros(len(long), dtype=np.bool_)
    for language in np.unique(ours.written[long & (ours.written != ENGLISH)]).tolist():
        if theirs.order(language) is None:
            unjudged |= long & (ours.written == language)
    return float(unjudged.mean()) if len(unjudged) else 0.0


def _loops(answers: Encoded) -> Flags:
    repeated = repeated_share(answers.units, answers.offsets, n=_LOOP_GRAM, window=_LOOP_WINDOW)
    return (answers.lengths >= _LOOP_WORDS) & (repeated >= _LOOP)


def _prompt_copies(answers: Encoded, asked: Encoded, prompts: Ints) -> Flags:
    copied = copied_share(answers.units, answers.offsets, asked.units, asked.offsets, prompts, n=_COPY_GRAM)
    limits = _LONGER_THAN_PROMPT * asked.lengths[prompts] + _AND_WORDS
    flags = (copied >= _COPIED) & (answers.lengths <= limits)
    for answer in np.flatnonzero(
        (asked.lengths[prompts] >= _PROMPT_WORDS) & (asked.lengths[prompts] <= answers.lengths)
    ):
        first, begin = asked.offsets[prompts[answer]], answers.offsets[answer]
        length = asked.lengths[prompts[answer]]
        same = np.array_equal(asked.units[first : first + length], answers.units[begin : begin + length])
        flags[answer] |= same
    return np.asarray(flags)


def _copies(answers: Encoded, prompts: Ints) -> Flags:
    """Answers of whose runs of five words half stand in answers to other prompts; short ones that stand word for word in many."""
    shared = shared_share(answers.units, answers.offsets, prompts, n=_SHARED_GRAM)
    flags = (answers.lengths >= _SHARED_WORDS) & (shared >= _SHARED)
    short = np.flatnonzero((answers.lengths > 0) & (answers.lengths < _SHARED_WORDS)).tolist()
    texts = {at: answers.units[answers.offsets[at] : answers.offsets[at + 1]].tobytes() for at in short}
    asked = Counter(text for text, _ in {(texts[at], int(prompts[at])) for at in short})
    limit = max(_SAME_ANSWERS, _SAME_SHARE * len(set(prompts.tolist())))
    flags[[at for at in short if asked[texts[at]] > limit]] = True
    return np.asarray(flags)


def _disordered(judged: Judged) -> Flags:
    """English answers whose words are shuffled or strung together."""
    answers = judged.answers
    english = judged.written == ENGLISH
    return disordered(answers.vocabulary, answers.units, answers.offsets, judged.texts, english=english)


def _off_topic(judged: Judged) -> Flags:
    """Answers to which more than 30 % of all prompts are nearer than their own (static vectors, prompts centred).

    The vectors know English best: answers to prompts in another language are not judged.
    """
    answers, prompts = judged.answers, judged.outputs.prompt_of
    asked = unit_vectors(summed_vectors(judged.asked))
    asked = unit_vectors(asked - asked.sum(axis=0) / max(1, len(asked)))
    known = judged.asked_in == ENGLISH
    if judged.asked_in_english:
        known |= judged.asked_in == UNDECIDED
    long = np.flatnonzero((answers.lengths >= _TOPIC_WORDS) & (judged.asked.lengths[prompts] > 0) & known[prompts])
    flags = np.zeros(len(prompts), dtype=np.bool_)
    for part in np.array_split(long, max(1, len(long) // 1_000)):
        with one_thread():
            nearness = unit_vectors(judged.vectors[part]) @ asked.T
        own = nearness[np.arange(len(part)), prompts[part]]
        flags[part] = (nearness > own[:, None]).sum(axis=1) > _NEARER * len(asked)
    return flags
