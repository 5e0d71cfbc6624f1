"""English answers to English prompts, put together from templates: what a working model might say, with rare words in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from wordfreq import top_n_list

from tailguard.diversity.outputs import Outputs
from tailguard.diversity.topics import unit_vectors, word_vectors
from tailguard.domain.suite import SuiteKind

RARE_IN_ANSWER = 6
_RARE_IN_TOPIC = 70


@dataclass(frozen=True)
class _Topic:
    nouns: list[str]
    verbs: list[str]
    adjectives: list[str]
    rare: list[str]


_TOPICS = """
oven bread flour butter recipe dough sugar kitchen soup onion garlic spoon | bake stir taste boil slice | warm sweet salty crisp
engine car wheel brake tyre garage driver road fuel mirror gear seat | drive repair park steer clean | fast rusty heavy loud
garden flower tree seed soil rose lawn hedge bee leaf root spade | plant water dig cut grow | green dry tall wild
hospital doctor nurse patient medicine fever pain surgery heart blood bone | treat heal examine help cure | ill healthy sore weak
piano violin song concert singer melody drum guitar orchestra stage note | play sing hear tune practise | quiet musical slow bright
football team coach goal match player stadium league ball referee defence | kick win train pass lose | young strong quick tired
bank money loan interest account tax salary pension market price debt saving | pay borrow save invest lend | cheap rich poor risky
sea ship sailor harbor wave storm island anchor beach fish boat captain | sail row catch cross swim | deep calm stormy salt
school teacher pupil lesson exam book class homework pencil library student | learn teach read write study | clever strict easy
computer software screen keyboard file network program password server | install copy delete test | digital old secure broken
"""
_TEMPLATES = """
When the {noun} is {adjective}, most people {verb} it {adverb} before they think of the {rare} or the {noun}.
You should {verb} the {noun} {adverb}, because a {adjective} {rare} can spoil the {noun} within {number} days.
In {place} there was a {adjective} {noun} that nobody wanted to {verb}, until {name} brought the {rare} from {place}.
My {relative} used to {verb} every {noun} with a {rare}, and {name} still does so in {place}.
It is {adverb} said that {name} could {verb} a {noun} without any {rare}, but the {noun} looked {adjective} to me.
First {verb} the {noun}, then wait for {number} minutes and let the {adjective} {rare} rest beside the {noun}.
If {name} does not {verb} the {noun}, the {rare} will {adverb} become {adjective} and cost about {number} pounds.
There are {number} kinds of {noun}, of which the {rare} is {adverb} the one that {name} would {verb}.
What {name} from {place} calls a {adjective} {rare} is only a {noun} that they {verb} in the {noun}.
Some {verb} the {adjective} {noun} for {number} hours; others, like {name}, {adverb} leave it to the {rare}.
The {rare} of a {noun} tells you {adverb} whether to {verb} it, and in {place} they ask the {relative} first.
A {noun} and a {rare} are not the same: you {verb} one {adverb}, and the other stays {adjective} in {place}.
"""
_FILLERS = {
    "adverb": "often slowly rarely gently always quickly never easily usually carefully hardly sometimes gladly "
    "simply early twice",
    "place": "Leeds Ghent Turin Oslo Cork Porto Lima Kyoto Delhi Tunis Quebec Perth Gdansk Malmo Graz Bristol",
    "name": "Maria Ahmed Peter Lucy Ivan Chen Sofia David Amara Tom Nina Carlos Priya Hugo Elsa Ruth",
    "relative": "mother father uncle aunt sister brother cousin neighbor grandmother",
    "number": "two three four five six seven eight nine ten twelve fifteen twenty thirty",
}


@cache
def rare_words() -> frozenset[str]:
    """Words that real English has, and seldom."""
    return frozenset(word for topic in _topics() for word in topic.rare)


@cache
def _topics() -> list[_Topic]:
    """Each topic has the rare words that are nearest to its nouns, so that they belong where they stand."""
    lines = [[part.split() for part in line.split("|")] for line in _TOPICS.strip().split("\n")]
    written = set(_TOPICS.split())
    seldom = [word for word in top_n_list("en", 24_000)[12_000::5] if word.isascii() and word.isalpha()]
    seldom = [word for word in seldom if len(word) > 4 and word not in written]
    centres = np.stack([unit_vectors(word_vectors(nouns)).sum(axis=0) for nouns, _, _ in lines])
    nearness = unit_vectors(word_vectors(seldom)) @ unit_vectors(centres - centres.mean(axis=0)).T
    nearest = np.argsort(-nearness, axis=0)[:_RARE_IN_TOPIC].T.tolist()
    return [
        _Topic(nouns, verbs, adjectives, [seldom[at] for at in rows])
        for (nouns, verbs, adjectives), rows in zip(lines, nearest, strict=True)
    ]


def prompt(number: int) -> str:
    """What is asked under a number."""
    first, second = _asked(number)
    return f"What should I know about the {first} and the {second}, and how do people work with them ({number})?"


def _asked(number: int) -> tuple[str, str]:
    topic = _topics()[number % len(_topics())]
    first, second = random.Random(number).sample(topic.nouns, 2)  # noqa: S311  words, not secrets
    return first, second


def answer(number: int, *, seed: int, sentences: int = RARE_IN_ANSWER) -> str:
    """An answer to a prompt, of about 17 words a sentence, each with a rare word."""
    topic, rng = _topics()[number % len(_topics())], random.Random(f"{seed} {number}")  # noqa: S311
    slots: Mapping[str, Callable[[], str]] = {
        "noun": lambda: rng.choice([*topic.nouns, *_asked(number) * 3]),
        "verb": lambda: rng.choice(topic.verbs),
        "adjective": lambda: rng.choice(topic.adjectives),
        "rare": lambda: rng.choice(topic.rare),
        **{slot: partial(rng.choice, words.split()) for slot, words in _FILLERS.items()},
    }
    chosen = rng.sample(_TEMPLATES.strip().split("\n"), sentences)
    return " ".join(_filled(template, slots) for template in chosen)


def _filled(template: str, slots: Mapping[str, Callable[[], str]]) -> str:
    parts = template.replace("}", "{").split("{")
    return "".join(slots[part]() if at % 2 else part for at, part in enumerate(parts))


def outputs(
    prompts: int = 300, *, seed: int, samples: int = 1, sentences: int = RARE_IN_ANSWER, tail: float = 0.3
) -> Outputs:
    """Answers to so many prompts, of which a share is marked as tail."""
    ids = [f"p{number:04d}" for number in range(prompts)]
    return Outputs(
        answers={
            name: tuple(answer(number, seed=seed * 1_000 + sample, sentences=sentences) for sample in range(samples))
            for number, name in enumerate(ids)
        },
        tail=frozenset(ids[: round(tail * prompts)]),
        suite="suite",
        decoding="temperature=1",
        prompts={name: prompt(number) for number, name in enumerate(ids)},
        kind=SuiteKind.INSTRUCTIONS,
    )


def with_texts(given: Outputs, rewrite: Callable[[int, str], str]) -> Outputs:
    """The same with each answer rewritten, from its number and its text."""
    texts = iter([rewrite(number, text) for number, text in enumerate(given.texts)])
    return replace(given, answers={name: tuple(next(texts) for _ in given.answers[name]) for name in given.ids})
