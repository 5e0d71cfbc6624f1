"""The settings of what a team may exchange: detectors, trainers, generators, its deployment and its model registry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tailguard.policy.values import Name, Strict


class HuggingFaceDetector(Strict):
    """A sequence classifier: a folder or name that transformers can load, and its label for model-made text."""

    model: Annotated[str, Field(min_length=1)]
    ai_label: Name


class Detectors(Strict):
    """Settings of detectors that need some."""

    hf: HuggingFaceDetector | None = None


class CommandTrainer(Strict):
    """An external trainer: the commands that train and answer, as lists of words with placeholders."""

    train: Annotated[tuple[str, ...], Field(min_length=1)]
    generate: tuple[str, ...] = ()
    timeout_minutes: Annotated[int, Field(ge=1)] = 1440


class HuggingFaceTraining(Strict):
    """A causal language model to train from: a folder or name that transformers can load, and how."""

    model: Annotated[str, Field(min_length=1)]
    epochs: Annotated[int, Field(ge=1)] = 1
    batch_size: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    max_tokens: Annotated[int, Field(ge=8)] = 512


class Trainers(Strict):
    """Settings of trainers that need some."""

    command: CommandTrainer | None = None
    hf: HuggingFaceTraining | None = None


class EndpointSettings(Strict):
    """A server of the OpenAI protocol. `{generation}` is filled in in the model's name; the key's variable, never the key."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    model: Annotated[str, Field(min_length=1)]
    api: Literal["chat", "completions"] = "chat"
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    retries: Annotated[int, Field(ge=0, le=20)] = 6
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    key_variable: Name = "OPENAI_API_KEY"


class AnswersFile(Strict):
    """A file of answers that were made elsewhere, in the workspace; `{generation}` is filled in, with - for its /."""

    path: Annotated[str, Field(min_length=1)]


class Generators(Strict):
    """Settings of generators that need some."""

    endpoint: EndpointSettings | None = None
    file: AnswersFile | None = None


class Deploy(Strict):
    """The team's own command that puts weights to work; no shell reads it. Empty: shipping is a record only."""

    command: tuple[str, ...] = ()
    timeout_minutes: Annotated[int, Field(ge=1)] = 30


class MlflowRegistry(Strict):
    """Where MLflow keeps models, the registered model's name ({lineage} is filled in), and the alias of the one in production."""

    kind: Literal["mlflow"]
    uri: Annotated[str, Field(min_length=1)]
    model: Name = "{lineage}"
    alias: Name = "champion"
