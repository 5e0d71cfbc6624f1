"""Simulated models that write in other languages, and tail prompts with a checker: texts whose truth is known.

Words come from the language's frequencies (`wordfreq`), a third of them from 40 that belong to the prompt: they mean nothing, and
are as many and as rare as real ones. A sentence has them in order of their endings, which is its grammar. Nothing differs
between the two sides but what is planted.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace
from itertools import accumulate

from bench.gate.answers import Answers, Row, compared, random_of
from bench.gate.changes import in_share, shuffled, shuffled_letters
from bench.gate.draws import Draw, draw_of
from tailguard.comparison.compare import compare
from tailguard.diversity.damage import planted
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.rarity import rare_terms
from tailguard.domain.damage import Damage

LANGUAGES = ("zh", "ja", "ar", "de")
UNSPACED = ("zh", "ja")
_WORDS = 60
_TOPICAL_SHARE = 0.35
_TOPIC_WORDS = 40
_COMMONEST = 300
_VOCABULARY = 30_000


@dataclass(frozen=True)
class Writer:
    """A model that writes in a language."""

    language: str

    def topics(self, prompts: int, draw: random.Random) -> list[list[str]]:
        """The words that belong to each prompt; none of the language's commonest."""
        vocabulary, weights = frequencies(self.language)
        left = [weight - weights[_COMMONEST - 1] for weight in weights[_COMMONEST:]]
        return [draw.choices(vocabulary[_COMMONEST:], cum_weights=left, k=_TOPIC_WORDS) for _ in range(prompts)]

    def answers(self, topics: list[list[str]], samples: int, draw: random.Random) -> Answers:
        """So many answers to each prompt."""
        return Answers(
            ids=tuple(f"p{at:04d}" for at in range(len(topics)) for _ in range(samples)),
            prompts=tuple(self._joined(topic[:6]) for topic in topics for _ in range(samples)),
            texts=tuple(self._text(topic, draw) for topic in topics for _ in range(samples)),
        )

    def _text(self, topic: list[str], draw: random.Random) -> str:
        vocabulary, weights = frequencies(self.language)
        length = max(5, round(draw.lognormvariate(0, 0.4) * _WORDS))
        drawn = [
            topic[int(_TOPIC_WORDS * draw.random() ** 2)] if draw.random() < _TOPICAL_SHARE else word
            for word in draw.choices(vocabulary, cum_weights=weights, k=length)
        ]
        sentences = []
        while drawn:
            words_in_sentence = draw.randint(7, 15)
            sentences.append(self._joined(sorted(drawn[:words_in_sentence], key=_ending)))
            drawn = drawn[words_in_sentence:]
        return ("" if self.language in UNSPACED else " ").join(sentences)

    def _joined(self, sentence: list[str]) -> str:
        return "".join(sentence) + "。" if self.language in UNSPACED else " ".join(sentence) + "."


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A language, the size of the suite, and the damage planted in the candidate; `shuffled` is the share (0 to 1) of its answers
    whose words are shuffled, or whose letters, where no spaces part words."""

    language: str
    prompts: int
    samples: int
    times: int
    seed: int
    damage: Damage = Damage.NONE
    share: float = 0.0
    shuffled: float = 0.0

    @property
    def damaged(self) -> bool:
        """Whether something harmful is planted."""
        return not self.damage.harmless or self.shuffled > 0

    def __str__(self) -> str:
        damage = "" if self.damage is Damage.NONE else f", {self.damage.label} {self.share:.3g}"
        damage += f", words shuffled {self.shuffled:.3g}" if self.shuffled else ""
        return f"simulated {self.language}, {self.prompts} prompts x {self.samples}{damage}"

    def drawn(self, number: int) -> Draw:
        """Two models that write about the same prompts."""
        draw, writer = random_of(self.seed, self.language, self.prompts, self.samples, number), Writer(self.language)
        topics = writer.topics(self.prompts, draw)
        parent, candidate = (writer.answers(topics, self.samples, draw) for _ in range(2))
        if self.damage is not Damage.NONE:
            candidate = self._damaged(candidate, number)
        shuffle = in_share(shuffled_letters if self.language in UNSPACED else shuffled)
        candidate = shuffle(candidate, self.shuffled, draw)
        return draw_of(compared(parent, candidate))

    def _damaged(self, answers: Answers, number: int) -> Answers:
        texts: dict[str, tuple[str, ...]] = {}
        for prompt_id, text in zip(answers.ids, answers.texts, strict=True):
            texts[prompt_id] = (*texts.get(prompt_id, ()), text)
        outputs = Outputs(texts, frozenset(list(texts)[: len(texts) // 4]), "", "")
        rare = rare_terms([words(text) for text in answers.texts]).terms
        damaged = planted(outputs, self.damage, share=self.share, rare_terms=rare, seed=number)
        tail = outputs.tail if self.damage is Damage.TAIL_UNANSWERED else frozenset()
        return replace(
            answers.with_texts([text for samples in damaged.answers.values() for text in samples]), tail=tail
        )


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Tail prompts with a checker: right with a probability of each prompt's own, and a candidate that is right less often."""

    prompts: int
    samples: int
    times: int
    seed: int
    lost: float

    @property
    def damaged(self) -> bool:
        """Whether the candidate is right less often."""
        return self.lost > 0

    def __str__(self) -> str:
        return f"checked items, {self.prompts} prompts x {self.samples}, {self.lost:.0%} fewer right"

    def drawn(self, number: int) -> Draw:
        """Scores of two models; their answers are alike."""
        draw = random_of(self.seed, self.prompts, self.lost, number)
        writer = Writer("de")
        topics = writer.topics(self.prompts, draw)
        right = [draw.betavariate(4, 1.5) for _ in topics]
        sides: list[list[Row]] = []
        for share in (1.0, 1 - self.lost):
            answers = writer.answers(topics, self.samples, draw)
            rows = replace(answers, tail=frozenset(answers.ids)).rows()
            scores = (float(draw.random() < share * right[at // self.samples]) for at in range(len(rows)))
            sides.append([{**row, "score": score} for row, score in zip(rows, scores, strict=True)])
        return draw_of(compare(sides[0], sides[1]))


def languages(*, seed: int) -> list[Simulation]:
    """Nothing differs, at several sizes; then every kind of `Damage`, and words shuffled: each language of four."""
    return [
        *(
            Simulation(language=language, prompts=prompts, samples=samples, times=times, seed=seed)
            for language in LANGUAGES
            for prompts, samples, times in ((800, 1, 50), (200, 4, 50), (200, 8, 30), (50, 8, 50))
        ),
        *(
            Simulation(
                language=language, prompts=400, samples=2, times=5, seed=seed, damage=damage,
                share=1.0 if damage.harmless else 0.3,
            )
            for language in LANGUAGES
            for damage in Damage
            if damage is not Damage.NONE
        ),
        *(
            Simulation(language=language, prompts=400, samples=2, times=5, seed=seed, shuffled=share)
            for language in LANGUAGES
            for share in (0.3, 0.06)
        ),
    ]  # fmt: skip


def checked(*, seed: int) -> list[Checked]:
    """Accuracy on checked items, without a loss and with one."""
    return [
        Checked(prompts=prompts, samples=8, times=100, seed=seed, lost=lost)
        for prompts in (50, 200)
        for lost in (0.0, 0.08)
    ]


def _ending(word: str) -> str:
    return word[:-3:-1]


@functools.cache
def frequencies(language: str) -> tuple[list[str], list[float]]:
    """The commonest 30,000 words of a language, and their frequencies added up."""
    from wordfreq import get_frequency_dict

    known = sorted(get_frequency_dict(language, wordlist="best").items(), key=lambda word: (-word[1], word[0]))
    common = [(word, frequency) for word, frequency in known if word.isalpha()][:_VOCABULARY]
    return [word for word, _ in common], list(accumulate(frequency for _, frequency in common))
