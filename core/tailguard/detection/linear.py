"""The built-in detector: hashed character and word n-grams into a logistic regression, calibrated on the team's own texts.

First form. It is fitted on half of the human anchor and half of a generation's own output, and calibrated on the other
halves, so that its error rates are those on texts it has not seen.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from tailguard.detection.conformal import adjusted_share, ai_p_values, human_p_values
from tailguard.domain.records import normal_form
from tailguard.errors import InputError
from tailguard.ports import ShareEstimate, Suspicion
from tailguard.store.files import Store, canonical_json

NAME = "linear n-grams"
KIND = "detectors"
FEWEST_TEXTS = 200
MOST_TEXTS = 4000
_FEATURES = 2**18


@dataclass(frozen=True)
class LinearDetector:
    """Weights over hashed n-grams, with the calibration scores of both classes (log-odds of being model-made)."""

    weights: NDArray[np.float64]
    intercept: float
    human: NDArray[np.float64]
    ai: NDArray[np.float64]
    error_rate: float
    name: str = NAME

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds of being model-made, one a text."""
        if not texts:
            return np.zeros(0)
        return np.asarray(_features(texts) @ self.weights + self.intercept, dtype=np.float64)

    def judge(self, texts: Sequence[str]) -> list[Suspicion]:
        """A class stays plausible while its conformal p-value is above the error rate."""
        scores = self.scores(texts)
        human = human_p_values(scores, self.human) > self.error_rate
        ai = ai_p_values(scores, self.ai) > self.error_rate
        return [Suspicion(float(score), bool(h), bool(a)) for score, h, a in zip(scores, human, ai, strict=True)]

    def share(self, suspicions: Sequence[Suspicion]) -> ShareEstimate | None:
        """Estimated share of model-made texts among those judged."""
        scores = np.array([suspicion.score for suspicion in suspicions])
        return adjusted_share(_chance(scores), human=_chance(self.human), ai=_chance(self.ai))


@dataclass(frozen=True)
class Rates:
    """How well a detector does on its calibration halves: AUROC, and the shares it calls AI among AI and human texts."""

    auroc: float
    true_positive: float
    false_positive: float


def calibrate(human: Sequence[str], ai: Sequence[str], *, error_rate: float, seed: int) -> LinearDetector:
    """Fit on one half of each class and calibrate on the other, with at most 4,000 texts of a class, drawn by `seed`.

    Raises InputError with fewer than 200 texts of a class.
    """
    from sklearn.linear_model import LogisticRegression

    for name, texts in (("human", human), ("model-made", ai)):
        if len(texts) < FEWEST_TEXTS:
            raise InputError(
                f"The detector needs at least {FEWEST_TEXTS} {name} texts to calibrate, found {len(texts)}."
            )
    rng = np.random.default_rng(seed)
    (human_fit, human_rest), (ai_fit, ai_rest) = (
        [[texts[at] for at in half] for half in np.array_split(rng.permutation(len(texts))[:MOST_TEXTS], 2)]
        for texts in (human, ai)
    )
    model = LogisticRegression(C=10.0, max_iter=300, class_weight="balanced")
    model.fit(_features([*human_fit, *ai_fit]), np.repeat([0, 1], [len(human_fit), len(ai_fit)]))
    bare = LinearDetector(model.coef_[0], float(model.intercept_[0]), np.zeros(1), np.zeros(1), error_rate)
    return LinearDetector(bare.weights, bare.intercept, bare.scores(human_rest), bare.scores(ai_rest), error_rate)


def rates(detector: LinearDetector) -> Rates:
    """Rates on the calibration halves (Mann-Whitney for the AUROC)."""
    ordered = np.sort(detector.human)
    below = np.searchsorted(ordered, detector.ai, side="left") + np.searchsorted(ordered, detector.ai, side="right")
    auroc = float(below.mean()) / (2 * len(ordered))
    called_ai = [
        float((human_p_values(scores, detector.human) <= detector.error_rate).mean())
        for scores in (detector.ai, detector.human)
    ]
    return Rates(auroc, called_ai[0], called_ai[1])


def keep(detector: LinearDetector, store: Store) -> str:
    """Store a detector as plain arrays; returns its digest."""
    header = canonical_json(
        {"format": "tailguard-linear-detector/1", "error_rate": detector.error_rate, "intercept": detector.intercept}
    )
    sink = io.BytesIO(header)
    sink.seek(0, io.SEEK_END)
    for array in (detector.weights, detector.human, detector.ai):
        np.save(sink, array, allow_pickle=False)
    return store.put_bytes(KIND, sink.getvalue(), ".detector")


def load(store: Store, digest: str) -> LinearDetector:
    """Read what `keep` stored."""
    source = io.BytesIO(store.bytes(KIND, digest, ".detector"))
    header: dict[str, Any] = json.loads(source.readline())
    weights, human, ai = (np.load(source, allow_pickle=False) for _ in range(3))
    return LinearDetector(weights, float(header["intercept"]), human, ai, float(header["error_rate"]))


def _chance(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-scores)), dtype=np.float64)


def _features(texts: Sequence[str]) -> csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    clean = [normal_form(text) for text in texts]
    parts = (
        HashingVectorizer(analyzer="char", ngram_range=(3, 5), n_features=_FEATURES, alternate_sign=False),
        HashingVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), n_features=_FEATURES, alternate_sign=False),
    )
    return hstack([part.transform(clean) for part in parts]).tocsr()
