"""Generators by name, as the policy names them: what lets a generation answer prompts. A trainer has one of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tailguard.adapters.running import watching
from tailguard.domain.runs import file_name_of
from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import Generator

Progress = Callable[[int, int], None]
"""How many answers there are, of how many."""


def _no_progress(done: int, total: int) -> None:
    """Nobody listens."""


def _unheard(line: str) -> None:
    """Nobody listens."""


def generator_for(
    policy: Policy,
    lineage: str,
    *,
    generation: str,
    root: Path,
    hear: Callable[[str], None] = _unheard,
    progress: Progress = _no_progress,
) -> Generator:
    """The generator of a lineage, for one generation of it. `root` is the workspace's folder."""
    rules = policy.lineage(lineage)
    match rules.generator or rules.trainer:
        case "command":
            from tailguard.adapters.generators.command import CommandGenerator

            settings = policy.trainers.command
            if settings is None or not settings.generate:
                raise InputError('generator = "command" needs `generate` in [trainers.command].')
            return CommandGenerator(settings.generate, settings.timeout_minutes * 60, watching(root, generation, hear))
        case "endpoint":
            from tailguard.adapters.generators.endpoint import Endpoint, EndpointGenerator

            endpoint_settings = policy.generators.endpoint
            if endpoint_settings is None:
                raise InputError('generator = "endpoint" needs [generators.endpoint].')
            named = endpoint_settings.model.replace("{generation}", generation)
            endpoint = Endpoint(**{**endpoint_settings.model_dump(), "model": named})
            return EndpointGenerator(endpoint, root / "cache" / "answers", progress)
        case "file":
            from tailguard.adapters.generators.answers import FileGenerator

            if policy.generators.file is None:
                raise InputError('generator = "file" needs [generators.file].')
            path = policy.generators.file.path.replace("{generation}", file_name_of(generation))
            return FileGenerator(root / path)
        case "hf":
            from tailguard.adapters.generators.huggingface import HuggingFaceGenerator

            return HuggingFaceGenerator(progress=progress)
        case _:
            from tailguard.adapters.trainers.ngram import NgramGenerator

            return NgramGenerator()
