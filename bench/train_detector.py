"""Trains the detector that Tailguard ships, from a folder of labelled texts: python -m bench.train_detector FOLDER

FOLDER holds train.parquet and test_in_domain.parquet (text, label, generator, gen_class, domain, dataset). Writes
data/detector.npz. What the detector says of texts that it has not seen the like of is measured by leaving out whole
domains, human and model-made together, and whole generators; the stack and the calibration are made from those left-out
scores, so that the stated error is one for new domains and not for known ones.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import zipfile
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

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
WITHOUT_TEXTS_OF_THEIR_OWN = ("how-to", "technical", "web", "reference", "science")


def main(folder: Path) -> None:
    table = pd.read_parquet(folder / "train.parquet")
    table = table[table["gen_class"] != "base_lm"].reset_index(drop=True)
    table["family"] = [_family(row) for row in table.itertuples()]
    words = word_table()
    rng = random.Random(SEED)
    texts = table["text"].tolist() + [_crop(text, rng) for text in table["text"]]
    both = pd.concat([table, table], ignore_index=True)
    label = (both["label"] == "ai").to_numpy().astype(np.float64)
    family, fold = both["family"].to_numpy(), np.tile(_folds(table), 2)
    packed = pack(texts)
    grams = {
        "word": linear.grams_of(packed.data, packed.offsets, *words, True),
        "char": linear.grams_of(packed.data, packed.offsets, *words, False),
    }
    style = style_profiles(packed.data, packed.offsets, *words)
    left_out = np.zeros((len(both), 3))
    global _SHARED  # forked workers read it; it is too large to send
    _SHARED = (both, grams, style, label, fold)
    with get_context("fork").Pool(2) as pool:
        for number, parts in pool.imap(_left_out, range(FOLDS)):
            held = np.flatnonzero(fold == number)
            left_out[held] = parts
            print(number, _rates(label[held] == 1, parts.sum(axis=1)), flush=True)
    everything = np.arange(len(both))
    count = np.array([len(text.split()) for text in texts])
    inputs = combine(Parts(left_out, count, count))
    stack = LogisticRegression(C=1.0, max_iter=2000, fit_intercept=False)
    stack.fit(inputs, label, sample_weight=_weights(both, everything))
    scores = inputs @ stack.coef_[0]
    np.savez(folder_of_scratch() / "left_out.npz", scores=scores, parts=left_out, count=count)
    fitted = _fit(grams, style, everything, label, _weights(both, everything))
    weights = _packed_weights(words, fitted, stack.coef_[0])
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
    for name, one in rates.items():
        print(f"{name:24} {one}", flush=True)
    human = {name: _spread(scores[(label == 0) & (family == name)]) for name in FAMILIES}
    save(weights, human, {"all generators": _spread(scores[label == 1])}, rates, Path("data/detector.npz"))


def _folds(table: pd.DataFrame) -> Any:
    """The fold in which a text is left out: with its whole domain, or with its generator for assistants' answers.

    Domains of one family go to different folds, so that a fold leaves each family something to learn from.
    """
    human = table[table["label"] == "human"]
    domains = sorted(set(human["domain"]), key=lambda name: (FAMILY_OF[name], name))
    of_domain = {name: place % FOLDS for place, name in enumerate(domains)}
    of_domain |= {"roleplay_story": of_domain["story"], "wiki_qa": of_domain["wiki"]}
    return np.array([of_domain.get(row.domain, _number_of(row.generator) % FOLDS) for row in table.itertuples()])


def _number_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


_SHARED: Any = None


def _left_out(number: int) -> tuple[int, Any]:
    both, grams, style, label, fold = _SHARED
    rows, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
    return number, _parts(_fit(grams, style, rows, label, _weights(both, rows)), grams, style)[held]


def folder_of_scratch() -> Path:
    path = Path("bench/.cache")
    path.mkdir(exist_ok=True)
    return path


def word_table() -> tuple[Any, Any, Any]:
    """The word table of the kernel, from wordfreq's short English list (CC BY-SA 4.0): keys, codes, Zipf values times 20."""
    import wordfreq

    found = wordfreq.get_frequency_dict("en", "small")
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    ranked = [(word, frequency) for word, frequency in ranked if all(one.isalpha() or one == "'" for one in word)]
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


def _family(row: Any) -> str:
    """Assistant answers have no human counterpart: their generators are spread over the families without model-made texts."""
    if row.domain in FAMILY_OF:
        return FAMILY_OF[row.domain]
    return WITHOUT_TEXTS_OF_THEIR_OWN[_number_of(row.generator) % len(WITHOUT_TEXTS_OF_THEIR_OWN)]


def _crop(text: str, rng: random.Random) -> str:
    """A passage of 30 to 150 words, as windows and short records are."""
    words = text.split()
    size = rng.randint(30, 150)
    if len(words) <= size + 10:
        return text
    start = rng.randrange(len(words) - size)
    return " ".join(words[start : start + size])


def _weights(table: pd.DataFrame, rows: Any) -> Any:
    """Half the weight for each class; within it, a domain or data set counts by the root of its size."""
    some = table.iloc[rows]
    made = (some["label"] == "ai").to_numpy()
    group = np.where(made, "ai " + some["dataset"] + some["domain"], "human " + some["domain"])
    sizes = pd.Series(group).map(pd.Series(group).value_counts()).to_numpy()
    weights = 1 / np.sqrt(sizes)
    for one in (made, ~made):
        weights[one] *= len(some) / 2 / weights[one].sum()
    return weights


def _fit(grams: Any, style: Any, rows: Any, label: Any, weights: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, bits, epochs, rate in (("word", features.WORD_BITS, 6, 0.5), ("char", features.CHAR_BITS, 4, 0.25)):
        runs = [
            linear.fit(*grams[kind], rows, label[rows], weights, bits, epochs, rate, dropout, SEED)
            for dropout in (0.0, 0.5)
        ]
        found[kind] = (runs[0] + runs[1]) / 2
    trees = HistGradientBoostingClassifier(
        max_iter=220, learning_rate=0.08, max_leaf_nodes=24, min_samples_leaf=80, l2_regularization=5, max_features=0.3,
        early_stopping=False, random_state=SEED,
    )  # fmt: skip
    found["trees"] = trees.fit(style[rows], label[rows], sample_weight=weights)
    return found


def _parts(fitted: dict[str, Any], grams: Any, style: Any) -> Any:
    return np.column_stack(
        [
            linear.margins(*grams["word"], fitted["word"]),
            linear.margins(*grams["char"], fitted["char"]),
            fitted["trees"].decision_function(style),
        ]
    )


def _packed_weights(words: Any, fitted: dict[str, Any], stack: Any) -> Weights:
    scales = []
    small = []
    for kind in ("word", "char"):
        scale = float(np.quantile(np.abs(fitted[kind]), 0.9999)) / 127
        scales.append(scale)
        small.append(np.clip(np.round(fitted[kind] / scale), -127, 127).astype(np.int8))
    base = float(fitted["trees"]._baseline_prediction.ravel()[0])
    trees = [predictor.nodes for (predictor,) in fitted["trees"]._predictors]
    trees.sort(key=lambda nodes: -int(nodes["depth"].max()))
    feature, threshold, left, value, starts = [], [], [], [], []
    for number, nodes in enumerate(trees):
        starts.append(len(feature))
        order = [0]
        for node in order:  # grows while it is walked: a node's two children stand side by side
            one = nodes[node]
            leaf = bool(one["is_leaf"])
            left.append(len(feature) if leaf else starts[-1] + len(order))
            feature.append(0 if leaf else int(one["feature_idx"]))
            threshold.append(np.inf if leaf else float(one["num_threshold"]))
            value.append(float(one["value"]) + (base if number == 0 else 0.0) if leaf else 0.0)
            if not leaf:
                order += [int(one["left"]), int(one["right"])]
    depths = np.array([int(nodes["depth"].max()) for nodes in trees])
    return Weights(
        *words,
        *small,
        np.array(scales),
        np.array(feature, np.int16),
        np.array(threshold, np.float32),
        np.array(left, np.int32),
        np.array(value, np.float32),
        np.array(starts, np.int32),
        np.array([(depths > level).sum() for level in range(depths.max())], np.int32),
        np.asarray(stack, np.float64),
    )


def _spread(scores: Any) -> Any:
    """As many as 4,000 scores, spread evenly over the sorted ones."""
    found = np.sort(scores)
    return found[np.linspace(0, len(found) - 1, min(4000, len(found))).round().astype(int)]


def _rates(made: Any, scores: Any) -> dict[str, float]:
    human, ai = scores[~made], scores[made]
    found = {"human": len(human), "ai": len(ai), "auroc": round(float(roc_auc_score(made, scores)), 4)}
    for error in (0.01, 0.05):
        found[f"tpr at {error:.0%} fpr"] = round(float((ai > np.quantile(human, 1 - error)).mean()), 4)
    return found


def save(weights: Weights, human: dict[str, Any], ai: dict[str, Any], rates: dict[str, Any], path: Path) -> None:
    """An .npz without times in it: same weights, same bytes."""
    header = {"format": FORMAT, "human": list(human), "ai": list(ai), "rates": rates}
    arrays = {name: getattr(weights, name) for name in (one.name for one in fields(Weights))}
    arrays |= {f"human:{name}": scores.astype(np.float32) for name, scores in human.items()}
    arrays |= {f"ai:{name}": scores.astype(np.float32) for name, scores in ai.items()}
    arrays["header"] = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
