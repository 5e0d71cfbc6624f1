"""From scores to verdicts: any scorer, calibrated on texts of known origin, says human, ai, mixed or unknown.

A class is excluded where its conformal p-value is at most the error rate; a verdict is given only where exactly one is
left. A long text that is not plainly human is also cut in windows: where its most suspicious run of them is model-made by
the same rule, and the rest human, it is `mixed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tailguard.detection import prevalence
from tailguard.detection.conformal import ai_p_values, human_p_values
from tailguard.detection.texts import Packed, pack
from tailguard.ports import Judgement, Scorer, ShareEstimate
from tailguard.threads import one_thread

Floats = NDArray[np.float64]

_NEWTON_STEPS = 50
_RIDGE = 1e-6  # keeps classes that do not overlap from an infinite slope


@dataclass(frozen=True)
class Detector:
    """A scorer with its calibration: scores of texts that it was not fitted on, by group, for each class.

    `digest` names the calibration, `described` says in a few words what it was made on. `expected_rate` (0 to 1) is the
    share of an honest batch that may look model-made: the error rate, or more where it is not calibrated on the team's own.
    """

    scorer: Scorer
    human: Mapping[str, Floats]
    ai: Mapping[str, Floats]
    error_rate: float
    digest: str
    described: str
    fitted_to_team: bool = True
    expected_rate: float = 0.0

    @property
    def name(self) -> str:
        return self.scorer.name

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """A judgement for each text. A score that is not a number (too short, not English) leaves it unknown."""
        if not texts:
            return []
        scores = np.asarray(self.scorer.score(texts), dtype=np.float64)
        human_p, ai_p = self.p_values(scores)
        verdicts = self._verdicts(human_p, ai_p)
        judgements = [
            Judgement(float(score), float(human), float(ai), str(verdict))
            for score, human, ai, verdict in zip(scores, human_p, ai_p, verdicts, strict=True)
        ]
        for text, judgement in self._mixed(texts, judgements):
            judgements[text] = judgement
        return judgements

    def p_values(self, scores: Floats) -> tuple[Floats, Floats]:
        """Human and model-made p-values of scores; 1 and 1 where there is no score."""
        missing = np.isnan(scores)
        filled = np.where(missing, 0.0, scores)
        human_p, ai_p = human_p_values(filled, self.human), ai_p_values(filled, self.ai)
        return np.where(missing, 1.0, human_p), np.where(missing, 1.0, ai_p)

    def _verdicts(self, human_p: Floats, ai_p: Floats) -> NDArray[np.str_]:
        human, ai = human_p > self.error_rate, ai_p > self.error_rate
        return np.where(human & ~ai, "human", np.where(ai & ~human, "ai", "unknown"))

    def _mixed(self, texts: Sequence[str], judged: Sequence[Judgement]) -> list[tuple[int, Judgement]]:
        """The texts that hold windows of both kinds, with new judgements."""
        from tailguard.detection.windows import WORDS, windows

        long = [
            position
            for position, (text, judgement) in enumerate(zip(texts, judged, strict=True))
            if judgement.verdict != "human" and not np.isnan(judgement.score) and text.count(" ") >= 2 * WORDS
        ]
        if not long:
            return []
        packed = pack([texts[position] for position in long])
        places, owners = windows(packed.data, packed.offsets, np.arange(len(long)))
        scores = np.asarray(self.scorer.score([_between(packed, *window) for window in places]), dtype=np.float64)
        splits = [
            _split(scores[own], places[own]) for own in (_range_of(owners, number) for number in range(len(long)))
        ]
        pairs = [(number, split) for number, split in enumerate(splits) if split is not None]
        parts = [[_between(packed, *split.passage), _around(packed, number, *split.passage)] for number, split in pairs]
        both = np.asarray(self.scorer.score([part for pair in parts for part in pair]), dtype=np.float64)
        human_p, ai_p = self.p_values(both)
        limit = self.error_rate / 2  # two parts are judged, and each may be wrong
        mixed_judgements = []
        for at, (number, split) in enumerate(pairs):
            passage, rest = 2 * at, 2 * at + 1
            if human_p[passage] <= limit < ai_p[passage] and ai_p[rest] <= limit < human_p[rest]:
                start = int(packed.offsets[number])
                span = tuple(packed.characters(number, position - start) for position in split.passage)
                old = judged[long[number]]
                share = (span[1] - span[0]) / max(len(texts[long[number]]), 1)
                mixed = Judgement(old.score, old.human_p, old.ai_p, "mixed", ((span[0], span[1]),), round(share, 4))
                mixed_judgements.append((long[number], mixed))
        return mixed_judgements

    @cached_property
    def _platt(self) -> tuple[float, float]:
        """Slope and intercept that turn scores into log-odds at equal parts of both classes (J. Platt 1999).

        Newton's method on the log-likelihood: two parameters do not merit the second that importing a library takes.
        """
        human, ai = (np.concatenate(list(groups.values())) for groups in (self.human, self.ai))
        scores = np.column_stack([np.concatenate([human, ai]), np.ones(len(human) + len(ai))])
        made = np.repeat([0.0, 1.0], [len(human), len(ai)])
        weights = np.repeat([0.5 / len(human), 0.5 / len(ai)], [len(human), len(ai)])
        coefficients = np.zeros(2)
        with one_thread():
            for _ in range(_NEWTON_STEPS):
                chance = 1 / (1 + np.exp(-np.clip(scores @ coefficients, -30, 30)))
                slope = scores.T @ (weights * (made - chance)) - _RIDGE * coefficients
                curve = (scores * (weights * chance * (1 - chance))[:, None]).T @ scores + _RIDGE * np.eye(2)
                step = np.linalg.solve(curve, slope)
                coefficients = coefficients + step
                if np.abs(step).max() < 1e-10:
                    break
        return float(coefficients[0]), float(coefficients[1])

    def posteriors(self, scores: Floats) -> Floats:
        """Chances of being model-made (0 to 1) where both classes are equally common."""
        slope, intercept = self._platt
        return np.asarray(1 / (1 + np.exp(-(slope * scores + intercept))), dtype=np.float64)

    def pacc(self, scores: Floats) -> ShareEstimate | None:
        """The share of model-made texts by PACC alone, with a normal interval: cheap, for deciding on a batch."""
        human, ai = (self.posteriors(np.concatenate(list(groups.values()))) for groups in (self.human, self.ai))
        return prevalence.adjusted_share(self.posteriors(scores), human=human, ai=ai)

    def shares(self, scores: Floats, *, seed: int) -> prevalence.Shares | None:
        """The share of model-made texts in a pool of scores; those that are not numbers are left out."""
        human, ai = (np.concatenate(list(groups.values())) for groups in (self.human, self.ai))
        pool = scores[~np.isnan(scores)]
        return prevalence.shares(self.posteriors(pool), human=self.posteriors(human), ai=self.posteriors(ai), seed=seed)


def _range_of(owners: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The places of one owner; owners are sorted."""
    return np.arange(np.searchsorted(owners, number), np.searchsorted(owners, number, side="right"))


@dataclass(frozen=True)
class _Split:
    """The most suspicious passage of a text, in bytes of the packed texts."""

    passage: tuple[int, int]


def _split(scores: Floats, places: NDArray[np.int64]) -> _Split | None:
    """The run of windows with the highest sum of scores (J. Bentley, "Programming pearls", CACM 27, 1984), if it is a part."""
    if len(scores) < 2 or np.isnan(scores).any():
        return None
    best, begin, total = (0.0, 0, 0), 0, 0.0
    for at, score in enumerate(scores):
        if total <= 0:
            begin, total = at, 0.0
        total += float(score)
        if total > best[0]:
            best = (total, begin, at + 1)
    _, first, last = best
    if last - first in (0, len(scores)):
        return None
    return _Split((int(places[first, 0]), int(places[last - 1, 1])))


def _between(packed: Packed, start: int, stop: int) -> str:
    return packed.data[start:stop].tobytes().decode("utf-8", "replace")


def _around(packed: Packed, text: int, start: int, stop: int) -> str:
    """A text without one passage."""
    return (
        _between(packed, int(packed.offsets[text]), start) + " " + _between(packed, stop, int(packed.offsets[text + 1]))
    )
