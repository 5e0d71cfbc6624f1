"""A detector made a team's own: fitted and calibrated on their human anchor and their model's output.

The built-in scorer gets a linear part for the team's texts; any other scorer keeps its scores and gets a calibration. The
linear part is fitted on one half of the texts. On the other half it is weighed against the built-in parts, each quarter
scored with the weights that the other one gave, and these scores are the calibration.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.detection import features, linear, scoring
from tailguard.detection.judge import Detector
from tailguard.detection.texts import pack
from tailguard.errors import InputError
from tailguard.ports import Scorer
from tailguard.store.files import Store
from tailguard.threads import one_thread

KIND = "detectors"
FORMAT = "tailguard-team-detector/1"
FEWEST_TEXTS = 400
MOST_TEXTS = 8000
UNSEEN_FACTOR = 5.0
"""In a register that it was not calibrated on, the built-in detector is taken to err so many times as often as it states:
as it did on recipes, the worst of the domains left out (data/detector.md)."""
_EPOCHS, _RATE = 12, 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TeamScorer:
    """The built-in scorer with a linear part of the team's own: word grams, character grams, and how to weigh all three."""

    word: NDArray[np.float32]
    char: NDArray[np.float32]
    stack: Floats
    name: str = f"{scoring.NAME}, fitted to the team"

    def score(self, texts: Sequence[str]) -> Floats:
        """Log-odds of being model-made; the team's texts may be shorter than what the built-in scorer asks for."""
        inputs = _inputs(texts, self.word, self.char)
        with one_thread():
            return inputs @ self.stack


@dataclass(frozen=True)
class Rates:
    """How well a detector does on its calibration part: AUROC, and the shares called AI among AI and human texts."""

    auroc: float
    true_positive: float
    false_positive: float


def calibrate(
    human: Sequence[str], ai: Sequence[str], *, scorer: Scorer | None, error_rate: float, seed: int
) -> Detector:
    """The team's detector. `scorer` is one that is not fitted, or None for the built-in one with a part for the team.

    At most 8,000 texts of a class are used, drawn by `seed`. Raises InputError with fewer than 400 of one.
    """
    for name, texts in (("human", human), ("model-made", ai)):
        if len(texts) < FEWEST_TEXTS:
            raise InputError(
                f"The detector needs at least {FEWEST_TEXTS} {name} texts to calibrate, found {len(texts)}."
            )
    rng = np.random.default_rng(seed)
    human_halves, ai_halves = (
        [[texts[at] for at in half] for half in np.array_split(rng.permutation(len(texts))[:MOST_TEXTS], 2)]
        for texts in (human, ai)
    )
    if scorer is None:
        fitted = _fitted(human_halves, ai_halves, seed)
    else:
        fitted = _Fitted(scorer, *(_scored(scorer, [*halves[0], *halves[1]]) for halves in (human_halves, ai_halves)))
    fewest = min(len(fitted.human), len(fitted.ai))
    if fewest < 1 / error_rate:
        raise InputError(
            f"The detector could score only {len(fitted.human)} human and {len(fitted.ai)} model-made texts for its "
            f"calibration; an error rate of {error_rate:g} needs at least {1 / error_rate:.0f} of each. Give longer texts."
        )
    return Detector(
        fitted.scorer,
        {"anchor": fitted.human},
        {"own output": fitted.ai},
        error_rate,
        "",
        "the team's anchor and output",
        expected_rate=error_rate,
    )


def rates(detector: Detector) -> Rates:
    """Rates on the calibration part (Mann-Whitney for the AUROC)."""
    human, ai = (np.concatenate(list(groups.values())) for groups in (detector.human, detector.ai))
    ordered = np.sort(human)
    below = np.searchsorted(ordered, ai, side="left") + np.searchsorted(ordered, ai, side="right")
    called = [float((detector.p_values(scores)[0] <= detector.error_rate).mean()) for scores in (ai, human)]
    return Rates(float(below.mean()) / (2 * len(ordered)), called[0], called[1])


def keep(detector: Detector, store: Store) -> str:
    """Store a team's detector as plain arrays; returns its digest."""
    scorer = detector.scorer
    header = {"format": FORMAT, "scorer": scorer.name, "human": list(detector.human), "ai": list(detector.ai)}
    arrays: dict[str, Any] = {"header": np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)}
    arrays |= {f"human:{name}": scores for name, scores in detector.human.items()}
    arrays |= {f"ai:{name}": scores for name, scores in detector.ai.items()}
    if isinstance(scorer, TeamScorer):
        arrays |= {"word": scorer.word, "char": scorer.char, "stack": scorer.stack}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:  # np.savez writes the time of day into its bytes
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return store.put_bytes(KIND, sink.getvalue(), ".npz")


def load(store: Store, digest: str, *, error_rate: float, named: Callable[[str], Scorer]) -> Detector:
    """Read what `keep` stored; `named` finds a scorer that is not the built-in one."""
    with np.load(io.BytesIO(store.bytes(KIND, digest, ".npz")), allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        human, ai = ({name: arrays[f"{kind}:{name}"] for name in header[kind]} for kind in ("human", "ai"))
        scorer = (
            TeamScorer(arrays["word"], arrays["char"], arrays["stack"])
            if "stack" in arrays
            else named(header["scorer"])
        )
    described = "the team's anchor and output"
    return Detector(scorer, human, ai, error_rate, digest, described, expected_rate=error_rate)


def built_in(error_rate: float) -> Detector:
    """The shipped scorer with its shipped calibration: left-out families of public texts."""
    shipped = scoring.shipped_detector()
    return Detector(
        scoring.StyleScorer(),
        shipped.human,
        shipped.ai,
        error_rate,
        shipped.digest,
        "public texts, their domain or generator left out",
        fitted_to_team=False,
        expected_rate=min(1.0, UNSEEN_FACTOR * error_rate),
    )


@dataclass(frozen=True)
class _Fitted:
    """A scorer with the calibration scores of both classes."""

    scorer: Scorer
    human: Floats
    ai: Floats


def _scored(scorer: Scorer, texts: list[str]) -> Floats:
    scores = np.asarray(scorer.score(texts), dtype=np.float64)
    return scores[~np.isnan(scores)]


def _fitted(human: Sequence[list[str]], ai: Sequence[list[str]], seed: int) -> _Fitted:
    """The team's scorer; each class comes in two halves."""
    from sklearn.linear_model import LogisticRegression

    word, char = _linear(human[0], ai[0], seed)
    inputs = [_inputs(texts, word, char) for texts in (human[1], ai[1])]
    scores = [np.zeros(len(rows)) for rows in inputs]
    stacks = []
    for odd in (0, 1):
        halves = [rows[odd::2] for rows in inputs]
        with one_thread():
            model = LogisticRegression(C=1.0, class_weight="balanced", fit_intercept=False, max_iter=1000)
            model.fit(np.vstack(halves), np.repeat([0, 1], [len(rows) for rows in halves]))
            stacks.append(model.coef_[0])
            for rows, out in zip(inputs, scores, strict=True):
                out[1 - odd :: 2] = rows[1 - odd :: 2] @ model.coef_[0]
    return _Fitted(TeamScorer(word, char, np.mean(stacks, axis=0)), scores[0], scores[1])


def _linear(human: list[str], ai: list[str], seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    w = scoring.shipped_detector().weights
    packed = pack([*human, *ai])
    labels = np.repeat([0.0, 1.0], [len(human), len(ai)])
    weights = np.repeat([len(labels) / 2 / len(human), len(labels) / 2 / len(ai)], [len(human), len(ai)])
    fitted = []
    for words, bits in ((True, features.WORD_BITS), (False, features.CHAR_BITS)):
        grams, starts = linear.grams_of(packed.data, packed.offsets, w.keys, w.codes, w.zipf, words)
        rows = np.arange(len(labels))
        fitted.append(linear.fit(grams, starts, rows, labels, weights, bits, _EPOCHS, _RATE, 0.3, seed))
    return fitted[0], fitted[1]


def _inputs(texts: Sequence[str], word: NDArray[np.float32], char: NDArray[np.float32]) -> Floats:
    """What the stack weighs: 1, both linear margins, and the built-in parts; shape (texts, 3 + PARTS)."""
    w = scoring.shipped_detector().weights
    packed = pack(texts)
    columns = [np.ones(len(texts))]
    for words, weights in ((True, word), (False, char)):
        grams, starts = linear.grams_of(packed.data, packed.offsets, w.keys, w.codes, w.zipf, words)
        columns.append(linear.margins(grams, starts, weights))
    return np.column_stack([*columns, scoring.parts_of(packed, w).parts])
