"""The built-in language model: an interpolated n-gram model with modified Kneser-Ney smoothing.

It is small enough to train in a second on one core, and it collapses on its own output as large models do: the rare
words go first. Method: S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling",
Computer Speech and Language 13 (1999), section 3; R. Kneser and H. Ney, ICASSP 1995. Tokens are the pieces between
white space, so that a generated text has the spacing and punctuation of the texts that it was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.errors import InputError
from tailguard.ports import Decoding, TrainingJob

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BEGIN, END = 0, 1
_SPECIAL = ("<s>", "</s>")
_MAX_PACKED_BITS = 62


@dataclass(frozen=True)
class Level:
    """One order of the model: for each context, its continuations and the mass left for the order below.

    `contexts` are packed token ids, sorted. The continuations of context i are `tokens[starts[i]:starts[i + 1]]`, with
    discounted counts `weights`; `backoff[i]` (0 to 1) is the probability of asking the next lower order instead.
    """

    contexts: Ints
    starts: Ints
    tokens: Ints
    weights: Floats
    backoff: Floats


@dataclass(frozen=True)
class NgramModel:
    """A trained model. `levels[0]` is the unigram level, `levels[-1]` the highest order."""

    vocabulary: tuple[str, ...]
    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        """The n of n-gram: how many tokens, the predicted one included, a prediction looks at."""
        return len(self.levels)


def fit(texts: Sequence[str], *, order: int = 3) -> NgramModel:
    """Train on `texts` (one passage each). Same texts in the same order give the same model, bit for bit.

    Raises InputError when there is nothing to learn from, or when vocabulary and order do not fit 62 bits.
    """
    pieces = [text.split() for text in texts]
    words = sorted({word for passage in pieces for word in passage})
    if not words:
        raise InputError("The training set holds no words. Compose a set with at least one record.")
    vocabulary = (*_SPECIAL, *words)
    bits = max(1, (len(vocabulary) - 1).bit_length())
    if bits * order > _MAX_PACKED_BITS:
        raise InputError(
            f"A vocabulary of {len(vocabulary):,} tokens at order {order} does not fit {_MAX_PACKED_BITS} bits. Lower the order."
        )
    index = {word: number for number, word in enumerate(vocabulary)}
    padding = [BEGIN] * (order - 1)
    stream = np.array(
        [token for passage in pieces for token in (*padding, *(index[word] for word in passage), END)], dtype=np.int64
    )
    return NgramModel(vocabulary=vocabulary, levels=tuple(_levels(stream, order=order, bits=bits)))


def _levels(stream: Ints, *, order: int, bits: int) -> list[Level]:
    """All levels, lowest first. The highest order counts tokens; each lower one counts distinct left neighbours."""
    packed = np.zeros(len(stream) - order + 1, dtype=np.int64)
    for offset in range(order):
        packed = (packed << bits) | stream[offset : len(stream) - order + 1 + offset]
    predicted = stream[order - 1 :]
    grams, counts = np.unique(packed[predicted != BEGIN], return_counts=True)
    levels = [_level(grams, counts, bits=bits)]
    for length in range(order - 1, 0, -1):
        shorter = grams & ((1 << (bits * length)) - 1)
        grams, counts = np.unique(shorter, return_counts=True)
        levels.append(_level(grams, counts, bits=bits))
    return levels[::-1]


def _level(grams: Ints, counts: Ints, *, bits: int) -> Level:
    contexts, starts, sizes = np.unique(grams >> bits, return_index=True, return_counts=True)
    discounts = _discounts(counts)
    taken = discounts[np.minimum(counts, 3)]
    totals = np.add.reduceat(counts, starts)
    return Level(
        contexts=contexts,
        starts=np.append(starts, starts[-1] + sizes[-1]).astype(np.int64),
        tokens=grams & ((1 << bits) - 1),
        weights=counts - taken,
        backoff=np.add.reduceat(taken, starts) / totals,
    )


def _discounts(counts: Ints) -> Floats:
    """D1, D2, D3+ of Chen and Goodman (1999), equation 26; index 0 is unused."""
    once, twice, thrice, four = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if not (once and twice and thrice):
        return np.array([0.0, 0.5, 0.5, 0.5])
    share = once / (once + 2 * twice)
    raw = (1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice)
    return np.array([0.0, *(min(max(value, 0.05), 0.95 * n) for n, value in enumerate(raw, start=1))])


def sample(model: NgramModel, prompts: Sequence[str], *, max_tokens: int, temperature: float, seed: int) -> list[str]:
    """Continue each prompt by up to `max_tokens` tokens; the prompt itself is not part of the answer.

    All prompts advance together, one token a step. Sampling walks the interpolation: at each order it either draws from
    the discounted counts or falls back to the order below. `temperature` sharpens (below 1) or flattens (above 1) both
    choices, each raised to 1/temperature; 1 samples the model as it is.
    """
    if temperature <= 0:
        raise InputError(f"Decoding temperature must be above 0, found {temperature}.")
    rng = np.random.default_rng(seed)
    walk = _Walk(model, temperature=temperature)
    state = walk.encode(prompts)
    alive = np.arange(len(prompts))
    columns: list[Ints] = []
    for _ in range(max_tokens):
        if not len(alive):
            break
        drawn = walk.step(state[alive], rng)
        column = np.full(len(prompts), END, dtype=np.int64)
        column[alive] = drawn
        columns.append(column)
        state[alive] = np.concatenate([state[alive][:, 1:], drawn[:, None]], axis=1)
        alive = alive[drawn != END]
    return _decode(
        np.stack(columns, axis=1) if columns else np.zeros((len(prompts), 0), dtype=np.int64), model.vocabulary
    )


class _Walk:
    """Draws next tokens for many states at once."""

    def __init__(self, model: NgramModel, *, temperature: float) -> None:
        self._model = model
        self._bits = max(1, (len(model.vocabulary) - 1).bit_length())
        power = 1.0 / temperature
        self._cumulative = [np.cumsum(level.weights**power) for level in model.levels]
        self._backoff = [
            level.backoff**power / (level.backoff**power + (1 - level.backoff) ** power) for level in model.levels
        ]
        self._backoff[0] = np.zeros_like(self._backoff[0])

    def encode(self, prompts: Sequence[str]) -> Ints:
        """The last order-1 tokens of each prompt, as ids; an unknown word is -1 and matches no context."""
        index = {word: number for number, word in enumerate(self._model.vocabulary)}
        width = self._model.order - 1
        rows = [[BEGIN] * width + [index.get(word, -1) for word in prompt.split()] for prompt in prompts]
        return np.array([row[len(row) - width :] for row in rows], dtype=np.int64).reshape(len(prompts), width)

    def step(self, state: Ints, rng: np.random.Generator) -> Ints:
        drawn = np.full(len(state), -1, dtype=np.int64)
        open_rows = np.arange(len(state))
        for number in range(self._model.order - 1, -1, -1):
            level = self._model.levels[number]
            history = state[open_rows][:, state.shape[1] - number :]
            key = np.zeros(len(open_rows), dtype=np.int64)
            for column in range(number):
                key = (key << self._bits) | np.maximum(history[:, column], 0)
            position = np.minimum(np.searchsorted(level.contexts, key), len(level.contexts) - 1)
            known = (level.contexts[position] == key) & (history >= 0).all(axis=1)
            stays = known & (rng.random(len(open_rows)) >= self._backoff[number][position])
            chosen, at = open_rows[stays], position[stays]
            drawn[chosen] = self._draw(number, at, rng)
            open_rows = open_rows[~stays]
            if not len(open_rows):
                break
        return drawn

    def _draw(self, number: int, at: Ints, rng: np.random.Generator) -> Ints:
        level, cumulative = self._model.levels[number], self._cumulative[number]
        first, last = level.starts[at], level.starts[at + 1] - 1
        low = np.where(first > 0, cumulative[first - 1], 0.0)
        target = low + rng.random(len(at)) * (cumulative[last] - low)
        return level.tokens[np.clip(np.searchsorted(cumulative, target, side="right"), first, last)]


def _decode(ids: Ints, vocabulary: tuple[str, ...]) -> list[str]:
    texts = []
    for row in ids:
        ends = np.flatnonzero(row == END)
        kept = row[: ends[0]] if len(ends) else row
        texts.append(" ".join(vocabulary[token] for token in kept))
    return texts


def save(model: NgramModel, folder: Path) -> None:
    """Write the model as plain .npy files, a vocabulary and a header; the bytes depend on the model alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"format": "tailguard-ngram/1", "order": model.order}) + "\n")
    (folder / "vocabulary.json").write_text(json.dumps(model.vocabulary, ensure_ascii=True))
    for number, level in enumerate(model.levels, start=1):
        for name in ("contexts", "starts", "tokens", "weights", "backoff"):
            np.save(folder / f"{number}-{name}.npy", getattr(level, name), allow_pickle=False)


def load(folder: Path) -> NgramModel:
    """Read what `save` wrote. Raises InputError when the folder holds no such model."""
    try:
        header: dict[str, Any] = json.loads((folder / "model.json").read_text())
        vocabulary = tuple(json.loads((folder / "vocabulary.json").read_text()))
        levels = tuple(
            Level(
                **{
                    name: np.load(folder / f"{number}-{name}.npy", allow_pickle=False)
                    for name in ("contexts", "starts", "tokens", "weights", "backoff")
                }
            )
            for number in range(1, int(header["order"]) + 1)
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} does not hold the weights of an n-gram model ({error}). Train one first."
        ) from error
    return NgramModel(vocabulary=vocabulary, levels=levels)


@dataclass(frozen=True)
class NgramTrainer:
    """The trainer port over `fit`."""

    name: str = "ngram"
    order: int = 3

    def train(self, job: TrainingJob) -> None:
        """Reads `text` of each line of the training set."""
        with job.training_set.open(encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        save(fit(texts, order=self.order), job.weights)


@dataclass(frozen=True)
class NgramGenerator:
    """The generator port over `sample`."""

    def generate(
        self, weights: Path, prompts: Sequence[str], *, decoding: Decoding, seed: int
    ) -> list[tuple[str, ...]]:
        """All samples of all prompts are drawn together."""
        repeated = [prompt for prompt in prompts for _ in range(decoding.samples)]
        texts = sample(
            load(weights), repeated, max_tokens=decoding.max_tokens, temperature=decoding.temperature, seed=seed
        )
        return [tuple(texts[at : at + decoding.samples]) for at in range(0, len(texts), decoding.samples)]
