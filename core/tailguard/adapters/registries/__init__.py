"""Model registries by name. They mirror what is in production; the run log stays the authority."""

from __future__ import annotations

from tailguard.policy.adapters import MlflowRegistry
from tailguard.ports import Registry


def registry_for(settings: MlflowRegistry) -> Registry:
    """The registry that the policy names; its library loads when it is first asked for."""
    from tailguard.adapters.registries.mlflow import MlflowModels

    return MlflowModels(settings)
