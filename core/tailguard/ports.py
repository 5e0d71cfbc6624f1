"""What outsiders may bring: the protocols behind which readers, detectors, trainers and generators are swapped by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Tells the time in UTC without a zone. `name` is written beside every fact (`system`, `demo`)."""

    @property
    def name(self) -> str: ...

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class RawRecord:
    """One record as a file gave it: its text, its own declared origin if it has one, and the line it stood on."""

    text: str
    declared: str | None
    line: int


@dataclass(frozen=True)
class Reject:
    """A record that could not be read: where it stood, and why. `excerpt` is its beginning, for a person to find it."""

    line: int
    reason: str
    excerpt: str


class Reader(Protocol):
    """Reads one file, record by record, in bounded memory."""

    def __call__(self, path: Path) -> Iterator[RawRecord | Reject]:
        """Yields records and rejects in file order. Raises InputError when the file as a whole cannot be read."""


@dataclass(frozen=True)
class Suspicion:
    """A detector's answer for one text: a score (higher is more model-like), and which classes stay plausible."""

    score: float
    human_plausible: bool
    ai_plausible: bool


@dataclass(frozen=True)
class ShareEstimate:
    """Estimated share of model-made texts in a pool (0 to 1) with a 90 % interval.

    `surprise` is by how many standard errors the pool's mean score is above that of human text.
    """

    share: float
    low: float
    high: float
    surprise: float


class Detector(Protocol):
    """Says how much texts look model-made, with conformal plausibility at a stated error rate per class."""

    @property
    def name(self) -> str: ...

    @property
    def error_rate(self) -> float: ...

    def judge(self, texts: Sequence[str]) -> list[Suspicion]: ...

    def share(self, suspicions: Sequence[Suspicion]) -> ShareEstimate | None:
        """The share of model-made texts among those judged, which a count of flags would get wrong."""


@dataclass(frozen=True)
class TrainingJob:
    """What a trainer gets: the training set (JSONL with `text`), an empty folder for the weights, and a seed."""

    training_set: Path
    weights: Path
    seed: int
    lineage: str
    snapshot: str
    clearance: str


class Trainer(Protocol):
    """Trains one model. Same job, same bytes in the weights folder, where the framework can promise it."""

    @property
    def name(self) -> str: ...

    def train(self, job: TrainingJob) -> None:
        """Raises TailguardError when training fails; whatever it left in the weights folder is then thrown away."""


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn; part of every evaluation's record. Two generations are compared at equal decoding only."""

    samples: int
    max_tokens: int
    temperature: float

    def __str__(self) -> str:
        return f"samples={self.samples} max_tokens={self.max_tokens} temperature={self.temperature:g}"


class Generator(Protocol):
    """Lets a model answer prompts."""

    def generate(
        self, weights: Path, prompts: Sequence[str], *, decoding: Decoding, seed: int
    ) -> list[tuple[str, ...]]:
        """`decoding.samples` answers per prompt, in the order of the prompts, without the prompt itself."""
