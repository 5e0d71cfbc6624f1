"""Trainers and generators by name, as the policy names them."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.policy import Policy
from tailguard.ports import Generator, Trainer


@dataclass(frozen=True)
class Model:
    """How a lineage's models are trained, and how they answer."""

    trainer: Trainer
    generator: Generator


def model_for(policy: Policy, lineage: str) -> Model:
    """The trainer and generator of a lineage; heavy libraries load only when one is asked for."""
    if policy.lineage(lineage).trainer == "command" and policy.trainers.command:
        from tailguard.adapters.trainers.command import CommandGenerator, CommandTrainer

        settings = policy.trainers.command
        seconds = settings.timeout_minutes * 60
        return Model(CommandTrainer(settings.train, seconds), CommandGenerator(settings.generate, seconds))
    from tailguard.adapters.trainers.ngram import NgramGenerator, NgramTrainer

    return Model(NgramTrainer(), NgramGenerator())
