"""`tailguard.detect`: verdicts and the estimated share for any texts, with no policy, log or set-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tailguard.detection.judge import Detector
from tailguard.detection.prevalence import Shares
from tailguard.domain.records import record_id
from tailguard.ports import Judgement

CHUNK = 2048


@dataclass(frozen=True)
class Detected:
    """One text's answer. `score` is log-odds of being model-made, or None where the text is too short or not English."""

    id: str
    verdict: str
    score: float | None
    evidence: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Summary:
    """How many of each verdict, and the estimated share of model-made texts (None for fewer than 20 that have a score)."""

    records: int
    verdicts: dict[str, int]
    shares: Shares | None
    error_rate: float
    calibrated_on: str

    @property
    def sentence(self) -> str:
        """For a person."""
        counted = ", ".join(f"{count:,} {name}" for name, count in self.verdicts.items()) or "none"
        counts_text = f"{self.records:,} records: {counted}."
        if not self.shares:
            return f"{counts_text} Too few that can be scored to estimate a share."
        parts = [
            f"{name} {estimate.share:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
            for name, estimate in (("PACC", self.shares.pacc), ("SLD", self.shares.sld))
        ]
        caution = (
            " They differ: this text is unlike what the detector was calibrated on." if self.shares.disagree else ""
        )
        return f"{counts_text} Estimated model-made share: {', '.join(parts)}.{caution}"


@dataclass(frozen=True)
class Detection:
    """The answers in the order of the texts, and what they come to."""

    records: tuple[Detected, ...]
    summary: Summary


class Running:
    """Detects texts as they come and keeps only what the summary needs."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._scores: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self._verdicts: Counter[str] = Counter()

    def detect(self, texts: Iterable[str]) -> Iterator[Detected]:
        """Answers in the order of the texts, in bounded memory."""
        rest = iter(texts)
        while chunk := list(islice(rest, CHUNK)):
            judged = self._detector.judge(chunk)
            self._scores.append(np.array([judgement.score for judgement in judged]))
            self._verdicts.update(judgement.verdict for judgement in judged)
            for text, judgement in zip(chunk, judged, strict=True):
                score = None if np.isnan(judgement.score) else round(judgement.score, 4)
                yield Detected(record_id(text), judgement.verdict, score, _evidence(judgement), judgement.spans)

    def summary(self, *, seed: int = 0) -> Summary:
        """What all texts so far come to."""
        scores = np.concatenate([np.zeros(0), *self._scores])
        verdicts = {name: self._verdicts[name] for name in ("human", "ai", "mixed", "unknown") if self._verdicts[name]}
        detector = self._detector
        return Summary(
            len(scores), verdicts, detector.shares(scores, seed=seed), detector.error_rate, detector.described
        )


def detect(texts: Sequence[str], *, error_rate: float = 0.01) -> Detection:
    """Say of each text whether it is human, model-made, mixed or unknown, with the built-in detector.

    Args:
        texts: English prose of at least 25 words each; what is shorter, or not English, is `unknown`.
        error_rate: The share of each class (0 to 1, exclusive) that may wrongly be excluded. What cannot be decided at that
            rate is `unknown`.

    Returns:
        An answer for each text, in their order (`records`), and what they come to (`summary`), with the estimated
        model-made share where 20 texts or more could be scored.

    Raises:
        ValueError: The error rate is outside its range.

    Example:
        >>> found = tailguard.detect([
        ...     "By leveraging advanced algorithms and vast amounts of data, organizations can unlock new opportunities, "
        ...     "streamline processes, and deliver personalized experiences that foster innovation and drive growth.",
        ...     "Too short.",
        ... ])
        >>> [record.verdict for record in found.records]
        ['ai', 'unknown']
        >>> found.summary.verdicts
        {'ai': 1, 'unknown': 1}
    """
    from tailguard.detection.team import built_in

    if not 0 < error_rate < 1:
        raise ValueError(f"error_rate is above 0 and below 1, found {error_rate}")
    running = Running(built_in(error_rate))
    records = tuple(running.detect(texts))
    return Detection(records, running.summary())


def _evidence(judgement: Judgement) -> str:
    if np.isnan(judgement.score):
        return "too short, or not English: not judged"
    chances = f"chance of such a score or a more extreme one: {judgement.human_p:.2g} if human, {judgement.ai_p:.2g} if model-made"
    return f"{chances}; {judgement.share:.0%} of it stands out" if judgement.verdict == "mixed" else chances
