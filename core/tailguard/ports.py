"""What outsiders may bring: the protocols behind which readers, detectors, trainers and generators are swapped by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tailguard.domain.reasons import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Clock(Protocol):
    """Tells the time in UTC without a zone. `name` is written beside every fact (`system`, `demo`)."""

    @property
    def name(self) -> str: ...

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class Columns:
    """Names of the fields in which a source's records hold their text and the origin that is declared for them."""

    text: str = "text"
    origin: str = "origin"


@dataclass(frozen=True)
class RawRecord:
    """One record as a file gave it.

    `declared` is the origin that it states of itself, if it does, and `declared_by` the field that states it; `meta` is
    JSON with its other fields; `line` counts from 1 in `file`, which is named where a batch has several.
    """

    text: str
    declared: str | None
    line: int
    declared_by: str = ""
    meta: str = ""
    file: str = ""


@dataclass(frozen=True)
class Reject:
    """A record that could not be read: where it stood, and why: `kind` to count it under, `reason` in words. `excerpt` is its
    beginning, for a person to find it."""

    line: int
    kind: Reason
    reason: str
    excerpt: str
    file: str = ""


class Reader(Protocol):
    """Reads one file or folder, record by record, in bounded memory."""

    def __call__(self, path: str, columns: Columns) -> Iterator[RawRecord | Reject]:
        """Yields records and rejects in file order. Raises InputError when the file as a whole cannot be read."""


class Scorer(Protocol):
    """A detector of model-made text as others bring it. Tailguard calibrates its scores and turns them into verdicts."""

    @property
    def name(self) -> str: ...

    def score(self, texts: Sequence[str]) -> Sequence[float] | NDArray[np.float64]:
        """One number a text, higher where it looks more model-made; only their order and scale matter."""


@dataclass(frozen=True)
class Judgement:
    """What a detector says of one text.

    `verdict` is human, ai, mixed or unknown; `human_p` and `ai_p` are conformal p-values: how exceptional the score would
    be among texts of that class. `spans` are the parts that look model-made, in characters, and `share` (0 to 1) theirs.
    """

    score: float
    human_p: float
    ai_p: float
    verdict: str
    spans: tuple[tuple[int, int], ...] = ()
    share: float = 0.0


@dataclass(frozen=True)
class ShareEstimate:
    """Estimated share of model-made texts in a pool (0 to 1) with a 90 % interval.

    `surprise` is by how many standard errors the pool's mean score is above that of human text.
    """

    share: float
    low: float
    high: float
    surprise: float


@dataclass(frozen=True)
class TrainingJob:
    """What a trainer gets: the training set (JSONL with `text`), an empty folder for the weights, a seed, and the signed
    clearance with the public key that it can be checked by."""

    training_set: Path
    weights: Path
    seed: int
    lineage: str
    snapshot: str
    clearance: Path | None
    public_key: Path


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


@dataclass(frozen=True)
class Usage:
    """Tokens that answers have cost: read from prompts, and written."""

    prompt_tokens: int
    completion_tokens: int


@runtime_checkable
class Metered(Protocol):
    """A generator that knows what its answers have cost."""

    @property
    def usage(self) -> Usage: ...


class Generator(Protocol):
    """Lets a model answer prompts."""

    def generate(
        self, weights: Path, prompts: Sequence[str], *, decoding: Decoding, seed: int
    ) -> list[tuple[str, ...]]:
        """`decoding.samples` answers per prompt, in the order of the prompts, without the prompt itself."""


class Registry(Protocol):
    """A model registry that mirrors which generation of a lineage is in production."""

    def put(self, lineage: str, generation: str, weights: Path, digest: str) -> None:
        """Register a generation's weights, once, and name it as the one in production. Raises TailguardError when it is refused."""


class Checker(Protocol):
    """Judges one answer."""

    def __call__(self, output: str, expected: object, tolerance: float, /) -> float:
        """0 (wrong) to 1 (right)."""
