"""Counts which classes of English words follow which, for the gate: python -m bench.train_word_order FOLDER [ANSWERS]

FOLDER holds train.parquet (text, label, domain, licence, variant). Only human texts count that are in the public domain or
under CC0. Writes data/word_order.npz. ANSWERS holds models' answers, a .parquet file each (output): how many of these are
called disordered as they are, and after their words were shuffled, reversed, swapped or replaced, is printed.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from wordfreq import top_n_list

from bench.arrays import write_arrays
from tailguard.diversity.languages import ENGLISH, UNDECIDED, languages
from tailguard.diversity.lexical import numbered
from tailguard.diversity.metrics import words
from tailguard.diversity.word_order import ENDINGS, FUNCTION_WORDS, classes_of, disordered

FREE = "public domain|CC0"
COMMON_WORDS = 150
"""Further words that are classes of their own."""
CLOSED_CLASSES = """
the a an this that these those each every either neither another any both all some no several few many much more most less least
such enough same other own i you he she it we they me him us them my your his her its our their mine yours ours theirs
myself yourself himself herself itself ourselves themselves who whom whose which what whatever whoever when where why how
something anything nothing everything someone anyone everyone nobody of in to for with on at by from as into about than over
after before between under through during without within against among across around behind beyond along above below
upon toward towards until since per off out up down onto near like despite throughout except via and or but if so because
while although though whether unless nor yet once then be is are was were been being am have has had having do does did done
doing will would can could should may might must shall cannot don't doesn't didn't isn't aren't wasn't can't won't couldn't
wouldn't i'm i've i'll i'd you're you'll we're we'll they're not there here very too also just only even still already always
never often again ever quite rather almost perhaps therefore thus however
"""
WORD = re.compile(r"[^\W\d_]+")
CONSOLE = Console(width=150, highlight=False)
Damage = Callable[[Sequence[str], random.Random], Sequence[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("answers", type=Path, nargs="?")
    given = parser.parse_args()
    table = pd.read_parquet(given.folder / "train.parquet")
    free = (table["label"] == "human") & (table["variant"] == "stripped") & table["licence"].str.contains(FREE)
    table = table[free]
    texts = [words(text) for text in table["text"]]
    sizes = table.assign(words=list(map(len, texts))).groupby(["licence", "domain"])["words"].agg(["size", "sum"])
    CONSOLE.print(sizes.to_string(), f"{sum(map(len, texts)):,} words", sep="\n")
    common = common_words(texts, table["domain"].tolist())
    path = Path("data/word_order.npz")
    write_arrays(path, {"words": np.frombuffer(" ".join(common).encode(), np.uint8), "counts": counts(texts, common)})
    CONSOLE.print(f"{path}: {path.stat().st_size:,} bytes")
    if given.answers:
        measure(given.answers)


def common_words(texts: Sequence[Sequence[str]], domains: Sequence[str]) -> list[str]:
    """The words that are classes of their own, function words first: those with the highest median frequency over domains."""
    of_domain: dict[str, Counter[str]] = defaultdict(Counter)
    for text, domain in zip(texts, domains, strict=True):
        of_domain[domain].update(text)
    spread = [(domain_counts, domain_counts.total()) for domain_counts in of_domain.values()]
    vocabulary = sorted({word for domain_counts, _ in spread for word, _ in domain_counts.most_common(3_000)})
    ranked = sorted(vocabulary, key=lambda word: -median(found[word] / total for found, total in spread))
    closed = set(CLOSED_CLASSES.split())
    functional = [word for word in ranked if word in closed][:FUNCTION_WORDS]
    return functional + [word for word in ranked if word not in closed][:COMMON_WORDS]


def counts(texts: Sequence[Sequence[str]], common: Sequence[str]) -> NDArray[np.int32]:
    """How often a word of each class (rows) stands before one of each class (columns)."""
    units, offsets, vocabulary = numbered(texts)
    classes = classes_of(vocabulary, common)[units]
    size = len(common) + ENDINGS
    inside = np.ones(len(units), dtype=np.bool_)
    inside[offsets[1:] - 1] = False
    before = np.flatnonzero(inside)
    pairs = classes[before].astype(np.int64) * size + classes[before + 1]
    return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int32)


def measure(folder: Path) -> None:
    """Print the share of answers that are called disordered, for each model and kind of damage."""
    for path in sorted(folder.glob("*.parquet")):
        texts = pd.read_parquet(path)["output"].tolist()
        shares = [f"{name} {_share(texts, damage):.3f}" for name, damage in DAMAGE.items()]
        CONSOLE.print(f"{path.stem:34}", *shares)


def _share(texts: Sequence[str], damage: Damage) -> float:
    """Of the answers of at least 20 words."""
    draw = random.Random(0)  # noqa: S311  a sample, not a secret
    damaged = [" ".join(damage(text.split(" "), draw)) for text in texts]
    units, offsets, vocabulary = numbered([words(text) for text in damaged])
    language = languages(vocabulary, units, offsets)
    english = (language == ENGLISH) | (language == UNDECIDED)
    flags = disordered(vocabulary, units, offsets, damaged, english=english)
    return float(flags[np.diff(offsets) >= 20].mean())


def _shuffled(tokens: Sequence[str], draw: random.Random) -> Sequence[str]:
    return draw.sample(tokens, len(tokens))


def _half_shuffled(tokens: Sequence[str], draw: random.Random) -> Sequence[str]:
    half = len(tokens) // 2
    return [*tokens[:half], *_shuffled(tokens[half:], draw)]


def _swapped(tokens: Sequence[str], draw: random.Random) -> Sequence[str]:
    del draw
    return [*chain.from_iterable(pair[::-1] for pair in list(pairwise(tokens))[::2]), *tokens[len(tokens) & ~1 :]]


def _replaced(tokens: Sequence[str], draw: random.Random) -> Sequence[str]:
    """A word of the dictionary for each, without punctuation."""
    return draw.choices(_dictionary(), k=len(tokens))


def _in_place(tokens: Sequence[str], draw: random.Random) -> Sequence[str]:
    """A word of the dictionary for each, with its punctuation and line breaks."""
    dictionary = _dictionary()
    return [WORD.sub(lambda _: draw.choice(dictionary), token) for token in tokens]


@cache
def _dictionary() -> list[str]:
    return [word for word in top_n_list("en", 40_000)[200:] if word.isalpha()]


DAMAGE: dict[str, Damage] = {
    "as it is": lambda tokens, _: tokens,
    "shuffled": _shuffled,
    "second half shuffled": _half_shuffled,
    "reversed": lambda tokens, _: tokens[::-1],
    "neighbours swapped": _swapped,
    "random words": _replaced,
    "random words in place": _in_place,
}

if __name__ == "__main__":
    main()
