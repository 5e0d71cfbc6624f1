"""Trainers by name, as the policy names them. Heavy libraries load only when one is asked for."""

from __future__ import annotations

from tailguard.adapters.running import Watched
from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import Trainer


def trainer_for(policy: Policy, lineage: str, watched: Watched) -> Trainer:
    """The trainer of a lineage."""
    match policy.lineage(lineage).trainer:
        case "command":
            from tailguard.adapters.trainers.command import CommandTrainer

            settings = policy.trainers.command
            if settings is None:
                raise InputError('trainer = "command" needs [trainers.command].')
            return CommandTrainer(settings.train, settings.timeout_minutes * 60, watched)
        case "hf":
            from tailguard.adapters.trainers.huggingface import HuggingFaceTrainer

            if policy.trainers.hf is None:
                raise InputError('trainer = "hf" needs [trainers.hf].')
            return HuggingFaceTrainer(policy.trainers.hf)
        case _:
            from tailguard.adapters.trainers.ngram import NgramTrainer

            return NgramTrainer()
