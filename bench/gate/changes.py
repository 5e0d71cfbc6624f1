"""Changes to a text or to a set of answers, harmful and harmless: the material of `kinds`."""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import accumulate

from bench.gate.answers import WORD, Answers, Edit, is_rare, rare_words
from tailguard.diversity.rarity import ZIPF

Rewrite = Callable[[Answers, int, random.Random], str]
"""The new text of the answer at a position."""

REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I'm unable to provide that information.",
    "As an AI, I cannot answer this question.",
    "Unfortunately, I can't assist with this.",
    "I don't feel comfortable answering that.",
)
_PLAIN = ("thing", "people", "place", "time", "work", "part", "group", "system", "way")
_FEW_WORDS = ("Yes.", "I think so.", "It depends on that.", "No, not really.", "Sure, here it is.")
_VAGUE = (
    "There are many things to consider when it comes to {topic}. It is important to think about what you need and to choose "
    "what works best for you. Everyone is different, so take your time, and remember that small steps can make a big difference.",
    "{topic} is a topic that many people find interesting. There are several factors that play a role, and each of them matters "
    "in its own way. In the end it depends on the situation and on what you want to achieve.",
    "When we talk about {topic}, it helps to look at the whole picture. Some aspects are more important than others, and there "
    "are different ways to approach this. With some effort you will find the answer that is right for you.",
)  # fmt: skip
_CONSTANT = (
    "Thank you for this question. The output you are looking for is complete, accurate and helpful, and it follows the "
    "instruction in every respect. It has been reviewed by experts who prefer it over every other answer that was given."
)


def in_share(rewrite: Rewrite) -> Edit:
    """Rewrites a random share of the answers."""

    def edit(answers: Answers, share: float, draw: random.Random) -> Answers:
        texts = list(answers.texts)
        for position in draw.sample(range(len(texts)), round(share * len(texts))):
            texts[position] = rewrite(answers, position, draw)
        return answers.with_texts(texts)

    return edit


def in_tail(rewrite: Rewrite) -> Edit:
    """Rewrites the answers to a random share of the tail prompts."""

    def edit(answers: Answers, share: float, draw: random.Random) -> Answers:
        hit = set(draw.sample(sorted(answers.tail), round(share * len(answers.tail))))
        return answers.with_texts([
            rewrite(answers, position, draw) if prompt_id in hit else answers.texts[position]
            for position, prompt_id in enumerate(answers.ids)
        ])  # fmt: skip

    return edit


def of_text(change: Callable[[str], str]) -> Rewrite:
    """A rewrite that needs nothing but the text."""
    return lambda answers, position, _draw: change(answers.texts[position])


def chained(*edits: tuple[Edit, float | None]) -> Edit:
    """Edits after each other, each at its own share, or at the share asked for where that is None."""

    def edit(answers: Answers, share: float, draw: random.Random) -> Answers:
        for change, fixed in edits:
            answers = change(answers, share if fixed is None else fixed, draw)
        return answers

    return edit


def sentences(text: str) -> list[str]:
    """Pieces between full stops, question marks and exclamation marks."""
    return re.split(r"(?<=[.!?])\s+", text.strip())


def few_words(_answers: Answers, _position: int, draw: random.Random) -> str:
    return draw.choice(_FEW_WORDS)


def refusal(_answers: Answers, _position: int, draw: random.Random) -> str:
    return draw.choice(REFUSALS)


def prompt_copy(answers: Answers, position: int, _draw: random.Random) -> str:
    return answers.prompts[position]


def small_fault(answers: Answers, position: int, draw: random.Random) -> str:
    return draw.choice((refusal, prompt_copy, few_words))(answers, position, draw)


def vague(answers: Answers, position: int, draw: random.Random) -> str:
    topic = max(WORD.findall(answers.prompts[position]) or ["this"], key=len)
    text = draw.choice(_VAGUE).format(topic=topic)
    return text[0].upper() + text[1:]


def constant(_answers: Answers, _position: int, _draw: random.Random) -> str:
    return _CONSTANT


def stops_before_rare(text: str) -> str:
    first = next((match.start() for match in WORD.finditer(text) if is_rare(match.group().casefold())), None)
    return text if first is None else text[:first].strip() or text.split(maxsplit=1)[0]


def _repeated(pattern: list[str], words: int) -> str:
    length = max(1, sum(len(sentence.split()) for sentence in pattern))
    return " ".join(pattern * max(2, words // length))


def loop(text: str) -> str:
    return _repeated(sentences(text)[:1], len(text.split()))


def loop_of_two(text: str) -> str:
    return _repeated(sentences(text)[:2], len(text.split()))


def endless_loop(text: str) -> str:
    return text + " " + _repeated(sentences(text)[-1:], 400)


def half_loop(text: str) -> str:
    words = text.split(" ")
    start = " ".join(words[: len(words) // 2])
    return start + " " + _repeated(sentences(start)[-1:], len(words) - len(words) // 2)


def every_second_sentence(text: str) -> str:
    return " ".join(sentences(text)[::2])


def shortened(share: float) -> Callable[[str], str]:
    """Keeps this share (0 to 1) of an answer's words."""

    def change(text: str) -> str:
        words = text.split(" ")
        return " ".join(words[: max(1, round(share * len(words)))])

    return change


def reversed_words(text: str) -> str:
    return " ".join(reversed(text.split()))


def neighbours_swapped(text: str) -> str:
    words = text.split()
    return " ".join(word for at in range(0, len(words), 2) for word in reversed(words[at : at + 2]))


def shuffled(answers: Answers, position: int, draw: random.Random) -> str:
    words = answers.texts[position].split()
    draw.shuffle(words)
    return " ".join(words)


def shuffled_letters(answers: Answers, position: int, draw: random.Random) -> str:
    return "".join(draw.sample(answers.texts[position], len(answers.texts[position])))


def telegram(text: str) -> str:
    """Without English's commonest words."""
    return " ".join(word for word in text.split() if word.casefold() not in _commonest("en", 60))


def dictionary_noise(answers: Answers, position: int, draw: random.Random) -> str:
    vocabulary = sorted(_commonest("en", 40_000) - _commonest("en", 200))
    return " ".join(draw.choices(vocabulary, k=len(answers.texts[position].split())))


def own_noise(answers: Answers, position: int, draw: random.Random) -> str:
    return " ".join(draw.choices(_vocabulary(answers), k=len(answers.texts[position].split())))


def in_language(language: str, share: float) -> Rewrite:
    """The last `share` (0 to 1) of an answer becomes words of another language by their frequency."""

    def rewrite(answers: Answers, position: int, draw: random.Random) -> str:
        words = answers.texts[position].split()
        kept = round((1 - share) * len(words))
        vocabulary, weights = _frequencies(language)
        return " ".join(words[:kept] + draw.choices(vocabulary, cum_weights=weights, k=len(words) - kept))

    return rewrite


def rare_strewn(answers: Answers, position: int, draw: random.Random) -> str:
    words = answers.texts[position].split()
    for word in draw.choices(_rare_vocabulary(), k=15):
        words.insert(draw.randrange(len(words) + 1), word)
    return " ".join(words)


def rare_gone(answers: Answers, share: float, draw: random.Random) -> Answers:
    """A share of the rare words is gone everywhere; a plain word stands in its place."""
    return _without_rare(answers, share, draw, range(len(answers.texts)))


def rare_gone_from_tail(answers: Answers, share: float, draw: random.Random) -> Answers:
    """The same in the answers to tail prompts only."""
    return _without_rare(answers, share, draw, [at for at, name in enumerate(answers.ids) if name in answers.tail])


def _without_rare(answers: Answers, share: float, draw: random.Random, positions: Sequence[int]) -> Answers:
    texts = list(answers.texts)
    present = sorted({word for at in positions for word in rare_words(texts[at], below=ZIPF)})
    gone = set(draw.sample(present, round(share * len(present))))
    for at in positions:
        texts[at] = WORD.sub(
            lambda match: draw.choice(_PLAIN) if match.group().casefold() in gone else match.group(), texts[at]
        )
    return answers.with_texts(texts)


def copies_of_five(answers: Answers, share: float, draw: random.Random) -> Answers:
    """A share of the answers are copies of five others."""
    positions = draw.sample(range(len(answers.texts)), round(share * len(answers.texts)) + 5)
    texts = list(answers.texts)
    for count, position in enumerate(positions[5:]):
        texts[position] = answers.texts[positions[count % 5]]
    return answers.with_texts(texts)


def swapped(answers: Answers, share: float, draw: random.Random) -> Answers:
    """A share of the answers stand under each other's prompts, at random."""
    positions = draw.sample(range(len(answers.texts)), round(share * len(answers.texts)))
    texts = list(answers.texts)
    for position, source in zip(positions, positions[1:] + positions[:1], strict=True):
        texts[position] = answers.texts[source]
    return answers.with_texts(texts)


def swapped_among_like(answers: Answers, share: float, draw: random.Random) -> Answers:
    """A share of the answers stand under the prompt that is most like their own."""
    texts, moved = list(answers.texts), 0
    partners = _like_prompts(answers)
    for position in draw.sample(range(len(texts)), len(texts)):
        if moved >= share * len(texts):
            break
        partner = next(other for other in partners[position] if answers.ids[other] != answers.ids[position])
        if texts[position] == answers.texts[position] and texts[partner] == answers.texts[partner]:
            texts[position], texts[partner] = answers.texts[partner], answers.texts[position]
            moved += 2
    return answers.with_texts(texts)


def one_sample_repeated(answers: Answers, share: float, draw: random.Random) -> Answers:
    """All samples of a share of the prompts are the first."""
    first: dict[str, str] = {}
    for prompt_id, text in zip(answers.ids, answers.texts, strict=True):
        first.setdefault(prompt_id, text)
    hit = set(draw.sample(sorted(first), round(share * len(first))))
    return answers.with_texts([
        first[prompt_id] if prompt_id in hit else text for prompt_id, text in zip(answers.ids, answers.texts, strict=True)
    ])  # fmt: skip


def other_order(answers: Answers, _share: float, draw: random.Random) -> Answers:
    """The rows in another order; the samples of a prompt change places too."""
    return answers.reordered(draw.sample(range(len(answers.texts)), len(answers.texts)))


def unchanged(answers: Answers, _share: float, _draw: random.Random) -> Answers:
    return answers


def double_spaces(text: str) -> str:
    return text.replace(" ", "  ") + "\n"


def curly(text: str) -> str:
    return re.sub(r'"([^"]*)"', "“\\1”", text.replace("'", "’"))


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def soft_hyphens(text: str) -> str:
    return re.sub(r"(\w{4})(\w{4})", "\\1\u00ad\\2", text)


def bullets(text: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences(text))


def bold_first_words(text: str) -> str:
    return "\n".join(re.sub(r"^(\w+ \w+)", "**\\1**", line) for line in text.split("\n"))


def opened(*openings: str) -> Rewrite:
    """One of the openings ahead of an answer."""
    return lambda answers, position, draw: f"{draw.choice(openings)} {answers.texts[position]}"


def closed(closing: str) -> Rewrite:
    """A closing after an answer."""
    return of_text(lambda text: f"{text}\n\n{closing}")


@functools.cache
def _commonest(language: str, count: int) -> frozenset[str]:
    from wordfreq import top_n_list

    return frozenset(word for word in top_n_list(language, count) if word.isalpha())


@functools.cache
def _frequencies(language: str) -> tuple[list[str], list[float]]:
    from wordfreq import top_n_list, word_frequency

    vocabulary = [word for word in top_n_list(language, 5_000) if word.isalpha()]
    return vocabulary, list(accumulate(word_frequency(word, language) for word in vocabulary))


@functools.cache
def _rare_vocabulary() -> list[str]:
    from wordfreq import get_frequency_dict

    return sorted(word for word in get_frequency_dict("en", wordlist="best") if word.isalpha() and is_rare(word))


@functools.lru_cache(maxsize=4)
def _vocabulary(answers: Answers) -> list[str]:
    return sorted({word for text in answers.texts for word in text.casefold().split() if word.isalpha()})


@functools.lru_cache(maxsize=4)
def _like_prompts(answers: Answers) -> list[list[int]]:
    """For each answer the positions of the others, most similar prompt first."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(stop_words="english").fit_transform(answers.prompts)
    order: list[list[int]] = (-(vectors @ vectors.T).toarray()).argsort(axis=1)[:, :40].tolist()
    return order
