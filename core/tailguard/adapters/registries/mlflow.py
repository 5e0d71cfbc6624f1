"""The MLflow model registry: a version a generation, and an alias on the one in production. Needs `tailguard[mlflow]`."""

from __future__ import annotations

import os
from pathlib import Path

from tailguard.errors import InputError, TailguardError
from tailguard.policy.adapters import MlflowRegistry

GENERATION, DIGEST = "tailguard.generation", "tailguard.weights"


class MlflowModels:
    """The registry port over an MLflow tracking server or database."""

    def __init__(self, settings: MlflowRegistry) -> None:
        self._settings = settings

    def put(self, lineage: str, generation: str, weights: Path, digest: str) -> None:
        """Register the generation's weights once, tagged with generation and digest, and move the alias to that version."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise InputError("[registry] kind = \"mlflow\" needs MLflow: pip install 'tailguard[mlflow]'.") from error
        model = self._settings.model.replace("{lineage}", lineage)
        try:
            client = MlflowClient(tracking_uri=self._settings.uri, registry_uri=self._settings.uri)
            if not client.search_registered_models(f"name = '{model}'"):
                client.create_registered_model(model)
            versions = {
                version.tags.get(GENERATION): version.version
                for version in client.search_model_versions(f"name = '{model}'")
            }
            version = versions.get(generation)
            if version is None:
                tags = {GENERATION: generation, DIGEST: digest}
                version = client.create_model_version(model, source=weights.resolve().as_uri(), tags=tags).version
            client.set_registered_model_alias(model, self._settings.alias, version)
        except MlflowException as error:
            raise TailguardError(f"MLflow at {self._settings.uri} refused {generation}: {error.message}") from error
