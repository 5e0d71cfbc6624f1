"""Trains the detector that Tailguard ships, from a folder of labelled texts: python -m bench.train_detector FOLDER

FOLDER holds train.parquet and test_in_domain.parquet (text, label, generator, gen_class, domain, dataset). Writes
data/detector.npz. What the detector says of texts that it has not seen the like of is measured by leaving out whole
domains, human and model-made together, and whole generators; the stack and the calibration are made from those left-out
scores, so that the stated error is one for new domains and not for known ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bench.arrays import write_arrays
from tailguard.detection import features, linear
from tailguard.detection.scoring import FORMAT, Parts, Weights, combine, parts_of, style_profiles
from tailguard.detection.texts import pack

KEPT_WORDS = 3000
SEED = 0
FOLDS = 10
FAMILIES = {
    "news": "news masc_newspaper gov_blog",
    "story": "story masc_ficlets masc_fiction masc_movie_script classic_fiction masc_jokes roleplay_story",
    "essay": "essay masc_essays masc_journal masc_letters",
    "science": "biomed_qa biomed_abstract cs_abstract masc_technical",
    "reference": "wiki wiki_qa textbook masc_travel_guides masc_non_fiction classic_nonfiction speech_gov",
    "how-to": "recipe howto_docs tech_docs",
    "technical": "tech_proposal tech_blog blog masc_blog masc_govt_docs",
    "web": "movie_review product_review masc_email masc_spam web_answers web_email web_newsgroup web_reviews web_weblog",
}
FAMILY_OF = {domain: family for family, domains in FAMILIES.items() for domain in domains.split()}
CONSOLE = Console(width=150, highlight=False)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Grams = tuple[NDArray[np.int32], Ints]
"""The grams of texts, one after the other, and where each text's begin."""
WordTable = tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]
"""Keys, codes, Zipf values times 20."""
WITHOUT_TEXTS_OF_THEIR_OWN = ("how-to", "technical", "web", "reference", "science")


@dataclass(frozen=True)
class Fitted:
    """The three models of one fit."""

    word: NDArray[np.float32]
    char: NDArray[np.float32]
    trees: HistGradientBoostingClassifier


@dataclass(frozen=True)
class Material:
    """What the models of each fold are fitted on, and the fold in which each text is left out."""

    table: pd.DataFrame
    word: Grams
    char: Grams
    style: NDArray[np.float32]
    label: Floats
    fold: Ints

    def fit(self, rows: Ints) -> Fitted:
        weights = _weights(self.table, rows)
        trees = HistGradientBoostingClassifier(
            max_iter=220, learning_rate=0.08, max_leaf_nodes=24, min_samples_leaf=80, l2_regularization=5, max_features=0.3,
            early_stopping=False, random_state=SEED,
        )  # fmt: skip
        return Fitted(
            self._linear(self.word, rows, weights, features.WORD_BITS, 6, 0.5),
            self._linear(self.char, rows, weights, features.CHAR_BITS, 4, 0.25),
            trees.fit(self.style[rows], self.label[rows], sample_weight=weights),
        )

    def _linear(
        self, grams: Grams, rows: Ints, weights: Floats, bits: int, epochs: int, rate: float
    ) -> NDArray[np.float32]:
        """The mean of a fit on every gram and one that drops half of them."""
        every, half = (
            linear.fit(*grams, rows, self.label[rows], weights, bits, epochs, rate, dropout, SEED)
            for dropout in (0.0, 0.5)
        )
        return np.asarray((every + half) / 2)

    def parts(self, fitted: Fitted) -> Floats:
        """What the three models say of every text."""
        return np.column_stack(
            [
                linear.margins(*self.word, fitted.word),
                linear.margins(*self.char, fitted.char),
                fitted.trees.decision_function(self.style),
            ]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    table = pd.read_parquet(folder / "train.parquet")
    table = table[table["gen_class"] != "base_lm"].reset_index(drop=True)
    table["family"] = families(table)
    words = word_table()
    rng = random.Random(SEED)  # noqa: S311  a sample, not a secret
    texts = table["text"].tolist() + [_crop(text, rng) for text in table["text"]]
    both = pd.concat([table, table], ignore_index=True)
    label = (both["label"] == "ai").to_numpy().astype(np.float64)
    family, fold = both["family"].to_numpy(), np.tile(_folds(table), 2)
    packed = pack(texts)
    global _material  # noqa: PLW0603  forked workers read it; it is too large to send
    _material = Material(
        both,
        linear.grams_of(packed.data, packed.offsets, *words, True),
        linear.grams_of(packed.data, packed.offsets, *words, False),
        style_profiles(packed.data, packed.offsets, *words),
        label,
        fold,
    )
    left_out = np.zeros((len(both), 3))
    with get_context("fork").Pool(2) as pool:
        for number, parts in pool.imap(_left_out, range(FOLDS)):
            held = np.flatnonzero(fold == number)
            left_out[held] = parts
            CONSOLE.print(number, _rates(label[held] == 1, parts.sum(axis=1)))
    everything = np.arange(len(both))
    count = np.array([len(text.split()) for text in texts])
    inputs = combine(Parts(left_out, count, count))
    stack = LogisticRegression(C=1.0, max_iter=2000, fit_intercept=False)
    stack.fit(inputs, label, sample_weight=_weights(both, everything))
    scores = inputs @ stack.coef_[0]
    np.savez(folder_of_scratch() / "left_out.npz", scores=scores, parts=left_out, count=count)
    weights = _packed_weights(words, _material.fit(everything), stack.coef_[0])
    test = pd.read_parquet(folder / "test_in_domain.parquet")
    test = test[test["gen_class"] != "base_lm"]
    scores_of_test = combine(parts_of(pack(test["text"].tolist()), weights)) @ weights.stack
    in_domain = _rates((test["label"] == "ai").to_numpy(), scores_of_test)
    whole = np.arange(len(both)) < len(table)
    rates = {"in domain": in_domain}
    for name in FAMILIES:
        chosen = whole & (family == name)
        rates[f"left out: {name}"] = _rates(label[chosen] == 1, scores[chosen])
    rates["left out: all"] = _rates(label[whole] == 1, scores[whole])
    for name, rate in rates.items():
        CONSOLE.print(f"{name:24} {rate}")
    human = {name: _spread(scores[(label == 0) & (family == name)]) for name in FAMILIES}
    save(weights, human, {"all generators": _spread(scores[label == 1])}, rates, Path("data/detector.npz"))


def _folds(table: pd.DataFrame) -> Ints:
    """The fold in which a text is left out: with its whole domain, or with its generator for assistants' answers.

    Domains of one family go to different folds, so that a fold leaves each family something to learn from.
    """
    human = table[table["label"] == "human"]
    domains = sorted(set(human["domain"]), key=lambda name: (FAMILY_OF[name], name))
    of_domain = {name: place % FOLDS for place, name in enumerate(domains)}
    of_domain |= {"roleplay_story": of_domain["story"], "wiki_qa": of_domain["wiki"]}
    pairs = zip(table["domain"], table["generator"], strict=True)
    return np.array([of_domain.get(domain, _number_of(generator) % FOLDS) for domain, generator in pairs])


def _number_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


_material: Material


def _left_out(number: int) -> tuple[int, Floats]:
    rows, held = np.flatnonzero(_material.fold != number), np.flatnonzero(_material.fold == number)
    return number, _material.parts(_material.fit(rows))[held]


def folder_of_scratch() -> Path:
    path = Path("bench/.cache")
    path.mkdir(exist_ok=True)
    return path


def word_table() -> WordTable:
    """The word table of the kernel, from wordfreq's short English list (CC BY-SA 4.0): keys, codes, Zipf values times 20."""
    import wordfreq

    found = wordfreq.get_frequency_dict("en", "small")
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    ranked = [
        (word, frequency) for word, frequency in ranked if all(letter.isalpha() or letter == "'" for letter in word)
    ]
    keys = np.zeros(features.WORD_SLOTS, np.uint32)
    codes = np.zeros(features.WORD_SLOTS, np.uint16)
    zipf = np.zeros(features.WORD_SLOTS, np.uint8)
    for rank, (word, frequency) in enumerate(ranked, start=1):
        key = features.word_key(word.encode())
        slot = key & (features.WORD_SLOTS - 1)
        while keys[slot] and keys[slot] != key:
            slot = (slot + 1) & (features.WORD_SLOTS - 1)
        if not keys[slot]:
            keys[slot] = key
            codes[slot] = rank if rank <= KEPT_WORDS else 0
            zipf[slot] = round((np.log10(frequency) + 9) * 20)
    return keys, codes, zipf


def families(table: pd.DataFrame) -> list[str]:
    """The family of each text. Assistant answers have no human counterpart: their generators are spread over the families without
    model-made texts."""
    spread = WITHOUT_TEXTS_OF_THEIR_OWN
    pairs = zip(table["domain"], table["generator"], strict=True)
    return [FAMILY_OF.get(domain) or spread[_number_of(generator) % len(spread)] for domain, generator in pairs]


def _crop(text: str, rng: random.Random) -> str:
    """A passage of 30 to 150 words, as windows and short records are."""
    words = text.split()
    size = rng.randint(30, 150)
    if len(words) <= size + 10:
        return text
    start = rng.randrange(len(words) - size)
    return " ".join(words[start : start + size])


def _weights(table: pd.DataFrame, rows: Ints) -> Floats:
    """Half the weight for each class; within it, a domain or data set counts by the root of its size."""
    some = table.iloc[rows]
    made = (some["label"] == "ai").to_numpy()
    group = np.where(made, "ai " + some["dataset"] + some["domain"], "human " + some["domain"])
    sizes = pd.Series(group).map(pd.Series(group).value_counts()).to_numpy()
    weights = 1 / np.sqrt(sizes)
    for kind in (made, ~made):
        weights[kind] *= len(some) / 2 / weights[kind].sum()
    return weights


def _small(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """Weights as bytes, and what one step of them stands for."""
    scale = float(np.quantile(np.abs(weights), 0.9999)) / 127
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale


def _packed_weights(words: WordTable, fitted: Fitted, stack: Floats) -> Weights:
    word, word_scale = _small(fitted.word)
    char, char_scale = _small(fitted.char)
    base = float(fitted.trees._baseline_prediction.ravel()[0])
    trees = [predictor.nodes for (predictor,) in fitted.trees._predictors]
    trees.sort(key=lambda nodes: -int(nodes["depth"].max()))
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    value: list[float] = []
    starts: list[int] = []
    for number, nodes in enumerate(trees):
        starts.append(len(feature))
        order = [0]
        for node in order:  # grows while it is walked: a node's two children stand side by side
            branch = nodes[node]
            leaf = bool(branch["is_leaf"])
            left.append(len(feature) if leaf else starts[-1] + len(order))
            feature.append(0 if leaf else int(branch["feature_idx"]))
            threshold.append(np.inf if leaf else float(branch["num_threshold"]))
            value.append(float(branch["value"]) + (base if number == 0 else 0.0) if leaf else 0.0)
            if not leaf:
                order += [int(branch["left"]), int(branch["right"])]
    depths = np.array([int(nodes["depth"].max()) for nodes in trees])
    return Weights(
        *words,
        word,
        char,
        np.array([word_scale, char_scale]),
        np.array(feature, np.int16),
        np.array(threshold, np.float32),
        np.array(left, np.int32),
        np.array(value, np.float32),
        np.array(starts, np.int32),
        np.array([(depths > level).sum() for level in range(depths.max())], np.int32),
        np.asarray(stack, np.float64),
    )


def _spread(scores: Floats) -> Floats:
    """As many as 4,000 scores, spread evenly over the sorted ones."""
    found = np.sort(scores)
    spread: Floats = found[np.linspace(0, len(found) - 1, min(4000, len(found))).round().astype(int)]
    return spread


def _rates(made: NDArray[np.bool_], scores: Floats) -> dict[str, float]:
    human, ai = scores[~made], scores[made]
    found = {"human": len(human), "ai": len(ai), "auroc": round(float(roc_auc_score(made, scores)), 4)}
    for error in (0.01, 0.05):
        found[f"tpr at {error:.0%} fpr"] = round(float((ai > np.quantile(human, 1 - error)).mean()), 4)
    return found


def save(
    weights: Weights,
    human: Mapping[str, Floats],
    ai: Mapping[str, Floats],
    rates: Mapping[str, Mapping[str, float]],
    path: Path,
) -> None:
    header = {"format": FORMAT, "human": list(human), "ai": list(ai), "rates": dict(rates)}
    arrays = {name: getattr(weights, name) for name in (field.name for field in fields(Weights))}
    arrays |= {f"human:{name}": scores.astype(np.float32) for name, scores in human.items()}
    arrays |= {f"ai:{name}": scores.astype(np.float32) for name, scores in ai.items()}
    arrays["header"] = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    write_arrays(path, arrays)
    CONSOLE.print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
