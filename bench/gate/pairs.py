"""Pairs of real models into whose answers damage is planted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.gate.answers import Answers, answers_of, pooled
from tailguard.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A parent and a candidate by the names of the models that answered; several names are several samples."""

    name: str
    parent: tuple[str, ...]
    candidate: tuple[str, ...]
    by_default: bool = True

    @property
    def samples(self) -> int:
        """Answers per prompt."""
        return len(self.parent)

    def sides(self, data: Path) -> tuple[Answers, Answers]:
        """The parent's and the candidate's answers to the prompts that both answered."""
        parent, candidate = (_answers(data, models) for models in (self.parent, self.candidate))
        shared = set(parent.ids) & set(candidate.ids)
        return _only(parent, shared), _only(candidate, shared)


def _answers(data: Path, models: tuple[str, ...]) -> Answers:
    return answers_of(data, models[0]) if len(models) == 1 else pooled(data, models)


def _only(answers: Answers, ids: set[str]) -> Answers:
    return answers.reordered([position for position, prompt_id in enumerate(answers.ids) if prompt_id in ids])


def first_prompts(answers: Answers, count: int) -> Answers:
    """The answers to the first `count` prompts."""
    kept = set(list(dict.fromkeys(answers.ids))[:count])
    return replace(_only(answers, kept), tail=answers.tail & kept)


def _single(name: str, parent: str, candidate: str, *, by_default: bool = True) -> Pair:
    return Pair(name=name, parent=(parent,), candidate=(candidate,), by_default=by_default)


_FOUR = ("vicuna-7b-v1.3", "llama-2-7b-chat-hf", "Mistral-7B-Instruct-v0.2", "llama-2-70b-chat-hf")

_THEIR_LIKES = ("vicuna-7b-v1.5", "vicuna-7b", "Mistral-7B-Instruct-v0.3", "Meta-Llama-3-8B-Instruct")

PAIRS = {
    pair.name: pair
    for pair in (
        _single("vicuna", "vicuna-7b-v1.3", "vicuna-7b-v1.5"),
        _single("llama3", "Meta-Llama-3-8B-Instruct", "Meta-Llama-3-8B-Instruct"),
        _single("mistral", "Mistral-7B-Instruct-v0.2", "Mistral-7B-Instruct-v0.3"),
        _single("llama70", "llama-2-70b-chat-hf", "llama-2-70b-chat-hf"),
        _single("vicuna-first", "vicuna-7b", "vicuna-7b-v1.3", by_default=False),
        _single("gpt", "gpt-3.5-turbo-1106", "gpt-3.5-turbo-1106", by_default=False),
        _single("llama2-llama3", "llama-2-7b-chat-hf", "Meta-Llama-3-8B-Instruct", by_default=False),
        _single("llama2", "llama-2-7b-chat-hf", "llama-2-7b-chat-hf", by_default=False),
        _single("llama", "Meta-Llama-3-8B-Instruct", "Meta-Llama-3.1-8B-Instruct-Turbo", by_default=False),
        Pair(name="four", parent=_FOUR, candidate=_FOUR, by_default=False),
        Pair(name="four-others", parent=_FOUR, candidate=_THEIR_LIKES, by_default=False),
    )
}


def pair_named(name: str) -> Pair:
    """A pair by its name. Raises InputError for a name that no pair has."""
    if name not in PAIRS:
        raise InputError(f"There is no pair {name!r}. Pairs: {', '.join(PAIRS)}.")
    return PAIRS[name]
